"""Writes what is known of an execution as its page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchyard.console.plain import plain_document, plain_text
from switchyard.console.schema import Attempt, EventRow, StateDetail, StateStatus, Visit
from switchyard.executions.causes import failure_reason, traceback_lines

if TYPE_CHECKING:
    from switchyard.executions.history import HistoryBuilder, StateVisit

_REASON_CHARACTERS = 500
_LINE_CHARACTERS = 2000


def visit_view(visit: StateVisit, *, is_gone: bool = False) -> Visit:
    """Write a visit.

    Parameters
    ----------
    visit
        The visit.
    is_gone
        Whether what ran it has gone meanwhile, so that what is open will never end.
    """
    failure = visit.failures[-1] if visit.failures else None
    status = StateStatus.ABORTED if is_gone and visit.is_open else StateStatus(visit.status.value)
    return Visit(
        id=visit.id,
        parent=visit.parent,
        branch=visit.branch,
        attempt=visit.attempt,
        name=plain_text(visit.name),
        type=plain_text(visit.type),
        order=visit.order,
        status=status,
        entered_at=visit.entered_at.timestamp(),
        exited_at=visit.exited_at.timestamp() if visit.exited_at else None,
        retries=visit.retries,
        redrives=visit.redrives,
        resource=plain_text(visit.resource),
        error=plain_text(failure.error) if failure else None,
        reason=reason_of(failure.cause) if failure else None,
        job=plain_text(visit.job.name) if visit.job else None,
        function=plain_text(visit.function) if visit.function else None,
        endpoint=plain_text(visit.endpoint) if visit.endpoint else None,
        items=len(visit.branches),
        length=visit.length,
    )


def event_view(builder: HistoryBuilder, number: int) -> EventRow:
    """Write an event without its details."""
    return EventRow(
        id=number,
        previous=builder.place_before(number),
        type=plain_text(builder.events[number].get("type") or ""),
        at=builder.time_of(number).timestamp(),
        visit=builder.visit_of(number),
    )


def event_document(builder: HistoryBuilder, number: int) -> dict[str, Any]:
    """Write an event with its details, as GetExecutionHistory gives it; times in ISO 8601."""
    document: dict[str, Any] = plain_document(dict(builder.events[number]))
    return document


def detail_view(builder: HistoryBuilder, visit: StateVisit, view: Visit) -> StateDetail:
    """Write all of a visit.

    Parameters
    ----------
    builder
        The history that it is of.
    visit, view
        The visit, and as it was written without its details.
    """
    definition = builder.definition_of(visit.name)
    return StateDetail(
        visit=view,
        input=plain_text(visit.input),
        output=plain_text(visit.output) if visit.output else None,
        parameters=plain_document(visit.parameters) if visit.parameters else None,
        definition=dict(definition) if definition is not None else None,
        attempts=[
            Attempt(
                number=number,
                started_at=attempt.started_at.timestamp(),
                ended_at=attempt.ended_at.timestamp() if attempt.ended_at else None,
                error=plain_text(attempt.error) if attempt.error is not None else None,
                cause=plain_text(attempt.cause) if attempt.cause is not None else None,
                reason=reason_of(attempt.cause or ""),
                traceback=traceback_of(attempt.cause or ""),
                is_aborted=attempt.is_aborted,
            )
            for number, attempt in enumerate(visit.attempts, start=1)
        ],
        map_run=plain_text(visit.map_run) if visit.map_run else None,
    )


def reason_of(cause: str) -> str | None:
    """Say in a line what a cause says; None when it says nothing."""
    return plain_text(" ".join(failure_reason(cause).split())[:_REASON_CHARACTERS]) or None


def traceback_of(cause: str) -> list[str]:
    """Give the last lines of the traceback in a cause."""
    return [plain_text(line)[:_LINE_CHARACTERS] for line in traceback_lines(cause)]
