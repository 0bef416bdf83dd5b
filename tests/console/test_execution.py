"""One execution over HTTP: a run that is deployed, one that fails, and what past runs have left of theirs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.histories import DEFINITION as MAP_DEFINITION
from benchmarks.histories import long_history
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from tests.cloud.local_cloud import wait_until
from tests.console.browser import Browser, home_with_runs, serving
from tests.recorded import recorded, recorded_definition
from tests.runs.conftest import Execution, Site

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy"
HOSTILE = '</script><img src=x onerror="alert(1)">\u202e\ud800\x1b[31m'


@pytest.fixture(scope="module")
def deployed(site: Site, console: Browser) -> Execution:
    execution = site.start("diabetes", "console-deployed")
    execution.wait()
    return execution


@pytest.fixture(scope="module")
def failed(site: Site, console: Browser) -> Execution:
    execution = site.start("diabetes", "console-failed", overrides={"hyperparameters": {"model": "nope"}})
    execution.wait()
    return execution


def page_of(console: Browser, arn: str) -> dict[str, Any]:
    answer = console.get("/api/execution", arn=arn)
    assert answer.status == 200, answer.body
    page: dict[str, Any] = answer.json()
    return page


def visit_of(page: dict[str, Any], name: str) -> dict[str, Any]:
    return next(visit for visit in page["visits"] if visit["name"] == name)


def past_console(home: Path) -> Context:
    """A console without a cloud: only past runs are left."""
    return Context(Connection(home=home), home=home, project=None)


# In the cloud


def test_an_execution_has_all_that_is_needed_to_draw_it(console: Browser, deployed: Execution) -> None:
    page = page_of(console, deployed.arn)
    assert page["row"]["status"] == "SUCCEEDED"
    assert page["row"]["outcome"] == "DEPLOYED"
    assert json.loads(page["input"]) == {"recipe": "diabetes"}
    assert json.loads(page["output"])["status"] == "DEPLOYED"
    assert page["definition"]["StartAt"] == "Prepare run"
    assert [page["is_complete"], page["failed_visit"], page["can_stop"], page["can_redrive"]] == [
        True,
        None,
        False,
        False,
    ]
    assert page["aws_console_url"] is None
    assert [event["id"] for event in page["events"]] == list(range(1, len(page["events"]) + 1))
    names = [visit["name"] for visit in page["visits"]]
    assert names[:3] == ["Prepare run", "Is the data split?", "Split data"]
    use, transform, wait = (visit_of(page, name) for name in ("Use model", "Transform test data", "Wait for endpoint"))
    assert [use["items"], use["type"], use["parent"]] == [2, "Parallel", None]
    assert [transform["parent"], transform["branch"], transform["attempt"]] == [use["id"], 0, 1]
    assert [wait["branch"], wait["function"]] == [1, "switchyard-wait-for-endpoint"]
    assert visit_of(page, "Train model")["job"].startswith("switchyard-console-deployed")
    visits = {visit["id"] for visit in page["visits"]}
    assert {event["visit"] for event in page["events"]} - visits == {None}


def test_an_event_has_its_details(console: Browser, deployed: Execution) -> None:
    event = console.get("/api/execution/event", arn=deployed.arn, id=1).json()["event"]
    assert event["type"] == "ExecutionStarted"
    assert json.loads(event["executionStartedEventDetails"]["input"]) == {"recipe": "diabetes"}
    assert event["timestamp"][:2] == "20"


def test_a_state_has_input_output_parameters_definition_and_attempts(console: Browser, deployed: Execution) -> None:
    train = visit_of(page_of(console, deployed.arn), "Train model")
    state = console.get("/api/execution/state", arn=deployed.arn, visit=train["id"]).json()
    assert state["visit"] == train
    assert json.loads(state["input"])["recipe"] == "diabetes"
    assert json.loads(state["output"])["training_job"]["name"] == train["job"]
    assert state["parameters"]["TrainingJobName"] == train["job"]
    assert state["definition"]["Type"] == "Task"
    (attempt,) = state["attempts"]
    assert train["entered_at"] <= attempt["started_at"] <= attempt["ended_at"] <= train["exited_at"]
    assert [attempt["error"], attempt["is_aborted"]] == [None, False]


def test_a_retried_state_tells_of_each_attempt(console: Browser, deployed: Execution) -> None:
    wait = visit_of(page_of(console, deployed.arn), "Wait for endpoint")
    attempts = console.get("/api/execution/state", arn=deployed.arn, visit=wait["id"]).json()["attempts"]
    assert [attempt["number"] for attempt in attempts] == list(range(1, wait["retries"] + 2))
    assert [attempt["error"] for attempt in attempts] == ["EndpointNotReady"] * wait["retries"] + [None]
    for attempt in attempts[:-1]:
        assert "endpoint" in attempt["reason"].lower()
        assert attempt["traceback"][-1].startswith("EndpointNotReady: ")


def test_a_jobs_log_is_its_own(console: Browser, deployed: Execution) -> None:
    train = visit_of(page_of(console, deployed.arn), "Train model")
    log = console.get("/api/execution/log", arn=deployed.arn, visit=train["id"]).json()
    assert [log["group"], log["problem"], log["is_cut"]] == ["/aws/sagemaker/TrainingJobs", None, False]
    lines = [line["text"] for line in log["lines"]]
    assert lines[-1].startswith("validation rmse=")
    # The other run's lines are in the same group.
    assert sum(line.startswith("validation rmse=") for line in lines) == 1
    assert all(train["entered_at"] <= line["at"] <= train["exited_at"] + 1 for line in log["lines"])


def test_a_functions_log_has_only_this_executions_lines(
    console: Browser, deployed: Execution, failed: Execution
) -> None:
    def reported(execution: Execution) -> set[str]:
        prepare = visit_of(page_of(console, execution.arn), "Prepare run")
        log = console.get("/api/execution/log", arn=execution.arn, visit=prepare["id"]).json()
        assert log["group"] == "/aws/lambda/switchyard-prepare-run"
        assert {line["level"] for line in log["lines"]} <= {"INFO", None}, log
        assert any("Prepared the run" in line["text"] for line in log["lines"]), log
        return {line["text"].split()[2] for line in log["lines"] if line["text"].startswith("REPORT RequestId")}

    # What a function prints and what is reported of it come by different ways, and in either order.
    first, second = (wait_until(lambda each=each: reported(each)) for each in (deployed, failed))
    assert not first & second


def test_a_state_that_logs_nothing_says_so(console: Browser, deployed: Execution) -> None:
    create = visit_of(page_of(console, deployed.arn), "Create model")
    log = console.get("/api/execution/log", arn=deployed.arn, visit=create["id"]).json()
    assert [log["lines"], log["group"], log["is_live"]] == [[], None, False]
    assert "only states that run a job" in log["problem"]


def test_a_training_job_has_its_curves_its_data_and_its_steps(console: Browser, deployed: Execution) -> None:
    train = visit_of(page_of(console, deployed.arn), "Train model")
    job = console.get("/api/execution/job", arn=deployed.arn, visit=train["id"]).json()
    assert [job["kind"], job["name"], job["status"]] == ["Training", train["job"], "Completed"]
    assert job["hyperparameters"]["alpha"] == "10"
    assert set(job["final_metrics"]) == {"rmse", "mse", "r2", "mae"}
    for series in job["metrics"]:
        (point,) = series["points"]
        assert point["value"] == job["final_metrics"][series["name"]]
        assert job["created_at"] <= point["at"] <= job["ended_at"] + 1
    assert [place["name"] for place in job["inputs"]] == ["train", "validation"]
    assert job["outputs"][0]["uri"].endswith("/output/model.tar.gz")
    assert [step["status"] for step in job["steps"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert [job["instance_type"], job["instance_count"], job["metrics_note"]] == ["ml.m5.large", 1, None]


@pytest.mark.parametrize(("state", "kind"), [("Split data", "Processing"), ("Transform test data", "Transform")])
def test_the_other_jobs_have_theirs(console: Browser, deployed: Execution, state: str, kind: str) -> None:
    visit = visit_of(page_of(console, deployed.arn), state)
    job = console.get("/api/execution/job", arn=deployed.arn, visit=visit["id"]).json()
    assert [job["kind"], job["status"], job["metrics"], job["problem"]] == [kind, "Completed", [], None]
    assert job["inputs"][0]["uri"].startswith("s3://")
    assert job["outputs"][0]["uri"].startswith("s3://")
    assert job["instance_type"] == "ml.m5.large"
    assert [step["status"] for step in job["steps"]] == ["Starting", "InProgress"]


def test_a_failed_execution_says_where_and_why(console: Browser, failed: Execution) -> None:
    page = page_of(console, failed.arn)
    train = visit_of(page, "Train model")
    assert page["row"]["status"] == "FAILED"
    assert page["failed_visit"] == train["id"]
    assert train["status"] == "CAUGHT"
    assert "invalid choice: 'nope'" in train["reason"]
    assert "invalid choice: 'nope'" in page["cause"]
    assert [page["can_redrive"], page["can_stop"], page["is_complete"]] == [True, False, True]
    job = console.get("/api/execution/job", arn=failed.arn, visit=train["id"]).json()
    assert job["status"] == "Failed"
    assert "AlgorithmError" in job["reason"]


def test_a_history_can_be_saved_as_it_is(console: Browser, deployed: Execution) -> None:
    answer = console.get("/api/execution/history.json", arn=deployed.arn)
    assert answer.headers["content-disposition"] == 'attachment; filename="console-deployed-history.json"'
    kept = json.loads((deployed.kept / "history.json").read_text())["events"]
    found = answer.json()["events"]
    assert [event["id"] for event in found] == [event["id"] for event in kept]
    assert found[0]["executionStartedEventDetails"] == kept[0]["executionStartedEventDetails"]


def test_a_run_is_seen_from_its_start_to_its_end(console: Browser, site: Site) -> None:
    execution = site.start("diabetes", "console-live")
    with console.live(f"execution:{execution.arn}") as messages:
        page = next(messages)["data"]
        known = {visit["id"]: visit for visit in page["visits"]}
        kinds = set()
        while page["row"]["status"] == "RUNNING" or not page["events"][-1]["type"].startswith("ExecutionS"):
            message = next(messages)
            kinds.add(message["kind"])
            assert message["kind"] == "change", message
            change = message["data"]
            # Each event comes once.
            assert not change["events"] or change["events"][0]["id"] == page["events"][-1]["id"] + 1
            known.update({visit["id"]: visit for visit in change["visits"]})
            page = {**page, **change, "events": page["events"] + change["events"], "visits": list(known.values())}
    assert kinds == {"change"}
    whole = page_of(console, execution.arn)
    assert page == whole


def test_a_redrive_is_seen(console: Browser, site: Site, failed: Execution) -> None:
    with console.live(f"execution:{failed.arn}") as messages:
        before = next(messages)["data"]
        site.client("stepfunctions").redrive_execution(executionArn=failed.arn)
        console.context.hub.wake("execution")
        row, events, known = before["row"], before["events"], len(before["events"])
        # It may be over before anybody sees it run; what lasts are its events, and the count.
        while row["status"] != "FAILED" or len(events) == known or events[-1]["type"] != "ExecutionFailed":
            change = next(messages)["data"]
            row = change["row"]
            events += change["events"]
    assert events[known]["type"] == "ExecutionRedriven"
    assert row["redrives"] == 1
    assert [event["type"] for event in events].count("ExecutionRedriven") == 1
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert page_of(console, failed.arn)["row"]["redrives"] == 1


def test_a_log_and_a_job_are_told_live(console: Browser, deployed: Execution) -> None:
    train = visit_of(page_of(console, deployed.arn), "Train model")["id"]
    with console.live(f"log:{deployed.arn}#{train}", f"job:{deployed.arn}#{train}") as messages:
        found = {message["topic"].partition(":")[0]: message["data"] for message in (next(messages), next(messages))}
    assert found["log"]["lines"] == console.get("/api/execution/log", arn=deployed.arn, visit=train).json()["lines"]
    assert found["job"]["status"] == "Completed"


def test_a_log_group_that_was_deleted_is_said(console: Browser, site: Site) -> None:
    execution = site.start("diabetes", "console-no-log")
    execution.wait()
    logs = site.client("logs")
    kept = [
        stream["logStreamName"]
        for stream in logs.describe_log_streams(logGroupName="/aws/sagemaker/ProcessingJobs")["logStreams"]
    ]
    assert any("console-no-log" in name for name in kept)
    logs.delete_log_group(logGroupName="/aws/sagemaker/ProcessingJobs")
    split = visit_of(page_of(console, execution.arn), "Split data")["id"]
    log = console.get("/api/execution/log", arn=execution.arn, visit=split).json()
    assert log["lines"] == []
    assert log["problem"].startswith("there is no log group /aws/sagemaker/ProcessingJobs")


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("", {"arn": f"{MACHINE.replace('stateMachine', 'execution')}:nobody"}, 404, "there is no execution"),
        ("", {"arn": "nonsense"}, 404, "there is no execution nonsense"),
        ("", {"arn": "../../etc/passwd"}, 404, "there is no execution"),
        ("", {}, 400, "the query needs arn"),
        ("/state", {"arn": "DEPLOYED", "visit": "3"}, 404, "has entered no state"),
        ("/log", {"arn": "DEPLOYED", "visit": "100000"}, 404, "has entered no state"),
        ("/job", {"arn": "DEPLOYED", "visit": "2"}, 404, "runs no SageMaker job"),
        ("/event", {"arn": "DEPLOYED", "id": "100000"}, 404, "has no event 100000"),
        ("/event", {"arn": "DEPLOYED", "id": "x"}, 400, "id must be a whole number"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(
    console: Browser, deployed: Execution, path: str, query: dict[str, str], status: int, words: str
) -> None:
    given = {key: deployed.arn if value == "DEPLOYED" else value for key, value in query.items()}
    answer = console.get(f"/api/execution{path}", **given)
    assert [answer.status, answer.json()["status"]] == [status, status]
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("topic", ["execution:nonsense", "log:nonsense", "log:nonsense#x", "job:nonsense#2"])
def test_a_topic_about_nothing_says_why(console: Browser, topic: str) -> None:
    with console.live(topic) as messages:
        assert next(messages)["kind"] == "problem"


# What past runs have left


@pytest.fixture(scope="module")
def past(deployed: Execution, failed: Execution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The same runs, when their cloud is no more."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(deployed.site.home / "runs", home / "runs")
    with serving(past_console(home)) as browser:
        yield browser


def test_a_past_run_is_shown_as_it_was(console: Browser, past: Browser, deployed: Execution) -> None:
    then, now = page_of(console, deployed.arn), page_of(past, deployed.arn)
    assert now["row"] == {**then["row"], "is_past": True}
    assert {**now, "row": None} == {**then, "row": None}
    train = visit_of(now, "Train model")["id"]
    query = {"arn": deployed.arn, "visit": train}
    assert past.get("/api/execution/state", **query).json() == console.get("/api/execution/state", **query).json()
    then_log, log = (each.get("/api/execution/log", **query).json() for each in (console, past))
    assert [line["text"] for line in log["lines"]] == [line["text"] for line in then_log["lines"]]
    assert {line["at"] for line in log["lines"]} == {None}
    then_job, job = (each.get("/api/execution/job", **query).json() for each in (console, past))
    assert job["final_metrics"] == then_job["final_metrics"]
    assert "no times" in job["metrics_note"]
    for series in job["metrics"]:
        assert all(job["started_at"] <= point["at"] <= job["ended_at"] for point in series["points"])
    with past.live(f"execution:{deployed.arn}") as messages:
        assert next(messages)["data"] == now


def test_a_past_run_is_read_once_also_beside_a_cloud(console: Browser, site: Site, deployed: Execution) -> None:
    home_with_runs(
        site.home,
        {
            "read-once": {
                "execution.json": describe("read-once"),
                "history.json": {"events": recorded("training_failed")},
                "definition.json": recorded_definition("training_failed"),
            }
        },
    )
    page = page_of(console, arn_of("read-once"))
    assert page["row"]["is_past"]
    (site.home / "runs" / "read-once" / "history.json").unlink()
    event = console.get("/api/execution/event", arn=arn_of("read-once"), id=1)
    assert [event.status, event.json()["event"]["type"]] == [200, "ExecutionStarted"]
    shutil.rmtree(site.home / "runs" / "read-once")


def test_a_past_run_that_failed_cannot_be_redriven(past: Browser, failed: Execution) -> None:
    page = page_of(past, failed.arn)
    assert [page["can_redrive"], page["can_stop"]] == [False, False]
    assert page["failed_visit"] == visit_of(page, "Train model")["id"]


def describe(name: str, status: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {
        "executionArn": f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}",
        "stateMachineArn": MACHINE,
        "name": name,
        "status": status,
        "startDate": "2026-11-21T08:00:00+00:00",
        "stopDate": "2026-11-21T08:01:00+00:00",
        "input": "{}",
        **more,
    }


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Runs whose files are missing, broken, cut off, or made by somebody who means no good."""
    events = recorded("branch_failed")
    hostile = json.loads(
        json.dumps(recorded("training_failed"))
        .replace("Train model", json.dumps(HOSTILE)[1:-1])
        .replace("unrecognized arguments", json.dumps(json.dumps(HOSTILE)[1:-1])[1:-1])
    )
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    definition = recorded_definition("branch_failed")
    home = home_with_runs(
        tmp_path_factory.mktemp("home"),
        {
            "alone": {"execution.json": describe("alone")},
            "cut": {
                "execution.json": describe("cut", "RUNNING", stopDate=None),
                "history.json": {"events": events[:40]},
                "definition.json": definition,
            },
            "gap": {
                "execution.json": describe("gap", "FAILED"),
                "history.json": {"events": events[:20] + events[25:]},
                "definition.json": {"States": 1},
            },
            "hostile": {
                "execution.json": describe("hostile", "FAILED", cause=HOSTILE, error=HOSTILE),
                "history.json": {"events": hostile},
                "definition.json": {"States": {HOSTILE: {"Type": "Task", "Deep": deep}}},
            },
            "map": {
                "execution.json": describe("map"),
                "history.json": recorded("map_retried_redriven"),
                "definition.json": recorded_definition("map_retried_redriven"),
            },
            "long": {
                "execution.json": describe("long"),
                "history.json": {"events": long_history()},
                "definition.json": MAP_DEFINITION,
            },
        },
    )
    (home / "runs" / "alone" / "history.json").write_text("[" * 100_000)
    (home / "runs" / "alone" / "definition.json").write_text('{"StartAt": ')
    with serving(past_console(home)) as browser:
        yield browser


def arn_of(name: str) -> str:
    return str(describe(name)["executionArn"])


def test_a_history_that_cannot_be_read_is_said(damaged: Browser) -> None:
    page = page_of(damaged, arn_of("alone"))
    assert [page["visits"], page["events"], page["is_complete"]] == [[], [], False]
    assert "history.json" in page["problem"]
    assert "broken" in page["problem"]
    assert page["definition"] is None
    assert "not JSON" in page["definition_problem"]


def test_a_history_that_ends_midway_ends_there(damaged: Browser) -> None:
    page = page_of(damaged, arn_of("cut"))
    assert [page["row"]["status"], page["is_complete"], len(page["events"])] == ["ABORTED", False, 40]
    assert not {"RUNNING", "RETRYING"} & {visit["status"] for visit in page["visits"]}
    assert page["can_stop"] is False


def test_a_history_with_a_gap_says_so(damaged: Browser) -> None:
    page = page_of(damaged, arn_of("gap"))
    assert page["is_complete"] is False
    assert page["row"]["status"] == "FAILED"
    assert page["definition_problem"] == "the definition has no States"


def test_hostile_text_stays_text(damaged: Browser) -> None:
    arn = arn_of("hostile")
    page = page_of(damaged, arn)
    shown = HOSTILE.replace("\ud800", "?")
    assert [page["error"], page["cause"]] == [shown, shown]
    train = visit_of(page, shown)
    assert shown in page["definition"]["States"]
    assert "nested too deep" in json.dumps(page["definition"])
    query = {"arn": arn, "visit": train["id"]}
    assert damaged.get("/api/execution/state", **query).json()["visit"]["name"] == shown
    listed = damaged.get("/api/executions").json()["rows"]
    assert shown in [row["reason"] for row in listed]
    for path in ("log", "job", "history.json"):
        assert damaged.get(f"/api/execution/{path}", **query).status == 200
    for event in page["events"]:
        assert damaged.get("/api/execution/event", arn=arn, id=event["id"]).status == 200


def test_a_maps_items_have_their_index_and_its_attempts_their_number(damaged: Browser) -> None:
    page = page_of(damaged, arn_of("map"))
    each = visit_of(page, "Each")
    assert [each["items"], each["length"], each["redrives"]] == [3, 3, 1]
    asked = [(v["attempt"], v["branch"], v["status"]) for v in page["visits"] if v["name"] == "Ask"]
    assert sorted(asked) == [
        (1, 0, "SUCCEEDED"),
        (1, 1, "FAILED"),
        (1, 2, "SUCCEEDED"),
        (2, 0, "SUCCEEDED"),
        (2, 1, "SUCCEEDED"),
        (2, 2, "SUCCEEDED"),
    ]


def test_an_execution_as_long_as_aws_lets_it_be_is_opened(damaged: Browser) -> None:
    page = page_of(damaged, arn_of("long"))
    assert len(page["events"]) > 24_900
    assert len(page["visits"]) == 6003
    assert page["is_complete"]
