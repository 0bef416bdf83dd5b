"""What CloudWatch says of an alarm's change: its reason, its history, its message and its event.

Sources: "Alarm events and EventBridge", "Notifying users on alarm changes" (Amazon CloudWatch User Guide); the
messages that CloudWatch sends to SNS topics.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.monitoring.alarms import ALARM, INSUFFICIENT_DATA, OK, Alarm, Datapoint, Verdict
from switchyard.cloud.monitoring.queries import Query

REGION_NAME = "US East (N. Virginia)"  # as messages call the one region that there is here
_ASSUMED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True)
class Change:
    """A change of an alarm's state, with what it was before.

    Parameters
    ----------
    is_repeated : bool
        Whether it is no change: the alarm is still in that state, and scaling policies are told so again.
    """

    alarm: Alarm
    old_state: str
    old_reason: str
    old_reason_data: str
    old_time: float
    new_state: str
    new_reason: str
    new_reason_data: str
    time: float
    is_repeated: bool = False

    @property
    def actions(self) -> list[str]:
        """The ARNs of what to do."""
        actions = actions_in(self.alarm, self.new_state)
        return [action for action in actions if is_scaling(action)] if self.is_repeated else actions

    @property
    def last_value(self) -> float:
        """The newest value that was looked at; the threshold, where the state was set by hand."""
        data = _loaded(self.new_reason_data) if self.new_reason_data else {}
        points = data.get("recentDatapoints") if isinstance(data, dict) else None
        return float(points[-1]) if points else self.alarm.threshold


def actions_in(alarm: Alarm, state: str) -> list[str]:
    """Return the ARNs of what an alarm does in a state."""
    names = {OK: "OKActions", ALARM: "AlarmActions", INSUFFICIENT_DATA: "InsufficientDataActions"}
    return list(alarm.request.get(names[state], ())) if alarm.request["ActionsEnabled"] else []


def is_scaling(action: str) -> bool:
    """Return whether an action is a policy of Application Auto Scaling's."""
    return action.split(":")[2:3] == ["autoscaling"] and ":resource/" in action


def long_time(seconds: float) -> str:
    """Write a time as CloudWatch does in JSON, such as ``2024-07-09T12:01:37.700+0000``."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def reason(alarm: Alarm, verdict: Verdict, state: str) -> str:
    """Say in words why the alarm goes to `state`."""
    points = verdict.considered
    if state == INSUFFICIENT_DATA:
        unknown = alarm.evaluation_periods - len(points)
        verb = "was" if unknown == 1 else "were"
        return f"Insufficient Data: {_counted(unknown, 'datapoint')} {verb} unknown."
    if not points:
        assumed = _ASSUMED.get(alarm.treatment, "Missing")
        verb = "was" if verdict.filled == 1 else "were"
        return (
            f"Threshold Crossed: no datapoints were received for {_counted(alarm.evaluation_periods, 'period')} and "
            f"{_counted(verdict.filled, 'missing datapoint')} {verb} treated as [{assumed}]."
        )
    breaching = [point for point in points if alarm.is_breaching(point.value)]
    shown = breaching if state == ALARM else [point for point in points if point not in breaching]
    least = alarm.datapoints_to_alarm
    if state == OK:
        least = alarm.evaluation_periods - least + 1
    turn = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    verb = ("was" if len(shown) == 1 else "were") + ("" if state == ALARM else " not")
    return (
        f"Threshold Crossed: {len(shown)} out of the last {_counted(max(len(points), 1), 'datapoint', always=True)} "
        f"[{', '.join(_dated(point) for point in shown)}] {verb} {alarm.comparison} the threshold "
        f"({alarm.threshold}) (minimum {_counted(least, 'datapoint')} for {turn} transition)."
    )


def reason_data(alarm: Alarm, newest_first: Sequence[Datapoint | None], now: float) -> str:
    """Say the same for programs, as JSON."""
    real = [point for point in newest_first if point is not None][: alarm.evaluation_periods]
    data: dict[str, Any] = {"version": "1.0", "queryDate": long_time(now)}
    if real:
        data["startDate"] = long_time(real[-1].start)
    if alarm.statistic:
        data["statistic"] = alarm.statistic
    data["period"] = alarm.period
    data["recentDatapoints"] = [point.value for point in reversed(real)]
    data["threshold"] = alarm.threshold
    evaluated = []
    for point in real:
        one: dict[str, Any] = {"timestamp": long_time(point.start), "value": point.value}
        if point.count is not None:
            one["sampleCount"] = point.count
        evaluated.append(one)
    data["evaluatedDatapoints"] = evaluated
    return json.dumps(data)


def history_data(change: Change) -> str:
    """Write the data of a history item about a change."""

    def state(value: str, why: str, data: str) -> dict[str, Any]:
        document: dict[str, Any] = {"stateValue": value, "stateReason": why}
        if data:
            document["stateReasonData"] = _loaded(data)
        return document

    old = state(change.old_state, change.old_reason, change.old_reason_data)
    new = state(change.new_state, change.new_reason, change.new_reason_data)
    return json.dumps({"version": "1.0", "oldState": old, "newState": new})


def subject(change: Change) -> str:
    """Write the subject of the message."""
    return f'{change.new_state}: "{change.alarm.name}" in {REGION_NAME}'[:100]


def message(change: Change) -> dict[str, Any]:
    """Write the message that a topic gets."""
    alarm, request = change.alarm, change.alarm.request
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": request.get("AlarmDescription"),
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": long_time(alarm.configured),
        "NewStateValue": change.new_state,
        "NewStateReason": change.new_reason,
        "StateChangeTime": long_time(change.time),
        "Region": REGION_NAME,
        "AlarmArn": alarm.arn,
        "OldStateValue": change.old_state,
        "OKActions": request.get("OKActions", []),
        "AlarmActions": request.get("AlarmActions", []),
        "InsufficientDataActions": request.get("InsufficientDataActions", []),
        "Trigger": _trigger(alarm),
    }


def event_detail(change: Change) -> dict[str, Any]:
    """Write the detail of the EventBridge event."""
    configuration: dict[str, Any] = {"metrics": [_event_query(query) for query in change.alarm.queries]}
    if description := change.alarm.request.get("AlarmDescription"):
        configuration["description"] = description

    def state(value: str, why: str, data: str, moment: float) -> dict[str, Any]:
        document = {"value": value, "reason": why, "timestamp": long_time(moment)}
        return {**document, "reasonData": data} if data else document

    return {
        "alarmName": change.alarm.name,
        "state": state(change.new_state, change.new_reason, change.new_reason_data, change.time),
        "previousState": state(change.old_state, change.old_reason, change.old_reason_data, change.old_time),
        "configuration": configuration,
    }


def _counted(number: int, what: str, *, always: bool = False) -> str:
    return f"{number} {what}{'' if number == 1 and not always else 's'}"


def _dated(point: Datapoint) -> str:
    moment = datetime.datetime.fromtimestamp(point.start, tz=datetime.UTC)
    return f"{float(point.value)} ({moment:%d/%m/%y %H:%M:%S})"


def _loaded(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


def _trigger(alarm: Alarm) -> dict[str, Any]:
    request = alarm.request
    common = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "ComparisonOperator": request["ComparisonOperator"],
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treatment,
        "EvaluateLowSampleCountPercentile": request.get("EvaluateLowSampleCountPercentile", ""),
    }
    if request.get("Metrics"):
        return {**common, "Metrics": [_trigger_query(entry) for entry in request["Metrics"]]}
    if request.get("Statistic"):
        statistic = {"StatisticType": "Statistic", "Statistic": _short(request["Statistic"])}
    else:
        statistic = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": request["ExtendedStatistic"]}
    return {
        "MetricName": request["MetricName"],
        "Namespace": request["Namespace"],
        **statistic,
        "Unit": request.get("Unit"),
        "Dimensions": _trigger_dimensions(request.get("Dimensions", ())),
        **common,
    }


def _short(statistic: str) -> str:
    return {"SampleCount": "SAMPLE_COUNT"}.get(statistic, statistic.upper())


def _trigger_dimensions(dimensions: Any) -> list[dict[str, str]]:
    return [{"value": each["Value"], "name": each["Name"]} for each in dimensions]


def _trigger_query(entry: dict[str, Any]) -> dict[str, Any]:
    shown = {key: entry[key] for key in ("Id", "Expression", "Label") if entry.get(key)}
    if stat := entry.get("MetricStat"):
        metric = {**stat["Metric"], "Dimensions": _trigger_dimensions(stat["Metric"].get("Dimensions", ()))}
        shown["MetricStat"] = {**stat, "Metric": metric}
    return {**shown, "ReturnData": entry.get("ReturnData") is not False}


def _event_query(query: Query) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if query.expression is not None:
        shown = {"expression": query.expression.text, "label": query.label}
    elif query.metric is not None:
        metric = {
            "namespace": query.metric.namespace,
            "name": query.metric.name,
            "dimensions": dict(query.metric.dimensions),
        }
        shown = {"metricStat": {"metric": metric, "period": query.period, "stat": query.statistic}}
    return {"id": query.id, **shown, "returnData": query.is_returned}
