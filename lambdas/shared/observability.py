"""The one Logger, Tracer and Metrics of all functions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
# Only botocore is patched: nothing else here makes calls, and patching all known libraries imports them.
tracer = Tracer(patch_modules=["botocore"])
metrics = Metrics()


def publish_metrics(recipe: str, values: Mapping[str, float], unit: MetricUnit = MetricUnit.Count) -> None:
    """Write CloudWatch metrics with the dimension ``recipe``, as one line of embedded metric format.

    Written at once rather than by Powertools' ``log_metrics`` decorator: that one warns whenever a
    function fails before it has a metric.

    Parameters
    ----------
    recipe
        The recipe's name.
    values
        Metric name to value; values that are no finite number are left out, CloudWatch refuses them.
    unit
        The unit of all values.
    """
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    if not finite:
        return
    metrics.add_dimension(name="recipe", value=recipe)
    for name, value in finite.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
