"""The metrics that the image computes itself, since XGBoost has none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Each is a function of scikit-learn's, with its options.
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
