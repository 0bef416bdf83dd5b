"""What CreateHyperParameterTuningJob asks for: each training job's request, and what is refused.

Sources: CreateHyperParameterTuningJob (Amazon SageMaker API Reference); "Resource Limits for Automatic Model Tuning"
(Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import math
from typing import Any

from switchyard.cloud.sagemaker import training_request
from switchyard.cloud.sagemaker.algorithms.built_in import with_metrics
from switchyard.cloud.sagemaker.errors import ResourceLimitExceededError, ValidationError
from switchyard.cloud.sagemaker.tuning.ranges import Categorical, Range, ranges_of
from switchyard.cloud.sagemaker.validation import validate

OBJECTIVE = "_tuning_objective_metric"
MOST_JOBS = 750
MOST_PARALLEL_JOBS = 10
MOST_HYPERPARAMETERS = 30
_GIVEN_ON = (
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "VpcConfig",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "Environment",
)


def training(request: dict[str, Any], name: str, values: dict[str, str]) -> dict[str, Any]:
    """Return the CreateTrainingJob request that tries some values."""
    definition = request["TrainingJobDefinition"]
    given = {key: definition[key] for key in _GIVEN_ON if definition.get(key) is not None}
    if checkpoints := definition.get("CheckpointConfig"):
        # One job's are nothing to another.
        given["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    static = definition.get("StaticHyperParameters") or {}
    return {
        **given,
        "TrainingJobName": name,
        "AlgorithmSpecification": definition["AlgorithmSpecification"],
        "ResourceConfig": resources(definition),
        "HyperParameters": {**static, **values, OBJECTIVE: objective(request)["MetricName"]},
        "Tags": request.get("Tags") or [],
    }


def algorithm(request: dict[str, Any]) -> dict[str, Any]:
    """Return the AlgorithmSpecification, with the metrics that SageMaker reads of its own algorithms."""
    definition = request["TrainingJobDefinition"]
    specification = definition["AlgorithmSpecification"]
    known = with_metrics(
        {"AlgorithmSpecification": specification, "HyperParameters": definition.get("StaticHyperParameters") or {}}
    )
    return dict(known["AlgorithmSpecification"])


def objective(request: dict[str, Any]) -> dict[str, str]:
    """Return the objective: its Type, Maximize or Minimize, and its MetricName."""
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    found: dict[str, str] = config.get("HyperParameterTuningJobObjective") or definition.get("TuningObjective") or {}
    return found


def ranges(request: dict[str, Any]) -> list[Range]:
    """Return the ranges; raises ValidationError when they are such as cannot be."""
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    return ranges_of(config.get("ParameterRanges") or definition.get("HyperParameterRanges") or {})


def most_jobs(request: dict[str, Any]) -> int:
    """Return how many training jobs there are to be."""
    config = request["HyperParameterTuningJobConfig"]
    if config["Strategy"] == "Grid":
        return math.prod(len(each.values) for each in ranges(request) if isinstance(each, Categorical))
    return int(config["ResourceLimits"].get("MaxNumberOfTrainingJobs") or MOST_JOBS)


def check(request: dict[str, Any]) -> None:
    """Refuse a request that cannot be tuned by, or whose training jobs would be refused.

    Raises
    ------
    ValidationError, ResourceLimitExceededError
        SageMaker would refuse it.
    NotRunError
        A training job would ask for what is not run here.
    """
    if not request.get("TrainingJobDefinition"):
        raise ValidationError("TrainingJobDefinition is required.")
    found = ranges(request)
    config = request["HyperParameterTuningJobConfig"]
    if not objective(request):
        raise ValidationError("HyperParameterTuningJobObjective is required.")
    static = request["TrainingJobDefinition"].get("StaticHyperParameters") or {}
    if both := sorted({each.name for each in found} & set(static)):
        raise ValidationError(f"The hyperparameters {both} are given as static and as tunable.")
    _check_limits(config, found, request)
    values = {each.name: each.value(0.5) for each in found}
    wanted = training(request, f"{request['HyperParameterTuningJobName']}-001-00000000", values)
    validate("CreateTrainingJob", wanted)
    wanted = with_metrics(wanted)
    training_request.check(wanted)
    metric = objective(request)["MetricName"]
    defined = [each["Name"] for each in wanted["AlgorithmSpecification"].get("MetricDefinitions", [])]
    if metric not in defined:
        raise ValidationError(
            f"The objective metric '{metric}' is none of the metrics that the training jobs' log is read for: "
            f"{', '.join(defined) or 'MetricDefinitions is empty'}."
        )


def resources(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the ResourceConfig; of several kinds of instances, the first is there."""
    if given := definition.get("ResourceConfig"):
        return dict(given)
    tuning = definition.get("HyperParameterTuningResourceConfig") or {}
    found = {**tuning, **(tuning.get("InstanceConfigs") or [{}])[0]}
    if "InstanceType" not in found:
        raise ValidationError("ResourceConfig or HyperParameterTuningResourceConfig is required.")
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
    return {"InstanceCount": 1, "VolumeSizeInGB": 1, **{key: found[key] for key in members if key in found}}


def _check_limits(config: dict[str, Any], found: list[Range], request: dict[str, Any]) -> None:
    limits = config["ResourceLimits"]
    _check_amount("number of hyperparameters that can be searched", MOST_HYPERPARAMETERS, len(found))
    _check_amount(
        "number of parallel training jobs per hyperparameter tuning job",
        MOST_PARALLEL_JOBS,
        limits["MaxParallelTrainingJobs"],
    )
    _check_amount("number of training jobs per hyperparameter tuning job", MOST_JOBS, most_jobs(request))
    if config["Strategy"] == "Grid":
        if others := [each.name for each in found if not isinstance(each, Categorical)]:
            raise ValidationError(f"Grid search takes only categorical ranges, and '{others[0]}' is none.")
        count = most_jobs(request)
        if limits.get("MaxNumberOfTrainingJobs", count) != count:
            raise ValidationError(
                f"For Grid search, MaxNumberOfTrainingJobs must be left out, or be the number of combinations, {count}."
            )
    elif limits["MaxParallelTrainingJobs"] > most_jobs(request):
        raise ValidationError(
            f"MaxParallelTrainingJobs ({limits['MaxParallelTrainingJobs']}) cannot be greater than "
            f"MaxNumberOfTrainingJobs ({most_jobs(request)})."
        )


def _check_amount(what: str, most: int, wanted: int) -> None:
    if wanted > most:
        raise ResourceLimitExceededError(f"The {what} is limited to {most}; {wanted} were asked for.")
