"""Metric data queries: metrics and expressions on them, point by point over periods of time.

Source: GetMetricData (Amazon CloudWatch API Reference).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.monitoring.errors import (
    InvalidParameterCombinationError,
    InvalidParameterValueError,
    MissingParameterError,
    MonitoringError,
)
from switchyard.cloud.monitoring.expressions import Expression, Points, parse
from switchyard.cloud.monitoring.statistics import SIMPLE, Statistics, is_known
from switchyard.cloud.monitoring.store import Metric

SHORT_PERIODS = (1, 5, 10, 20, 30)
# Given a metric, its unit and a number of a period: the statistics of that period.
Look = Callable[[Metric, str | None, int], Statistics | None]


@dataclass(frozen=True)
class Query:
    """One query: of a metric, or an expression on other queries."""

    id: str
    label: str
    is_returned: bool
    period: int | None
    metric: Metric | None = None
    statistic: str = ""
    unit: str | None = None
    expression: Expression | None = None


def parse_metric(namespace: str, name: str, dimensions: Sequence[dict[str, str]] | None) -> Metric:
    """Build a metric from the way in which requests name it."""
    return Metric.of(namespace, name, {each["Name"]: each["Value"] for each in dimensions or ()})


def check_period(period: Any) -> int:
    """Return the period if it is one that CloudWatch takes."""
    if not isinstance(period, int) or (period not in SHORT_PERIODS and (period < 60 or period % 60)):
        raise InvalidParameterValueError(
            f"The parameter Period must be {', '.join(map(str, SHORT_PERIODS))} or a multiple of 60, not {period}."
        )
    return period


def check_statistic(statistic: str) -> str:
    """Return the statistic if it is one that is computed here."""
    if not is_known(statistic):
        raise InvalidParameterValueError(
            f"The statistic {statistic} is not computed; {', '.join(SIMPLE)} and p0 to p100 are."
        )
    return statistic


def parse_queries(entries: Sequence[dict[str, Any]]) -> list[Query]:
    """Parse and check queries; each comes after those that it refers to.

    Raises
    ------
    MonitoringError
        One is wrong; the message names it.
    """
    queries = [_parse(entry) for entry in entries]
    ids = [query.id for query in queries]
    if len(set(ids)) != len(ids):
        raise MonitoringError("The values for parameter id in MetricDataQueries are not unique.")
    ordered: list[Query] = [query for query in queries if query.expression is None]
    left = [query for query in queries if query.expression is not None]
    while left:
        known = {query.id for query in ordered}
        ready = [query for query in left if query.expression is not None and query.expression.names <= known]
        if not ready:
            missing = sorted(left[0].expression.names - known) if left[0].expression else []
            raise MonitoringError(f"Error in expression '{left[0].id}': there is no {', '.join(missing)} to refer to")
        ordered += ready
        left = [query for query in left if query not in ready]
    return ordered


def evaluate(queries: Sequence[Query], length: int, look: Look) -> dict[str, Points]:
    """Compute the points of every query.

    Parameters
    ----------
    length : int
        How many periods there are.
    look : callable
        Gives the statistics of a metric in one of them, by its number.
    """
    known: dict[str, Points] = {}
    for query in queries:
        if query.metric is not None:
            found = [look(query.metric, query.unit, number) for number in range(length)]
            known[query.id] = [None if each is None else each.get(query.statistic) for each in found]
        elif query.expression is not None:
            known[query.id] = query.expression.evaluate(known, length)
    return known


def _parse(entry: dict[str, Any]) -> Query:
    id_ = entry.get("Id")
    if not id_:
        raise MissingParameterError("The parameter MetricDataQueries.member.Id is required.")
    stat, text = entry.get("MetricStat"), entry.get("Expression")
    if bool(stat) == bool(text):
        raise InvalidParameterCombinationError(f"{id_} must have either MetricStat or Expression.")
    is_returned = entry.get("ReturnData") is not False
    if stat is None:
        period = entry.get("Period")
        checked = None if period is None else check_period(period)
        return Query(id_, entry.get("Label") or id_, is_returned, checked, expression=parse(str(text)))
    metric = parse_metric(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], stat["Metric"].get("Dimensions"))
    return Query(
        id_,
        entry.get("Label") or metric.name,
        is_returned,
        check_period(stat["Period"]),
        metric=metric,
        statistic=check_statistic(stat["Stat"]),
        unit=stat.get("Unit"),
    )
