from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cloud.local_cloud import LocalCloud, is_alive, wait_until


def invoke(cloud: LocalCloud, name: str, event: Any, **options: Any) -> tuple[dict[str, Any], Any]:
    """Invoke a function; return the answer's fields and its payload."""
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    with answer["Payload"] as payload:
        content = payload.read()
    return answer, json.loads(content) if content else None


def echo(cloud: LocalCloud, event: Any = None, name: str = "echo") -> Any:
    """What the function `echo` answers."""
    return invoke(cloud, name, event)[1]


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """Where functions that take part in a meeting report to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


@pytest.mark.parametrize("event", [{"a": [1, None, "ü"]}, [], "text", 7, None, True])
def test_a_function_gets_its_event_and_its_answer_comes_back(cloud: LocalCloud, event: Any) -> None:
    answer, payload = invoke(cloud, "echo", event)
    assert payload["event"] == event
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


def test_a_function_sees_the_environment_that_the_template_gives(cloud: LocalCloud) -> None:
    environment = echo(cloud)["environment"]
    assert environment["GREETING"] == "Good day from trial in us-east-1"
    assert environment["STAGE"] == "test"  # from Globals
    assert environment["LITERAL"] == "${NotReplaced}"
    assert environment["BUCKET"] == cloud.bucket
    assert environment["QUALITY"] == "draft"
    assert "NOTHING" not in environment


def test_a_function_sees_the_environment_that_lambda_gives(cloud: LocalCloud) -> None:
    environment = echo(cloud)["environment"]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/echo"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["_HANDLER"] == "echo.handler"
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert environment["LAMBDA_TASK_ROOT"].endswith("tests/cloud/functions")


def test_a_function_does_not_see_the_environment_of_whoever_started_the_cloud(cloud: LocalCloud) -> None:
    assert not [key for key in echo(cloud)["environment"] if key.startswith("PYTEST") or key == "HOME"]


def test_the_context_tells_request_and_time_left(cloud: LocalCloud) -> None:
    first, second = echo(cloud), echo(cloud)
    assert first["request_id"] != second["request_id"]
    assert first["function_arn"] == "arn:aws:lambda:us-east-1:123456789012:function:echo"
    assert 1000 < first["remaining_ms"] <= 7000


def test_a_function_calls_aws_in_the_name_of_its_role(cloud: LocalCloud) -> None:
    role = cloud.resource("EchoFunctionRole")
    assert echo(cloud, {"who_am_i": True})["identity"] == f"arn:aws:sts::123456789012:assumed-role/{role}/switchyard"


def test_what_a_function_writes_is_there_for_everybody(cloud: LocalCloud) -> None:
    echo(cloud, {"write_to": "from-a-function"})
    assert cloud.get(f"s3://{cloud.bucket}/from-a-function") == b"written"


def test_a_warm_function_answers_from_the_same_process(cloud: LocalCloud) -> None:
    assert echo(cloud)["process"] == echo(cloud)["process"]


def test_an_exception_is_a_function_error_and_the_process_stays(cloud: LocalCloud) -> None:
    _, before = invoke(cloud, "misbehaving", {"do": "nothing"})
    answer, payload = invoke(cloud, "misbehaving", {"do": "raise"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (payload["errorType"], payload["errorMessage"]) == ("RefusedError", "no, thank you")
    assert "misbehaving.py" in payload["stackTrace"][-1]
    assert invoke(cloud, "misbehaving", {"do": "nothing"})[1] == before


def test_an_answer_that_is_not_json_is_a_function_error(cloud: LocalCloud) -> None:
    answer, payload = invoke(cloud, "misbehaving", {"do": "answer with a set"})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("what", "status"), [("exit", "exit status 3"), ("die", "signal: killed"), ("leave", "exit status 4")]
)
def test_a_process_that_ends_is_an_exit_error_and_the_next_invocation_works(
    cloud: LocalCloud, what: str, status: str
) -> None:
    answer, payload = invoke(cloud, "misbehaving", {"do": what})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith(f"Runtime exited with error: {status}")
    assert "process" in invoke(cloud, "misbehaving", {"do": "nothing"})[1]


def test_a_function_that_takes_too_long_is_ended_and_the_next_invocation_works(cloud: LocalCloud) -> None:
    before = invoke(cloud, "misbehaving", {"do": "nothing"})[1]["process"]
    answer, payload = invoke(cloud, "misbehaving", {"do": "hang"})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    wait_until(lambda: not is_alive(before))
    assert invoke(cloud, "misbehaving", {"do": "nothing"})[1]["process"] != before


def test_a_module_that_cannot_be_imported_is_told(cloud: LocalCloud) -> None:
    for _ in range(2):
        answer, payload = invoke(cloud, "broken", {})
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == "Runtime.ImportModuleError"
        assert "No module named 'a_module_that_nobody_has'" in payload["errorMessage"]


def test_a_handler_that_is_not_there_is_told(cloud: LocalCloud) -> None:
    answer, payload = invoke(cloud, "handlerless", {})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.HandlerNotFound"
    assert "Handler 'no_such_handler' missing on module 'echo'" in payload["errorMessage"]


def test_two_invocations_at_once_run_in_two_processes(cloud: LocalCloud, door: socket.socket) -> None:
    event = {"port": door.getsockname()[1]}
    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = [pool.submit(invoke, cloud, "meeting", event) for _ in range(2)]
        arrived = [door.accept()[0] for _ in range(2)]  # both are here before either may leave
        pids = {int(connection.recv(20)) for connection in arrived}
        for connection in arrived:
            connection.close()
        assert {answer.result()[1] for answer in answers} == pids
    assert len(pids) == 2


def test_an_event_invocation_is_answered_before_the_function_ends(cloud: LocalCloud, door: socket.socket) -> None:
    answer, payload = invoke(cloud, "meeting", {"port": door.getsockname()[1]}, InvocationType="Event")
    assert (answer["StatusCode"], payload) == (202, None)
    connection, _ = door.accept()
    with connection:
        assert int(connection.recv(20)) > 0


def test_a_dry_run_invokes_nothing(cloud: LocalCloud) -> None:
    answer, payload = invoke(cloud, "misbehaving", {"do": "exit"}, InvocationType="DryRun")
    assert (answer["StatusCode"], payload) == (204, None)


def test_what_a_function_prints_is_in_its_log_group(cloud: LocalCloud) -> None:
    request_id = echo(cloud, "a line for the log")["request_id"]

    def look() -> bool:
        lines = cloud.log("/aws/lambda/echo")
        report = f"REPORT RequestId: {request_id}\tDuration: "
        return "echo was given a line for the log" in lines and any(line.startswith(report) for line in lines)

    wait_until(look)


def test_the_tail_of_the_log_comes_with_the_answer(cloud: LocalCloud) -> None:
    answer, _ = invoke(cloud, "misbehaving", {"do": "raise"}, LogType="Tail")
    assert "REPORT RequestId: " in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize(
    "name",
    [
        "echo:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
        "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST",
        "123456789012:function:echo",
    ],
)
def test_a_function_is_found_by_every_form_of_its_name(cloud: LocalCloud, name: str) -> None:
    assert echo(cloud, name=name)["function_arn"].endswith(":function:echo")


def test_a_function_that_does_not_exist_is_not_found(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    for call in (client.invoke, client.get_function, client.get_function_configuration):
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: arn:"):
            call(FunctionName="no-such-function")


def test_a_payload_over_six_megabytes_is_refused(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.RequestTooLargeException, match="limit 6291456 bytes"):
        client.invoke(FunctionName="echo", Payload=b'"' + b"x" * (6 * 1024 * 1024) + b'"')


def test_a_payload_that_is_not_json_is_refused(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="Could not parse request body"):
        client.invoke(FunctionName="echo", Payload=b"{")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="echo", Payload=b"\xff\xfe")


def test_a_function_without_a_payload_gets_an_empty_event(cloud: LocalCloud) -> None:
    answer = cloud.client("lambda").invoke(FunctionName="echo")
    with answer["Payload"] as payload:
        assert json.load(payload)["event"] == {}


def test_functions_are_listed_and_described(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert names == sorted(names)
    assert {"broken", "counting", "echo", "flaky", "handlerless", "meeting", "misbehaving"} <= set(names)
    configuration = client.get_function(FunctionName="echo")["Configuration"]
    assert (configuration["Timeout"], configuration["MemorySize"]) == (7, 192)  # from a mapping
    assert configuration["Environment"]["Variables"]["QUALITY"] == "draft"
    assert client.get_function_configuration(FunctionName="echo")["Handler"] == "echo.handler"


def test_many_invocations_at_once_all_get_their_own_answer(cloud: LocalCloud) -> None:
    together = threading.Barrier(8)

    def ask(number: int) -> Any:
        together.wait()
        return echo(cloud, number)["event"]

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(ask, range(8))) == list(range(8))


def test_after_a_burst_few_workers_are_kept(cloud: LocalCloud) -> None:
    before = cloud.children()
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda number: echo(cloud, number), range(24)))
    wait_until(lambda: len([pid for pid in cloud.children() - before if is_alive(pid)]) <= 2)
