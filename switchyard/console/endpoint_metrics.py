"""How the variants of an endpoint have done: requests, errors and latency from CloudWatch.

Source: "Amazon SageMaker AI metrics in Amazon CloudWatch", endpoint invocation metrics (Developer Guide).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from switchyard.console.schema import Point, VariantMetrics

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

# What can be asked for: seconds looked back on, and the seconds that AWS's own metrics are told apart by then.
WINDOWS = {900: 60, 3600: 60, 10_800: 60, 86_400: 300, 604_800: 3600}
DEFAULT_WINDOW = 3600
# A local cloud keeps the last three hours by the second.
_LOCAL_PERIODS = {900: 10, 3600: 30}
_MICROSECONDS = 1000.0
# Each of a variant's curves: metric and statistic.
_CURVES = {
    "invocations": ("Invocations", "Sum"),
    "errors_4xx": ("Invocation4XXErrors", "Sum"),
    "errors_5xx": ("Invocation5XXErrors", "Sum"),
    "latency_p50": ("ModelLatency", "p50"),
    "latency_p99": ("ModelLatency", "p99"),
}


def period_of(window: int, *, is_local: bool) -> int:
    """Give the seconds between two points of a window."""
    return _LOCAL_PERIODS.get(window, WINDOWS[window]) if is_local else WINDOWS[window]


def read_metrics(
    cloud: Cloud, endpoint: str, variants: Sequence[str], *, window: int, period: int, since: float, now: float
) -> list[VariantMetrics]:
    """Read the metrics of an endpoint's variants.

    Parameters
    ----------
    cloud
        Where it is.
    endpoint, variants
        Its name, and its variants'.
    window, period
        How many seconds to look back on, and how many a point stands for.
    since
        When the endpoint was made: counts begin there.
    now
        The time, in seconds since 1970.

    Returns
    -------
    list of VariantMetrics
        Counts for every period, zero where nothing came; latencies only where something did.
    """
    end = math.floor(now / period) * period + period
    start = end - window
    read = _read(cloud, endpoint, variants, start=start, end=end, period=period)
    first = max(start, math.floor(since / period) * period)
    ats = [float(at) for at in range(int(first), int(end), period)]
    found = []
    for number, variant in enumerate(variants):
        curves = {}
        for curve, (metric, _) in _CURVES.items():
            values = read.get(f"v{number}_{curve}", {})
            if metric == "ModelLatency":
                curves[curve] = [Point(at=at, value=value / _MICROSECONDS) for at, value in sorted(values.items())]
            else:
                curves[curve] = [Point(at=at, value=values.get(at, 0.0)) for at in ats]
        found.append(VariantMetrics(variant=variant, **curves))
    return found


def _read(
    cloud: Cloud, endpoint: str, variants: Sequence[str], *, start: float, end: float, period: int
) -> dict[str, dict[float, float]]:
    queries: list[dict[str, Any]] = [
        {
            "Id": f"v{number}_{curve}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": period,
                "Stat": statistic,
            },
        }
        for number, variant in enumerate(variants)
        for curve, (metric, statistic) in _CURVES.items()
    ]
    read: dict[str, dict[float, float]] = {}
    if not queries:
        return read
    pages = cloud.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=start, EndTime=end):
        for result in page["MetricDataResults"]:
            values = read.setdefault(result["Id"], {})
            values.update(
                (moment.timestamp(), value)
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
            )
    return read
