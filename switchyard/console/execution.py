"""One execution: its states, events, logs and jobs, as they are and as they change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import Response

from switchyard.console.execution_page import change_view, execution_view
from switchyard.console.execution_views import detail_view, event_document
from switchyard.console.live import split_topic
from switchyard.console.problems import RequestError
from switchyard.console.routing import get, required, required_number
from switchyard.console.schema import Event, Execution, Job, Live, Log, StateDetail

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker
    from switchyard.console.opened import OpenedExecution
    from switchyard.console.state_reader import StateReader

# Seconds between two looks: at what runs, and at what has ended, which may be redriven.
_RUNS = {"local": 0.3, "aws": 3.0}
_HAS_ENDED = {"local": 2.0, "aws": 30.0}
_LOGS = {"local": 0.7, "aws": 3.0}
_JOBS = {"local": 1.0, "aws": 10.0}


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""

    def opened(request: Request) -> OpenedExecution:
        return context.opened.open(required(request, "arn"))

    def reader(request: Request) -> StateReader:
        return _reader(opened(request), required_number(request, "visit"))

    return [
        get("/api/execution", lambda request: execution_view(opened(request))),
        get("/api/execution/event", lambda request: _event(opened(request), required_number(request, "id"))),
        get("/api/execution/state", lambda request: _detail(opened(request), required_number(request, "visit"))),
        get("/api/execution/log", lambda request: reader(request).log()),
        get("/api/execution/job", lambda request: reader(request).job()),
        get("/api/execution/history.json", lambda request: _history(opened(request))),
    ]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area."""
    return {
        "execution": lambda topic: _ExecutionFeed(context, topic),
        "log": lambda topic: _StateFeed(context, topic, lambda reader: reader.log(), _LOGS),
        "job": lambda topic: _StateFeed(context, topic, lambda reader: reader.job(), _JOBS),
    }


def attachment(name: str, content: str | bytes, media_type: str) -> Response:
    """Make a response that a browser saves as a file."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:200]
    headers = {"Content-Disposition": f'attachment; filename="{safe}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)


def _event(execution: OpenedExecution, number: int) -> Event:
    with execution.lock:
        if number not in execution.builder.events:
            raise RequestError(404, f"{execution.row.name} has no event {number}")
        return Event(event=event_document(execution.builder, number))


def _detail(execution: OpenedExecution, visit: int) -> StateDetail:
    with execution.lock:
        if visit not in execution.visits:
            raise RequestError(404, f"{execution.row.name} has entered no state with its event {visit}")
        return detail_view(execution.builder, execution.builder.visits[visit], execution.visits[visit])


def _reader(execution: OpenedExecution, visit: int) -> StateReader:
    if visit not in execution.visits:
        raise RequestError(404, f"{execution.row.name} has entered no state with its event {visit}")
    return execution.reader(visit)


def _history(execution: OpenedExecution) -> Response:
    with execution.lock:
        events = list(execution.builder.events.values())
    # All but ASCII is escaped, so that also half of a surrogate pair can be encoded.
    content = json.dumps({"events": events}, default=lambda value: value.isoformat())
    return attachment(f"{execution.row.name}-history.json", content, "application/json")


class _ExecutionFeed:
    def __init__(self, context: Context, topic: str) -> None:
        self.interval = 0.0
        self._context = context
        self._topic = topic
        self._arn = split_topic(topic)[1]
        self._execution: OpenedExecution | None = None
        self._revision = self._edition = self._events = 0

    def snapshot(self) -> Live:
        if self._execution is None:
            self._see()
        assert self._execution is not None  # noqa: S101 - it was seen, or that has raised
        # As the last look has seen it: its pages get what came later with the next change.
        return Live(topic=self._topic, kind="snapshot", data=self._whole(self._execution))

    def look(self) -> Live | None:
        before, revision, edition, events = self._execution, self._revision, self._edition, self._events
        execution = self._see()
        if execution is not before or self._edition != edition:
            return self.snapshot()
        if self._revision == revision:
            return None
        with execution.lock:
            change = change_view(execution, since=revision, events=events)
        change.events = change.events[: self._events - events]
        return Live(topic=self._topic, kind="change", data=change)

    def _see(self) -> OpenedExecution:
        execution = self._context.opened.open(self._arn, max_age=0.0)
        with execution.lock:
            self._execution = execution
            self._revision, self._edition = execution.revision, execution.editions
            self._events = len(execution.events)
        self.interval = self._context.interval(**(_HAS_ENDED if execution.is_over else _RUNS))
        return execution

    def _whole(self, execution: OpenedExecution) -> Execution:
        return execution_view(execution, events=self._events)


class _StateFeed:
    """A log or a job."""

    def __init__(
        self, context: Context, topic: str, read: Callable[[StateReader], Log | Job], pace: dict[str, float]
    ) -> None:
        self.interval = 0.0
        self._context = context
        self._topic = topic
        self._arn, _, visit = split_topic(topic)[1].rpartition("#")
        if not visit.isascii() or not visit.isdigit() or len(visit) > 15:
            raise RequestError(400, f"the topic {topic!r} names no state: it must end in #<visit>")
        self._visit = int(visit)
        self._read = read
        self._pace = pace
        self._last: Log | Job | None = None
        self._is_final = False

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = self._look()
        return Live(topic=self._topic, kind="snapshot", data=self._last)

    def look(self) -> Live | None:
        before, self._last = self._last, self._look()
        return self.snapshot() if self._last != before else None

    def _look(self) -> Log | Job:
        reader = _reader(self._context.opened.open(self._arn, max_age=self._context.interval(**_RUNS)), self._visit)
        # What is over changes only when it is redriven.
        self.interval = self._context.interval(**(self._pace if reader.is_live else _HAS_ENDED))
        if self._last is not None and self._is_final and not reader.is_live:
            return self._last
        self._is_final = not reader.is_live
        return self._read(reader)
