from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber
from runs_api import MAX_BODY_BYTES, handler
from shared.aws import client
from shared.history import current_states
from shared.runs import name_of_key, new_name
from shared.strict_json import canonical, read_json

Read = Callable[[str], dict[str, Any]]
Ask = Callable[..., "Got"]
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy"
EXECUTION = MACHINE.replace(":stateMachine:", ":execution:")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Got:
    """What the function has answered."""

    def __init__(self, answer: dict[str, Any]) -> None:
        headers = {**answer.get("headers", {}), **{k: v[-1] for k, v in answer.get("multiValueHeaders", {}).items()}}
        self.headers = headers
        self.status = answer["statusCode"]
        self.type = headers["Content-Type"]
        self.document = json.loads(answer["body"])


def is_problem(got: Got, status: int, words: str) -> None:
    assert (got.status, got.type) == (status, "application/problem+json"), got.document
    assert got.document["status"] == status
    assert got.document["type"] == "about:blank"
    assert words in got.document["detail"], got.document["detail"]
    assert got.document["request_id"] == "0c5a2b36-7d0e-4a2b-9d7e-3f6b1a2c4d5e"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_MACHINE_ARN", MACHINE)


@pytest.fixture
def ask(event: Read, context: Any) -> Ask:
    """Send a request to the function."""

    def send(
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        **changes: Any,
    ) -> Got:
        given = event("runs_api")
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        given |= {"httpMethod": method, "path": path, "body": text, "queryStringParameters": query, **changes}
        given["headers"] |= headers or {}
        return Got(handler(given, context))

    return send


@pytest.fixture
def published(s3: Any, event: Read) -> Any:
    """A recipe that is published."""

    def put(name: str = "diabetes", **changes: Any) -> None:
        document = {**event("published_recipe"), "name": name, **changes}
        for key, content in (
            (f"recipes/{name}/eee.json", document),
            (f"recipes/{name}/current.json", {"hash": "eee", "key": f"recipes/{name}/eee.json"}),
        ):
            s3.put_object(Bucket="switchyard-artifacts", Key=key, Body=json.dumps(content).encode())

    put()
    return put


@pytest.fixture
def states(stub: Callable[[str], Stubber]) -> Stubber:
    """Step Functions, call by call."""
    return stub("stepfunctions")


def started(states: Stubber, name: Any, document: Any) -> None:
    states.add_response(
        "start_execution",
        {"executionArn": f"{EXECUTION}:n", "startDate": NOON},
        {"stateMachineArn": MACHINE, "name": name, "input": canonical(document)},
    )


def execution(name: str = "diabetes-1", status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {
        "executionArn": f"{EXECUTION}:{name}",
        "stateMachineArn": MACHINE,
        "name": name,
        "status": status,
        "startDate": NOON,
        "input": '{"recipe":"diabetes"}',
        **more,
    }


def test_a_run_is_started_under_a_new_name(published: Any, states: Stubber, ask: Ask) -> None:
    started(states, ANY, {"recipe": "diabetes"})
    got = ask("POST", "/runs", {"recipe": "diabetes"})
    assert got.status == 202
    name = got.document["name"]
    assert name.startswith("diabetes-2")
    assert got.document["execution_arn"] == f"{EXECUTION}:{name}"
    assert got.headers["Location"] == f"runs/{name}"


def test_no_two_names_are_the_same() -> None:
    assert len({new_name("r") for _ in range(100)}) == 100
    assert len(new_name("r" * 32)) <= 80


def test_a_key_is_one_name_whatever_the_body(published: Any, states: Stubber, ask: Ask) -> None:
    name = name_of_key("k 1", "123456789012")
    started(states, name, {"recipe": "diabetes"})
    assert ask("POST", "/runs", {"recipe": "diabetes"}, headers={"idempotency-key": "k 1"}).document["name"] == name
    assert name_of_key("k 1", "210987654321") != name
    assert name_of_key("k 2", "123456789012") != name


@pytest.mark.parametrize(
    ("earlier", "status"),
    [
        ('{"recipe": "diabetes", "overrides": {"data": {"seed": 1}}}', 202),
        ('{"overrides":{"data":{"seed":1}},"recipe":"diabetes"}', 202),
        ('{"recipe": "diabetes", "overrides": {"data": {"seed": true}}}', 409),
        ('{"recipe": "diabetes"}', 409),
        (None, 409),
    ],
)
def test_a_key_that_was_used_is_the_same_run_or_refused(
    published: Any, states: Stubber, ask: Ask, earlier: str | None, status: int
) -> None:
    states.add_client_error("start_execution", "ExecutionAlreadyExists", "Execution Already Exists")
    states.add_response("describe_execution", {**execution(status="SUCCEEDED"), "input": earlier or "null"})
    body = {"recipe": "diabetes", "overrides": {"data": {"seed": 1}}}
    got = ask("POST", "/runs", body, headers={"Idempotency-Key": "k"})
    assert got.status == status
    if status == 409:
        is_problem(got, 409, "used for another request")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\nb", "schlüssel", " a", "a "])
def test_a_key_that_is_none_is_refused(ask: Ask, key: str) -> None:
    is_problem(ask("POST", "/runs", {"recipe": "a"}, headers={"Idempotency-Key": key}), 400, "printable ASCII")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (None, 400, "empty"),
        ("  ", 400, "empty"),
        ("{", 400, "not JSON that can be used"),
        ("[]", 400, "The body is not valid"),
        ("7", 400, "The body is not valid"),
        ("null", 400, "The body is not valid"),
        ("{}", 400, "recipe is missing"),
        ('{"recipe": 7}', 400, "recipe is 7"),
        ('{"recipe": "diabetes", "x": 1}', 400, "x is not known (known: data, overrides, recipe)"),
        ('{"detail": {"bucket": {"name": "b"}, "object": {"key": "incoming/a/b"}}, "source": "aws.s3"}', 400, "recipe"),
        ('{"recipe": "diabetes", "recipe": "diabetes"}', 400, "'recipe' is there twice"),
        ('{"recipe": "diabetes", "overrides": {"hyperparameters": {"alpha": Infinity}}}', 400, "Infinity is no JSON"),
        ('{"recipe": "diabetes", "overrides": {"hyperparameters": {"alpha": -1e400}}}', 400, "too large"),
        ('{"recipe": "diabetes", "overrides": {"hyperparameters": {"alpha": ' + "9" * 5000 + "}}}", 400, "JSON"),
        ('{"recipe": "\\udc00"}', 400, "surrogate"),
        ('{"recipe": "' + "x" * MAX_BODY_BYTES + '"}', 413, "100,000"),
        ("[" * 50_000, 400, "not JSON"),
        ('{"recipe": "diabtes"}', 422, "Did you mean 'diabetes'?"),
        ('{"recipe": "../x"}', 422, "not published"),
        ('{"recipe": "diabetes", "data": "https://x"}', 422, "no S3 address"),
        ('{"recipe": "diabetes", "data": "s3://bucket"}', 422, "whole bucket"),
        ('{"recipe": "diabetes", "data": "s3://bucket//"}', 422, "whole bucket"),
        ('{"recipe": "diabetes", "overrides": {"hyperparameters": {"depth": 1}}}', 422, "depth is not known to recipe"),
        ('{"recipe": "diabetes", "overrides": {"limits": {"wait_seconds": 5}}}', 422, "needs spot"),
    ],
)
def test_a_body_that_is_no_request_is_refused_before_anything_starts(
    published: Any, states: Stubber, ask: Ask, body: str | None, status: int, words: str
) -> None:
    is_problem(ask("POST", "/runs", body), status, words)


def test_a_recipe_without_data_needs_some(published: Any, states: Stubber, ask: Ask) -> None:
    published("bare", data_uri=None)
    is_problem(ask("POST", "/runs", {"recipe": "bare"}), 422, "has no data of its own")
    started(states, ANY, {"recipe": "bare", "data": "s3://bucket/key"})
    assert ask("POST", "/runs", {"recipe": "bare", "data": "s3://bucket/key"}).status == 202


def test_nothing_is_published(s3: Any, ask: Ask) -> None:
    is_problem(ask("POST", "/runs", {"recipe": "diabetes"}), 422, "publish the recipes first")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml; charset=utf-8"])
def test_another_content_type_is_refused(ask: Ask, kind: str) -> None:
    is_problem(ask("POST", "/runs", {"recipe": "a"}, headers={"Content-Type": kind}), 415, "send application/json")


def test_a_body_in_base64_is_read(published: Any, states: Stubber, ask: Ask) -> None:
    started(states, ANY, {"recipe": "diabetes"})
    encoded = base64.b64encode(b'{"recipe": "diabetes"}').decode()
    assert ask("POST", "/runs", encoded, isBase64Encoded=True).status == 202
    for wrong in ("%%%", base64.b64encode(b"\xff\xfe").decode()):
        is_problem(ask("POST", "/runs", wrong, isBase64Encoded=True), 400, "not UTF-8")


def test_a_run_that_goes_on_shows_its_states(states: Stubber, ask: Ask) -> None:
    states.add_response("describe_execution", execution(), {"executionArn": f"{EXECUTION}:diabetes-1"})
    events = [
        {
            "id": 2,
            "previousEventId": 0,
            "type": "TaskStateEntered",
            "stateEnteredEventDetails": {"name": "Train model"},
        },
        {"id": 1, "previousEventId": 0, "type": "ExecutionStarted"},
    ]
    states.add_response("get_execution_history", {"events": [{**event, "timestamp": NOON} for event in events]})
    assert ask("GET", "/runs/diabetes-1").document == {
        "name": "diabetes-1",
        "execution_arn": f"{EXECUTION}:diabetes-1",
        "recipe": "diabetes",
        "status": "RUNNING",
        "started_at": "2026-07-01T12:00:00.000Z",
        "stopped_at": None,
        "input": {"recipe": "diabetes"},
        "current_states": ["Train model"],
        "output": None,
        "error": None,
    }


def test_a_run_that_has_ended_shows_how(states: Stubber, ask: Ask) -> None:
    states.add_response("describe_execution", execution(status="SUCCEEDED", stopDate=NOON, output='{"a": [1]}'))
    states.add_response("describe_execution", execution(status="FAILED", stopDate=NOON, error="E", cause="why"))
    states.add_response("describe_execution", execution(status="TIMED_OUT", stopDate=NOON, input="7"))
    assert ask("GET", "/runs/x").document["output"] == {"a": [1]}
    assert ask("GET", "/runs/x").document["error"] == {"error": "E", "cause": "why"}
    timed_out = ask("GET", "/runs/x").document
    assert (timed_out["recipe"], timed_out["input"], timed_out["error"]) == (None, 7, None)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["none", "n" * 81, "a b", "a:b", "a*", "ä" * 80])
def test_a_run_that_is_not_there_is_not_found(states: Stubber, ask: Ask, method: str, name: str) -> None:
    if name in {"none", "ä" * 80}:
        states.add_client_error("describe_execution", "ExecutionDoesNotExist", "Execution Does Not Exist")
    is_problem(ask(method, f"/runs/{quote(name)}"), 404, "There is no run")


def test_a_run_is_stopped_in_somebody_s_name(states: Stubber, ask: Ask) -> None:
    states.add_response("describe_execution", execution())
    by = "arn:aws:sts::123456789012:assumed-role/deployer/ci"
    states.add_response(
        "stop_execution",
        {"stopDate": NOON},
        {
            "executionArn": f"{EXECUTION}:diabetes-1",
            "error": "Stopped",
            "cause": f"Stopped through the runs API by {by}.",
        },
    )
    got = ask("DELETE", "/runs/diabetes-1")
    assert (got.status, got.document["name"]) == (202, "diabetes-1")


def test_a_run_that_has_ended_cannot_be_stopped(states: Stubber, ask: Ask) -> None:
    states.add_response("describe_execution", execution(status="SUCCEEDED"))
    is_problem(ask("DELETE", "/runs/diabetes-1"), 409, "ended already (SUCCEEDED)")


def listed(*names: str) -> list[dict[str, Any]]:
    keys = ("executionArn", "stateMachineArn", "name", "status", "startDate")
    return [{key: execution(name)[key] for key in keys} for name in names]


def test_a_list_looks_for_a_recipe_page_by_page(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    recipes = {"a": "other", "b": "other", "c": "diabetes", "d": "diabetes"}
    pages = {None: (["a", "b"], "t1"), "t1": (["c"], "t2"), "t2": (["d"], None)}
    asked = []

    class States:
        def list_executions(self, **query: Any) -> dict[str, Any]:
            asked.append(query)
            names, token = pages[query.get("nextToken")]
            return {"executions": listed(*names), **({"nextToken": token} if token else {})}

        def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
            name = executionArn.rpartition(":")[2]
            return execution(name, input=json.dumps({"recipe": recipes[name]}))

    monkeypatch.setattr("shared.runs.client", lambda _: States())
    got = ask("GET", "/runs", query={"recipe": "diabetes", "status": "RUNNING", "limit": "2"}).document
    assert ([run["name"] for run in got["runs"]], got["next"]) == (["c"], "t2")
    assert asked[0] == {"stateMachineArn": MACHINE, "maxResults": 2, "statusFilter": "RUNNING"}
    got = ask("GET", "/runs", query={"recipe": "diabetes", "next": "t2"}).document
    assert ([run["name"] for run in got["runs"]], got["next"]) == (["d"], None)


def test_a_list_looks_at_a_bounded_number_of_runs(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    calls = []

    class States:
        def list_executions(self, **query: Any) -> dict[str, Any]:
            calls.append(query)
            return {"executions": listed(*(f"r{n}" for n in range(50))), "nextToken": f"t{len(calls)}"}

        def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
            return execution(executionArn.rpartition(":")[2])

    monkeypatch.setattr("shared.runs.client", lambda _: States())
    got = ask("GET", "/runs", query={"recipe": "none", "limit": "50"}).document
    assert got == {"runs": [], "next": "t2"}
    assert len(calls) == 2


def test_a_list_of_empty_pages_comes_to_an_end(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    class States:
        def list_executions(self, **_: Any) -> dict[str, Any]:
            return {"executions": [], "nextToken": "again"}

    monkeypatch.setattr("shared.runs.client", lambda _: States())
    assert ask("GET", "/runs").document == {"runs": [], "next": "again"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "running"}, "expected one of RUNNING"),
        ({"status": ""}, "expected one of RUNNING"),
        ({"limit": "0"}, "from 1 to 50"),
        ({"limit": "51"}, "from 1 to 50"),
        ({"limit": "1e1"}, "from 1 to 50"),
        ({"limit": "٣"}, "from 1 to 50"),
        ({"next": ""}, "expected 1 to 1024"),
        ({"next": "x" * 1025}, "expected 1 to 1024"),
    ],
)
def test_a_bad_query_is_refused(ask: Ask, query: dict[str, str], words: str) -> None:
    is_problem(ask("GET", "/runs", query=query), 400, words)


def test_a_token_that_is_none_is_refused(states: Stubber, ask: Ask) -> None:
    states.add_client_error("list_executions", "InvalidToken", "Invalid Token")
    is_problem(ask("GET", "/runs", query={"next": "x"}), 400, "what an earlier page gave")


@pytest.mark.parametrize(
    ("code", "http_status", "status"),
    [
        ("ThrottlingException", 400, 503),
        ("InternalFailure", 500, 503),
        ("AccessDeniedException", 400, 500),
        ("StateMachineDoesNotExist", 400, 500),
        ("InvalidName", 400, 500),
    ],
)
def test_what_a_service_refuses_is_a_problem_that_gives_nothing_away(
    states: Stubber, ask: Ask, caplog: pytest.LogCaptureFixture, code: str, http_status: int, status: int
) -> None:
    states.add_client_error("describe_execution", code, "role switchyard-secret may not", http_status)
    got = ask("GET", "/runs/diabetes-1")
    is_problem(got, status, "busy" if status == 503 else "log has it")
    assert ("Retry-After" in got.headers) == (status == 503)
    assert "secret" not in json.dumps(got.document)
    assert "role switchyard-secret may not" in caplog.text


def test_a_network_that_fails_is_told_so(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    def fail(_: str) -> Any:
        raise EndpointConnectionError(endpoint_url="http://nowhere")

    monkeypatch.setattr("shared.runs.client", fail)
    is_problem(ask("GET", "/runs"), 503, "Try again")


def test_what_nobody_foresaw_is_a_problem_too(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    def fail(_: str) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr("shared.runs.client", fail)
    is_problem(ask("GET", "/runs"), 500, "log has it")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("PUT", "/runs"), ("GET", "/runs/a/b"), ("GET", "/run")])
def test_another_path_is_not_found(ask: Ask, method: str, path: str) -> None:
    is_problem(ask(method, path), 404, "/runs/{name}")


@pytest.mark.parametrize("event", [None, [], "text", {}, {"httpMethod": 7}, {"version": "2.0", "rawPath": "/runs"}])
def test_an_event_that_is_no_request_is_answered(event: Any, context: Any) -> None:
    got = Got(handler(event, context))
    assert got.status == 400
    assert "proxy events" in got.document["detail"]


@pytest.mark.parametrize("missing", ["headers", "queryStringParameters", "requestContext", "body", "isBase64Encoded"])
def test_an_event_that_lacks_something_is_answered(event: Read, context: Any, missing: str) -> None:
    given = event("runs_api")
    del given[missing]
    given["body"] = None
    assert Got(handler(given, context)).status == 400


def step(id_: int, previous: int, kind: str, name: str | None = None) -> dict[str, Any]:
    key = "stateEnteredEventDetails" if kind.endswith("Entered") else "stateExitedEventDetails"
    return {"id": id_, "previousEventId": previous, "type": kind, **({key: {"name": name}} if name else {})}


PARALLEL = [
    step(1, 0, "ExecutionStarted"),
    step(2, 1, "TaskStateEntered", "A"),
    step(3, 2, "TaskStateExited", "A"),
    step(4, 3, "ParallelStateEntered", "Both"),
    step(5, 4, "ParallelStateStarted"),
    step(6, 5, "TaskStateEntered", "Left"),
    step(7, 5, "PassStateEntered", "Right"),
    step(8, 7, "PassStateExited", "Right"),
    step(9, 8, "TaskStateEntered", "Right 2"),
]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], ["Left", "Right 2"]),
        ([step(10, 6, "TaskStateExited", "Left")], ["Right 2"]),
        # Left failed and Both caught it: Right 2, which has no end of its own, has ended with it.
        (
            [
                step(10, 6, "TaskFailed"),
                step(11, 10, "ParallelStateFailed"),
                step(12, 11, "ParallelStateExited", "Both"),
            ],
            [],
        ),
        (
            [
                step(10, 6, "TaskFailed"),
                step(11, 10, "ParallelStateExited", "Both"),
                step(12, 11, "TaskStateEntered", "Roll back"),
            ],
            ["Roll back"],
        ),
        # A loop comes back to a state that it has left.
        ([step(10, 3, "TaskStateEntered", "A")], ["Left", "Right 2", "A"]),
    ],
)
def test_current_states_are_told_from_the_history(more: list[dict[str, Any]], expected: list[str]) -> None:
    assert current_states([*PARALLEL, *more]) == expected
    assert current_states([*PARALLEL, *more][::-1]) == expected


def test_a_history_s_newest_part_is_enough() -> None:
    assert current_states(PARALLEL[5:]) == ["Left", "Right 2"]


def test_nothing_has_begun() -> None:
    assert current_states([]) == current_states(PARALLEL[:1]) == []


@pytest.mark.parametrize("text", ["9" * 400, "-" + "9" * 5000, "1e999", "NaN", "-Infinity"])
def test_a_number_that_others_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(the number -?[0-9e]{1,40} is too large|\S+ is no JSON number)$"):
        read_json(f'{{"a": {text}}}')
    assert read_json(f"[{2**63}, -1]") == [2**63, -1]


def test_json_of_a_bearable_depth_is_read() -> None:
    assert read_json("[" * 20 + "]" * 20) is not None
    with pytest.raises(ValueError, match="20 levels"):
        read_json("[" * 21 + "1" + "]" * 21)


def test_the_real_step_functions_keeps_to_what_was_assumed(aws: None, published: Any, ask: Ask) -> None:
    created = client("stepfunctions").create_state_machine(
        name="switchyard-train-and-deploy",
        definition='{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}',
        roleArn="arn:aws:iam::123456789012:role/r",
    )
    assert created["stateMachineArn"] == MACHINE
    key = {"Idempotency-Key": "k"}
    first = ask("POST", "/runs", {"recipe": "diabetes"}, headers=key)
    assert first.status == 202
    assert ask("POST", "/runs", {"recipe": "diabetes"}, headers=key).document == first.document
    other = {"recipe": "diabetes", "overrides": {"data": {"seed": 1}}}
    is_problem(ask("POST", "/runs", other, headers=key), 409, "another request")
    assert [run["recipe"] for run in ask("GET", "/runs").document["runs"]] == ["diabetes"]
    assert ask("DELETE", f"/runs/{first.document['name']}").status == 202
    is_problem(ask("DELETE", f"/runs/{first.document['name']}"), 409, "ABORTED")
