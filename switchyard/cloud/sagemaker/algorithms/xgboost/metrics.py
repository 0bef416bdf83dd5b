"""The metrics of the built-in algorithm: their names, which way is better, and what SageMaker reads from the log.

Source: "Tune an XGBoost Model" (Amazon SageMaker Developer Guide), and what DescribeTrainingJob says of such a job.
"""

from __future__ import annotations

from collections.abc import Callable
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
METRIC_DEFINITIONS: tuple[dict[str, str], ...] = tuple(
    {
        "Name": f"{data}:{metric}",
        "Regex": rf".*\[[0-9]+\].*#011{data}-{metric}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*",
    }
    for data in ("train", "validation")
    for metric in _READ
)
# XGBoost itself has none of these: the image computes them, with scikit-learn.
_OWN = {
    "accuracy": ("accuracy_score", {}),
    "balanced_accuracy": ("balanced_accuracy_score", {}),
    "f1": ("f1_score", {"average": "macro"}),
    "f1_binary": ("f1_score", {"average": "binary"}),
    "f1_macro": ("f1_score", {"average": "macro"}),
    "mse": ("mean_squared_error", {}),
    "precision": ("precision_score", {}),
    "precision_macro": ("precision_score", {"average": "macro"}),
    "precision_micro": ("precision_score", {"average": "micro"}),
    "r2": ("r2_score", {}),
    "recall": ("recall_score", {}),
    "recall_macro": ("recall_score", {"average": "macro"}),
    "recall_micro": ("recall_score", {"average": "micro"}),
}
_OF_NUMBERS = {"mse", "r2"}


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


def is_own(metric: str) -> bool:
    """Whether the image computes the metric, and not XGBoost."""
    return metric in _OWN


def evaluation(metrics: list[str], objective: str) -> Callable[[Any, Any], list[tuple[str, float]]]:
    """Make the function that computes the image's own metrics after each round.

    Parameters
    ----------
    metrics : list of str
        Names for which `is_own` is true.
    objective : str
        It decides what a prediction is: a probability, a margin, a class or a row of probabilities.
    """
    import sklearn.metrics

    margin = 0.0 if objective == "binary:logitraw" else 0.5

    def evaluate(predictions: Any, data: Any) -> list[tuple[str, float]]:
        if predictions.ndim > 1:
            classes = predictions.argmax(axis=1)
        elif objective.startswith("multi:"):
            classes = predictions.astype(int)
        else:
            classes = (predictions > margin).astype(int)
        labels = data.get_label()
        values = []
        for metric in metrics:
            function, options = _OWN[metric]
            guesses = predictions if metric in _OF_NUMBERS else classes
            values.append((metric, float(getattr(sklearn.metrics, function)(labels, guesses, **options))))
        return values

    return evaluate
