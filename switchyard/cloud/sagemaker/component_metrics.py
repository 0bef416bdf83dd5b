"""Metrics that programs put to a trial component, as the SDK's ``Run.log_metric`` does.

Sources: BatchPutMetrics (Amazon SageMaker Metrics Service API Reference); TrialComponentMetricSummary (Amazon SageMaker
API Reference).
"""

from __future__ import annotations

import datetime
import json
import math
import statistics
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.shapes import moment, problems


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Parameters
    ----------
    step : int or None
        The epoch, for those that are told of one.
    """

    value: float
    time: datetime.datetime
    step: int | None


class ComponentMetrics:
    """The metrics of one trial component, in the order in which they came."""

    def __init__(self) -> None:
        self._points: dict[str, list[Point]] = {}
        self._lock = threading.Lock()

    def put(self, entries: list[dict[str, Any]]) -> None:
        """Add the entries of one request's MetricData."""
        with self._lock:
            for entry in entries:
                point = Point(float(entry["Value"]), moment(entry["Timestamp"]), entry.get("Step"))
                self._points.setdefault(entry["MetricName"], []).append(point)

    def summaries(self, source_arn: str) -> list[dict[str, Any]]:
        """Return a TrialComponentMetricSummary for each metric."""
        with self._lock:
            known = {name: list(points) for name, points in self._points.items()}
        return [_summary(name, points, source_arn) for name, points in known.items()]


def metric_data(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Read a BatchPutMetrics request.

    Returns
    -------
    tuple
        The trial component's name, and its entries.

    Raises
    ------
    ValidationError
        It is none that the service would take.
    """
    try:
        request = json.loads(body)
    except ValueError as error:
        raise ValidationError(f"The request is not JSON: {error}") from None
    if found := list(problems(request, _input_shape())):
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        raise ValidationError(f"{count}: {'; '.join(found)}")
    name, entries = str(request["TrialComponentName"]), list(request["MetricData"])
    for entry in entries:
        # JSON of Python's has NaN and Infinity, which AWS's has not.
        if not math.isfinite(entry["Value"]):
            raise ValidationError(f"The value of the metric '{entry['MetricName']}' is {entry['Value']}.")
    return name, entries


def _summary(name: str, points: list[Point], source_arn: str) -> dict[str, Any]:
    values = [point.value for point in points]
    return {
        "MetricName": name,
        "SourceArn": source_arn,
        "TimeStamp": max(point.time for point in points),
        "Max": max(values),
        "Min": min(values),
        "Last": values[-1],
        "Count": len(values),
        "Avg": statistics.fmean(values),
        "StdDev": statistics.pstdev(values),
    }


@cache
def _input_shape() -> Any:
    import botocore.session

    service = botocore.session.Session().get_service_model("sagemaker-metrics")
    return service.operation_model("BatchPutMetrics").input_shape
