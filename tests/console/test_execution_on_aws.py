"""An execution of an AWS account: which calls it takes, and what its logs are when there is much of them."""

# ruff: noqa: N803 - the names are AWS's
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from benchmarks.histories import DEFINITION as MAP_DEFINITION
from benchmarks.histories import long_history
from switchyard.console import opened
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.console.execution import feeds
from switchyard.console.execution_page import execution_view
from switchyard.console.live import Feed
from switchyard.console.problems import RequestError
from switchyard.executions.history import read_time
from tests.console.aws import BEGIN, MACHINE, Account, execution_arn
from tests.fake_cloud import refusal
from tests.recorded import Events, recorded, recorded_definition

GROUP = "/aws/sagemaker/TrainingJobs"


class Busy(Account):
    """An account whose executions have histories and logs."""

    def __init__(self) -> None:
        super().__init__()
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.definition: Any = recorded_definition("deployed")
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.page_lines = 1000
        self.job: dict[str, Any] = {}

    def play(self, name: str, events: list[dict[str, Any]], status: str, **more: Any) -> str:
        arn = self.add(name, status, **more)
        self.histories[arn] = [{**event, "timestamp": read_time(event["timestamp"])} for event in events]
        return arn

    def get_execution_history(
        self,
        *,
        executionArn: str,
        maxResults: int,
        reverseOrder: bool,
        nextToken: str = "0",
    ) -> dict[str, Any]:
        self.call("get_execution_history")
        assert reverseOrder
        assert maxResults <= 1000
        events = self.histories[executionArn][::-1]
        start, end = int(nextToken), int(nextToken) + maxResults
        return {"events": events[start:end], **({"nextToken": str(end)} if end < len(events) else {})}

    def describe_state_machine_for_execution(self, *, executionArn: str) -> dict[str, Any]:
        self.call("describe_state_machine_for_execution")
        return {"definition": json.dumps(self.definition)}

    # Logs

    def describe_log_streams(self, *, logGroupName: str, logStreamNamePrefix: str) -> dict[str, Any]:
        self.call("describe_log_streams")
        if not self.streams:
            raise refusal("ResourceNotFoundException", "The specified log group does not exist.")
        return {
            "logStreams": [{"logStreamName": name} for name in self.streams if name.startswith(logStreamNamePrefix)]
        }

    def get_log_events(
        self,
        *,
        logGroupName: str,
        logStreamName: str,
        limit: int,
        startFromHead: bool,
        nextToken: str | None = None,
    ) -> dict[str, Any]:
        self.call("get_log_events")
        lines = self.streams[logStreamName]
        count = min(limit, self.page_lines)
        if nextToken is None:
            start = 0 if startFromHead else max(0, len(lines) - count)
            end = min(len(lines), start + count)
        elif nextToken[0] == "f":
            start = int(nextToken[2:])
            end = min(len(lines), start + count)
        else:
            end = int(nextToken[2:])
            start = max(0, end - count)
        return {
            "events": [{"timestamp": at, "message": text} for at, text in lines[start:end]],
            "nextForwardToken": f"f/{end}",
            "nextBackwardToken": f"b/{start}",
        }

    def filter_log_events(
        self, *, startTime: int, endTime: int = 2**60, nextToken: str = "0", **_: Any
    ) -> dict[str, Any]:
        self.call("filter_log_events")
        every = sorted((at, text, name) for name, lines in self.streams.items() for at, text in lines)
        found = [
            {"timestamp": at, "message": text, "logStreamName": name, "eventId": f"{number}"}
            for number, (at, text, name) in enumerate(every)
            if startTime <= at <= endTime
        ]
        start, end = int(nextToken), int(nextToken) + self.page_lines
        return {"events": found[start:end], **({"nextToken": str(end)} if end < len(found) else {})}

    # SageMaker

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        self.call("describe_training_job")
        if not self.job:
            raise refusal("ValidationException", "Requested resource not found.")
        return {"TrainingJobName": TrainingJobName, **self.job}


@pytest.fixture
def account() -> Busy:
    return Busy()


@pytest.fixture
def context(account: Busy) -> Context:
    return Context(Connection(account.cloud()), home=None, project=None)


def feed_of(context: Context, topic: str) -> Feed:
    return feeds(context)[topic.partition(":")[0]](topic)


def training(*, with_end: bool = True, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A state that trains, and is done or not."""
    events = Events()
    events.add("ExecutionStarted")
    events.add("TaskStateEntered", name="Train model", input="{}")
    text = json.dumps(parameters or {"TrainingJobName": "job-1"})
    events.add("TaskScheduled", resourceType="sagemaker", resource="createTrainingJob.sync", parameters=text)
    events.add("TaskStarted")
    if with_end:
        events.add(
            "TaskSucceeded",
            output=json.dumps(
                {"TrainingJobName": "job-1", "TrainingJobStatus": "Completed", "CreationTime": 1_767_225_600_000}
            ),
        )
        events.add("TaskStateExited", name="Train model", output="{}")
        events.add("ExecutionSucceeded", output="{}")
    return events.events


# What it takes


def test_a_long_history_is_read_by_thousands_and_once(account: Busy, context: Context) -> None:
    events = long_history(200, 0)
    arn = account.play("long", events, "SUCCEEDED")
    account.definition = MAP_DEFINITION
    execution = context.opened.open(arn)
    assert len(execution.events) == len(events)
    assert account.calls["get_execution_history"] == -(-len(events) // 1000)
    for _ in range(3):
        context.opened.open(arn, max_age=0)
    assert account.calls["get_execution_history"] == -(-len(events) // 1000)
    assert account.calls["describe_state_machine_for_execution"] == 1
    assert account.calls["describe_execution"] == 4


def test_of_what_runs_only_what_is_new_is_read(account: Busy, context: Context) -> None:
    events = long_history(200, 0)
    arn = account.play("running", events[:1500], "RUNNING")
    feed = feed_of(context, f"execution:{arn}")
    assert len(feed.snapshot().data.events) == 1500  # type: ignore[union-attr]
    assert feed.interval >= 3
    before = account.calls["get_execution_history"]
    assert feed.look() is None
    account.histories[arn] += [{**event, "timestamp": read_time(event["timestamp"])} for event in events[1500:1530]]
    change = feed.look()
    assert change is not None
    assert [event.id for event in change.data.events] == list(range(1501, 1531))  # type: ignore[union-attr]
    assert account.calls["get_execution_history"] == before + 2
    assert {visit.id for visit in change.data.visits} < {visit.id for visit in feed.snapshot().data.visits}  # type: ignore[union-attr]


def test_a_redrive_is_read_on_from_where_it_was(account: Busy, context: Context) -> None:
    events = recorded("map_retried_redriven")
    arn = account.play("redriven", events[:133], "FAILED", redriveStatus="REDRIVABLE")
    feed = feed_of(context, f"execution:{arn}")
    assert feed.snapshot().data.can_redrive  # type: ignore[union-attr]
    account.executions[arn] |= {"status": "RUNNING", "redriveCount": 1, "redriveStatus": "NOT_REDRIVABLE"}
    # The history tells of it a little later.
    told = feed.look()
    assert told is not None
    assert [told.data.row.redrives, told.data.can_redrive, told.data.events] == [1, False, []]  # type: ignore[union-attr]
    account.histories[arn] += [{**event, "timestamp": read_time(event["timestamp"])} for event in events[133:]]
    change = feed.look()
    assert change is not None
    assert change.kind == "change"
    assert [event.id for event in change.data.events] == list(range(134, 150))  # type: ignore[union-attr]


def test_an_event_that_comes_late_makes_a_new_snapshot(account: Busy, context: Context) -> None:
    events = recorded("deployed")
    arn = account.play("late", events[:40] + events[41:60], "RUNNING")
    feed = feed_of(context, f"execution:{arn}")
    assert len(feed.snapshot().data.events) == 59  # type: ignore[union-attr]
    # AWS's histories are eventually consistent.
    account.histories[arn] = [{**event, "timestamp": read_time(event["timestamp"])} for event in events]
    live = feed.look()
    assert live is not None
    assert [event.id for event in live.data.events] == list(range(1, len(events) + 1))  # type: ignore[union-attr]


def test_an_event_that_never_comes_is_not_waited_for_for_ever(account: Busy, context: Context) -> None:
    events = long_history(300, 0)
    arn = account.play("gap", events[:10] + events[11:], "RUNNING")
    for _ in range(15):
        context.opened.open(arn, max_age=0)
    before = account.calls["get_execution_history"]
    context.opened.open(arn, max_age=0)
    assert account.calls["get_execution_history"] == before + 1


def test_a_history_that_never_comes_to_its_end_is_not_asked_for_for_ever(account: Busy, context: Context) -> None:
    arn = account.play("cut", recorded("deployed")[:50], "SUCCEEDED")
    for _ in range(30):
        assert context.opened.open(arn, max_age=0).is_complete is False
    assert account.calls["get_execution_history"] < 15


def test_a_definition_that_is_denied_for_the_execution_is_the_state_machines(account: Busy, context: Context) -> None:
    arn = account.play("denied", recorded("deployed"), "SUCCEEDED")
    account.refuses["describe_state_machine_for_execution"] = refusal("AccessDeniedException", "no")
    assert context.opened.open(arn).definition == json.loads(account.definitions[MACHINE])
    other = account.play("denied-2", recorded("deployed"), "SUCCEEDED")
    account.refuses["describe_state_machine"] = refusal(
        "AccessDeniedException", "not that either", "DescribeStateMachine"
    )
    page = execution_view(context.opened.open(other))
    assert page.definition is None
    assert "not that either" in str(page.definition_problem)
    assert len(page.visits) > 10


def test_it_leads_to_awss_own_pages(account: Busy, context: Context) -> None:
    arn = account.play("linked", training(), "SUCCEEDED")
    account.job = {"TrainingJobStatus": "Completed"}
    page = execution_view(context.opened.open(arn))
    assert page.aws_console_url == (
        f"https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{arn}"
    )
    job = context.opened.open(arn).reader(page.visits[0].id).job()
    assert job.aws_console_url == "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/job-1"


def test_a_cloud_that_is_away_is_said_and_an_execution_that_is_gone_too(account: Busy, context: Context) -> None:
    arn = account.play("away", recorded("deployed"), "SUCCEEDED")
    account.is_away = True
    with pytest.raises(EndpointConnectionError):
        context.opened.open(arn)
    account.is_away = False
    assert context.opened.open(arn).row.name == "away"
    del account.executions[arn]
    with pytest.raises(RequestError, match="there is no execution"):
        context.opened.open(arn, max_age=0)


def test_what_is_kept_is_bounded_and_what_is_watched_is_not_read_again(
    account: Busy, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    arns = [account.play(f"kept-{number}", recorded("deployed"), "SUCCEEDED") for number in range(5)]
    monkeypatch.setattr(opened, "_MAX_CHARACTERS", 200_000)
    feed = feed_of(context, f"execution:{arns[0]}")
    feed.snapshot()
    for arn in arns:
        context.opened.open(arn)
    reads = account.calls["get_execution_history"]
    assert feed.look() is None
    assert account.calls["get_execution_history"] == reads
    context.opened.open(arns[1])
    assert account.calls["get_execution_history"] == reads + 1


# Logs and jobs


def log_of(context: Context, arn: str) -> Any:
    execution = context.opened.open(arn, max_age=0)
    return execution.reader(next(iter(execution.visits))).log()


def test_of_a_long_log_the_newest_lines_are_read_and_then_what_is_new(account: Busy, context: Context) -> None:
    arn = account.play("long-log", training(with_end=False), "RUNNING")
    lines = [(1000 + number, f"line {number}") for number in range(12_345)]
    account.streams = {"job-1/algo-1": lines, "job-10/algo-1": [(1, "another job's")]}
    log = log_of(context, arn)
    assert [log.group, len(log.lines), log.is_cut, log.is_live] == [GROUP, 5000, True, True]
    assert [log.lines[0].text, log.lines[-1].text] == ["line 7345", "line 12344"]
    calls = account.calls["get_log_events"]
    assert calls <= 7
    lines += [(20_000, "new"), (20_001, "newer")]
    log = log_of(context, arn)
    assert [line.text for line in log.lines[-3:]] == ["line 12344", "new", "newer"]
    assert len(log.lines) == 5000
    assert account.calls["get_log_events"] <= calls + 2
    assert [line.text for line in log_of(context, arn).lines] == [line.text for line in log.lines]


def test_the_instances_of_a_job_are_one_log_in_the_order_of_time(account: Busy, context: Context) -> None:
    arn = account.play("two", training(with_end=False), "RUNNING")
    account.streams = {
        "job-1/algo-1": [(1, "one"), (4, "four")],
        "job-1/algo-2": [(2, "two"), (3, "three")],
    }
    assert [line.text for line in log_of(context, arn).lines] == ["one", "two", "three", "four"]
    account.streams["job-1/algo-1"].append((5, "five"))
    account.streams["job-1/algo-3"] = [(6, "six")]
    assert [line.text for line in log_of(context, arn).lines][-2:] == ["five", "six"]


def test_a_log_that_is_not_there_yet_is_no_problem_and_later_one(account: Busy, context: Context) -> None:
    running = account.play("running", training(with_end=False), "RUNNING")
    assert [log_of(context, running).problem, log_of(context, running).lines] == [None, []]
    ended = account.play("ended", training(), "SUCCEEDED")
    assert f"there is no log group {GROUP}" in log_of(context, ended).problem
    account.refuses["describe_log_streams"] = refusal("AccessDeniedException", "no logs for you", "DescribeLogStreams")
    assert "no logs for you" in log_of(context, ended).problem


def test_a_functions_long_log_is_read_by_pages_and_then_what_is_new(account: Busy, context: Context) -> None:
    events = Events()
    events.add("ExecutionStarted")
    events.add("TaskStateEntered", name="Call", input="{}")
    events.add("TaskScheduled", resourceType="lambda", resource="invoke", parameters='{"FunctionName": "f"}')
    arn = account.play("call", events.events, "RUNNING")
    begin = 1_000_003_000
    lines = [(begin + number, f"line {number} of call") for number in range(3500)]
    account.streams = {"2026/sandbox": [(begin - 60_000, "long before"), *lines]}
    log = log_of(context, arn)
    assert [log.group, len(log.lines), log.lines[0].text] == ["/aws/lambda/f", 3500, "line 0 of call"]
    account.streams["2026/sandbox"].append((begin + 9000, "one more of call"))
    log = log_of(context, arn)
    assert [len(log.lines), log.lines[-1].text] == [3501, "one more of call"]


def test_a_jobs_curves_grow_while_it_trains(account: Busy, context: Context) -> None:
    arn = account.play("curves", training(with_end=False), "RUNNING")
    definitions = [{"Name": "loss", "Regex": r"loss=([0-9.]+)"}]
    account.job = {"TrainingJobStatus": "InProgress", "AlgorithmSpecification": {"MetricDefinitions": definitions}}
    lines = [(1000 * epoch, f"epoch {epoch} loss={1 / epoch}") for epoch in range(1, 7001)]
    account.streams = {"job-1/algo-1": lines}
    reader = context.opened.open(arn).reader(2)
    (series,) = reader.job().metrics
    # All of it, though the log that is shown has only the end; and no more points than can be seen.
    assert [series.points[0].at, series.points[0].value] == [1.0, 1.0]
    assert 1000 < len(series.points) <= 2001
    lines.append((9_000_000, "epoch 7001 loss=0.25"))
    (series,) = reader.job().metrics
    assert [series.points[-1].at, series.points[-1].value] == [9000.0, 0.25]
    assert reader.job().final_metrics == {"loss": 0.25}


def test_a_job_that_was_forgotten_is_described_by_the_history(account: Busy, context: Context) -> None:
    arn = account.play("forgotten", training(), "SUCCEEDED")
    job = context.opened.open(arn).reader(2).job()
    assert [job.status, job.created_at, job.problem] == ["Completed", 1_767_225_600.0, None]
    running = account.play("unknown", training(with_end=False), "RUNNING")
    assert "Requested resource not found" in str(context.opened.open(running).reader(2).job().problem)


@pytest.mark.parametrize(
    "description",
    [
        {"InputDataConfig": 3, "ResourceConfig": [], "HyperParameters": "x", "SecondaryStatusTransitions": [1, {}]},
        {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": 1}, {"Name": "m", "Regex": "("}, 7]}},
        {"CreationTime": "yesterday", "FinalMetricDataList": [{"MetricName": "m"}, {"Value": float("nan")}]},
        {"TrainingStartTime": BEGIN, "TrainingEndTime": BEGIN + timedelta(seconds=5), "BillableTimeInSeconds": "5"},
    ],
)  # fmt: skip
def test_a_description_of_any_kind_is_shown(account: Busy, context: Context, description: dict[str, Any]) -> None:
    arn = account.play("odd", training(), "SUCCEEDED")
    account.job = {"TrainingJobStatus": "Completed", **description}
    account.streams = {"job-1/algo-1": [(1, "m=3")]}
    job = context.opened.open(arn).reader(2).job()
    assert [job.status, job.problem] == ["Completed", None]
    assert json.loads(job.model_dump_json())


def test_the_time_of_a_state_is_what_its_attempts_took(account: Busy, context: Context) -> None:
    arn = account.play("timed", training(), "SUCCEEDED")
    visit = context.opened.open(arn).visits[2]
    assert datetime.fromtimestamp(visit.entered_at, BEGIN.tzinfo) == read_time(1_000_002)
    assert execution_arn("timed") == arn
