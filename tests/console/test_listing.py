"""The list of executions: filtered, counted, paged, and up to date."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from switchyard.console import explorer, routing
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from tests.cloud.local_cloud import wait_until
from tests.console.aws import MACHINE, OTHER, Account, execution_arn
from tests.console.browser import TIMEOUT, Browser, home_with_runs, serving
from tests.fake_cloud import refusal

LOCAL = "http://127.0.0.1:9"


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def browser(account: Account) -> Iterator[Browser]:
    """Serve a console over the account as if it were on this machine: it looks as often as it is asked."""
    with serving(Context(Connection(account.cloud(LOCAL)), home=None, project=None)) as browser:
        yield browser


def names(answer: dict[str, Any]) -> list[str]:
    return [row["name"] for row in answer["rows"]]


def list_all(browser: Browser, *query: tuple[str, Any]) -> dict[str, Any]:
    """List executions, when all of them have been read and described."""

    def look() -> dict[str, Any] | None:
        answer = browser.get("/api/executions", query).json()
        is_described = all(each.is_described for each in browser.context.index.all())
        return answer if answer["is_complete"] and is_described else None

    return wait_until(look)


def test_executions_are_listed_newest_first_over_all_workflows(account: Account, browser: Browser) -> None:
    account.add("a", minutes=1)
    account.add("c", minutes=3, machine=OTHER)
    account.add("b", "FAILED", minutes=2, error="SageMaker", cause=json.dumps({"FailureReason": "no such file"}))

    answer = list_all(browser)

    assert names(answer) == ["c", "b", "a"]
    assert [row["workflow"] for row in answer["rows"]] == ["CleanUp", "TrainAndDeploy", "TrainAndDeploy"]
    failed = answer["rows"][1]
    assert (failed["reason"], failed["outcome"], failed["seconds"]) == ("no such file", None, 90.0)
    assert (answer["rows"][2]["recipe"], answer["rows"][2]["outcome"]) == ("diabetes", "DEPLOYED")
    assert answer["total"] == 3
    assert answer["next"] is None


def test_filters_let_through_what_they_say(account: Account, browser: Browser) -> None:
    account.add("one", minutes=0)
    account.add("two", "FAILED", minutes=10, cause="the volume is full", error="Disk")
    account.add("three", minutes=20, input=json.dumps({"recipe": "housing", "data": "s3://b/Houses.csv"}))
    account.add("four", "RUNNING", minutes=30, machine=OTHER, input="{}")
    begin = list_all(browser)["rows"][-1]["started_at"]

    def found(*query: tuple[str, Any]) -> list[str]:
        return names(list_all(browser, *query))

    assert found(("workflow", OTHER)) == ["four"]
    assert found(("workflow", OTHER), ("workflow", MACHINE)) == ["four", "three", "two", "one"]
    assert found(("recipe", "housing")) == ["three"]
    assert found(("status", "FAILED"), ("status", "RUNNING")) == ["four", "two"]
    assert found(("since", begin + 600), ("until", begin + 1200)) == ["three", "two"]
    assert found(("text", "VOLUME full")) == ["two"]
    assert found(("text", "houses.CSV")) == ["three"]
    assert found(("text", "diabetes"), ("status", "SUCCEEDED")) == ["one"]
    assert found(("text", "nowhere")) == []
    # What there is to choose from stays the same.
    answer = list_all(browser, ("text", "nowhere"))
    assert {facet["value"]: facet["count"] for facet in answer["recipes"]} == {"diabetes": 2, "housing": 1}
    assert {facet["value"]: facet["count"] for facet in answer["statuses"]} == {
        "FAILED": 1,
        "RUNNING": 1,
        "SUCCEEDED": 2,
    }
    assert [facet["label"] for facet in answer["workflows"]] == ["CleanUp", "TrainAndDeploy"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "many"},
        {"limit": "000000100999999"},
        {"limit": "000000001" + "9" * 5000},
        {"since": "yesterday"},
        {"until": "nan"},
        {"after": "%%"},
        {"text": "many words " * 50},
    ],
    ids=lambda query: str(query)[:40],
)
def test_a_query_that_makes_no_sense_is_refused(browser: Browser, query: dict[str, str]) -> None:
    answer = browser.get("/api/executions", **query)

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert next(iter(query)) in answer.json()["detail"]


def test_pages_stay_right_while_new_executions_arrive(account: Account, browser: Browser) -> None:
    for number in range(25):
        account.add(f"e{number:02}", minutes=number // 2)  # two at a time begin at the same time
    first = list_all(browser, ("limit", 10))
    for number in range(5):
        account.add(f"new{number}", minutes=100)
    wait_until(lambda: browser.get("/api/executions").json()["total"] == 30)

    second = browser.get("/api/executions", limit=10, after=first["next"]).json()
    third = browser.get("/api/executions", limit=10, after=second["next"]).json()

    seen = names(first) + names(second) + names(third)
    assert len(seen) == 25
    assert set(seen) == {f"e{number:02}" for number in range(25)}
    assert third["next"] is None


def test_an_execution_that_ends_is_seen_to_have_ended(account: Account, browser: Browser) -> None:
    arn = account.add("long", "RUNNING")
    for number in range(200):  # it is not among the newest any more
        account.add(f"e{number}", minutes=1 + number)
    list_all(browser)

    with browser.live("executions") as messages:
        first = next(messages)
        account.end(arn, "FAILED", error="Late", cause="too late")
        assert next(messages)["data"]["revision"] > first["data"]["revision"]

    wait_until(lambda: browser.get("/api/executions", text="too late").json()["total"] == 1)


def test_a_redriven_execution_runs_again(account: Account, browser: Browser) -> None:
    arn = account.add("old", "FAILED", cause="no luck")
    for number in range(200):
        account.add(f"e{number}", minutes=1 + number)
    list_all(browser)

    account.redrive_execution(executionArn=arn)

    (row,) = wait_until(lambda: browser.get("/api/executions", status="RUNNING").json()["rows"])
    assert (row["name"], row["redrives"], row["stopped_at"]) == ("old", 1, None)


def test_many_new_executions_at_once_are_all_found(account: Account, browser: Browser) -> None:
    account.add("first")
    list_all(browser)

    for number in range(350):
        account.add(f"e{number}", minutes=1 + number)

    wait_until(lambda: browser.get("/api/executions").json()["total"] == 351)


def test_each_execution_is_described_once(account: Account, browser: Browser) -> None:
    for number in range(50):
        account.add(f"e{number}", minutes=number)
    list_all(browser)
    before = account.calls["describe_execution"], account.calls["list_executions"]

    wait_until(lambda: browser.get("/api/executions") and account.calls["list_executions"] > before[1] + 8)

    assert before[0] == account.calls["describe_execution"] == 50


def test_a_cloud_that_goes_away_leaves_what_is_known_and_comes_back_by_itself(
    account: Account, browser: Browser
) -> None:
    account.add("kept")
    list_all(browser)

    with browser.live("target") as messages:
        assert next(messages)["data"]["is_up"]
        account.is_away = True
        away = next(messages)["data"]
        assert not away["is_up"]
        assert "nothing answers" in away["problem"]
        assert names(browser.get("/api/executions").json()) == ["kept"]

        account.executions.clear()
        account.add("after")
        account.is_away = False
        assert next(messages)["data"]["is_up"]

    # It is another one on this machine: the first one's executions went with it.
    wait_until(lambda: names(browser.get("/api/executions").json()) == ["after"])


def test_a_cloud_that_is_silent_keeps_nobody_waiting(
    account: Account, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "_PATIENCE", 0.05)
    monkeypatch.setattr(explorer, "_SILENT_SECONDS", 0.1)
    account.add("known")
    list_all(browser)
    speaks = threading.Event()

    def be_silent(_operation: str) -> None:
        speaks.wait(TIMEOUT)

    account.before = be_silent

    problem = wait_until(lambda: browser.get("/api/target").json()["problem"])
    assert problem == "the cloud does not answer"
    assert names(browser.get("/api/executions").json()) == ["known"]

    speaks.set()
    wait_until(lambda: browser.get("/api/target").json()["is_up"])


def test_requests_that_wait_for_a_silent_cloud_do_not_take_every_thread(
    account: Account, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "_places", threading.BoundedSemaphore(2))
    arn = account.add("known")
    list_all(browser)
    speaks, waiting = threading.Event(), threading.Semaphore(0)

    def be_silent(operation: str) -> None:
        if operation == "describe_execution":
            waiting.release()
            speaks.wait(TIMEOUT)

    account.before = be_silent
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(browser.get, "/api/execution", arn=f"{arn}-{number}") for number in range(2)]
        for _ in asked:
            assert waiting.acquire(timeout=TIMEOUT)
        refused = browser.get("/api/execution", arn=arn)
        assert (refused.status, "wait for the cloud" in refused.json()["detail"]) == (503, True)
        assert names(browser.get("/api/executions").json()) == ["known"]
        assert browser.get("/api/target").status == 200
        speaks.set()
        assert [each.result().status for each in asked] == [404, 404]


def test_one_workflow_that_cannot_be_listed_does_not_hide_the_others(account: Account, browser: Browser) -> None:
    account.add("there")
    list_executions = account.list_executions

    def refuse_one(*, stateMachineArn: str, **query: Any) -> dict[str, Any]:  # noqa: N803
        if stateMachineArn == OTHER:
            raise refusal("StateMachineTypeNotSupported", "Express")
        return list_executions(stateMachineArn=stateMachineArn, **query)

    account.list_executions = refuse_one  # type: ignore[method-assign]

    assert names(list_all(browser)) == ["there"]
    assert browser.get("/api/target").json()["is_up"]


def test_what_aws_denies_is_said(account: Account, browser: Browser) -> None:
    account.refuses["list_executions"] = refusal("AccessDeniedException", "not you", "ListExecutions")

    assert browser.get("/api/executions").json()["rows"] == []
    assert "AWS denied ListExecutions: not you" in browser.get("/api/target").json()["problem"]


def test_what_is_denied_of_one_workflow_does_not_hide_the_others(account: Account, browser: Browser) -> None:
    account.add("there")
    account.add("later", machine=OTHER)
    list_executions = account.list_executions
    denied = {OTHER}

    def deny_one(*, stateMachineArn: str, **query: Any) -> dict[str, Any]:  # noqa: N803
        if stateMachineArn in denied:
            raise refusal("AccessDeniedException", "not this one", "ListExecutions")
        return list_executions(stateMachineArn=stateMachineArn, **query)

    account.list_executions = deny_one  # type: ignore[method-assign]

    assert names(list_all(browser)) == ["there"]
    target = browser.get("/api/target").json()
    assert target["is_up"]
    assert "AWS denied ListExecutions: not this one" in target["problem"]

    denied.clear()
    wait_until(lambda: len(names(browser.get("/api/executions").json())) == 2)
    assert browser.get("/api/target").json()["problem"] is None


def test_executions_that_may_not_be_described_are_listed_all_the_same(account: Account, browser: Browser) -> None:
    account.refuses["describe_execution"] = refusal("AccessDeniedException", "no details", "DescribeExecution")
    account.add("there")

    assert names(browser.get("/api/executions").json()) == ["there"]
    target = wait_until(lambda: browser.get("/api/target").json() if account.calls["describe_execution"] else None)
    target = wait_until(lambda: (found := browser.get("/api/target").json())["problem"] and found)
    assert target["is_up"]
    assert "AWS denied DescribeExecution: no details" in target["problem"]


def test_older_executions_are_read_anew_when_the_token_for_them_has_expired(account: Account, browser: Browser) -> None:
    for number in range(1500):
        account.add(f"e{number}", minutes=number)
    list_executions = account.list_executions
    expired: list[str] = []

    def expire_one(*, nextToken: str = "0", **query: Any) -> dict[str, Any]:  # noqa: N803
        if nextToken == "1100" and not expired:
            expired.append(nextToken)
            raise refusal("InvalidToken", "Invalid Token: 'The token has expired'", "ListExecutions")
        return list_executions(nextToken=nextToken, **query)

    account.list_executions = expire_one  # type: ignore[method-assign]

    wait_until(lambda: browser.get("/api/executions", limit=1).json()["total"] == 1500)
    assert expired


def test_past_runs_are_listed_where_the_cloud_does_not_know_them(account: Account, tmp_path: Path) -> None:
    account.add("both", minutes=5)
    past = {
        "executionArn": execution_arn("gone"),
        "stateMachineArn": MACHINE,
        "name": "gone",
        "status": "FAILED",
        "startDate": "2025-12-31T23:00:00+00:00",
        "stopDate": "2025-12-31T23:00:02+00:00",
        "input": '{"recipe": "old"}',
        "cause": "it was broken",
    }
    cut = {**past, "name": "cut", "executionArn": execution_arn("cut"), "status": "RUNNING", "stopDate": None}
    home = home_with_runs(
        tmp_path,
        {
            "gone": {"execution.json": past},
            "cut": {"execution.json": cut},
            "both": {"execution.json": {**past, "name": "both", "executionArn": execution_arn("both")}},
            "broken": {"execution.json": ["no", "description"]},
            "worse": {"execution.json": {**past, "startDate": "yesterday"}},
        },
    )
    with serving(Context(Connection(account.cloud(LOCAL)), home=home, project=None)) as browser:
        rows = {row["name"]: row for row in list_all(browser)["rows"]}

    assert set(rows) == {"both", "gone", "cut"}
    assert (rows["both"]["is_past"], rows["both"]["status"]) == (False, "SUCCEEDED")
    assert (rows["gone"]["is_past"], rows["gone"]["reason"]) == (True, "it was broken")
    assert rows["cut"]["status"] == "ABORTED"


def test_while_the_cloud_is_away_what_its_runs_have_left_is_listed(account: Account, tmp_path: Path) -> None:
    arn = account.add("kept")
    left = {"executionArn": arn, "status": "SUCCEEDED", "startDate": "2026-01-01T00:00:00+00:00"}
    home = home_with_runs(tmp_path, {"kept": {"execution.json": left}})
    with serving(Context(Connection(account.cloud(LOCAL)), home=home, project=None)) as browser:
        assert not list_all(browser)["rows"][0]["is_past"]
        account.is_away = True
        wait_until(lambda: browser.get("/api/executions").json()["rows"][0]["is_past"])
        account.is_away = False
        wait_until(lambda: not browser.get("/api/executions").json()["rows"][0]["is_past"])


def test_a_workflow_tells_how_its_executions_have_gone(account: Account, browser: Browser) -> None:
    for number in range(40):
        account.add(f"e{number}", "FAILED" if number % 4 == 0 else "SUCCEEDED", minutes=number)
    account.add("now", "RUNNING", minutes=50)
    account.definitions[OTHER] = "{"
    list_all(browser)

    train, clean_up = browser.get("/api/workflows").json()["workflows"]

    assert (train["title"], train["total"], train["running"]) == ("TrainAndDeploy", 41, 1)
    assert (train["success_rate"], train["median_seconds"]) == (0.75, 90.0)
    assert [mark["name"] for mark in train["recent"]] == [*(f"e{number}" for number in range(11, 40)), "now"]
    assert train["definition"]["StartAt"] == "Only"
    assert (clean_up["total"], clean_up["success_rate"], clean_up["definition"]) == (0, None, None)
    assert "not JSON" in clean_up["definition_problem"]


def test_ten_thousand_executions_are_listed_in_a_moment(account: Account, browser: Browser) -> None:
    for number in range(10_000):
        account.add(f"e{number}", "FAILED" if number % 7 == 0 else "SUCCEEDED", minutes=number)
    wait_until(lambda: browser.get("/api/executions").json()["is_complete"])
    list_all(browser)

    def seconds(*query: tuple[str, Any]) -> float:
        def once() -> float:
            start = time.perf_counter()
            assert browser.get("/api/executions", query).json()["total"] in (10_000, 1429)
            return time.perf_counter() - start

        return min(once() for _ in range(5))

    # A few milliseconds; the rest is for a busy machine. What compares each row with all others takes longer.
    assert seconds() < 5
    assert seconds(("status", "FAILED"), ("text", "diabetes")) < 5
