from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound
from botocore.stub import Stubber

from switchyard import launcher
from switchyard.aws.client import Cloud, Preparation, connect, connect_local
from switchyard.aws.endpoint import invoke_endpoint
from switchyard.aws.errors import explain
from switchyard.aws.target import Target
from switchyard.errors import SwitchyardError, UsageError
from switchyard.executions.following import SavedRun, follow, read_new_events, start_execution
from switchyard.launcher import RunningCloud
from tests.fake_cloud import EXECUTION, MACHINE, FakeCloud, refusal
from tests.recorded import recorded


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "SWITCHYARD_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, Any]], str]]:
    """Starts HTTP servers that answer GET by path with JSON; 404 where there is none."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answers: dict[str, Any]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers.get(self.path)).encode()
                self.send_response(200 if self.path in answers else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def aws_cloud(**options: Any) -> Cloud:
    session = boto3.session.Session("test", "test", region_name="eu-west-1")
    return Cloud(session, **options)


def healthy(pid: int) -> dict[str, Any]:
    return {"/_switchyard/health": {"status": "ready", "pid": pid, "stack_name": "mine"}}


# Connecting


def test_without_anything_there_is_no_cloud(tmp_path: Path):
    assert connect(Target(), tmp_path) is None


def test_the_cloud_of_the_state_folder_is_found(tmp_path: Path, serve: Any):
    url = serve(healthy(42))
    (tmp_path / "cloud.json").write_text(json.dumps({"endpoint_url": url, "pid": 42, "stack_name": "mine"}))
    cloud = connect(Target(), tmp_path)
    assert cloud is not None
    assert (cloud.endpoint_url, cloud.stack_name, cloud.region) == (url, "mine", "us-east-1")
    assert cloud.is_local
    assert cloud.is_switchyard


def test_what_a_dead_cloud_left_behind_is_ignored(tmp_path: Path, serve: Any):
    note = tmp_path / "cloud.json"
    for content in (
        "not json",
        "[]",
        '{"pid": 42}',
        json.dumps({"endpoint_url": "http://127.0.0.1:9", "pid": 42}),  # nothing listens
        json.dumps({"endpoint_url": "ftp://127.0.0.1", "pid": 42}),
        json.dumps({"endpoint_url": serve({}), "pid": 42}),  # something else listens
        json.dumps({"endpoint_url": serve(healthy(43)), "pid": 42}),  # another cloud has that port now
    ):
        note.write_text(content)
        assert launcher.find_cloud(tmp_path) is None


def test_a_cloud_that_belongs_to_a_run_is_only_for_looking(tmp_path: Path, serve: Any):
    url = serve(healthy(42))
    note = {"endpoint_url": url, "pid": 42, "parent_pipe": True}
    (tmp_path / "cloud.json").write_text(json.dumps(note))
    running = launcher.find_cloud(tmp_path)
    assert running is not None
    assert launcher.find_cloud(tmp_path, to_keep=True) is None
    with launcher.kept_up(tmp_path, running):
        assert launcher.find_cloud(tmp_path, to_keep=True) == running
    assert launcher.find_cloud(tmp_path, to_keep=True) is None


def test_the_cloud_that_is_kept_up_is_found_whatever_a_run_beside_it_has_noted(tmp_path: Path, serve: Any):
    kept = launcher.RunningCloud(serve(healthy(42)), 42)
    with launcher.kept_up(tmp_path, kept):
        of_a_run = {"endpoint_url": serve(healthy(43)), "pid": 43, "parent_pipe": True}
        (tmp_path / "cloud.json").write_text(json.dumps(of_a_run))
        found = launcher.find_cloud(tmp_path, to_keep=True)
        (tmp_path / "cloud.json").unlink()  # as that run does at its end
        for running in (found, launcher.find_cloud(tmp_path)):
            assert running is not None
            assert running.endpoint_url == kept.endpoint_url


def test_an_explicit_endpoint_comes_first(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", serve(healthy(42)))
    cloud = connect(Target(region="eu-central-1"), tmp_path)
    assert cloud is not None
    assert cloud.is_switchyard
    assert cloud.region == "eu-central-1"


def test_an_explicit_endpoint_may_be_another_product(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", serve({}))
    cloud = connect(Target(stack="s"), tmp_path)
    assert cloud is not None
    assert not cloud.is_switchyard
    assert cloud.stack_name == "s"


@pytest.mark.parametrize("address", ["garbage", "127.0.0.1:4599", "http://", "ftp://127.0.0.1"])
def test_an_endpoint_that_is_no_address_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(UsageError, match="is no address"):
        connect(Target())


def test_an_account_is_used_when_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    cloud = connect(Target(aws=True, region="eu-west-1", stack="prod"))
    assert cloud is not None
    assert not cloud.is_local
    assert cloud.endpoint_url is None
    assert str(cloud) == "AWS, region eu-west-1"


def test_the_local_cloud_never_sees_real_credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    cloud = connect_local(RunningCloud("http://127.0.0.1:9", 1))
    assert cloud.session.get_credentials().access_key == "test"
    assert cloud.client("s3").meta.endpoint_url == "http://127.0.0.1:9"
    assert cloud.client("s3") is cloud.client("s3")


def test_a_prepared_session_is_used():
    preparation = Preparation()
    cloud = connect_local(RunningCloud("http://127.0.0.1:9", 1), preparation)
    assert cloud.session is preparation.session


def test_a_missing_region_is_named():
    with pytest.raises(NoRegionError):
        _ = Cloud(boto3.session.Session("test", "test")).region


# The stack


def test_outputs_come_from_the_stack():
    cloud = aws_cloud()
    with Stubber(cloud.client("cloudformation")) as stub:
        stack = {
            "StackName": "switchyard",
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": 0,
            "Outputs": [{"OutputKey": "DataBucketName", "OutputValue": "data-1"}],
        }
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "switchyard"})
        assert cloud.output("DataBucketName") == "data-1"
        with pytest.raises(SwitchyardError, match="has no output DataBucket; did you mean 'DataBucketName'"):
            cloud.output("DataBucket")


def test_a_missing_stack_is_named_with_what_to_do():
    cloud = aws_cloud(stack_name="prod")
    with Stubber(cloud.client("cloudformation")) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack with id prod does not exist")
        with pytest.raises(SwitchyardError, match=r"no stack 'prod' in AWS, region eu-west-1; deploy it with `sam"):
            _ = cloud.outputs


@pytest.mark.parametrize(
    "name",
    ["train_and_deploy", "train-and-deploy", "TrainAndDeploy", "switchyard-train-and-deploy", MACHINE],
)
def test_a_workflow_is_found_however_its_name_is_written(name: str):
    assert FakeCloud().find_workflow(name) == MACHINE


def test_an_unknown_workflow_gets_the_nearest_name():
    with pytest.raises(UsageError, match=r"no workflow 'train_and_deplyo' in .*; did you mean 'train_and_deploy'"):
        FakeCloud().find_workflow("train_and_deplyo")


def test_workflows_are_the_outputs_and_what_else_is_there():
    cloud = aws_cloud(endpoint_url="http://127.0.0.1:9")
    cloud.outputs = {"TrainAndDeployStateMachineArn": MACHINE, "DataBucketName": "b"}
    other = MACHINE.replace("switchyard-train-and-deploy", "nightly")
    with Stubber(cloud.client("stepfunctions")) as stub:
        machines = [
            {"stateMachineArn": arn, "name": arn.rsplit(":", 1)[-1], "type": "STANDARD", "creationDate": 0}
            for arn in (MACHINE, other)
        ]
        stub.add_response("list_state_machines", {"stateMachines": machines})
        assert cloud.workflows() == {"TrainAndDeploy": MACHINE, "nightly": other}


def test_an_execution_is_found_by_name_and_by_arn():
    cloud = FakeCloud()
    cloud.stepfunctions.add("first", "deployed")
    by_name, by_arn = cloud.find_execution("first"), cloud.find_execution(f"{EXECUTION}:first")
    assert by_name is not None
    assert by_name == by_arn
    assert cloud.find_execution("second") is None
    assert cloud.find_execution("no such name!") is None


# Executions


def test_a_new_execution_is_started():
    cloud = FakeCloud()
    assert start_execution(cloud, MACHINE, "first", {"recipe": "diabetes"}) == (f"{EXECUTION}:first", False)


def test_a_repeated_start_is_the_same_execution():
    cloud = FakeCloud()
    start_execution(cloud, MACHINE, "first", {"recipe": "diabetes"})
    assert start_execution(cloud, MACHINE, "first", {"recipe": "diabetes"}) == (f"{EXECUTION}:first", True)


def test_a_name_with_another_input_is_refused():
    cloud = FakeCloud()
    start_execution(cloud, MACHINE, "first", {"recipe": "diabetes"})
    with pytest.raises(UsageError, match=r"there is a run 'first' already, with another input: .*diabetes.*housing"):
        start_execution(cloud, MACHINE, "first", {"recipe": "housing"})


def test_an_oversized_input_is_refused_before_anything_is_sent():
    with pytest.raises(UsageError, match=r"the input has 300,\d\d\d bytes; Step Functions takes 262,144"):
        start_execution(FakeCloud(), MACHINE, "first", {"text": "x" * 300_000})


def test_only_new_events_are_read():
    cloud = FakeCloud()
    cloud.stepfunctions.add("first", "deployed")
    events = recorded("deployed")
    known = {event["id"]: event for event in events[:-50]}
    read_new_events(cloud.stepfunctions, f"{EXECUTION}:first", known)
    assert sorted(known) == [event["id"] for event in events]

    pages = []
    original = cloud.stepfunctions.get_execution_history
    cloud.stepfunctions.get_execution_history = lambda **query: pages.append(query) or original(**query)  # type: ignore[method-assign]
    read_new_events(cloud.stepfunctions, f"{EXECUTION}:first", known)
    assert len(pages) == 1


def test_following_ends_with_the_execution():
    cloud = FakeCloud()
    cloud.stepfunctions.add("first", "deployed")
    whole = cloud.stepfunctions.executions["first"]["history"]
    cloud.stepfunctions.executions["first"]["history"] = whole[:30]
    seen = []
    for events in follow(cloud, f"{EXECUTION}:first", interval=0.001):
        seen.append(len(events))
        cloud.stepfunctions.executions["first"]["history"] = whole
    assert seen == [30, len(whole)]


def test_following_is_woken_when_the_execution_has_ended():
    cloud = FakeCloud()
    cloud.stepfunctions.add("first", "deployed")
    whole = cloud.stepfunctions.executions["first"]["history"]
    cloud.stepfunctions.executions["first"]["history"] = whole[:30]
    wake = threading.Event()
    looks = 0
    for _ in follow(cloud, f"{EXECUTION}:first", interval=60, wake=wake):
        looks += 1
        cloud.stepfunctions.executions["first"]["history"] = whole
        wake.set()
    assert looks == 2


def test_what_a_run_leaves_behind_is_waited_for(serve: Any):
    cloud = connect_local(RunningCloud(serve({"/_switchyard/runs/first": {"path": "/runs/first"}}), 1))
    saved = SavedRun(cloud, "first")
    assert saved.folder() == Path("/runs/first")
    assert saved.ended.is_set()
    assert SavedRun(cloud, "second").folder() is None
    assert SavedRun(aws_cloud(), "first").folder() is None


# Endpoints


def test_an_endpoint_answers():
    answer = invoke_endpoint(FakeCloud(), "switchyard-diabetes", b"1,2", "text/csv")
    assert answer.document() == {
        "endpoint": "switchyard-diabetes",
        "variant": "AllTraffic",
        "content_type": "text/csv",
        "body": "71.8\n",
        "latency_ms": answer.latency_ms,
    }


def test_the_models_own_reason_is_told():
    cloud = FakeCloud()
    cloud.endpoints.refuses = refusal("ModelError", OriginalStatusCode=400, OriginalMessage="'abc' is not a number")
    with pytest.raises(SwitchyardError, match="'switchyard-diabetes' answered 400: 'abc' is not a number"):
        invoke_endpoint(cloud, "switchyard-diabetes", b"abc", "text/csv")


def test_an_unknown_endpoint_gets_the_nearest_name():
    cloud = FakeCloud()
    cloud.endpoints.refuses = refusal("ValidationError", "Endpoint x not found.")
    with pytest.raises(UsageError, match=r"no endpoint 'switchyard-diabets' .*; did you mean 'switchyard-diabetes'"):
        invoke_endpoint(cloud, "switchyard-diabets", b"1", "text/csv")


# Errors


@pytest.mark.parametrize(
    ("error", "message", "exit_code"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "nothing answers at http://127.0.0.1:9", 1),
        (NoCredentialsError(), "no AWS credentials", 1),
        (NoRegionError(), "give --region", 2),
        (ProfileNotFound(profile="x"), "could not be found; see `aws configure list-profiles`", 2),
        (refusal("AccessDeniedException", "not you", "ListExecutions"), "AWS denied ListExecutions: not you", 1),
        (refusal("ExpiredToken", "too old"), "not valid (any more): too old; log in again", 1),
        (refusal("Throttling", "slow down", "StartExecution"), "StartExecution failed: slow down (Throttling)", 1),
    ],
)
def test_failures_of_boto3_say_what_to_do(error: Exception, message: str, exit_code: int):
    explained = explain(error)
    assert explained is not None
    assert message in str(explained)
    assert explained.exit_code == exit_code


def test_other_errors_are_bugs():
    assert explain(ValueError("x")) is None


def test_who_may_not_ask_for_the_stack_sees_the_accounts_state_machines():
    cloud = aws_cloud()
    machine = {"stateMachineArn": MACHINE, "name": "its-own-name", "type": "STANDARD", "creationDate": 0}
    with Stubber(cloud.client("cloudformation")) as stack, Stubber(cloud.client("stepfunctions")) as machines:
        stack.add_client_error("describe_stacks", "AccessDenied", "not you")
        machines.add_response("list_state_machines", {"stateMachines": [machine]})
        assert cloud.workflows() == {"its-own-name": MACHINE}
