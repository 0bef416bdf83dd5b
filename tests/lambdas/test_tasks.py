from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoRegionError
from shared.aws import is_transient
from shared.errors import InvalidRun, ServiceFault
from shared.observability import logger, publish_metrics, publish_run_metrics
from shared.settings import PrepareRunSettings, read_settings
from shared.tasks import StateEvent, TaskEvent, task


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("SlowDown", 503),
        client_error("InternalError", 500),
        client_error("Anything", 429),
        EndpointConnectionError(endpoint_url="http://nowhere"),
    ],
)
def test_what_a_retry_can_help_is_a_service_fault(error: Exception, context: Any) -> None:
    @task
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(ServiceFault, match=type(error).__name__) as raised:
        handler({}, context)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [client_error("AccessDenied", 403), NoRegionError(), InvalidRun("x")])
def test_other_errors_keep_their_names(error: Exception, context: Any) -> None:
    @task
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(type(error)):
        handler({}, context)


def test_an_error_without_a_response_is_judged_by_its_code() -> None:
    assert is_transient(ClientError({"Error": {"Code": "Throttling"}}, "Op"))
    assert not is_transient(ClientError({}, "Op"))


def test_log_lines_carry_the_executions_name(context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # One log line a call: Powertools' logger writes to the stdout it was made with.
    seen = []

    @task
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.append(logger.get_correlation_id())
        return {}

    handler({"execution": "diabetes-1"}, context)
    handler({}, context)
    assert seen == ["diabetes-1", None]


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (
            {"execution": "d-1", "state_name": "Check metrics", "recipe": "d"},
            {"execution": "d-1", "state": "Check metrics", "recipe": "d"},
        ),
        ({"execution": "d-1", "state": {"recipe": "d"}}, {"execution": "d-1", "recipe": "d"}),
        ({"execution": 3, "state": "Roll back", "recipe": None}, {}),
        ([], {}),
    ],
)
def test_log_lines_name_execution_recipe_and_state(event: Any, keys: dict[str, str], context: Any) -> None:
    seen: dict[str, Any] = {}

    @task
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.update(logger.get_current_keys())
        return {}

    handler(event, context)
    assert {key: seen[key] for key in ("execution", "recipe", "state") if key in seen} == keys


def test_metrics_are_one_line_of_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    publish_metrics("diabetes", {"RowsPredicted": 3, "test_rmse": 1.5, "test_r2": float("nan")})
    line = json.loads(capsys.readouterr().out)
    assert (line["recipe"], line["RowsPredicted"], line["test_rmse"]) == ("diabetes", [3.0], [1.5])
    assert "test_r2" not in line
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Switchyard"
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["recipe", "service"]]


def published(text: str) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Read lines of embedded metric format: the values by the values of the dimensions."""
    found = {}
    for line in map(json.loads, text.splitlines()):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        values = {metric["Name"]: (line[metric["Name"]], metric["Unit"]) for metric in directive["Metrics"]}
        found[tuple(line[name] for name in sorted(names))] = values
    return found


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ("DEPLOYED", {"RunsDeployed", "ModelsDeployed"}),
        ("REJECTED", {"RunsRejected"}),
        ("APPROVED", {"RunsRegistered"}),
        ("FAILED", {"RunsFailed"}),
        ("TIMED_OUT", {"RunsFailed"}),
    ],
)
def test_a_runs_end_is_counted_for_its_recipe_and_for_all(
    status: str, counted: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    publish_run_metrics("diabetes", status, 12.5)
    assert published(capsys.readouterr().out) == by_dimensions(status, counted, "RunDuration")


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ("RELEASED", {"ReleasesDone", "ModelsDeployed"}),
        ("ROLLED_BACK", {"ReleasesTakenBack"}),
        ("COMPARED", {"ReleasesCompared"}),
        ("ABORTED", {"ReleasesFailed"}),
    ],
)
def test_a_releases_end_is_counted_apart_from_runs(
    status: str, counted: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    publish_run_metrics("diabetes", status, 12.5, is_release=True)
    assert published(capsys.readouterr().out) == by_dimensions(status, counted, "ReleaseDuration")


def by_dimensions(status: str, counted: set[str], timed: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """What the end of something that took 12.5 seconds is to be published as."""
    duration = {timed: ([12.5], "Seconds")}
    both = {**{name: ([1.0], "Count") for name in counted}, **duration}
    return {("switchyard",): both, ("switchyard", status): duration, ("diabetes", "switchyard"): both}


def test_a_run_that_never_knew_its_recipe_nor_its_start_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    publish_run_metrics(None, "FAILED", None)
    assert published(capsys.readouterr().out) == {("switchyard",): {"RunsFailed": ([1.0], "Count")}}


def test_nothing_to_publish_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    publish_metrics("diabetes", {"rmse": float("inf")})
    assert capsys.readouterr().out == ""


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIFACT_BUCKET")
    with pytest.raises(ValueError, match="ARTIFACT_BUCKET"):
        read_settings(PrepareRunSettings)


class Event(StateEvent):
    names: dict[str, str] | None = None
    error: dict[str, str] | None = None


def test_a_state_of_this_execution_is_read_and_keys_beside_it_win() -> None:
    state = {"execution": "e", "names": {"model": "m"}, "error": {"Error": "inner"}}
    event = Event.model_validate({"execution": "e", "state": state, "error": {"Error": "outer"}})
    assert event.names == {"model": "m"}
    assert event.error == {"Error": "outer"}


@pytest.mark.parametrize(
    "state", [{"execution": "other", "names": {"model": "m"}}, {"names": {"model": "m"}}, {"execution": "e"}]
)
def test_a_state_that_is_not_this_executions_is_not_believed(state: dict[str, Any]) -> None:
    event = Event.model_validate({"execution": "e", "state": {**state, "error": {"Error": "X"}}})
    assert event.names is None
    assert event.error == {"Error": "X"}


def test_unknown_keys_are_ignored() -> None:
    assert TaskEvent.model_validate({"execution": "e", "other": 1}).execution == "e"


def test_functions_trace_without_a_daemon_to_trace_to() -> None:
    # In a process of its own: inside Lambda, Powertools patches botocore for good.
    code = """
import sys; sys.path.insert(0, "lambdas")
from types import SimpleNamespace
from moto import mock_aws
import wait_for_endpoint
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r"
)
with mock_aws():
    try:
        wait_for_endpoint.handler({"execution": "e", "endpoint": "none", "endpoint_config": "c"}, context)
    except Exception as error:
        print(error)
"""
    environment = {
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:1",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_SERVICE_NAME": "switchyard",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "Endpoint 'none' is gone" in done.stdout, done.stderr
