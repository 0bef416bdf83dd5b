"""Which algorithm an image has, and where its programs are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchyard.algorithms.xgboost.metrics import METRIC_DEFINITIONS
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.images import Runtime, known_runtime


@dataclass(frozen=True)
class Algorithm:
    """A built-in algorithm.

    Parameters
    ----------
    training_script : Path
        What a training job without a script of its own runs.
    server : str
        ``module:function`` that serves a model without a script of its own, called with the model's folder.
    metric_definitions : tuple of dict
        What SageMaker reads from the log of its training jobs, without being asked.
    """

    training_script: Path
    server: str
    metric_definitions: tuple[dict[str, str], ...]


_XGBOOST = Algorithm(
    training_script=Path(__file__).parent / "xgboost" / "train.py",
    server="switchyard.cloud.sagemaker.algorithms.xgboost.serve:main",
    metric_definitions=METRIC_DEFINITIONS,
)
_BY_RUNTIME = {"xgboost": _XGBOOST}


def built_in(runtime: Runtime) -> Algorithm | None:
    """Return the algorithm of a runtime; None when it only runs scripts."""
    return _BY_RUNTIME.get(runtime.name)


def with_metrics(request: dict[str, Any]) -> dict[str, Any]:
    """Add the metrics that SageMaker reads of its own algorithms to a CreateTrainingJob request.

    Raises
    ------
    ValidationError
        The request has metrics of its own for an algorithm that runs without a script.
    """
    specification = request["AlgorithmSpecification"]
    runtime = known_runtime(specification.get("TrainingImage") or "")
    algorithm = built_in(runtime) if runtime else None
    if algorithm is None:
        return request
    if specification.get("MetricDefinitions"):
        if "sagemaker_program" in request.get("HyperParameters", {}):
            return request
        raise ValidationError(
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )
    definitions = [dict(definition) for definition in algorithm.metric_definitions]
    return {**request, "AlgorithmSpecification": {**specification, "MetricDefinitions": definitions}}
