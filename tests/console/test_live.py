"""What the server tells its pages by itself."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from switchyard.console import live
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.console.live import Mailbox
from switchyard.console.problems import problem_of
from switchyard.console.schema import Live, Problem, Revision, Target
from switchyard.errors import SwitchyardError
from tests.cloud.local_cloud import wait_until
from tests.console.aws import Account
from tests.console.browser import TIMEOUT, Browser, serving

TOPIC = "execution:one"


class Steps:
    """A feed whose state is a number that the test sets; a change gives the numbers since the last look."""

    def __init__(self) -> None:
        self.interval = 0.01
        self.number = 0
        self.looks = 0
        self.made = 0
        self.error: Exception | None = None
        self.size = 0
        self._seen = 0

    def make(self, topic: str) -> Steps:
        assert topic == TOPIC
        self.made += 1
        return self

    def snapshot(self) -> Live:
        if self.error is not None:
            raise self.error
        return self._live("snapshot", str(self._seen))

    def look(self) -> Live | None:
        self.looks += 1
        if self.error is not None:
            raise self.error
        before, self._seen = self._seen, self.number
        return self._live("change", f"{before}-{self._seen}") if before != self._seen else None

    def _live(self, kind: Any, text: str) -> Live:
        # Any shape will do.
        target = Target(
            name=text, is_local=True, region="", stack="x" * self.size, is_up=True, problem=None, project=None
        )
        return Live(topic=TOPIC, kind=kind, data=target)


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def browser(steps: Steps) -> Iterator[Browser]:
    context = Context(Connection(Account().cloud("http://127.0.0.1:9")), home=None, project=None)
    with serving(context) as browser:
        context.hub.add_feeds({"execution": steps.make})
        yield browser


def said(message: dict[str, Any]) -> tuple[str, str]:
    return message["kind"], message["data"].get("name") or message["data"]["detail"]


def test_a_page_gets_a_snapshot_and_then_what_changes(browser: Browser, steps: Steps) -> None:
    with browser.live(TOPIC) as messages:
        assert said(next(messages)) == ("snapshot", "0")
        steps.number = 1
        assert said(next(messages)) == ("change", "0-1")
        steps.number = 4
        assert said(next(messages)) == ("change", "1-4")


def test_one_poller_looks_for_all_pages_and_none_when_nobody_does(browser: Browser, steps: Steps) -> None:
    with browser.live(TOPIC) as first:
        assert said(next(first)) == ("snapshot", "0")
        steps.number = 7
        with browser.live(TOPIC) as second:
            # The newcomer's snapshot loses the first page nothing.
            late = said(next(second))
            assert said(next(first)) == ("change", "0-7")
            if late == ("snapshot", "0"):  # it came before the look
                assert said(next(second)) == ("change", "0-7")
            else:
                assert late == ("snapshot", "7")
            steps.number = 8
            assert said(next(first)) == said(next(second)) == ("change", "7-8")
            assert browser.context.hub.watched() == [TOPIC]
    assert steps.made == 1

    wait_until(lambda: browser.context.hub.watched() == [])
    looks = steps.looks
    with browser.live("target") as messages:
        next(messages)
    assert steps.looks <= looks + 1  # the one that may have been under way


def test_a_feed_that_fails_says_so_once_and_goes_on(browser: Browser, steps: Steps) -> None:
    with browser.live(TOPIC) as messages:
        next(messages)
        steps.error = SwitchyardError("the cloud is away")
        problem = next(messages)
        assert said(problem) == ("problem", "the cloud is away")
        assert problem["data"]["status"] == 502
        with browser.live(TOPIC) as late:
            assert said(next(late)) == ("problem", "the cloud is away")
            steps.number, steps.error = 3, None
            # Whoever has seen a problem may have missed something.
            assert said(next(messages)) == said(next(late)) == ("snapshot", "3")


def test_a_bug_in_a_feed_does_not_end_it(browser: Browser, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[BaseException] = []
    monkeypatch.setattr("switchyard.console.problems.traceback.print_exception", lambda error, file: kept.append(error))
    with browser.live(TOPIC) as messages:
        next(messages)
        steps.error = ZeroDivisionError("by zero")
        problem = next(messages)
        assert problem["data"]["status"] == 500
        assert "this is a bug in Switchyard: ZeroDivisionError: by zero" in problem["data"]["detail"]
        steps.error = None
        assert said(next(messages)) == ("snapshot", "0")
    assert len(kept) == 1


@pytest.mark.parametrize(
    "topics",
    [[], ["nothing"], [f"execution:{number}" for number in range(51)], ["execution:" + "x" * 2048]],
    ids=["none", "unknown", "too many", "too long"],
)
def test_topics_that_make_no_sense_are_refused(browser: Browser, topics: list[str]) -> None:
    answer = browser.get("/api/live", [("topic", topic) for topic in topics])

    assert answer.status == 400
    assert "topic" in answer.json()["detail"]


def test_a_page_that_reads_slowly_gets_everything_anew(browser: Browser, steps: Steps) -> None:
    steps.size = 1_000_000
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=TIMEOUT)
    connection.request("GET", f"/api/live?topic={TOPIC}")
    response = connection.getresponse()
    with browser.live(TOPIC) as quick:
        next(quick)
        for number in range(1, 61):  # 60 MB that nobody takes
            steps.number = number
            while not said(next(quick))[1].endswith(f"-{number}"):
                pass
        messages = (line for line in response if line.startswith(b"data: "))

        reached = 0
        skipped = False
        while reached < 60:
            kind, text = said(live_json(next(messages)))
            if kind == "snapshot":
                skipped |= int(text) > reached + 1
                reached = int(text)
            else:
                before, _, after = text.partition("-")
                assert int(before) == reached, "a change was lost"
                reached = int(after)
    connection.close()
    assert skipped


def live_json(line: bytes) -> dict[str, Any]:
    message: dict[str, Any] = Live.model_validate_json(line[6:]).model_dump()
    return message


def test_what_is_superseded_is_not_sent() -> None:
    async def received() -> list[bytes]:
        page = Mailbox()
        for revision in range(1000):
            page.put(live._message(Live(topic="executions", kind="snapshot", data=Revision(revision=revision))))
        page.put(live._message(Live(topic="other", kind="problem", data=Problem(title="", status=502, detail=""))))
        found = [await page.take(lambda _topic: None), await page.take(lambda _topic: None)]
        page.close()
        assert await page.take(lambda _topic: None) is None
        return [message for message in found if message is not None]

    first, second = asyncio.run(received())

    assert b'"revision":999' in first
    assert b'"other"' in second


def test_a_quiet_connection_has_a_heartbeat(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_HEARTBEAT_SECONDS", 0.05)
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=TIMEOUT)
    connection.request("GET", f"/api/live?topic={TOPIC}")

    lines = list(takewhile(lambda line: not line.startswith(b": ping"), connection.getresponse()))

    connection.close()
    assert lines[0] == b"retry: 1000\n"


def test_the_server_s_end_is_the_connection_s_end(steps: Steps) -> None:
    context = Context(Connection(Account().cloud("http://127.0.0.1:9")), home=None, project=None)
    with serving(context) as browser:
        context.hub.add_feeds({"execution": steps.make})
        connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=TIMEOUT)
        connection.request("GET", f"/api/live?topic={TOPIC}")
        response = connection.getresponse()
        assert any(line.startswith(b"data: ") for line in response)
    assert response.read() in (b"", b"\n")
    connection.close()


def test_the_same_bug_leaves_one_traceback_however_often_it_is_met() -> None:
    def describe() -> str:
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError as error:
            return problem_of(error).detail

    details = {describe() for _ in range(3)}
    assert len(details) == 1
    Path(details.pop().partition("Its traceback is in ")[2].partition(";")[0]).unlink()
