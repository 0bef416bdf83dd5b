"""The metrics of the built-in algorithm: their names, which way is better, and what SageMaker reads from the log.

Source: "Tune an XGBoost Model" (Amazon SageMaker Developer Guide), and what DescribeTrainingJob says of such a job.
"""

from __future__ import annotations

from typing import Any

MAXIMIZED = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
)
MINIMIZED = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
# Those with a threshold or a depth behind an @, as in error@0.3 or ndcg@10.
WITH_THRESHOLD = ("error", "ndcg", "map")
# SageMaker takes 40 definitions a job, so it does not read them all.
_READ = (
    *("accuracy", "auc", "aucpr", "error", "f1", "gamma-deviance", "gamma-nloglik", "logloss", "mae"),
    *("map", "merror", "mlogloss", "mse", "ndcg", "poisson-nloglik", "rmse", "tweedie-nloglik"),
)
# What XGBoost computes for an objective when no eval_metric is asked for.
DEFAULT_METRICS = {
    "binary:hinge": "error",
    "binary:logistic": "logloss",
    "binary:logitraw": "logloss",
    "count:poisson": "poisson-nloglik",
    "multi:softmax": "mlogloss",
    "multi:softprob": "mlogloss",
    "rank:ndcg": "ndcg",
    "reg:absoluteerror": "mae",
    "reg:gamma": "gamma-nloglik",
    "reg:linear": "rmse",
    "reg:logistic": "rmse",
    "reg:pseudohubererror": "mphe",
    "reg:squarederror": "rmse",
    "reg:squaredlogerror": "rmsle",
}
METRIC_DEFINITIONS: tuple[dict[str, str], ...] = tuple(
    {
        "Name": f"{data}:{metric}",
        "Regex": rf".*\[[0-9]+\].*#011{data}-{metric}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*",
    }
    for data in ("train", "validation")
    for metric in _READ
)


class EvaluationMetrics:
    """The range of ``eval_metric``."""

    def __contains__(self, metric: Any, /) -> bool:
        name, at, threshold = str(metric).partition("@")
        if not at:
            return name in MAXIMIZED or name in MINIMIZED
        try:
            float(threshold.rstrip("-"))  # ndcg@10- scores a list without a relevant document as 0
        except ValueError:
            return False
        return name in WITH_THRESHOLD

    def __str__(self) -> str:
        return str([*MAXIMIZED, *MINIMIZED])


def is_maximized(metric: str) -> bool:
    """Whether more of a metric is better."""
    return metric.partition("@")[0] in MAXIMIZED
