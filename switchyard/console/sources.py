"""Where all of one execution comes from: the cloud, or what a past run has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.errors import error_code
from switchyard.console.aws_pages import execution_page
from switchyard.console.definitions import read_definition
from switchyard.console.known import described, saved, workflow_of
from switchyard.console.plain import plain_document
from switchyard.console.problems import problem_of
from switchyard.executions.following import events_after

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.console.known import KnownExecution
    from switchyard.executions.runs import SavedExecution

Event = Mapping[str, Any]
# How AWS says that there is no such execution: also when it was deleted with its state machine.
_UNKNOWN = ("ExecutionDoesNotExist", "InvalidArn", "ValidationException", "StateMachineDoesNotExist")


class UnknownExecutionError(Exception):
    """When there is no such execution."""


class Source(Protocol):
    """Where an execution comes from.

    Parameters
    ----------
    cloud
        The cloud, when it comes from there.
    saved
        What it has left on this machine, when it comes from there.
    aws_console_url
        Its page in AWS's console.
    """

    cloud: Cloud | None
    saved: SavedExecution | None
    aws_console_url: str | None

    def describe(self) -> tuple[KnownExecution, Mapping[str, Any]]:
        """Read what the execution's list row says, and DescribeExecution's answer.

        Raises
        ------
        UnknownExecutionError
            When there is no such execution (any more).
        """

    def definition(self) -> tuple[dict[str, Any] | None, str | None]:
        """Read the definition of its state machine as it was, or say why there is none."""

    def events_after(self, last: int) -> list[Any]:
        """Read the events that come after one of them."""

    def problem(self) -> str | None:
        """Say what of it cannot be read, and why."""


class CloudSource:
    """An execution in the cloud.

    Parameters
    ----------
    cloud
        The cloud.
    arn
        The execution's.
    """

    def __init__(self, cloud: Cloud, arn: str) -> None:
        self.cloud: Cloud | None = cloud
        self.saved: SavedExecution | None = None
        self.aws_console_url = None if cloud.endpoint_url else execution_page(arn)
        self._client = cloud.client("stepfunctions")
        self._arn = arn

    def describe(self) -> tuple[KnownExecution, Mapping[str, Any]]:
        """Call DescribeExecution."""
        try:
            answer: dict[str, Any] = self._client.describe_execution(executionArn=self._arn)
        except ClientError as error:
            if error_code(error) in _UNKNOWN:
                raise UnknownExecutionError from error
            raise
        return described(answer), answer

    def definition(self) -> tuple[dict[str, Any] | None, str | None]:
        """Call DescribeStateMachineForExecution; where that may not be called, DescribeStateMachine."""
        try:
            try:
                answer = self._client.describe_state_machine_for_execution(executionArn=self._arn)
            except ClientError:
                answer = self._client.describe_state_machine(stateMachineArn=workflow_of(self._arn))
        except (ClientError, BotoCoreError) as error:
            return None, problem_of(error).detail
        return _definition(answer.get("definition"))

    def events_after(self, last: int) -> list[Any]:
        """Call GetExecutionHistory, from the newest event back."""
        return events_after(self._client, self._arn, last)

    def problem(self) -> str | None:
        """Nothing: what cannot be read is refused."""
        return None


class PastSource:
    """An execution of which only its files are left.

    Parameters
    ----------
    saved
        The files.
    """

    def __init__(self, saved: SavedExecution) -> None:
        # Another one when it was redriven meanwhile, and kept again.
        self.changed_at = (saved.folder / "execution.json").stat().st_mtime_ns
        self.cloud: Cloud | None = None
        self.saved: SavedExecution | None = saved
        self.aws_console_url: str | None = None
        self._saved = saved

    def describe(self) -> tuple[KnownExecution, Mapping[str, Any]]:
        """Read execution.json."""
        known = saved(self._saved.description)
        if known is None:
            raise UnknownExecutionError
        return known, self._saved.description

    def definition(self) -> tuple[dict[str, Any] | None, str | None]:
        """Read definition.json."""
        try:
            text = (self._saved.folder / "definition.json").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None, "the run has not kept its definition.json"
        return _definition(text)

    def events_after(self, last: int) -> list[Any]:
        """Read history.json, which has not changed since it was read."""
        return self._saved.events if last == 0 else []

    def problem(self) -> str | None:
        """Say which files are missing or broken."""
        if self._saved.events:
            return None
        is_there = (self._saved.folder / "history.json").is_file()
        return (
            f"history.json of {self._saved.folder} is {'broken' if is_there else 'missing'}: its states are not known"
        )


def _definition(text: str | None) -> tuple[dict[str, Any] | None, str | None]:
    definition, problem = read_definition(text)
    return plain_document(definition), problem
