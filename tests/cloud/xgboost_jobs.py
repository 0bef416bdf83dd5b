"""Training jobs and models of the built-in XGBoost, for the tests."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

import switchyard
from tests.cloud.jobs import channel, ended_training
from tests.cloud.local_cloud import LocalCloud

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
TRAIN_SCRIPT = Path(switchyard.__file__).parent / "cloud" / "sagemaker" / "algorithms" / "xgboost" / "train.py"
REGRESSION = {"num_round": "4", "max_depth": "2", "objective": "reg:squarederror"}


def rows(number: int, seed: int = 0, classes: int = 0) -> list[list[float]]:
    """Make rows of a label and three features; the label is a number, or one of some classes."""
    generator = random.Random(seed)
    made = []
    for _ in range(number):
        features = [round(generator.random(), 4) for _ in range(3)]
        value = 3 * features[0] - features[1]
        made.append([float(int((value + 1) / 4 * classes)) if classes else round(value, 4), *features])
    return made


def as_csv(table: list[list[float]]) -> str:
    """Write rows as CSV."""
    return "".join(",".join(map(str, row)) + "\n" for row in table)


def as_libsvm(table: list[list[float]]) -> str:
    """Write rows as libsvm, with indexes from 0."""
    pairs = (" ".join(f"{index}:{value}" for index, value in enumerate(row[1:])) for row in table)
    return "".join(f"{row[0]} {written}\n" for row, written in zip(table, pairs, strict=True))


def matrix(table: list[list[float]], **options: Any) -> xgboost.DMatrix:
    """Give XGBoost the rows as they are, without a file."""
    values = np.array(table)
    return xgboost.DMatrix(values[:, 1:], label=values[:, 0], **options)


def start(
    cloud: LocalCloud,
    name: str,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, str | bytes],
    content_type: str = "text/csv",
    **changes: Any,
) -> None:
    """Start a job of the built-in algorithm on these channels' contents."""
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    source = [
        channel(key, cloud.put(f"{name}/{key}/data", body), ContentType=content_type) for key, body in channels.items()
    ]
    cloud.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=cloud.role_arn,
        AlgorithmSpecification={**specification, **changes.pop("AlgorithmSpecification", {})},
        HyperParameters=dict(hyperparameters),
        InputDataConfig=changes.pop("InputDataConfig", source),
        OutputDataConfig={"S3OutputPath": f"s3://{cloud.bucket}/{name}/made"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        **changes,
    )


def train(cloud: LocalCloud, name: str, *arguments: Any, **changes: Any) -> dict[str, Any]:
    """Run a job of the built-in algorithm to its end."""
    start(cloud, name, *arguments, **changes)
    return ended_training(cloud, name)


def artifact(cloud: LocalCloud, job: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files in a job's model.tar.gz."""
    content = cloud.get(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = [(member.name, tar.extractfile(member)) for member in tar.getmembers()]
        return {name: file.read() for name, file in files if file is not None}


def booster(content: bytes) -> xgboost.Booster:
    """Load a model with the library itself."""
    loaded = xgboost.Booster()
    loaded.load_model(bytearray(content))
    return loaded


def metrics(job: Mapping[str, Any]) -> dict[str, float]:
    """Return a job's final metrics by their names."""
    return {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}


class Container:
    """The algorithm's program in a container's folder, without a cloud around it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, content: str) -> None:
        """Write a file below ``/opt/ml``."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def configure(self, hyperparameters: Mapping[str, str], **files: Any) -> None:
        """Write the configuration of a job with a train channel of CSV."""
        self.put("input/config/hyperparameters.json", json.dumps(dict(hyperparameters)))
        self.put("input/config/inputdataconfig.json", json.dumps({"train": {"ContentType": "text/csv"}}))
        for name, content in files.items():
            self.put(f"input/config/{name}.json", json.dumps(content))

    def train(self, *modules: Path) -> subprocess.CompletedProcess[str]:
        """Run the program; `modules` come before all others on its path."""
        path = os.pathsep.join(map(str, [*modules, Path(switchyard.__file__).parent.parent]))
        environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(self.root), "PYTHONPATH": path}
        command = [sys.executable, str(TRAIN_SCRIPT)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def failure(self) -> str:
        """Return what SageMaker would take the reason of the failure from."""
        return (self.root / "output" / "failure").read_text()
