"""The runs API of the project's own template: signed requests start, show, list and stop real runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import Execution, Site, add_recipe
from tests.signed_http import Answer, send, send_signed

Call = Callable[..., Answer]
PROBLEM = "application/problem+json"


@pytest.fixture(scope="session")
def api(site: Site) -> str:
    """The address of the runs API on this machine."""
    return f"{site.url}/_aws/execute-api/{site.outputs['RunsApiId']}/v1"


@pytest.fixture
def call(api: str) -> Call:
    return lambda method, path, *arguments, **options: send_signed(method, f"{api}{path}", *arguments, **options)


@pytest.fixture
def slow(site: Site, project: Project) -> str:
    """A published recipe whose training ends only when it is stopped."""
    train = "import time\nprint('training', flush=True)\ntime.sleep(600)\n"
    add_recipe(project, "slow", scripts={"train.py": train})
    site.publish(project, "slow")
    return "slow"


def is_problem(answer: Answer, status: int, words: str) -> None:
    assert (answer.status, answer.content_type) == (status, PROBLEM), answer.body
    document = answer.document
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["request_id"]
    assert words in document["detail"]


def newest(call: Call) -> list[str]:
    """Return the names of the newest runs: how they stand may change at any time."""
    return [run["name"] for run in call("GET", "/runs?limit=50").document["runs"]]


def states_of(call: Call, name: str) -> list[str]:
    return call("GET", f"/runs/{name}").document["current_states"]


def test_a_request_starts_a_run_that_deploys(site: Site, project: Project, call: Call) -> None:
    add_recipe(project, "by-api")
    site.publish(project, "by-api")

    started = call("POST", "/runs", {"recipe": "by-api", "overrides": {"data": {"seed": 7}}})

    assert started.status == 202, started.body
    name = started.document["name"]
    assert name.startswith("by-api-20")
    assert started.headers["Location"] == f"runs/{name}"
    Execution(site, started.document["execution_arn"], name).wait()
    run = call("GET", f"/runs/{name}").document
    assert (run["status"], run["recipe"], run["current_states"]) == ("SUCCEEDED", "by-api", [])
    assert run["input"] == {"recipe": "by-api", "overrides": {"data": {"seed": 7}}}
    assert run["output"]["status"] == "DEPLOYED"
    assert run["error"] is None
    assert run["started_at"] < run["stopped_at"]


def test_the_same_key_is_the_same_run_and_a_stop_ends_it(site: Site, call: Call, slow: str) -> None:
    key = {"Idempotency-Key": "order 42"}
    first = call("POST", "/runs", {"recipe": slow}, key)
    assert first.status == 202, first.body
    name = first.document["name"]
    wait_until(lambda: states_of(call, name) == ["Train model"])

    assert call("POST", "/runs", {"recipe": slow}, key).document == first.document
    is_problem(call("POST", "/runs", {"recipe": slow, "data": "s3://b-b/k"}, key), 409, name)
    listed = call("GET", f"/runs?recipe={slow}&status=RUNNING").document["runs"]
    assert [run["name"] for run in listed] == [name]

    stopped = call("DELETE", f"/runs/{name}")

    assert (stopped.status, stopped.document) == (202, first.document)
    Execution(site, first.document["execution_arn"], name).wait()
    run = call("GET", f"/runs/{name}").document
    assert run["status"] == "ABORTED"
    assert run["error"]["error"] == "Stopped"
    assert "arn:aws:iam::123456789012:root" in run["error"]["cause"]
    is_problem(call("DELETE", f"/runs/{name}"), 409, "ended already (ABORTED)")
    assert call("POST", "/runs", {"recipe": slow}, key).document == first.document


def test_a_burst_with_one_key_is_one_run(site: Site, project: Project, call: Call) -> None:
    add_recipe(project, "one-key")
    site.publish(project, "one-key")
    body = {"recipe": "one-key", "data": "s3://no-such-bucket/here"}
    with ThreadPoolExecutor(10) as threads:
        posts = [threads.submit(call, "POST", "/runs", body, {"Idempotency-Key": "one-key"}) for _ in range(10)]
    answers = [post.result() for post in posts]
    assert [answer.status for answer in answers] == [202] * 10
    (name,) = {answer.document["name"] for answer in answers}
    Execution(site, answers[0].document["execution_arn"], name).wait()
    assert [run["name"] for run in call("GET", "/runs?recipe=one-key&limit=50").document["runs"]] == [name]


def test_a_list_goes_on_page_by_page_until_all_were_seen(site: Site, project: Project, call: Call) -> None:
    for number in range(3):
        site.start("none-such", f"paged-{number}").wait()

    query = "/runs?recipe=none-such&status=FAILED&limit=1"
    page = call("GET", query).document
    names = [run["name"] for run in page["runs"]]
    while page["next"]:
        page = call("GET", f"{query}&next={quote(page['next'], safe='')}").document
        names += [run["name"] for run in page["runs"]]

    assert names == ["paged-2", "paged-1", "paged-0"]
    run = call("GET", "/runs/paged-0").document
    assert run["error"]["error"] == "InvalidRun"
    assert "not published" in run["error"]["cause"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", 400, "Invalid request body"),
        ("null", 400, "Invalid request body"),
        ("[]", 400, "instance type (array)"),
        ('"text"', 400, "instance type (string)"),
        ("{", 400, "Unable to parse JSON"),
        ("{}", 400, 'missing required properties (["recipe"])'),
        ('{"recipe": 7}', 400, "instance type (integer)"),
        ('{"recipe": null}', 400, "instance type (null)"),
        ('{"recipe": "Diabetes"}', 400, "does not match input string"),
        ('{"recipe": "a", "recipes": 1}', 400, 'not allowed by the schema: ["recipes"]'),
        ('{"recipe": "a", "overrides": {"data": {"seed": "7"}}}', 400, "instance type (string)"),
        ('{"recipe": "a", "recipe": "b"}', 400, "'recipe' is there twice"),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": NaN}}}', 400, "Unable to parse JSON"),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": 1e999}}}', 400, "too large"),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": "\\ud800"}}}', 400, "surrogate"),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": ' + "[" * 50 + "]" * 50 + "}}}", 400, "nested"),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": ' + "[" * 90_000 + "}}}", 400, ""),
        ('{"recipe": "a", "overrides": {"hyperparameters": {"a": "' + "x" * 100_000 + '"}}}', 413, "100,0"),
        ('{"recipe": "a", "data": "s3://bucket/k", "overrides": {}}', 422, "Recipe 'a' is not published."),
        (b"\xff\xfe\x00{", 400, "Invalid request body"),
        (b"x" * (11 * 1024 * 1024), 413, "Request Too Long"),
    ],
)
def test_a_bad_body_gets_a_clear_answer_and_starts_nothing(
    call: Call, body: str | bytes, status: int, words: str
) -> None:
    before = newest(call)
    is_problem(call("POST", "/runs", body), status, words)
    assert newest(call) == before


def test_what_is_no_json_is_told_so(call: Call, api: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    is_problem(call("POST", "/runs", '{"recipe": "a"}', form), 415, "send application/json")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/runs?status=DONE", 400, "expected one of RUNNING"),
        ("GET", "/runs?limit=0", 400, "from 1 to 50"),
        ("GET", "/runs?limit=ten", 400, "from 1 to 50"),
        ("GET", "/runs?next=none", 400, "what an earlier page gave"),
        ("GET", "/runs?next=", 400, "expected 1 to 1024"),
        ("GET", "/runs/none", 404, "There is no run 'none'"),
        ("GET", "/runs/" + "n" * 200, 404, "There is no run 'nnn"),
        ("GET", "/runs/a%20b%2Fc%00", 404, "There is no run"),
        ("GET", "/runs/%FF%E2%82%AC", 404, "There is no run"),
        ("GET", "/runs/%", 404, "There is no run"),
        ("DELETE", "/runs/none", 404, "There is no run 'none'"),
        ("PUT", "/runs", 403, "has this path and method"),
        ("GET", "/", 403, "has this path and method"),
        ("GET", "/runs/a/b", 403, "has this path and method"),
    ],
)
def test_a_bad_request_gets_a_clear_answer(call: Call, method: str, path: str, status: int, words: str) -> None:
    is_problem(call(method, path), status, words)


def test_who_has_not_signed_is_refused(api: str) -> None:
    is_problem(send("GET", f"{api}/runs"), 403, "sign the request")


def test_the_document_that_is_exported_is_the_template_s(site: Site) -> None:
    exported = site.client("apigateway").get_export(
        restApiId=site.outputs["RunsApiId"], stageName="v1", exportType="oas30"
    )
    document = json.loads(exported["body"].read())
    assert exported["contentType"] == "application/json"
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for verb, operation in item.items()
        if verb != "parameters"
    }
    assert set(operations) == {"startRun", "listRuns", "getRun", "stopRun"}
    assert all(operation["security"] == [{"sigv4": []}] for operation in operations.values())
    assert "x-amazon-apigateway-integration" not in json.dumps(document)


def test_each_call_of_the_api_is_in_its_function_s_log(site: Site, call: Call) -> None:
    call("GET", "/runs/logged-404")

    def lines() -> list[dict[str, Any]]:
        events = site.client("logs").filter_log_events(logGroupName="/aws/lambda/switchyard-runs-api")["events"]
        found = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
        return [line for line in found if line.get("execution") == "logged-404"]

    (line,) = wait_until(lines)
    assert line["status"] == 404
    assert line["correlation_id"]
