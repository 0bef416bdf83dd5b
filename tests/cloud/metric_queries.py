"""Asks CloudWatch, as any client would."""

from __future__ import annotations

import datetime
from typing import Any

from tests.cloud.local_cloud import LocalCloud


def around_now() -> dict[str, datetime.datetime]:
    """Give a span of time that holds all that a test has done."""
    now = datetime.datetime.now(tz=datetime.UTC)
    return {"StartTime": now - datetime.timedelta(minutes=30), "EndTime": now + datetime.timedelta(minutes=2)}


def total(cloud: LocalCloud, namespace: str, name: str, statistic: str = "Sum", **dimensions: str) -> float | None:
    """Give a statistic of all values of a metric; None when it has none."""
    answer = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Period=86400,
        **{"ExtendedStatistics" if statistic.startswith("p") else "Statistics": [statistic]},
        **around_now(),
    )
    values = [{**point, **point.get("ExtendedStatistics", {})}[statistic] for point in answer["Datapoints"]]
    return sum(values) if values else None


def metrics(cloud: LocalCloud, namespace: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Give the names and the dimensions of the metrics in a namespace."""
    pages = cloud.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    return {
        (metric["MetricName"], tuple(sorted((each["Name"], each["Value"]) for each in metric["Dimensions"])))
        for page in pages
        for metric in page["Metrics"]
    }


def dimensions(**given: str) -> list[dict[str, Any]]:
    """Write dimensions as requests have them."""
    return [{"Name": name, "Value": value} for name, value in given.items()]
