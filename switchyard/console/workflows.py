"""The workflows: how the executions of each have gone, and what each does."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.console.definitions import read_definition
from switchyard.console.problems import problem_of
from switchyard.console.routing import get
from switchyard.console.schema import ExecutionMark, ExecutionStatus, Live, Workflow, Workflows

if TYPE_CHECKING:
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.known import KnownExecution
    from switchyard.console.live import FeedMaker

_RECENT = 30
_DEFINITION_SECONDS = 30.0
# Neither has ended, or not in a way that says something about the workflow.
_NOT_COUNTED = (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE)


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    reader = _Reader(context)
    return [get("/api/workflows", lambda _request: reader.read())]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area."""
    return {"workflows": lambda topic: _WorkflowsFeed(context, topic)}


class _Reader:
    """Puts the workflows together; their definitions are read again only now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._definitions: dict[str, tuple[float, dict[str, Any] | None, str | None]] = {}

    def read(self) -> Workflows:
        """Give every workflow of the cloud, and those that only past runs tell of."""
        self._context.explorer.refresh()
        machines = {machine.arn: machine.title for machine in self._context.explorer.machines()}
        executions: dict[str, list[KnownExecution]] = {arn: [] for arn in machines}
        for execution in self._context.index.all():
            executions.setdefault(execution.workflow_arn, []).append(execution)
        workflows = [
            self._workflow(arn, self._context.explorer.title(arn), of_it, is_past=arn not in machines)
            for arn, of_it in executions.items()
        ]
        # The cloud's own are in its template's order.
        return Workflows(workflows=sorted(workflows, key=lambda workflow: workflow.is_past))

    def _workflow(self, arn: str, title: str, executions: list[KnownExecution], *, is_past: bool) -> Workflow:
        counts = Counter(execution.status for execution in executions)
        ended = len(executions) - sum(counts[status] for status in _NOT_COUNTED)
        seconds = [
            execution.seconds
            for execution in executions
            if execution.status is ExecutionStatus.SUCCEEDED and execution.seconds is not None
        ]
        definition, problem = self._definition(arn, is_past=is_past)
        return Workflow(
            arn=arn,
            name=arn.rpartition(":")[2],
            title=title,
            recent=[_mark(execution) for execution in reversed(executions[:_RECENT])],
            total=len(executions),
            running=counts[ExecutionStatus.RUNNING],
            success_rate=round(counts[ExecutionStatus.SUCCEEDED] / ended, 4) if ended else None,
            median_seconds=round(statistics.median(seconds), 3) if seconds else None,
            definition=definition,
            definition_problem=problem,
            is_past=is_past,
        )

    def _definition(self, arn: str, *, is_past: bool) -> tuple[dict[str, Any] | None, str | None]:
        with self._lock:
            read_at, definition, problem = self._definitions.get(arn, (0.0, None, None))
        if not read_at or time.monotonic() - read_at > _DEFINITION_SECONDS:
            definition, problem = self._read_past(arn) if is_past else self._read_definition(arn)
            with self._lock:
                self._definitions[arn] = (time.monotonic(), definition, problem)
        return definition, problem

    def _read_definition(self, arn: str) -> tuple[dict[str, Any] | None, str | None]:
        cloud = self._context.cloud
        if cloud is None:
            return self._read_past(arn)
        try:
            answer = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        except (ClientError, BotoCoreError) as error:
            found, _ = self._read_past(arn)
            return found, None if found is not None else problem_of(error).detail
        return read_definition(answer.get("definition"))

    def _read_past(self, arn: str) -> tuple[dict[str, Any] | None, str | None]:
        run = self._context.past.newest_of(arn)
        return (run.definition, None) if run is not None and run.definition else (None, "no past run has kept it")


def _mark(execution: KnownExecution) -> ExecutionMark:
    return ExecutionMark(
        arn=execution.arn,
        name=execution.name,
        status=execution.status,
        outcome=execution.outcome,
        started_at=execution.started_at,
        seconds=execution.seconds,
    )


class _WorkflowsFeed:
    def __init__(self, context: Context, topic: str) -> None:
        self.interval = 1.0  # the explorer keeps to what the cloud allows
        self._reader = _Reader(context)
        self._topic = topic
        self._last: Workflows | None = None

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = self._reader.read()
        return Live(topic=self._topic, kind="snapshot", data=self._last)

    def look(self) -> Live | None:
        before, self._last = self._last, self._reader.read()
        return self.snapshot() if self._last != before else None
