"""Recipes without scripts: what an image's own algorithm says to their hyperparameters and their gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.algorithms.xgboost.hyperparameters import DEFAULT_OBJECTIVE, validate
from switchyard.algorithms.xgboost.metrics import DEFAULT_METRICS, METRIC_DEFINITIONS

_REPOSITORIES = {"xgboost", "sagemaker-xgboost"}
# SageMaker reads them from the training's log, and takes no others for its own algorithms.
METRICS = tuple(definition["Name"] for definition in METRIC_DEFINITIONS)


def has_algorithm(image: str) -> bool:
    """Whether an image, `framework:version` or a full URI, trains without a script."""
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0] in _REPOSITORIES


def hyperparameter_problem(hyperparameters: Mapping[str, Any]) -> str | None:
    """Say why the algorithm would refuse these hyperparameters; None when it would not."""
    try:
        values = validate({name: as_text(value) for name, value in hyperparameters.items()})
    except UserError as error:
        return str(error)
    if values.get("objective") == "multi:softprob":
        return "objective multi:softprob predicts a row of probabilities, and Check predictions reads one number a row"
    return None


def metric_problem(metric: str, hyperparameters: Mapping[str, Any]) -> str | None:
    """Say why the training would not report a metric; None when it would, or when that cannot be told."""
    if metric not in METRICS:
        return f"{metric!r} is not one of the algorithm's metrics {', '.join(METRICS)}"
    name = metric.partition(":")[2]
    asked = [word.strip() for word in as_text(hyperparameters.get("eval_metric", "")).split(",") if word.strip()]
    default = DEFAULT_METRICS.get(str(hyperparameters.get("objective", DEFAULT_OBJECTIVE)))
    if name in asked or (not asked and default in {name, None}):
        return None
    reported = ", ".join(asked or [str(default)])
    return f"the training reports {reported}, not {name}: add it to hyperparameters.eval_metric"


def as_text(value: Any) -> str:
    """Write a hyperparameter as the algorithm reads it; PrepareRunFunction does the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return json.dumps(value)
