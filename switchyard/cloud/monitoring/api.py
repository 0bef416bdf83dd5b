"""CloudWatch's operations on metrics and alarms; dashboards are moto's.

Source: Amazon CloudWatch API Reference.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

from switchyard.cloud.monitoring.alarms import STATES, Alarm
from switchyard.cloud.monitoring.errors import (
    InvalidParameterCombinationError,
    InvalidParameterValueError,
    MissingParameterError,
    MonitoringError,
    NotEvaluatedError,
    NotFoundError,
)
from switchyard.cloud.monitoring.monitor import Monitor
from switchyard.cloud.monitoring.queries import (
    check_period,
    check_statistic,
    evaluate,
    parse_metric,
    parse_queries,
)
from switchyard.cloud.monitoring.statistics import Statistics
from switchyard.cloud.monitoring.store import Metric

Operation = Callable[[dict[str, Any]], dict[str, Any]]
MOST_DATAPOINTS = 1440
MOST_QUERIED = 100_800
MOST_METRICS = 1000
LISTED_METRICS = 500
LISTED_ALARMS = 100
SHORTEST_PERIODS_OF_QUERIES = 60


class CloudWatch:
    """The operations, over a monitor."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._tags: dict[str, dict[str, str]] = {}

    def operations(self) -> dict[str, Operation]:
        """Return the operations by their names; each takes a request and gives an answer."""
        return {
            "PutMetricData": self._put_metric_data,
            "GetMetricData": self._get_metric_data,
            "GetMetricStatistics": self._get_metric_statistics,
            "ListMetrics": self._list_metrics,
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self._put_composite_alarm,
            "DescribeAlarms": self._describe_alarms,
            "DescribeAlarmsForMetric": self._describe_alarms_for_metric,
            "DescribeAlarmHistory": self._describe_alarm_history,
            "DeleteAlarms": self._delete_alarms,
            "SetAlarmState": self._set_alarm_state,
            "EnableAlarmActions": lambda request: self._switch_actions(request, True),
            "DisableAlarmActions": lambda request: self._switch_actions(request, False),
            "ListTagsForResource": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def put_metric_alarm(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make an alarm, or change it."""
        alarm = self._monitor.alarms.put(request, self._monitor.clock())
        if tags := request.get("Tags"):
            self._tags.setdefault(alarm.arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})
        self._monitor.wake()
        return {}

    # Metrics

    def _put_metric_data(self, request: dict[str, Any]) -> dict[str, Any]:
        namespace = request.get("Namespace")
        if not namespace:
            raise MissingParameterError("The parameter Namespace is required.")
        if namespace.startswith("AWS/"):
            raise InvalidParameterValueError("The value AWS/ for parameter Namespace is invalid.")
        entries = list(request.get("MetricData") or ())
        entries += [
            datum for entity in request.get("EntityMetricData") or () for datum in entity.get("MetricData") or ()
        ]
        if len(entries) > MOST_METRICS:
            raise MonitoringError(f"The collection MetricData must not have a size greater than {MOST_METRICS}.")
        checked = [_datum(entry, number) for number, entry in enumerate(entries, 1)]
        now = self._monitor.clock()
        for entry, statistics in zip(entries, checked, strict=True):
            metric = parse_metric(namespace, entry["MetricName"], entry.get("Dimensions"))
            timestamp = entry.get("Timestamp")
            moment = now if timestamp is None else _seconds(timestamp)
            self._monitor.store.add_statistics(metric, entry.get("Unit") or "None", moment, statistics)
            self._monitor.alarms.arrived(metric, now)
        self._monitor.wake()
        return {}

    def _get_metric_data(self, request: dict[str, Any]) -> dict[str, Any]:
        start, end = _seconds(request["StartTime"]), _seconds(request["EndTime"])
        if start >= end:
            raise MonitoringError("The parameter StartTime must be less than the parameter EndTime.")
        queries = parse_queries(request.get("MetricDataQueries") or ())
        self._monitor.take_in()
        periods = [query.period for query in queries if query.period is not None]
        period = min(periods, default=SHORTEST_PERIODS_OF_QUERIES)
        if any(each != period for each in periods):
            return self._get_by_period(request, queries)
        # Counted before there is a list of them: of long times and short periods it would fill the memory.
        if (end - start) / period * max(len(queries), 1) > MOST_QUERIED:
            raise MonitoringError(f"The query asks for more than {MOST_QUERIED} data points.")
        starts = _starts(start, end, period)
        points = evaluate(queries, len(starts), self._look(starts, period))
        newest_first = (request.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
        order = {entry["Id"]: number for number, entry in enumerate(request["MetricDataQueries"])}
        results = []
        for query in sorted(queries, key=lambda query: order[query.id]):
            if query.is_returned:
                pairs = [(at, value) for at, value in zip(starts, points[query.id], strict=True) if value is not None]
                pairs = pairs[::-1] if newest_first else pairs
                results.append(
                    {
                        "Id": query.id,
                        "Label": query.label,
                        "Timestamps": [_moment(at) for at, _ in pairs],
                        "Values": [value for _, value in pairs],
                        "StatusCode": "Complete",
                    }
                )
        return {"MetricDataResults": results, "Messages": []}

    def _get_by_period(self, request: dict[str, Any], queries: Iterable[Any]) -> dict[str, Any]:
        """Answer queries of several periods, which cannot be computed with each other, one by one."""
        if any(query.expression is not None for query in queries):
            raise NotEvaluatedError("metrics of different periods are not put into one expression by the local cloud")
        results = []
        for entry in request["MetricDataQueries"]:
            results += self._get_metric_data({**request, "MetricDataQueries": [entry]})["MetricDataResults"]
        return {"MetricDataResults": results, "Messages": []}

    def _get_metric_statistics(self, request: dict[str, Any]) -> dict[str, Any]:
        start, end = _seconds(request["StartTime"]), _seconds(request["EndTime"])
        if start >= end:
            raise InvalidParameterValueError("The parameter StartTime must be less than the parameter EndTime.")
        period = check_period(request["Period"])
        simple = [check_statistic(name) for name in request.get("Statistics") or ()]
        extended = [check_statistic(name) for name in request.get("ExtendedStatistics") or ()]
        if not simple and not extended:
            raise InvalidParameterCombinationError("Must specify either Statistics or ExtendedStatistics")
        metric = parse_metric(request["Namespace"], request["MetricName"], request.get("Dimensions"))
        wanted = math.ceil((end - start) / period)
        if wanted > MOST_DATAPOINTS:
            raise InvalidParameterCombinationError(
                f"You have requested up to {wanted} datapoints, which exceeds the limit of {MOST_DATAPOINTS}."
            )
        starts = _starts(start, end, period)
        self._monitor.take_in()
        look = self._look(starts, period)
        datapoints = []
        for number, at in enumerate(starts):
            found = look(metric, request.get("Unit"), number)
            if found is not None:
                point = {"Timestamp": _moment(at), "Unit": request.get("Unit") or self._monitor.store.unit(metric)}
                point |= {name: found.get(name) for name in simple}
                if extended:
                    known = {name: found.get(name) for name in extended}
                    point["ExtendedStatistics"] = {name: value for name, value in known.items() if value is not None}
                datapoints.append(point)
        return {"Label": metric.name, "Datapoints": datapoints}

    def _list_metrics(self, request: dict[str, Any]) -> dict[str, Any]:
        self._monitor.take_in()
        wanted = [(each["Name"], each.get("Value")) for each in request.get("Dimensions") or ()]
        found = self._monitor.store.find(request.get("Namespace"), request.get("MetricName"), wanted)
        page, following = _page(found, request.get("NextToken"), LISTED_METRICS)
        return {"Metrics": [_metric(metric) for metric in page], **following}

    def _look(self, starts: list[float], period: int) -> Callable[[Metric, str | None, int], Statistics | None]:
        def look(metric: Metric, unit: str | None, number: int) -> Statistics | None:
            return self._monitor.store.statistics(metric, starts[number], starts[number] + period, unit)

        return look

    # Alarms

    def _put_composite_alarm(self, request: dict[str, Any]) -> dict[str, Any]:
        raise NotEvaluatedError(f"{request.get('AlarmName')}: composite alarms are not evaluated by the local cloud")

    def _describe_alarms(self, request: dict[str, Any]) -> dict[str, Any]:
        kinds = request.get("AlarmTypes") or ["MetricAlarm"]
        names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix")
        if names and prefix:
            raise InvalidParameterCombinationError("AlarmNamePrefix and AlarmNames are mutually exclusive.")
        found = [
            alarm
            for alarm in self._monitor.alarms
            if (not names or alarm.name in names)
            and alarm.name.startswith(prefix or "")
            and request.get("StateValue") in {None, alarm.state}
            and _has_action(alarm, request.get("ActionPrefix"))
        ]
        page, following = _page(found, request.get("NextToken"), request.get("MaxRecords") or LISTED_ALARMS)
        shown = [_description(alarm) for alarm in page] if "MetricAlarm" in kinds else []
        return {"MetricAlarms": shown, "CompositeAlarms": [], **following}

    def _describe_alarms_for_metric(self, request: dict[str, Any]) -> dict[str, Any]:
        metric = parse_metric(request["Namespace"], request["MetricName"], request.get("Dimensions"))
        found = []
        for alarm in self._monitor.alarms:
            (query, *others) = alarm.queries
            if not others and query.metric == metric:
                found.append(_description(alarm))
        return {"MetricAlarms": found}

    def _describe_alarm_history(self, request: dict[str, Any]) -> dict[str, Any]:
        start = _seconds(request["StartDate"]) if request.get("StartDate") else -math.inf
        end = _seconds(request["EndDate"]) if request.get("EndDate") else math.inf
        items = [
            {**item, "Timestamp": _moment(item["Timestamp"])}
            for item in list(self._monitor.alarms.history)
            if request.get("AlarmName") in {None, item["AlarmName"]}
            and request.get("HistoryItemType") in {None, item["HistoryItemType"]}
            and start <= item["Timestamp"] < end
        ]
        if request.get("ScanBy") != "TimestampAscending":
            items = items[::-1]
        page, following = _page(items, request.get("NextToken"), request.get("MaxRecords") or LISTED_ALARMS)
        return {"AlarmHistoryItems": page, **following}

    def _delete_alarms(self, request: dict[str, Any]) -> dict[str, Any]:
        names = request.get("AlarmNames") or []
        if names and not any(alarm.name in names for alarm in self._monitor.alarms):
            raise NotFoundError(f"Alarm {names[0]} does not exist")
        self._monitor.alarms.delete(names, self._monitor.clock())
        return {}

    def _set_alarm_state(self, request: dict[str, Any]) -> dict[str, Any]:
        state, data = request["StateValue"], request.get("StateReasonData") or ""
        if state not in STATES:
            raise MonitoringError(
                f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(STATES)}]"
            )
        if data:
            try:
                json.loads(data)
            except ValueError:
                raise InvalidParameterValueError("TransitionReasonData is not valid JSON") from None
        now = self._monitor.clock()
        self._monitor.alarms.set_state(request["AlarmName"], state, request.get("StateReason") or "", data, now)
        self._monitor.wake()
        return {}

    def _switch_actions(self, request: dict[str, Any], enabled: bool) -> dict[str, Any]:
        for alarm in self._monitor.alarms:
            if alarm.name in (request.get("AlarmNames") or ()):
                alarm.request["ActionsEnabled"] = enabled
        return {}

    # Tags

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags.get(request["ResourceARN"], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _tag(self, request: dict[str, Any]) -> dict[str, Any]:
        if not any(alarm.arn == request["ResourceARN"] for alarm in self._monitor.alarms):
            raise NotFoundError(f"{request['ResourceARN']} does not exist")
        own = self._tags.setdefault(request["ResourceARN"], {})
        own.update({tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()})
        return {}

    def _untag(self, request: dict[str, Any]) -> dict[str, Any]:
        for key in request.get("TagKeys") or ():
            self._tags.get(request["ResourceARN"], {}).pop(key, None)
        return {}


def _datum(entry: dict[str, Any], number: int) -> Statistics:
    place = f"MetricData.member.{number}"
    if not entry.get("MetricName"):
        raise MissingParameterError(f"The parameter {place}.MetricName is required.")
    given = [name for name in ("Value", "Values", "StatisticValues") if entry.get(name) not in (None, [], {})]
    if len(given) != 1:
        what = (
            f"{' and '.join(given)} exclude each other" if given else "one of Value, Values, StatisticValues is needed"
        )
        raise InvalidParameterCombinationError(f"{place}: {what}.")
    if given == ["StatisticValues"]:
        values = {name: float(value) for name, value in entry["StatisticValues"].items()}
        missing = [name for name in ("SampleCount", "Sum", "Minimum", "Maximum") if name not in values]
        if missing:
            raise MissingParameterError(f"The parameter {place}.StatisticValues.{missing[0]} is required.")
        if not all(map(math.isfinite, values.values())):
            raise InvalidParameterValueError(f"A value of the parameter {place}.StatisticValues is not a number.")
        return Statistics(values["SampleCount"], values["Sum"], values["Minimum"], values["Maximum"], None)
    values_ = [entry["Value"]] if given == ["Value"] else list(entry["Values"])
    counts = entry.get("Counts") or [1.0] * len(values_)
    if len(counts) != len(values_):
        raise InvalidParameterValueError(f"The parameters {place}.Values and {place}.Counts must be of the same size.")
    statistics = Statistics()
    for value, count in zip(map(float, values_), map(float, counts), strict=True):
        if not math.isfinite(value):
            raise InvalidParameterValueError(f"The value {value} for parameter {place}.Value is invalid.")
        if not 0 <= count < math.inf:
            raise InvalidParameterValueError(f"The value {count} for parameter {place}.Counts is invalid.")
        statistics.add(value, count)
    return statistics


def _description(alarm: Alarm) -> dict[str, Any]:
    shown = {
        **alarm.request,
        "AlarmArn": alarm.arn,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": _moment(alarm.updated),
        "StateTransitionedTimestamp": _moment(alarm.transitioned),
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configured),
    }
    for name in ("OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions"):
        shown.setdefault(name, [])
    if alarm.reason_data:
        shown["StateReasonData"] = alarm.reason_data
    return shown


def _has_action(alarm: Alarm, prefix: str | None) -> bool:
    names = ("AlarmActions", "OKActions", "InsufficientDataActions")
    return prefix is None or any(one.startswith(prefix) for name in names for one in alarm.request.get(name, ()))


def _metric(metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _page(found: list[Any], token: str | None, size: int) -> tuple[list[Any], dict[str, str]]:
    try:
        start = int(token or 0)
    except ValueError:
        raise InvalidParameterValueError("Request parameter NextToken is invalid") from None
    end = start + int(size)
    return found[start:end], ({"NextToken": str(end)} if end < len(found) else {})


def _starts(start: float, end: float, period: int) -> list[float]:
    first = math.floor(start / period) * period
    return [float(first + period * number) for number in range(math.ceil((end - first) / period))]


def _seconds(moment: Any) -> float:
    if isinstance(moment, datetime.datetime):
        known = moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
        return known.timestamp()
    if isinstance(moment, str):
        return _seconds(datetime.datetime.fromisoformat(moment))
    return float(moment)


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).replace(tzinfo=None)
