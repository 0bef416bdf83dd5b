"""What CreateTrainingJob refuses beyond the shape of its request.

Sources: CreateTrainingJob, Channel, StoppingCondition (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import re
from typing import Any

from switchyard.cloud.sagemaker.container import OPT_ML
from switchyard.cloud.sagemaker.errors import NotRunError, ValidationError
from switchyard.cloud.sagemaker.script_mode import decoded

# Launchers that the framework's images have, and nothing here.
_LAUNCHERS = {
    "sagemaker_mpi_enabled": "MPI",
    "sagemaker_distributed_dataparallel_enabled": "SageMaker's distributed data parallel library",
    "sagemaker_pytorch_ddp_enabled": "pytorchddp",
    "sagemaker_pytorch_xla_multi_worker_enabled": "PyTorch/XLA",
}


# 28 days.
_LONGEST_RUN_SECONDS = 28 * 86400


def check(request: dict[str, Any]) -> None:
    """Refuse a request whose members contradict each other, or that asks for what is not run here.

    Raises
    ------
    ValidationError
        SageMaker would refuse it.
    NotRunError
        SageMaker would run it; the local cloud cannot.
    """
    hyperparameters = decoded(request.get("HyperParameters") or {})
    for name, launcher in _LAUNCHERS.items():
        if hyperparameters.get(name):
            raise _not_run(f"distributed training by {launcher} (torch_distributed is run)")
    _check_spot(request)
    for definition in request["AlgorithmSpecification"].get("MetricDefinitions", []):
        _check_pattern(definition)
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    channels = request.get("InputDataConfig", [])
    names = [channel["ChannelName"] for channel in channels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"Channel names must be unique within a training job; there are two named {twice[0]}")
    for channel in channels:
        _check_channel(channel, channel.get("InputMode") or mode)
    checkpoints = (request.get("CheckpointConfig") or {}).get("LocalPath") or OPT_ML
    if not re.match(rf"{OPT_ML}(/|$)", checkpoints) or ".." in checkpoints.split("/"):
        raise _not_run(f"a CheckpointConfig whose LocalPath ('{checkpoints}') is not below {OPT_ML}")


def described(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request as DescribeTrainingJob gives it back: with what SageMaker takes for what was left out."""
    off = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    channels = request.get("InputDataConfig")
    return {
        **dict.fromkeys(off, False),
        **{key: value for key, value in request.items() if key != "Tags"},
        "OutputDataConfig": {"KmsKeyId": "", **request["OutputDataConfig"]},
        "InputDataConfig": channels
        and [{"CompressionType": "None", "RecordWrapperType": "None", **channel} for channel in channels],
    }


def _check_spot(request: dict[str, Any]) -> None:
    stopping = request.get("StoppingCondition") or {}
    if stopping.get("MaxRuntimeInSeconds", 0) > _LONGEST_RUN_SECONDS:
        raise ValidationError(
            f"Invalid MaxRuntimeInSeconds. It must be less than or equal to {_LONGEST_RUN_SECONDS} seconds (28 days)"
        )
    wait = stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise ValidationError(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
            )
        return
    if wait is None or wait < stopping.get("MaxRuntimeInSeconds", 0):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )


def _check_pattern(definition: dict[str, str]) -> None:
    try:
        re.compile(definition["Regex"])
    except re.error as error:
        metric, regex = definition["Name"], definition["Regex"]
        raise ValidationError(f"The Regex '{regex}' of the metric '{metric}' is not valid: {error}") from None


def _check_channel(channel: dict[str, Any], mode: str) -> None:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        kinds = ", ".join(sorted(channel["DataSource"])) or "no data source"
        raise _not_run(f"the channel '{name}' of {kinds} rather than S3DataSource")
    kind = source["S3DataType"]
    if kind not in {"S3Prefix", "ManifestFile", "AugmentedManifestFile"}:
        raise _not_run(f"the channel '{name}' with the S3DataType {kind}")
    if kind == "AugmentedManifestFile":
        if mode != "Pipe":
            raise ValidationError(
                f"AugmentedManifestFile can only be used with Pipe input mode; that of channel '{name}' is {mode}"
            )
        if not source.get("AttributeNames"):
            raise ValidationError(f"AttributeNames must be given for AugmentedManifestFile in channel '{name}'")
    for member in ("CompressionType", "RecordWrapperType"):
        if mode != "Pipe" and channel.get(member, "None") != "None":
            raise ValidationError(
                f"{member} can only be used with Pipe input mode; that of channel '{name}' is {mode}: "
                "leave it unset, or set it to None"
            )


def _not_run(what: str) -> NotRunError:
    return NotRunError(f"CreateTrainingJob with {what}")
