"""Check metrics: hold the training job's metrics against the recipe's gate and the champion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import BaseModel, Field
from shared.gate import GateRule, computed_metric, finite_metrics, judge, needs_comparison
from shared.observability import logger, publish_metrics
from shared.parameters import package_parameter
from shared.registry import Champion, find_champion
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext


class MetricData(BaseModel):
    """One entry of DescribeTrainingJob's ``FinalMetricDataList``."""

    name: str = Field(validation_alias="MetricName")
    value: float | None = Field(default=None, validation_alias="Value")


class Event(TaskEvent):
    """The payload: the gate, what the training job reported, and where the champion is registered."""

    gate: list[GateRule]
    metrics: list[MetricData] | None
    model_package_group: str
    recipe: str


class ChampionFound(TypedDict):
    """The model that serves, or served last."""

    model_package_arn: str
    metrics: dict[str, float]


class Result(TypedDict):
    """What the state machine keeps in ``$.evaluation``."""

    passed: bool
    metrics: dict[str, float]
    reasons: list[str]
    champion: ChampionFound | None
    compare_predictions: bool


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Check metrics``."""
    parsed = Event.model_validate(event)
    metrics = {datum.name: math.nan if datum.value is None else datum.value for datum in parsed.metrics or []}
    group, recipe = parsed.model_package_group, parsed.recipe
    return check_metrics(parsed.gate, metrics, find_champion(group, package_parameter(group, recipe)), recipe)


def check_metrics(
    gate: Sequence[GateRule], metrics: Mapping[str, float], champion: Champion | None, recipe: str
) -> Result:
    """Decide whether a trained model is good enough to be used.

    A margin over the champion is judged here only where it has to be: on a metric of the recipe's own, by what the
    registry has of the champion. Where the metric can be computed from predictions, `Check predictions` judges it,
    on predictions of both models for the same test data.

    Parameters
    ----------
    gate
        The recipe's rules.
    metrics
        What the training job reported.
    champion
        The model that serves, or served last, if there is one.
    recipe
        The dimension of the metrics that are published.

    Returns
    -------
    dict
        ``passed``, the finite ``metrics``, the ``reasons`` why not, the ``champion``, and whether its predictions are
        to be compared too (``compare_predictions``).
    """
    here = [rule.model_copy(update={"margin": None}) if computed_metric(rule.metric) else rule for rule in gate]
    reasons = judge(here, metrics, None if champion is None else champion.metrics)
    finite = finite_metrics(metrics)
    publish_metrics(recipe, {"GateFailed" if reasons else "GatePassed": 1})
    publish_metrics(recipe, {_published_name(name): value for name, value in finite.items()})
    logger.info("Checked the metrics", passed=not reasons, metrics=finite, reasons=reasons)
    return {
        "passed": not reasons,
        "metrics": finite,
        "reasons": reasons,
        "champion": None
        if champion is None
        else {"model_package_arn": champion.model_package_arn, "metrics": champion.metrics},
        "compare_predictions": champion is not None and needs_comparison(gate),
    }


def _published_name(metric: str) -> str:
    """Name a metric of the training; an algorithm's own says already which data it is of."""
    return metric.replace(":", "_") if ":" in metric else f"validation_{metric}"
