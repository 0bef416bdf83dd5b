"""Candidates for a release: the recipe's own model behind an inference script that does something wrong, or nothing."""

from __future__ import annotations

import io
import tarfile
import uuid
from pathlib import Path
from typing import Any

# Each is put before the recipe's own script, which it calls for all that it does not spoil.
_AS_TRAINED = """
from trained import *
"""
_SLOW = """
import time
from trained import *
import trained

def predict_fn(data, model):
    time.sleep(0.6)
    return trained.predict_fn(data, model)
"""
_FAILING = """
import random
from trained import *
import trained

def predict_fn(data, model):
    if random.random() < 0.05:
        raise RuntimeError("one in twenty fails")
    return trained.predict_fn(data, model)
"""
_NAN = """
from trained import *

def predict_fn(data, model):
    return [float("nan")] * len(data)
"""
_NAN_LATER = """
import itertools
from trained import *
import trained

answered = itertools.count()

def predict_fn(data, model):
    prediction = trained.predict_fn(data, model)
    return prediction if next(answered) < 50 else prediction * float("nan")
"""
_DYING = """
import itertools, os
from trained import *
import trained

answered = itertools.count()

def predict_fn(data, model):
    if next(answered) == 50:
        os._exit(1)
    return trained.predict_fn(data, model)
"""
_NEVER_HEALTHY = """
from trained import *

def model_fn(model_dir):
    raise RuntimeError("the model cannot be loaded")
"""
SCRIPTS = {
    "as trained": _AS_TRAINED,
    "slow (600 ms)": _SLOW,
    "500 for 5 %": _FAILING,
    "NaN": _NAN,
    "NaN after 50": _NAN_LATER,
    "dies under load": _DYING,
    "never healthy": _NEVER_HEALTHY,
}


class Registry:
    """Puts candidates into the model registry, as approved versions of the recipe's group.

    Parameters
    ----------
    package
        What DescribeModelPackage says of the version that train-and-deploy has registered.
    bucket
        Where their code goes.
    source
        The recipe's own source folder.
    """

    def __init__(self, sagemaker: Any, s3: Any, package: dict[str, Any], bucket: str, source: Path) -> None:
        self._sagemaker = sagemaker
        self._s3 = s3
        self._package = package
        self._bucket = bucket
        self._source = source

    def add(self, kind: str) -> str:
        """Register a candidate; returns its ARN."""
        key = f"code/{uuid.uuid4().hex}/sourcedir.tar.gz"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=self._code(SCRIPTS[kind]))
        (container,) = self._package["InferenceSpecification"]["Containers"]
        environment = {**container["Environment"], "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{self._bucket}/{key}"}
        metadata = self._package["CustomerMetadataProperties"]
        created = self._sagemaker.create_model_package(
            ModelPackageGroupName=self._package["ModelPackageGroupName"],
            ModelPackageDescription=f"A candidate: {kind}",
            InferenceSpecification={
                **self._package["InferenceSpecification"],
                "Containers": [
                    {
                        "Image": container["Image"],
                        "ModelDataUrl": container["ModelDataUrl"],
                        "Environment": environment,
                    }
                ],
            },
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={key: value for key, value in metadata.items() if not key.startswith("release")},
        )
        return str(created["ModelPackageArn"])

    def _code(self, script: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for path in sorted(self._source.glob("*.py")):
                tar.add(path, "trained.py" if path.name == "inference.py" else path.name)
            member = tarfile.TarInfo("inference.py")
            member.size = len(script.encode())
            tar.addfile(member, io.BytesIO(script.encode()))
        return buffer.getvalue()
