"""The list of executions."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from switchyard.console.index import Filter
from switchyard.console.problems import RequestError
from switchyard.console.routing import get
from switchyard.console.schema import Executions, Live, Revision

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker

_MAX_ROWS = 1000
# Each word is looked for in every execution.
_MAX_TEXT = 500


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    return [get("/api/executions", lambda request: list_executions(context, request), waits=False)]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area."""
    return {"executions": lambda topic: _ExecutionsFeed(context, topic)}


def list_executions(context: Context, request: Request) -> Executions:
    """Give a page of executions, as the query asks for them."""
    query = request.query_params
    wanted = Filter(
        workflows=frozenset(query.getlist("workflow")) - {""},
        recipes=frozenset(query.getlist("recipe")) - {""},
        statuses=frozenset(query.getlist("status")) - {""},
        since=_time(request, "since"),
        until=_time(request, "until"),
        text=query.get("text", "").strip(),
    )
    limit = query.get("limit") or "100"
    if not re.fullmatch("[0-9]{1,4}", limit) or not 1 <= int(limit) <= _MAX_ROWS:
        raise RequestError(400, f"limit must be a number from 1 to {_MAX_ROWS}, not {limit[:50]!r}")
    if len(wanted.text) > _MAX_TEXT:
        raise RequestError(400, f"text must have {_MAX_TEXT} characters at most; this has {len(wanted.text):,}")
    context.explorer.refresh()
    page = context.index.page(
        wanted,
        after=query.get("after") or None,
        limit=int(limit),
        title=context.explorer.title,
        is_complete=context.explorer.is_complete,
    )
    context.explorer.want(row.arn for row in page.rows)
    return page


def _time(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise RequestError(400, f"{name} must be a time in seconds since 1970, not {text[:50]!r}")
    return seconds


class _ExecutionsFeed:
    def __init__(self, context: Context, topic: str) -> None:
        self.interval = 0.5  # the explorer keeps to what the cloud allows
        self._context = context
        self._topic = topic
        self._last: tuple[int, bool] | None = None

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = self._read()
        return Live(topic=self._topic, kind="snapshot", data=Revision(revision=self._last[0]))

    def look(self) -> Live | None:
        before, self._last = self._last, self._read()
        return self.snapshot() if self._last != before else None

    def _read(self) -> tuple[int, bool]:
        self._context.explorer.refresh()
        return self._context.index.revision, self._context.explorer.is_complete
