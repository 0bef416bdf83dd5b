"""What watches a candidate: alarms made for the release, and the figures that they are about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.aws import client
from shared.release_state import Figures, Limits, Names

NAMESPACE = "AWS/SageMaker"
PERIOD = 60
# What sums are read by: CloudWatch keeps hours for fifteen months, and few hours are few points.
LONG_PERIOD = 3600
ERRORS_5XX, ERRORS_4XX = "Invocation5XXErrors", "Invocation4XXErrors"


def alarms(names: Names, limits: Limits, variant: str, config: str | None = None) -> list[dict[str, Any]]:
    """Give PutMetricAlarm's requests for the alarms of a release.

    They tell nobody: the release looks at them, and says what came of it.

    Parameters
    ----------
    config
        The candidate's endpoint configuration, where what served before has a variant of the same name.
    """
    dimensions = _dimensions(names.endpoint, variant)
    if config is not None:
        dimensions.append({"Name": "EndpointConfigName", "Value": config})
    latency = {
        "AlarmName": names.latency_alarm,
        "AlarmDescription": "The model that is being released answers slowly.",
        "Namespace": NAMESPACE,
        "MetricName": "ModelLatency",
        "Dimensions": dimensions,
        "Statistic": "Average",
        "Period": PERIOD,
        "Threshold": limits.latency_ms * 1000,  # SageMaker measures in microseconds
    }
    return [
        {**alarm, **_COMMON}
        for alarm in (
            latency,
            _share(names.errors_5xx_alarm, ERRORS_5XX, limits.errors_5xx_percent, dimensions),
            _share(names.errors_4xx_alarm, ERRORS_4XX, limits.errors_4xx_percent, dimensions),
        )
    ]


def figures(endpoint: str, variant: str, started: datetime) -> Figures:
    """Count what a variant has done since a release started.

    Parameters
    ----------
    started
        When; the whole hour around it counts.
    """
    wanted = {
        "requests": ("Invocations", "Sum"),
        "errors_5xx": (ERRORS_5XX, "Sum"),
        "errors_4xx": (ERRORS_4XX, "Sum"),
        "latency": ("ModelLatency", "Sum"),
    }
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=[
                {"Id": id_, "MetricStat": _stat(metric, _dimensions(endpoint, variant), LONG_PERIOD, statistic)}
                for id_, (metric, statistic) in wanted.items()
            ],
            StartTime=started.replace(minute=0, second=0, microsecond=0),
            EndTime=datetime.now(tz=UTC) + timedelta(seconds=PERIOD),
        )
    )
    sums = dict.fromkeys(wanted, 0.0)
    for page in pages:
        for result in page["MetricDataResults"]:
            sums[result["Id"]] += sum(result["Values"])
    return Figures(
        requests=round(sums["requests"]),
        errors_5xx=round(sums["errors_5xx"]),
        errors_4xx=round(sums["errors_4xx"]),
        latency_ms_total=sums["latency"] / 1000,
    )


_COMMON = {
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",  # nobody asked: the release waits for requests by itself
}


def _share(name: str, metric: str, limit: float, dimensions: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"Too large a share of the answers of the model that is being released is {metric[10:13]}.",
        "Metrics": [
            {"Id": "share", "Label": f"{metric} in percent", "Expression": "100 * errors / requests"},
            {"Id": "errors", "ReturnData": False, "MetricStat": _stat(metric, dimensions, PERIOD, "Sum")},
            {"Id": "requests", "ReturnData": False, "MetricStat": _stat("Invocations", dimensions, PERIOD, "Sum")},
        ],
        "Threshold": limit,
    }


def _stat(metric: str, dimensions: list[dict[str, str]], period: int, statistic: str) -> dict[str, Any]:
    named = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
    return {"Metric": named, "Period": period, "Stat": statistic}


def _dimensions(endpoint: str, variant: str) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
