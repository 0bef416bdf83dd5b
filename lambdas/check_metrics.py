"""Check metrics: hold the training job's metrics against the recipe's gate and the champion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field
from shared.gate import GateRule, finite_metrics, judge
from shared.observability import logger, publish_metrics
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


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Check metrics``."""
    parsed = Event.model_validate(event)
    metrics = {datum.name: math.nan if datum.value is None else datum.value for datum in parsed.metrics or []}
    return check_metrics(parsed.gate, metrics, find_champion(parsed.model_package_group), parsed.recipe)


def check_metrics(
    gate: Sequence[GateRule], metrics: Mapping[str, float], champion: Champion | None, recipe: str
) -> dict[str, Any]:
    """Decide whether a trained model is good enough to be used.

    Parameters
    ----------
    gate
        The recipe's rules.
    metrics
        What the training job reported.
    champion
        The model approved last, if there is one.
    recipe
        The dimension of the metrics that are published.

    Returns
    -------
    dict
        ``passed``, the finite ``metrics``, the ``reasons`` why not, and the ``champion``.
    """
    reasons = judge(gate, metrics, None if champion is None else champion.metrics)
    finite = finite_metrics(metrics)
    publish_metrics(recipe, {"GateFailed" if reasons else "GatePassed": 1})
    publish_metrics(recipe, {f"validation_{name}": value for name, value in finite.items()})
    logger.info("Checked the metrics", passed=not reasons, metrics=finite, reasons=reasons)
    return {
        "passed": not reasons,
        "metrics": finite,
        "reasons": reasons,
        "champion": None if champion is None else champion._asdict(),
    }
