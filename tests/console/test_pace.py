"""How often AWS is asked: others of the account need its rates too."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from switchyard.console import pace
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


def test_however_many_ask_aws_is_looked_at_once(account: Account, browser: Browser) -> None:
    account.add("one")

    with browser.live("executions", "workflows", "target") as first, browser.live("executions", "target") as second:
        next(first), next(second)
        for _ in range(20):
            assert browser.get("/api/executions").json()["total"] == 1
            browser.get("/api/target")
    wait_until(lambda: account.calls["describe_execution"] == 1)

    # One page of each state machine; the next look is seconds away.
    assert account.calls["list_executions"] == 2
    assert account.calls["describe_stacks"] == 1
    assert account.calls["list_state_machines"] == 0


def test_of_many_executions_those_that_are_looked_at_are_described_first(account: Account, browser: Browser) -> None:
    for number in range(1000):
        account.add(f"e{number}", minutes=number)
    wait_until(lambda: browser.get("/api/executions").json()["is_complete"])

    oldest = browser.get("/api/executions", until=BEGIN.timestamp() + 30).json()["rows"]
    wait_until(
        lambda: all(
            row["recipe"] for row in browser.get("/api/executions", until=oldest[0]["started_at"]).json()["rows"]
        )
    )

    assert account.calls["describe_execution"] < 200


def test_an_action_is_seen_at_once(account: Account, browser: Browser) -> None:
    arn = account.add("long", "RUNNING")
    assert browser.get("/api/executions").json()["rows"][0]["status"] == "RUNNING"

    assert browser.post("/api/execution/stop", arn=arn).status == 200

    assert browser.get("/api/executions").json()["rows"][0]["status"] == "ABORTED"
