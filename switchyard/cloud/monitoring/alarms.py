"""One alarm: what it watches, and what its datapoints say.

Sources: PutMetricAlarm (Amazon CloudWatch API Reference); "Using Amazon CloudWatch alarms", "Configuring how
CloudWatch alarms treat missing data" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.monitoring.errors import (
    InvalidParameterCombinationError,
    InvalidParameterValueError,
    MissingParameterError,
    MonitoringError,
    NotEvaluatedError,
)
from switchyard.cloud.monitoring.expressions import Points
from switchyard.cloud.monitoring.queries import (
    Query,
    check_period,
    check_statistic,
    evaluate,
    parse_metric,
    parse_queries,
)
from switchyard.cloud.monitoring.statistics import percentile

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STATES = (INSUFFICIENT_DATA, ALARM, OK)
# CloudWatch looks further back than it evaluates, by how much it does not say; its examples have 5 for 3.
FURTHER_BACK = 2
SHORTEST_LONG_PERIOD = 3600
LONGEST_EVALUATION = 86_400
LONGEST_EVALUATION_OF_LONG_PERIODS = 604_800
MOST_ACTIONS = 5
_COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", operator.ge),
    "GreaterThanThreshold": ("greater than", operator.gt),
    "LessThanThreshold": ("less than", operator.lt),
    "LessThanOrEqualToThreshold": ("less than or equal to", operator.le),
}
_NEED_A_BAND = ("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold")
_TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")


@dataclass(frozen=True)
class Datapoint:
    """The value of one period.

    Parameters
    ----------
    start : float
        When the period began.
    count : float or None
        How many samples the value was made from.
    """

    start: float
    value: float
    count: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What an evaluation says.

    Parameters
    ----------
    state : str or None
        The state that the alarm should be in; None when it should keep its own.
    considered : list of Datapoint
        The real ones, the newest first.
    filled : int
        For how many missing ones something was assumed.
    """

    state: str | None
    considered: list[Datapoint]
    filled: int = 0


@dataclass
class Alarm:
    """An alarm, with the request that made it and the state that it is in.

    Parameters
    ----------
    request : dict
        PutMetricAlarm's, as DescribeAlarms gives it back.
    queries : list of Query
        What it watches; the one whose id is `watched` is compared with the threshold.
    period : int
        Seconds, as on AWS; the evaluator knows how long they take here.
    """

    request: dict[str, Any]
    queries: list[Query]
    watched: str
    period: int
    updated: float
    configured: float
    state: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    transitioned: float = field(default=0.0)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.request["AlarmName"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("cloudwatch", f"alarm:{self.name}")

    @property
    def evaluation_periods(self) -> int:
        """N of M out of N."""
        return int(self.request["EvaluationPeriods"])

    @property
    def datapoints_to_alarm(self) -> int:
        """M of M out of N."""
        return int(self.request.get("DatapointsToAlarm") or self.evaluation_periods)

    @property
    def threshold(self) -> float:
        """What datapoints are compared with."""
        return float(self.request["Threshold"])

    @property
    def treatment(self) -> str:
        """How missing data is treated."""
        return str(self.request.get("TreatMissingData") or "missing")

    @property
    def range(self) -> int:
        """How many periods are looked at."""
        return self.evaluation_periods + FURTHER_BACK

    @property
    def comparison(self) -> str:
        """The comparison in words."""
        return _COMPARISONS[self.request["ComparisonOperator"]][0]

    @property
    def statistic(self) -> str | None:
        """The statistic of the one metric that it watches, if it does not watch an expression."""
        return self.request.get("Statistic") or self.request.get("ExtendedStatistic")

    def is_breaching(self, value: float) -> bool:
        """Return whether a value is on the wrong side of the threshold."""
        return _COMPARISONS[self.request["ComparisonOperator"]][1](value, self.threshold)

    def judge(self, newest_first: Sequence[Datapoint | None]) -> Verdict:
        """Say which state the datapoints call for.

        Parameters
        ----------
        newest_first : sequence
            One entry a period of `range`; None where there is no data.
        """
        real = [point for point in newest_first if point is not None]
        needed, to_alarm = self.evaluation_periods, self.datapoints_to_alarm
        considered = real[:needed]
        if self._is_too_little(considered):
            return Verdict(None, considered)
        missing = needed - len(considered)
        breaching = sum(self.is_breaching(point.value) for point in considered)
        if not missing or self.treatment in {"breaching", "notBreaching"}:
            breaching += missing if self.treatment == "breaching" else 0
            return Verdict(ALARM if breaching >= to_alarm else OK, considered, missing)
        if breaching >= to_alarm or breaching < len(considered):
            return Verdict(ALARM if breaching >= to_alarm else OK, considered)
        # All that there is, if anything, is breaching, but it is not enough.
        if self.treatment == "ignore":
            return Verdict(None, considered)
        oldest = max((number for number, point in enumerate(newest_first, 1) if point is not None), default=0)
        return Verdict(ALARM if oldest >= to_alarm else INSUFFICIENT_DATA, considered, missing)

    def _is_too_little(self, points: Sequence[Datapoint]) -> bool:
        if self.request.get("EvaluateLowSampleCountPercentile") != "ignore":
            return False
        rank = (percentile(self.statistic or "") or 0) / 100
        if not 0 < rank < 1:
            return False
        fewest = 10 / (1 - rank) if rank >= 0.5 else 10 / rank
        return any(point.count is not None and point.count < fewest for point in points)


def create(request: dict[str, Any], now: float) -> Alarm:
    """Make an alarm from a PutMetricAlarm request.

    Raises
    ------
    MonitoringError
        The request is wrong, or needs what this CloudWatch does not evaluate.
    """
    kept = {key: value for key, value in request.items() if value is not None and key != "Tags"}
    for name in ("AlarmName", "ComparisonOperator", "EvaluationPeriods"):
        if not kept.get(name):
            raise MissingParameterError(f"The parameter {name} is required.")
    _check_comparison(kept)
    if kept.get("TreatMissingData", "missing") not in _TREATMENTS:
        raise MonitoringError(
            f"Option {kept['TreatMissingData']} is not supported. Supported options for parameter TreatMissingData "
            f"are {', '.join(_TREATMENTS)}."
        )
    if int(kept.get("DatapointsToAlarm", 1)) > int(kept["EvaluationPeriods"]):
        raise MonitoringError("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    for actions in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        if len(kept.get(actions, ())) > MOST_ACTIONS:
            raise InvalidParameterValueError(f"{actions} has more than {MOST_ACTIONS} entries.")
    kept.setdefault("ActionsEnabled", True)
    queries, watched, period = _expressions(kept) if kept.get("Metrics") else _metric(kept)
    # What cannot be computed is refused now: nobody would see it later.
    evaluate(queries, 1, lambda _metric, _unit, _number: None)
    seconds = period * int(kept["EvaluationPeriods"])
    longest = LONGEST_EVALUATION if period < SHORTEST_LONG_PERIOD else LONGEST_EVALUATION_OF_LONG_PERIODS
    if seconds > longest:
        raise MonitoringError(
            f"Metrics cannot be checked across more than {'a day' if longest == LONGEST_EVALUATION else 'seven days'} "
            f"(EvaluationPeriods * Period must be <= {longest})."
        )
    return Alarm(kept, queries, watched, period, updated=now, configured=now, transitioned=now)


def look_back(values: Points, starts: Sequence[float], counts: Points) -> list[Datapoint | None]:
    """Pair the values of periods, the oldest first, with their times; the newest comes first then."""
    points = [
        None if value is None else Datapoint(start, value, count)
        for value, start, count in zip(values, starts, counts, strict=True)
    ]
    return points[::-1]


def _check_comparison(request: dict[str, Any]) -> None:
    wanted = request["ComparisonOperator"]
    if wanted in _NEED_A_BAND or request.get("ThresholdMetricId"):
        raise NotEvaluatedError(f"{wanted}: anomaly detection is not evaluated by the local cloud")
    if wanted not in _COMPARISONS:
        raise MonitoringError(
            f"1 validation error detected: Value '{wanted}' at 'comparisonOperator' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join((*_COMPARISONS, *_NEED_A_BAND))}]"
        )
    if request.get("Threshold") is None:
        raise MissingParameterError("The parameter Threshold is required.")


def _metric(request: dict[str, Any]) -> tuple[list[Query], str, int]:
    for name in ("MetricName", "Namespace", "Period"):
        if not request.get(name):
            raise MissingParameterError(f"The parameter {name} is required, unless there are Metrics.")
    if bool(request.get("Statistic")) == bool(request.get("ExtendedStatistic")):
        raise InvalidParameterCombinationError("Exactly one of Statistic and ExtendedStatistic must be there.")
    query = Query(
        "m1",
        request["MetricName"],
        True,
        check_period(request["Period"]),
        metric=parse_metric(request["Namespace"], request["MetricName"], request.get("Dimensions")),
        statistic=check_statistic(request.get("Statistic") or request["ExtendedStatistic"]),
        unit=request.get("Unit"),
    )
    return [query], query.id, int(request["Period"])


def _expressions(request: dict[str, Any]) -> tuple[list[Query], str, int]:
    for name in ("MetricName", "Namespace", "Period", "Statistic", "ExtendedStatistic", "Dimensions", "Unit"):
        if request.get(name):
            raise InvalidParameterCombinationError(f"{name} cannot be there together with Metrics.")
    queries = parse_queries(request["Metrics"])
    returned = [query for query in queries if query.is_returned]
    if len(returned) != 1:
        raise MonitoringError("Exactly one element of the Metrics list must have ReturnData set to true.")
    periods = {query.period for query in queries if query.metric is not None and query.period is not None}
    if len(periods) != 1:
        raise MonitoringError("All metrics of an alarm must have the same Period.")
    return queries, returned[0].id, periods.pop()
