"""Which cloud the console looks at, and whether it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchyard.aws.client import LOCAL_REGION
from switchyard.console.routing import get
from switchyard.console.schema import Live, Target

if TYPE_CHECKING:
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    return [get("/api/target", lambda _request: describe_target(context), waits=False)]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area."""
    return {"target": lambda topic: _TargetFeed(context, topic)}


def describe_target(context: Context) -> Target:
    """Say which cloud the console looks at, and whether it answers."""
    context.explorer.refresh()
    cloud, problem = context.cloud, context.explorer.problem
    return Target(
        name=str(cloud) if cloud is not None else "past runs",
        is_local=cloud is None or cloud.is_local,
        region=cloud.region if cloud is not None else LOCAL_REGION,
        stack=cloud.stack_name if cloud is not None else "",
        is_up=problem is None,
        problem=problem or context.explorer.denied,
        project=context.project.root.name if context.project is not None else None,
    )


class _TargetFeed:
    def __init__(self, context: Context, topic: str) -> None:
        self.interval = 1.0  # the explorer keeps to what the cloud allows
        self._context = context
        self._topic = topic
        self._last: Target | None = None

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = describe_target(self._context)
        return Live(topic=self._topic, kind="snapshot", data=self._last)

    def look(self) -> Live | None:
        before, self._last = self._last, describe_target(self._context)
        return self.snapshot() if self._last != before else None
