"""How often AWS is asked: others of the account need its rates too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from switchyard.console import explorer, pace
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.console.pace import Pace
from tests.cloud.local_cloud import wait_until
from tests.console.aws import BEGIN, Account
from tests.console.browser import Browser, serving


class Clock(threading.Event):
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        return self.is_set()


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def browser(account: Account) -> Iterator[Browser]:
    with serving(Context(Connection(account.cloud()), home=None, project=None)) as browser:
        yield browser


def test_after_what_may_come_at_once_requests_keep_to_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    requests = Pace(5, 10)

    for _ in range(10):
        assert requests.wait(clock)
    assert clock.now == 100
    for _ in range(50):
        assert requests.wait(clock)
    assert clock.now == pytest.approx(110)

    clock.now += 1000  # a rest makes up for no more than what may come at once
    for _ in range(15):
        assert requests.wait(clock)
    assert clock.now == pytest.approx(1111)


def test_a_pace_ends_with_the_console() -> None:
    clock = Clock()
    clock.set()

    assert not Pace(5, 0).wait(clock)
    assert not Pace(0, 1).wait(clock)


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look comes after the test, however long that takes."""
    monkeypatch.setattr(explorer, "_AWS_MAX_AGE", 3600.0)


@pytest.mark.usefixtures("one_look")
def test_however_many_ask_aws_is_looked_at_once(account: Account, browser: Browser) -> None:
    account.add("one")

    with browser.live("executions", "workflows", "target") as first, browser.live("executions", "target") as second:
        next(first), next(second)
        for _ in range(20):
            assert browser.get("/api/executions").json()["total"] == 1
            browser.get("/api/target")
    wait_until(lambda: account.calls["describe_execution"] == 1)

    # One page of each state machine; the next look is not due yet.
    assert account.calls["list_executions"] == 2
    assert account.calls["describe_stacks"] == 1
    assert account.calls["list_state_machines"] == 0


def test_of_many_executions_those_that_are_looked_at_are_described_first(
    account: Account, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    described, describe = [], account.describe_execution

    def note(*, executionArn: str) -> dict[str, Any]:  # noqa: N803
        described.append(executionArn)
        return describe(executionArn=executionArn)

    monkeypatch.setattr(account, "describe_execution", note)
    for number in range(1000):
        account.add(f"e{number}", minutes=number)
    newest = wait_until(lambda: page if (page := browser.get("/api/executions").json())["is_complete"] else None)

    def oldest() -> dict[str, Any]:
        (row,) = browser.get("/api/executions", until=BEGIN.timestamp() + 30).json()["rows"]
        return row

    arn = oldest()["arn"]
    before = len(described) + 1  # one was under way
    wait_until(lambda: oldest()["recipe"])

    # Nothing goes ahead of it but what was looked at earlier.
    assert set(described[before : described.index(arn)]) <= {row["arn"] for row in newest["rows"]}


def test_an_action_is_seen_at_once(account: Account, browser: Browser) -> None:
    arn = account.add("long", "RUNNING")
    assert browser.get("/api/executions").json()["rows"][0]["status"] == "RUNNING"

    assert browser.post("/api/execution/stop", arn=arn).status == 200

    assert browser.get("/api/executions").json()["rows"][0]["status"] == "ABORTED"
