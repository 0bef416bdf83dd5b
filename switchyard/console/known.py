"""What is known of an execution without its history: from a list, a description, or what a past run has left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from switchyard.console.plain import plain_text
from switchyard.console.schema import ExecutionRow, ExecutionStatus
from switchyard.executions.history import failure_reason, read_time

# Text is looked for in this much of an input: thousands of them are kept, and each may have 256 KB.
_SEARCHED_CHARACTERS = 4096
# An output that is longer is not kept.
_OUTPUT_CHARACTERS = 8192
_MAX_NAME_CHARACTERS = 200
_MAX_REASON_CHARACTERS = 500
_STATUSES = frozenset(ExecutionStatus)


@dataclass(frozen=True)
class KnownExecution:
    """What is known of an execution.

    Parameters
    ----------
    is_past
        Whether it is read from what a past run has left.
    is_described
        Whether its description has been read since it last changed; else recipe, outcome and reason may be missing.
    searched
        Its input's text, or the beginning of it.
    output
        Its output's text; empty without one, and when it is long.
    package_arn
        The model package that it was asked to release.
    """

    arn: str
    name: str
    workflow_arn: str
    status: ExecutionStatus
    started_at: float
    stopped_at: float | None = None
    redrives: int = 0
    is_past: bool = False
    is_described: bool = False
    recipe: str | None = None
    outcome: str | None = None
    reason: str | None = None
    searched: str = ""
    output: str = ""
    package_arn: str | None = None

    @property
    def order(self) -> tuple[float, str]:
        """What sorts the newest first."""
        return -self.started_at, self.arn

    @property
    def stage(self) -> tuple[str, bool, int]:
        """What a description was true of; not the very time, which lists may give less exactly."""
        return self.status, self.stopped_at is None, self.redrives

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.stopped_at is None else round(max(0.0, self.stopped_at - self.started_at), 3)

    @cached_property
    def text(self) -> str:
        """All that text is looked for in, in small letters."""
        return "\n".join((self.name, self.recipe or "", self.reason or "", self.searched)).casefold()

    def row(self, title: Callable[[str], str]) -> ExecutionRow:
        """Write it as a row of a list.

        Parameters
        ----------
        title
            Gives a workflow's title by its ARN.
        """
        return ExecutionRow(
            arn=self.arn,
            name=self.name,
            workflow=title(self.workflow_arn),
            workflow_arn=self.workflow_arn,
            recipe=self.recipe,
            status=self.status,
            outcome=self.outcome,
            started_at=self.started_at,
            stopped_at=self.stopped_at,
            seconds=self.seconds,
            reason=self.reason,
            redrives=self.redrives,
            is_past=self.is_past,
        )


def listed(item: Mapping[str, Any], known: KnownExecution | None = None) -> KnownExecution:
    """Read an item of ListExecutions' answer.

    Parameters
    ----------
    item
        The item.
    known
        What is known of that execution; stays true as long as the execution has not changed.
    """
    seen = _read(item)
    if known is None or known.is_past:
        return seen
    if known.stage == seen.stage:
        return known
    # The input stays what it was.
    return replace(seen, recipe=known.recipe, searched=known.searched, package_arn=known.package_arn)


def described(description: Mapping[str, Any]) -> KnownExecution:
    """Read DescribeExecution's answer."""
    seen = _read(description)
    given = _document(description.get("input"))
    made = _document(description.get("output"))
    # An upload's event names no recipe; the workflow tells which one it was.
    recipe = given.get("recipe") or made.get("recipe")
    outcome, package = made.get("status"), given.get("model_package")
    return replace(
        seen,
        is_described=True,
        recipe=plain_text(recipe[:_MAX_NAME_CHARACTERS]) if isinstance(recipe, str) and recipe else None,
        outcome=plain_text(outcome[:_MAX_NAME_CHARACTERS]) if isinstance(outcome, str) and outcome else None,
        reason=_reason(description) if seen.status not in ("SUCCEEDED", "RUNNING") else None,
        searched=str(description.get("input") or "")[:_SEARCHED_CHARACTERS],
        output=_short(description.get("output")),
        package_arn=package if isinstance(package, str) else None,
    )


def saved(description: Mapping[str, Any]) -> KnownExecution | None:
    """Read what a past run has left of its description; None when that is not enough to list it."""
    try:
        execution = replace(described(description), is_past=True)
    except (KeyError, ValueError, TypeError):
        return None
    if execution.status is ExecutionStatus.RUNNING:
        # Nobody runs it any more.
        return replace(execution, status=ExecutionStatus.ABORTED, reason="the local cloud ended while it ran")
    return execution


def workflow_of(execution_arn: str) -> str:
    """Give the ARN of an execution's state machine.

    Examples
    --------
    >>> workflow_of("arn:aws:states:eu-west-1:123456789012:execution:nightly:42")
    'arn:aws:states:eu-west-1:123456789012:stateMachine:nightly'
    """
    return execution_arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")


def _read(item: Mapping[str, Any]) -> KnownExecution:
    arn = plain_text(item["executionArn"])
    stopped = item.get("stopDate")
    return KnownExecution(
        arn=arn,
        name=plain_text(item.get("name") or arn.rpartition(":")[2]),
        workflow_arn=plain_text(item.get("stateMachineArn") or workflow_of(arn)),
        # A status that is newer than this console is shown as the nearest that it knows.
        status=ExecutionStatus(item["status"]) if item["status"] in _STATUSES else ExecutionStatus.RUNNING,
        started_at=read_time(item["startDate"]).timestamp(),
        stopped_at=read_time(stopped).timestamp() if stopped else None,
        redrives=int(item.get("redriveCount") or 0),
    )


def _document(text: Any) -> dict[str, Any]:
    try:
        document = json.loads(text) if text else None
    except (ValueError, TypeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _short(text: Any) -> str:
    return text if isinstance(text, str) and len(text) <= _OUTPUT_CHARACTERS else ""


def _reason(description: Mapping[str, Any]) -> str | None:
    reason = failure_reason(str(description.get("cause") or "")) or str(description.get("error") or "")
    return plain_text(" ".join(reason.split())[:_MAX_REASON_CHARACTERS]) or None
