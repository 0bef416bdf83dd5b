"""Executions: starting them, following them, and waiting for what they leave behind."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code, error_message
from switchyard.errors import NameTakenError, UsageError
from switchyard.executions.inputs import check_size

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

# What AWS gives at most; and, for a history that is known but for its end, enough for what happens between two looks.
_PAGE_EVENTS, _NEW_EVENTS = 1000, 100


def start_execution(cloud: Cloud, workflow_arn: str, name: str, document: Any) -> tuple[str, bool]:
    """Start an execution; a repeated start is the same one.

    Parameters
    ----------
    cloud
        Where.
    workflow_arn
        The state machine's.
    name
        The execution's.
    document
        Its input.

    Returns
    -------
    tuple of str and bool
        The execution's ARN, and whether it has ended already, so that nothing was started.

    Raises
    ------
    NameTakenError
        When an execution of that name has another input.
    UsageError
        When there is no such workflow, or the input is too large.
    """
    stepfunctions = cloud.client("stepfunctions")
    text = json.dumps(document)
    check_size(text)
    try:
        answer = stepfunctions.start_execution(stateMachineArn=workflow_arn, name=name, input=text)
    except ClientError as error:
        if error_code(error) == "InvalidName":
            raise UsageError(f"{name!r} cannot be an execution's name: {error_message(error)}") from error
        if error_code(error) == "StateMachineDoesNotExist":
            raise UsageError(f"there is no workflow {workflow_arn} in {cloud}") from error
        if error_code(error) != "ExecutionAlreadyExists":
            raise
    else:
        return str(answer["executionArn"]), False
    arn = f"{workflow_arn.replace(':stateMachine:', ':execution:')}:{name}"
    earlier = stepfunctions.describe_execution(executionArn=arn)
    check_same_input(name, json.loads(earlier.get("input") or "null"), document)
    return arn, earlier["status"] != "RUNNING"


def check_same_input(name: str, earlier: Any, document: Any) -> None:
    """Refuse to take another input for the same execution.

    Raises
    ------
    NameTakenError
        When the inputs differ.
    """
    if earlier != document:
        raise NameTakenError(
            f"there is a run {name!r} already, with another input: {json.dumps(earlier)[:300]} rather than "
            f"{json.dumps(document)[:300]}; choose another --name"
        )


def follow(
    cloud: Cloud, execution_arn: str, *, interval: float, wake: threading.Event | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Yield an execution's whole history again and again, until it has ended.

    Parameters
    ----------
    cloud
        Where it runs.
    execution_arn
        Which.
    interval
        Seconds between two looks.
    wake
        Look at once when this is set.
    """
    known: dict[int, dict[str, Any]] = {}
    while True:
        read_new_events(cloud.client("stepfunctions"), execution_arn, known)
        events = [known[id_] for id_ in sorted(known)]
        yield events
        if events and has_ended(events):
            return
        if wake is None:
            time.sleep(interval)
        elif wake.wait(interval):
            wake = None  # it is about to end: what is missing will come with the next look


def has_ended(events: list[dict[str, Any]]) -> bool:
    """Whether a history is complete."""
    last = str(events[-1]["type"])
    return last.startswith("Execution") and last not in ("ExecutionStarted", "ExecutionRedriven")


def read_new_events(stepfunctions: Any, execution_arn: str, known: dict[int, dict[str, Any]]) -> None:
    """Add the events that are not known yet."""
    for event in events_after(stepfunctions, execution_arn, max(known, default=0)):
        known[event["id"]] = event


def events_after(stepfunctions: Any, execution_arn: str, last: int = 0) -> list[dict[str, Any]]:
    """Read the events of an execution that come after one of them, the newest first.

    Parameters
    ----------
    stepfunctions
        The client.
    execution_arn
        Which execution.
    last
        The id of the last event that is known; 0 for all.
    """
    page_size = _NEW_EVENTS if last else _PAGE_EVENTS
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = stepfunctions.get_execution_history(
            executionArn=execution_arn, reverseOrder=True, maxResults=page_size, **token
        )
        events = page["events"]
        found += [event for event in events if event["id"] > last]
        if not page.get("nextToken") or (events and events[-1]["id"] <= last + 1):
            return found
        token, page_size = {"nextToken": page["nextToken"]}, _PAGE_EVENTS


class SavedRun:
    """What an execution leaves behind on this machine: waited for in a thread, known as soon as it is there.

    Parameters
    ----------
    cloud
        Where it runs.
    execution
        Its name.
    """

    def __init__(self, cloud: Cloud, execution: str) -> None:
        self.ended = threading.Event()
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._wait, args=(cloud, execution), daemon=True)
        if cloud.is_switchyard:
            self._thread.start()

    def folder(self) -> Path | None:
        """Give the folder, when the execution has ended; None where nothing is kept on this machine."""
        if self._thread.ident is not None:
            self._thread.join()
        return self._folder

    def _wait(self, cloud: Cloud, execution: str) -> None:
        address = urlsplit(cloud.endpoint_url or "")
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80)
        try:
            connection.request("GET", f"/_switchyard/runs/{quote(execution)}")
            response = connection.getresponse()
            if response.status == 200:
                self._folder = Path(json.loads(response.read())["path"])
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            pass
        finally:
            connection.close()
            self.ended.set()
