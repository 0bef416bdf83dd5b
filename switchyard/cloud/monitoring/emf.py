"""Metrics in log lines.

Source: "Specification: Embedded metric format" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from switchyard.cloud.monitoring.store import Metric

MARK = '"CloudWatchMetrics"'
MOST_METRICS = 100
MOST_DIMENSIONS = 30
MOST_VALUES = 100
LATEST = 253_402_300_800  # the year 10000, in seconds since 1970


class Extracted(NamedTuple):
    """Values of one metric."""

    metric: Metric
    unit: str
    timestamp: float
    values: tuple[float, ...]


def extract(line: str, now: float) -> list[Extracted]:
    """Extract the metrics of a log line; a line that is not as specified has none, as on AWS.

    Parameters
    ----------
    now : float
        The line's own time, in seconds: for a line that gives none.
    """
    if MARK not in line:
        return []
    try:
        return list(_metrics(json.loads(line), now))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []


def _metrics(root: Any, now: float) -> Iterator[Extracted]:
    aws = root["_aws"]
    timestamp = float(aws["Timestamp"]) / 1000 if "Timestamp" in aws else now
    if not 0 <= timestamp < LATEST:
        raise ValueError("no moment")
    for directive in aws["CloudWatchMetrics"]:
        definitions = directive["Metrics"]
        if len(definitions) > MOST_METRICS:
            raise ValueError("too many metrics")
        # Without a set, a metric has no dimensions.
        for names in directive.get("Dimensions") or [[]]:
            if len(names) > MOST_DIMENSIONS:
                raise ValueError("too many dimensions")
            dimensions = {str(name): _text(root[name]) for name in names}
            for definition in definitions:
                metric = Metric.of(str(directive["Namespace"]), str(definition["Name"]), dimensions)
                unit = str(definition.get("Unit", "None"))
                yield Extracted(metric, unit, timestamp, _values(root[definition["Name"]]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a dimension's value is text")
    return value


def _values(value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_VALUES:
        raise ValueError("too many values")
    if any(isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each) for each in values):
        raise TypeError("a metric's value is a number, or a list of them")
    return tuple(map(float, values))
