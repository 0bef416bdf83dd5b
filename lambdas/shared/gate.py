"""The gate: which metrics a model must reach, by name and direction. Whatever is unknown does not pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, FiniteFloat

# The metrics that can be had from targets and predictions alone, whatever model they are of.
REGRESSION_METRICS = ("rmse", "mse", "mae", "r2")
CLASSIFICATION_METRICS = ("auc", "logloss", "error", "merror", "accuracy")
# What an algorithm of SageMaker's calls a metric on the validation channel.
VALIDATION = "validation:"


class GateRule(BaseModel):
    """One line of a recipe's gate."""

    metric: str
    direction: Literal["minimize", "maximize"]
    threshold: FiniteFloat | None = None
    margin: FiniteFloat | None = None


def judge(
    rules: Iterable[GateRule],
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None = None,
) -> list[str]:
    """Say why a model does not pass; nothing to say means that it passes.

    Parameters
    ----------
    rules
        The gate; all of its rules must hold.
    metrics
        The candidate's metrics by name. A metric that is missing, NaN or infinite does not pass.
    champion
        The metrics of the model that serves now; None when there is none, then margins do not apply.

    Returns
    -------
    list of str
        One sentence for each thing missed, such as ``rmse 71.20 is above the limit 62.00``.

    Examples
    --------
    >>> judge([GateRule(metric="rmse", direction="minimize", threshold=62)], {"rmse": 71.2})
    ['rmse 71.20 is above the limit 62.00']
    """
    return [reason for rule in rules for reason in _reasons(rule, metrics, champion)]


def computed_metric(name: str) -> str | None:
    """Give the metric of predictions that a metric of the training stands for; None where there is none.

    A recipe's own `accuracy` is whatever its script says, an algorithm's `validation:accuracy` is known.

    Examples
    --------
    >>> computed_metric("rmse"), computed_metric("validation:auc"), computed_metric("auc")
    ('rmse', 'auc', None)
    """
    known: tuple[str, ...] = REGRESSION_METRICS
    if name.startswith(VALIDATION):
        known = (*REGRESSION_METRICS, *CLASSIFICATION_METRICS)
    base = name.removeprefix(VALIDATION)
    return base if base in known else None


def needs_comparison(rules: Iterable[GateRule]) -> bool:
    """Tell whether a rule asks for a margin over the champion that predictions can show."""
    return any(rule.margin is not None and computed_metric(rule.metric) for rule in rules)


def finite_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Give the metrics that JSON can hold; it has no NaN and no infinity."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def format_apart(value: float, other: float) -> tuple[str, str]:
    """Format two numbers with two decimals, or as many as it takes to see which is larger.

    Examples
    --------
    >>> format_apart(71.2, 62)
    ('71.20', '62.00')
    >>> format_apart(0.4599, 0.46)
    ('0.4599', '0.4600')
    """
    for decimals in range(2, 10):
        texts = f"{value:.{decimals}f}", f"{other:.{decimals}f}"
        if texts[0] != texts[1] or value == other:
            return texts
    return repr(value), repr(other)


def _reasons(rule: GateRule, metrics: Mapping[str, float], champion: Mapping[str, float] | None) -> Iterable[str]:
    name = rule.metric
    if name not in metrics:
        yield f"{name} is missing"
        return
    value = metrics[name]
    if not math.isfinite(value):
        yield f"{name} is {value}, not a number to compare"
        return
    if rule.threshold is not None and _gain(rule, value, rule.threshold) < 0:
        side = "above" if rule.direction == "minimize" else "below"
        shown, limit = format_apart(value, rule.threshold)
        yield f"{name} {shown} is {side} the limit {limit}"
    if rule.margin is not None and champion is not None:
        yield from _margin_reasons(rule, rule.margin, value, champion.get(name, math.nan))


def _margin_reasons(rule: GateRule, margin: float, value: float, champion: float) -> Iterable[str]:
    name = rule.metric
    if not math.isfinite(champion):
        yield f"{name} of the champion is unknown, so the margin {margin:g} over it cannot be checked"
        return
    gain = _gain(rule, value, champion)
    # 0.3 - 0.2 is a hair less than 0.1: rounding must not cost a model its place.
    if gain >= margin or math.isclose(gain, margin, rel_tol=1e-9, abs_tol=1e-12):
        return
    shown, other = format_apart(value, champion)
    yield f"{name} {shown} is not better than the champion's {other} by at least {margin:g}"


def _gain(rule: GateRule, value: float, other: float) -> float:
    return other - value if rule.direction == "minimize" else value - other
