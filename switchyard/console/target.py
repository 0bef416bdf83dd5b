"""Which cloud the console looks at, and whether it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchyard.aws.client import LOCAL_REGION
from switchyard.console.problems import problem_of
from switchyard.console.routing import get
from switchyard.console.schema import Live, Target

if TYPE_CHECKING:
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    return [get("/api/target", lambda _request: describe_target(context))]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area."""
    return {"target": lambda topic: _TargetFeed(context, topic)}


def describe_target(context: Context) -> Target:
    """Say which cloud the console looks at, and whether it answers."""
    project = context.project.root.name if context.project is not None else None
    cloud = context.cloud
    if cloud is None:
        return Target(
            name="past runs",
            is_local=True,
            region=LOCAL_REGION,
            stack="",
            is_up=False,
            problem="no local cloud is up; start one with `switchyard up`",
            project=project,
        )
    problem = None
    try:
        cloud.client("stepfunctions").list_state_machines(maxResults=1)
    except Exception as error:
        problem = problem_of(error).detail
    return Target(
        name=str(cloud),
        is_local=cloud.is_local,
        region=cloud.region,
        stack=cloud.stack_name,
        is_up=problem is None,
        problem=problem,
        project=project,
    )


class _TargetFeed:
    def __init__(self, context: Context, topic: str) -> None:
        self.interval = context.interval(local=2.0, aws=15.0)
        self._context = context
        self._topic = topic
        self._last: Target | None = None

    def snapshot(self) -> Live:
        target = self._last or describe_target(self._context)
        self._last = target
        return Live(topic=self._topic, kind="snapshot", data=target)

    def look(self) -> Live | None:
        before, self._last = self._last, describe_target(self._context)
        return self.snapshot() if self._last != before else None
