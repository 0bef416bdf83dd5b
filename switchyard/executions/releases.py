"""Releases of model packages: starting one by hand, and finding the one that an approval has started."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code
from switchyard.executions.following import start_execution
from switchyard.executions.names import new_name

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.aws.registry import Package
    from switchyard.recipes.release import Release

WORKFLOW = "Release"
_OUTPUT = f"{WORKFLOW}StateMachineArn"
# An approval's release is among the newest executions.
_NEWEST = 20
# EventBridge delivers in seconds; a rule of an account with much to do may take longer.
_LOCAL_SECONDS, _AWS_SECONDS = 15.0, 120.0
_LOCAL_LOOK_SECONDS, _AWS_LOOK_SECONDS = 0.1, 2.0


def releases_of(cloud: Cloud, package_arn: str) -> list[str]:
    """List the executions that release, or have released, a package: the ARNs, the newest first.

    Parameters
    ----------
    cloud
        Where they run. A stack without the workflow has none.
    package_arn
        The package's.
    """
    machine = cloud.outputs.get(_OUTPUT)
    if machine is None:
        return []
    stepfunctions = cloud.client("stepfunctions")
    listed = stepfunctions.list_executions(stateMachineArn=machine, maxResults=_NEWEST)["executions"]
    return [
        execution["executionArn"]
        for execution in listed
        if _package_of(stepfunctions, execution["executionArn"]) == package_arn
    ]


def await_release(cloud: Cloud, package_arn: str, *, known: list[str], seconds: float | None = None) -> str | None:
    """Wait until an approval's event has started the release.

    Parameters
    ----------
    cloud
        Where it is to run.
    package_arn
        The package that was approved.
    known
        The executions that there were before.
    seconds
        For how long, at most.

    Returns
    -------
    str or None
        The execution's ARN; None when none has begun in that time.
    """
    limit = seconds if seconds is not None else _LOCAL_SECONDS if cloud.is_local else _AWS_SECONDS
    until = time.monotonic() + limit
    while True:
        begun = [arn for arn in releases_of(cloud, package_arn) if arn not in known]
        if begun:
            return begun[-1]
        if time.monotonic() > until:
            return None
        time.sleep(_LOCAL_LOOK_SECONDS if cloud.is_local else _AWS_LOOK_SECONDS)


def start_release(cloud: Cloud, package: Package, settings: dict[str, Any], name: str | None = None) -> str:
    """Start the release of an approved package, as its approval does.

    Parameters
    ----------
    cloud
        Where.
    package
        What to release.
    settings
        What this one release does differently from the recipe's section.
    name
        The execution's name; None for a new one.

    Returns
    -------
    str
        The execution's ARN.
    """
    document: dict[str, Any] = {"model_package": package.arn}
    if settings:
        document["release"] = settings
    arn, _ = start_execution(cloud, cloud.output(_OUTPUT), name or new_name(package.group), document)
    return arn


def settings_of(cloud: Cloud, package: Package) -> Release:
    """Give the settings that a package is released with: its run's, or else the defaults, where that is not known.

    Parameters
    ----------
    cloud
        Where it is.
    package
        Its metadata says where its run has kept them.
    """
    from pydantic import ValidationError

    from switchyard.recipes.release import Release

    bucket, _, key = package.metadata.get("handover", "").removeprefix("s3://").partition("/")
    if not key:
        return Release()
    try:
        body = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return Release.model_validate(json.loads(body)["release"])
    except (ValueError, KeyError, ValidationError):
        return Release()
    except ClientError as error:
        if error_code(error) in ("NoSuchKey", "NoSuchBucket", "AccessDenied"):
            return Release()
        raise


def _package_of(stepfunctions: Any, execution_arn: str) -> str | None:
    text = stepfunctions.describe_execution(executionArn=execution_arn).get("input")
    try:
        document = json.loads(text or "null")
    except ValueError:
        return None
    package = document.get("model_package") if isinstance(document, dict) else None
    return package if isinstance(package, str) else None
