from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.cloud.monitoring.alarms import Datapoint, create
from switchyard.cloud.monitoring.api import CloudWatch
from switchyard.cloud.monitoring.errors import MonitoringError
from switchyard.cloud.monitoring.expressions import parse
from switchyard.cloud.monitoring.monitor import Monitor
from switchyard.cloud.monitoring.statistics import Statistics
from switchyard.cloud.monitoring.store import Metric, MetricStore
from switchyard.cloud.monitoring.wording import Change
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.metric_queries import around_now, dimensions

START = 1_700_000_040.0  # a whole minute
METRIC = Metric("N", "m")
REQUEST: dict[str, Any] = {
    "AlarmName": "high",
    "Namespace": "N",
    "MetricName": "m",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:told"],
    "OKActions": ["arn:aws:sns:us-east-1:123456789012:relieved"],
}

STATISTICS = ("SampleCount", "Sum", "Minimum", "Maximum")
METRIC_KEYS = {"Namespace", "MetricName", "Statistic", "Period"}


class Clock:
    """A monitor whose time is told by the test."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self.now = START
        self.acted: list[tuple[str, Change]] = []
        self.published: list[Change] = []
        self.monitor = Monitor(
            time_scale,
            lambda action, change: self.acted.append((action, change)),
            self.published.append,
            clock=lambda: self.now,
        )

    def put(self, value: float, metric: Metric = METRIC) -> None:
        self.monitor.store.add(metric, "None", self.now, value)
        self.monitor.alarms.arrived(metric, self.now)

    def go(self, seconds: float) -> str:
        """Let time pass, as the monitor's thread does; return the state of the alarm."""
        until = self.now + seconds
        while (due := self.monitor.step()) is not None and due <= until:
            self.now = due
        self.now = until
        self.monitor.step()
        return next(iter(self.monitor.alarms)).state


@pytest.fixture
def clock() -> Any:
    clock = Clock()
    yield clock
    clock.monitor.close()


# Sources: the tables of "Configuring how CloudWatch alarms treat missing data" (Amazon CloudWatch User Guide), the
# oldest first: X is breaching, 0 is not, - is missing. None: the state stays.
RETAIN = None
TABLES = [
    (3, 3, "0-X-X", ("OK", "OK", "OK", "OK")),
    (3, 3, "0----", ("OK", "OK", "OK", "OK")),
    (3, 3, "-----", ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
    (3, 3, "0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (3, 3, "----X", ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
    (3, 3, "X----", ("ALARM", RETAIN, "ALARM", "OK")),
    (2, 3, "0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, 3, "00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, 3, "0-X--", ("OK", "OK", "ALARM", "OK")),
    (2, 3, "----0", ("OK", "OK", "ALARM", "OK")),
    (2, 3, "----X", ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
]


@pytest.mark.parametrize(("to_alarm", "periods", "points", "states"), TABLES)
def test_missing_data_is_treated_as_documented(
    to_alarm: int, periods: int, points: str, states: tuple[str | None, ...]
) -> None:
    newest_first = [None if point == "-" else Datapoint(0, 20 if point == "X" else 0) for point in reversed(points)]
    for treatment, state in zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True):
        changes = {"EvaluationPeriods": periods, "DatapointsToAlarm": to_alarm, "TreatMissingData": treatment}
        assert create({**REQUEST, **changes}, START).judge(newest_first).state == state, treatment


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [11]),
        ("GreaterThanOrEqualToThreshold", [10, 11]),
        ("LessThanThreshold", [9]),
        ("LessThanOrEqualToThreshold", [9, 10]),
    ],
)
def test_values_are_compared_with_the_threshold(comparison: str, breaching: list[int]) -> None:
    alarm = create({**REQUEST, "ComparisonOperator": comparison}, START)
    assert [value for value in (9, 10, 11) if alarm.is_breaching(value)] == breaching


@pytest.mark.parametrize("rests", [600, 0.37 * 1e6, 1e7])
def test_what_happened_while_the_machine_was_too_busy_to_look_is_seen(clock: Clock, rests: float) -> None:
    clock.monitor.alarms.put({**REQUEST, "TreatMissingData": "notBreaching"}, clock.now)
    clock.go(120)
    clock.put(12)
    clock.now += rests
    clock.monitor.step()
    assert [change.new_state for change in clock.published] == ["OK", "ALARM", "OK"]


def test_what_was_recorded_is_seen_however_late_it_is_taken_in(clock: Clock) -> None:
    clock.monitor.alarms.put({**REQUEST, "TreatMissingData": "notBreaching"}, clock.now)
    assert clock.go(86_400) == "OK"  # and nothing is due any more
    clock.monitor.store.add(METRIC, "None", clock.now, 12)
    clock.now += 600
    clock.monitor.alarms.arrived(METRIC, clock.now - 600)
    clock.monitor.step()
    assert [change.new_state for change in clock.published] == ["OK", "ALARM", "OK"]


def test_a_state_changes_when_a_period_has_ended_and_is_acted_on(clock: Clock) -> None:
    clock.monitor.alarms.put(REQUEST, clock.now)
    clock.put(12)
    assert clock.go(59) == "INSUFFICIENT_DATA"
    assert clock.go(1) == "ALARM"
    clock.put(3)
    assert clock.go(60) == "OK"
    assert [(action.rpartition(":")[2], change.new_state) for action, change in clock.acted] == [
        ("told", "ALARM"),
        ("relieved", "OK"),
    ]
    assert [(change.old_state, change.new_state) for change in clock.published] == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "OK"),
    ]
    reasons = [change.new_reason for change in clock.published]
    assert reasons == [
        "Threshold Crossed: 1 out of the last 1 datapoints [12.0 (14/11/23 22:14:00)] was greater than "
        "the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
        "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (14/11/23 22:15:00)] was not greater than "
        "the threshold (10.0) (minimum 1 datapoint for ALARM -> OK transition).",
    ]
    data = json.loads(clock.published[0].new_reason_data)
    assert (data["statistic"], data["period"], data["recentDatapoints"], data["threshold"]) == ("Maximum", 60, [12], 10)


def test_an_alarm_that_sees_nothing_any_more_is_looked_at_no_more(clock: Clock) -> None:
    clock.monitor.alarms.put(REQUEST, clock.now)
    clock.put(12)
    clock.go(60)
    assert clock.go(600) == "INSUFFICIENT_DATA"
    assert clock.monitor.step() is None
    clock.put(12)
    assert clock.go(60) == "ALARM"


def test_periods_of_five_minutes_slide_minute_by_minute(clock: Clock) -> None:
    clock.monitor.alarms.put({**REQUEST, "Period": 300, "Statistic": "Sum"}, clock.now)
    for _ in range(3):
        clock.put(4)
        state = clock.go(60)
    assert state == "ALARM"  # three minutes of data are more than the threshold, before five are over


def test_periods_take_as_long_as_waits_of_the_same_seconds() -> None:
    clock = Clock(time_scale=0.01)
    clock.monitor.alarms.put(REQUEST, clock.now)
    clock.put(12)
    assert clock.go(0.6) == "ALARM"
    clock.monitor.close()


def test_two_out_of_three_periods_are_enough(clock: Clock) -> None:
    clock.monitor.alarms.put({**REQUEST, "EvaluationPeriods": 3, "DatapointsToAlarm": 2}, clock.now)
    states = []
    for value in (12, 0, 0, 12, 0, 12):
        clock.put(value)
        states.append(clock.go(60))
    assert states == ["INSUFFICIENT_DATA", "OK", "OK", "OK", "OK", "ALARM"]


def test_a_percentile_is_watched(clock: Clock) -> None:
    request = {**REQUEST, "ExtendedStatistic": "p99", "Statistic": None}
    clock.monitor.alarms.put(request, clock.now)
    for number in range(200):
        clock.put(50 if number >= 198 else 1)
    assert clock.go(60) == "OK"  # the 99 percent of 200 are 198
    for number in range(200):
        clock.put(50 if number >= 197 else 1)
    assert clock.go(60) == "ALARM"


def test_too_few_samples_for_a_percentile_change_nothing_if_so_wanted(clock: Clock) -> None:
    request = {**REQUEST, "ExtendedStatistic": "p99", "Statistic": None, "EvaluateLowSampleCountPercentile": "ignore"}
    clock.monitor.alarms.put(request, clock.now)
    clock.put(50)
    assert clock.go(60) == "INSUFFICIENT_DATA"


def test_an_expression_is_watched(clock: Clock) -> None:
    errors, calls = Metric("N", "errors"), Metric("N", "calls")

    def hidden(metric: Metric) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "N", "MetricName": metric.name}, "Period": 60, "Stat": "Sum"}
        return {"Id": metric.name, "ReturnData": False, "MetricStat": stat}

    request = {
        "AlarmName": "rate",
        "EvaluationPeriods": 1,
        "Threshold": 0.1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [{"Id": "rate", "Expression": "FILL(errors, 0) / calls"}, hidden(errors), hidden(calls)],
    }
    clock.monitor.alarms.put(request, clock.now)
    clock.put(10, calls)
    assert clock.go(60) == "OK"
    clock.put(10, calls)
    clock.put(2, errors)
    assert clock.go(60) == "ALARM"
    (_, change) = clock.published
    assert change.new_reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [0.2 (")


def test_an_alarm_that_cannot_be_evaluated_keeps_no_other_from_acting(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = clock.monitor.alarms.put({**REQUEST, "AlarmName": "broken"}, clock.now)
    clock.monitor.alarms.put(REQUEST, clock.now)
    monkeypatch.setattr(broken, "judge", lambda _points: 1 / 0)
    clock.put(11)
    clock.go(120)
    assert (broken.state, clock.monitor.alarms.get("high").state) == ("INSUFFICIENT_DATA", "ALARM")


@pytest.mark.parametrize("text", ["METRICS()", "[m1, m1]", "IF(m1)", "FILL(m1, 'x')"])
def test_an_expression_that_cannot_be_watched_is_refused_with_its_alarm(text: str) -> None:
    metric = {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "m1", "MetricStat": metric, "ReturnData": False}, {"Id": "e1", "Expression": text}]
    request = {key: value for key, value in REQUEST.items() if key not in METRIC_KEYS} | {"Metrics": queries}
    with pytest.raises(MonitoringError):
        create(request, START)


def test_an_action_that_fails_is_in_the_history_and_harms_nothing() -> None:
    def fail(action: str, change: Change) -> None:
        raise LookupError("nobody there")

    clock = Clock()
    clock.monitor.close()
    clock.monitor = Monitor(1.0, fail, clock.published.append, clock=lambda: clock.now)
    clock.monitor.alarms.put(REQUEST, clock.now)
    clock.put(12)
    assert clock.go(60) == "ALARM"
    clock.monitor.close()
    assert "Failed to execute action" in clock.monitor.alarms.history[-1]["HistorySummary"]
    assert len(clock.published) == 1


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("m1 + 2 * m2", [21.0, None, 63.0]),
        ("(m1 + 2) * m2", [30.0, None, 150.0]),
        ("-m1 ^ 2", [-1.0, -4.0, -9.0]),
        ("m1 / (m1 - 1)", [None, 2.0, 1.5]),
        ("SUM([m1, m2])", [11.0, 2.0, 33.0]),
        ("SUM(METRICS())", [11.0, 2.0, 33.0]),
        ("MAX(m2)", [30.0, 30.0, 30.0]),
        ("AVG(METRICS('m2'))", [10.0, None, 30.0]),
        ("FILL(m2, REPEAT)", [10.0, 10.0, 30.0]),
        ("IF(m1 > 1 && m1 <= 2, 1, 0)", [0.0, 1.0, 0.0]),
        ("CEIL(m1 / 2)", [1.0, 1.0, 2.0]),
        ("CEIL(m1 * 1e308 * 10)", [None, None, None]),
    ],
)
def test_expressions_are_computed(text: str, points: list[float | None]) -> None:
    known: Any = {"m1": [1.0, 2.0, 3.0], "m2": [10.0, None, 30.0]}
    assert parse(text).evaluate(known, 3) == points


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SEARCH('{N} m', 'Sum')", "does not compute SEARCH"),
        ("RATE(m1)", "does not compute RATE"),
        ("SELECT AVG(m) FROM N", "Metrics Insights"),
        ("m1 +", "ends too early"),
        ("(m1", "'\\)' is missing"),
        ("m1 m2", "'m2' is one too many"),
        ("m1 ? 2", "'\\?' is not understood"),
        ("(" * 1000 + "m1" + ")" * 1000, "nested too deeply"),
        ("m1 + 1e999", "1e999 is too large"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_reason(text: str, problem: str) -> None:
    with pytest.raises(MonitoringError, match=problem):
        parse(text)


def test_old_values_are_kept_less_finely_and_none_is_lost() -> None:
    store = MetricStore(0.1)
    for number in range(20_000):
        store.add(METRIC, "None", START + number, float(number))
    found = store.statistics(METRIC, START, START + 20_000)
    assert found is not None
    assert (found.count, found.sum, found.maximum) == (20_000, sum(range(20_000)), 19_999)
    assert len(store._series[METRIC]["None"].middles) < 15_000


def test_percentiles_of_many_values_are_off_by_less_than_a_percent() -> None:
    statistics = Statistics()
    for number in range(1, 10_001):
        statistics.add(number + 0.123)
    assert statistics.get("p90") == pytest.approx(9000, rel=0.01)
    assert statistics.get("p50") == pytest.approx(5000, rel=0.01)
    assert len(statistics.values or {}) < 1000


# Over HTTP, as clients do


def alarm(cloud: LocalCloud, name: str) -> dict[str, Any]:
    (found,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def received(cloud: LocalCloud, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait for a message on the alarms' queue."""
    sqs, url = cloud.client("sqs"), cloud.resource("AlarmQueue")

    def look() -> dict[str, Any] | None:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            notification = json.loads(message["Body"])
            document = {**json.loads(notification["Message"]), "Subject": notification["Subject"]}
            if wanted(document):
                return document
        return None

    found = wait_until(look)
    assert found is not None
    return found


def put(cloud: LocalCloud, name: str, value: float, **given: str) -> None:
    datum = {"MetricName": name, "Value": value, "Dimensions": dimensions(**given)}
    cloud.client("cloudwatch").put_metric_data(Namespace="Alarms", MetricData=[datum])


def test_an_alarm_tells_its_topic_and_the_event_bus(cloud: LocalCloud, name: str) -> None:
    events, logs = cloud.client("events"), cloud.client("logs")
    logs.create_log_group(logGroupName=f"/aws/events/{name}")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    group = f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "log", "Arn": group}])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{group}:*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName=name, policyDocument=policy)
    changes = {"AlarmName": name, "Namespace": "Alarms", "Dimensions": dimensions(of=name)}
    topic = cloud.resource("AlarmTopic")
    cloud.client("cloudwatch").put_metric_alarm(**{**REQUEST, **changes, "AlarmActions": [topic], "OKActions": []})
    put(cloud, "m", 99.5, of=name)
    message = received(cloud, lambda message: message["AlarmName"] == name)
    assert message["Subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert "[99.5 (" in message["NewStateReason"]
    assert message["Trigger"]["Dimensions"] == [{"value": name, "name": "of"}]
    assert (message["Trigger"]["Statistic"], message["Trigger"]["Period"]) == ("MAXIMUM", 60)

    def remembered() -> list[str] | None:  # an action only once it is done: after its message
        history = cloud.client("cloudwatch").describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")
        kinds = [item["HistoryItemType"] for item in history["AlarmHistoryItems"]]
        return kinds if len(kinds) >= 3 else None

    kinds = wait_until(remembered)
    assert kinds is not None
    assert kinds[:3] == ["ConfigurationUpdate", "StateUpdate", "Action"]

    def alarming() -> list[dict[str, Any]]:  # it will be quiet again, and tell of that too
        told = [json.loads(line) for line in cloud.log(f"/aws/events/{name}")]
        return [event for event in told if event["detail"]["state"]["value"] == "ALARM"]

    (event,) = wait_until(alarming)
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "m"


def test_an_alarm_of_a_template_watches_a_queue(cloud: LocalCloud) -> None:
    name = cloud.resource("LongQueueAlarm")
    wait_until(lambda: alarm(cloud, name)["StateValue"] == "OK")
    assert "1 missing datapoint was treated as [NonBreaching]" in alarm(cloud, name)["StateReason"]
    cloud.client("sqs").send_message(QueueUrl=cloud.resource("WatchedQueue"), MessageBody="hello")
    message = received(cloud, lambda message: message["AlarmName"] == name)
    assert message["AlarmDescription"] == "Somebody has put something into the queue."
    assert alarm(cloud, name)["StateValue"] == "ALARM"
    cloud.client("sqs").purge_queue(QueueUrl=cloud.resource("WatchedQueue"))
    wait_until(lambda: alarm(cloud, name)["StateValue"] == "OK")


def test_a_template_says_which_alarm_cannot_be_and_keeps_its_dashboard(cloud: LocalCloud) -> None:
    (unsupported,) = [text for text in cloud.state["unsupported"] if "OddAlarm" in text]
    assert "anomaly detection" in unsupported
    body = json.loads(cloud.client("cloudwatch").get_dashboard(DashboardName="overview")["DashboardBody"])
    assert body["widgets"][0]["properties"]["markdown"] == "trial"


def test_a_state_that_is_set_by_hand_is_acted_on(cloud: LocalCloud, name: str) -> None:
    cloudwatch = cloud.client("cloudwatch")
    actions = {"AlarmActions": [cloud.resource("AlarmTopic")], "OKActions": []}
    cloudwatch.put_metric_alarm(
        **{**REQUEST, "AlarmName": name, "MetricName": name, "TreatMissingData": "ignore", **actions}
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a fire drill")
    message = received(cloud, lambda message: message["AlarmName"] == name)
    assert message["NewStateReason"] == "a fire drill"
    with pytest.raises(ClientError, match="Unknown") as refused:
        cloudwatch.set_alarm_state(AlarmName="none", StateValue="ALARM", StateReason="x")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_actions_can_be_switched_off(cloud: LocalCloud, name: str) -> None:
    cloudwatch = cloud.client("cloudwatch")
    topic = cloud.resource("AlarmTopic")
    for one in (name, f"{name}-quiet"):
        changes = {"AlarmName": one, "MetricName": one, "TreatMissingData": "ignore"}
        cloudwatch.put_metric_alarm(**{**REQUEST, **changes, "AlarmActions": [topic]})
    cloudwatch.disable_alarm_actions(AlarmNames=[f"{name}-quiet"])
    assert alarm(cloud, f"{name}-quiet")["ActionsEnabled"] is False
    for one in (f"{name}-quiet", name):
        cloudwatch.set_alarm_state(AlarmName=one, StateValue="ALARM", StateReason="a fire drill")
    received(cloud, lambda message: message["AlarmName"] == name)
    items = cloudwatch.describe_alarm_history(AlarmName=f"{name}-quiet", HistoryItemType="Action")["AlarmHistoryItems"]
    assert items == []


def test_alarms_are_found_by_name_prefix_state_and_metric(cloud: LocalCloud, name: str) -> None:
    cloudwatch = cloud.client("cloudwatch")
    for one in (f"{name}-a", f"{name}-b"):
        changes = {"AlarmName": one, "MetricName": one, "TreatMissingData": "ignore"}
        cloudwatch.put_metric_alarm(**{**REQUEST, **changes})
    cloudwatch.set_alarm_state(AlarmName=f"{name}-b", StateValue="OK", StateReason="by hand")

    def names(**wanted: Any) -> list[str]:
        return [found["AlarmName"] for found in cloudwatch.describe_alarms(**wanted)["MetricAlarms"]]

    assert names(AlarmNamePrefix=name) == [f"{name}-a", f"{name}-b"]
    assert names(AlarmNamePrefix=name, StateValue="OK") == [f"{name}-b"]
    of_metric = cloudwatch.describe_alarms_for_metric(Namespace="N", MetricName=f"{name}-a")["MetricAlarms"]
    assert [found["AlarmName"] for found in of_metric] == [f"{name}-a"]
    cloudwatch.delete_alarms(AlarmNames=[f"{name}-a"])
    assert names(AlarmNamePrefix=name) == [f"{name}-b"]
    with pytest.raises(ClientError, match="does not exist"):
        cloudwatch.delete_alarms(AlarmNames=[f"{name}-a"])


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"ComparisonOperator": "Above"}, "ValidationError", "comparisonOperator"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "NotImplementedException", "anomaly detection"),
        ({"Period": 45}, "InvalidParameterValue", "Period must be"),
        ({"Period": 3600, "EvaluationPeriods": 200}, "ValidationError", "seven days"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "ValidationError", "a day"),
        ({"DatapointsToAlarm": 2}, "ValidationError", "DatapointsToAlarm"),
        ({"TreatMissingData": "bad"}, "ValidationError", "TreatMissingData"),
        ({"ExtendedStatistic": "p99"}, "InvalidParameterCombination", "Exactly one"),
        ({"Statistic": "Median"}, "InvalidParameterValue", "Median is not computed"),
        ({"Threshold": None}, "MissingParameter", "Threshold"),
        ({"MetricName": None}, "MissingParameter", "MetricName"),
    ],
)
def test_an_alarm_that_cannot_be_is_refused_with_its_reason(
    cloud: LocalCloud, changes: dict[str, Any], code: str, reason: str
) -> None:
    request = {key: value for key, value in {**REQUEST, **changes}.items() if value is not None}
    with pytest.raises(ClientError, match=reason) as refused:
        cloud.client("cloudwatch").put_metric_alarm(**request)
    assert refused.value.response["Error"]["Code"] == code


def test_composite_alarms_are_refused_by_name(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="composite alarms are not evaluated"):
        cloud.client("cloudwatch").put_composite_alarm(AlarmName="all", AlarmRule="ALARM(a)")


def test_metrics_are_asked_for_by_their_dimensions_and_statistics(cloud: LocalCloud, name: str) -> None:
    cloudwatch = cloud.client("cloudwatch")
    data = [
        {"MetricName": "m", "Values": [1, 5], "Counts": [3, 1], "Unit": "Count", "Dimensions": dimensions(of=name)},
        {"MetricName": "m", "Value": 100, "Dimensions": dimensions(of=name, also="this")},
        {
            "MetricName": "m",
            "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20},
            "Dimensions": dimensions(of=f"{name}-set"),
        },
    ]
    cloudwatch.put_metric_data(Namespace="Asked", MetricData=data)
    metric = {"Namespace": "Asked", "MetricName": "m"}

    def query(id_: str, stat: str, of: str, **options: Any) -> dict[str, Any]:
        stated = {"Metric": {**metric, "Dimensions": dimensions(of=of)}, "Period": 3600, "Stat": stat, **options}
        return {"Id": id_, "MetricStat": stated, "ReturnData": id_ != "hidden"}

    queries = [
        query("sum", "Sum", name),
        query("p75", "p75", name),
        query("bytes", "Sum", name, Unit="Bytes"),
        query("hidden", "SampleCount", name),
        query("set", "Average", f"{name}-set"),
        {"Id": "mean", "Expression": "sum / hidden"},
    ]
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, **around_now())["MetricDataResults"]
    values = {result["Id"]: sum(result["Values"]) for result in answer}
    assert values == {"sum": 8, "p75": 1, "bytes": 0, "set": 15, "mean": 2}
    listed = cloudwatch.list_metrics(**metric, Dimensions=[{"Name": "of", "Value": name}])["Metrics"]
    assert len(listed) == 2


@pytest.mark.parametrize(
    ("datum", "reason"),
    [
        ({"MetricName": "m"}, "one of Value, Values, StatisticValues is needed"),
        ({"Value": 1}, "MetricName is required"),
        ({"MetricName": "m", "Value": 1, "Values": [2]}, "exclude each other"),
        ({"MetricName": "m", "Values": [1, 2], "Counts": [1]}, "the same size"),
        ({"MetricName": "m", "StatisticValues": {"Sum": 1}}, "SampleCount is required"),
        ({"MetricName": "m", "StatisticValues": {**dict.fromkeys(STATISTICS, 1), "Sum": math.nan}}, "not a number"),
        ({"MetricName": "m", "Values": [1], "Counts": [-1]}, "Counts is invalid"),
        ({"MetricName": "m", "Values": [1], "Counts": [math.nan]}, "Counts is invalid"),
    ],
)
def test_bad_data_is_refused(cloud: LocalCloud, datum: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        cloud.client("cloudwatch").put_metric_data(Namespace="Bad", MetricData=[datum])


def test_more_points_than_are_given_are_refused_before_they_are_made(clock: Clock) -> None:
    # A list of them would have two million entries a month.
    operations = CloudWatch(clock.monitor).operations()
    asked = {"StartTime": START - 30 * 86_400, "EndTime": START}
    names = {"Namespace": "N", "MetricName": "m"}
    stat = {"Metric": names, "Period": 1, "Stat": "Sum"}
    tracemalloc.start()
    with pytest.raises(MonitoringError, match="2592000 datapoints"):
        operations["GetMetricStatistics"]({**asked, **names, "Period": 1, "Statistics": ["Sum"]})
    with pytest.raises(MonitoringError, match="more than 100800"):
        operations["GetMetricData"]({**asked, "MetricDataQueries": [{"Id": "a", "MetricStat": stat}]})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
