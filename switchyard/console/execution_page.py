"""Writes a whole execution as its page shows it, or what has changed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.console.execution_views import traceback_of
from switchyard.console.plain import plain_text
from switchyard.console.schema import Execution, ExecutionChange, ExecutionStatus
from switchyard.executions.causes import logged_traceback
from switchyard.executions.history import failed_state

if TYPE_CHECKING:
    from switchyard.console.opened import OpenedExecution
    from switchyard.executions.history import StateVisit


def execution_view(execution: OpenedExecution, *, events: int | None = None) -> Execution:
    """Write all of an execution.

    Parameters
    ----------
    execution
        The execution.
    events
        How many of its events; all by default.
    """
    change = change_view(execution, since=0, events=0)
    with execution.lock:
        return Execution(
            **{
                name: getattr(change, name) for name in ExecutionChange.model_fields if name not in ("visits", "events")
            },
            input=plain_text(execution.description.get("input") or execution.builder.tree.input),
            definition=execution.definition,
            definition_problem=execution.definition_problem,
            visits=list(execution.visits.values()),
            events=execution.events[:events],
            aws_console_url=execution.source.aws_console_url,
            problem=execution.problem,
        )


def change_view(execution: OpenedExecution, *, since: int, events: int) -> ExecutionChange:
    """Write what has changed in an execution.

    Parameters
    ----------
    execution
        The execution.
    since
        Only visits that have changed after this revision of it.
    events
        How many of its events are known already.
    """
    with execution.lock:
        tree = execution.builder.tree
        described = execution.description
        output = described.get("output") or tree.output
        error, cause = described.get("error") or tree.error, described.get("cause") or tree.cause
        failed = failed_state(tree)
        is_past = execution.source.saved is not None
        return ExecutionChange(
            row=execution.row,
            output=plain_text(output) if output else None,
            error=plain_text(error) if error else None,
            cause=plain_text(cause) if cause else None,
            failed_visit=failed.id if failed is not None else None,
            traceback=_traceback(execution, failed, cause),
            visits=[view for number, view in execution.visits.items() if execution.changed_at[number] > since],
            events=execution.events[events:],
            is_complete=execution.is_complete,
            can_stop=execution.row.status is ExecutionStatus.RUNNING and not is_past,
            can_redrive=described.get("redriveStatus") == "REDRIVABLE" and not is_past,
        )


def _traceback(execution: OpenedExecution, failed: StateVisit | None, cause: str) -> list[str]:
    """Find the traceback of what went wrong: in the failed state's cause, else in what it has logged."""
    if failed is None:
        return []
    told = traceback_of(failed.failures[-1].cause if failed.failures else cause)
    if told or failed.job is None or not failed.failures:
        return told
    key = (failed.id, len(failed.attempts))
    if key not in execution.tracebacks:
        try:
            lines = [line.text for line in execution.reader(failed.id).log().lines]
        except (ClientError, BotoCoreError):
            return []
        execution.tracebacks[key] = logged_traceback(lines)
    return execution.tracebacks[key]
