"""Changes carried out, and followed to their end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code, error_message
from switchyard.errors import StackError, UsageError
from switchyard.stacks.changes import ChangeSet, find_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchyard.aws.client import Cloud

_SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}
# How often CloudFormation is asked what is new: it throttles, and the local cloud does not.
_BETWEEN_SECONDS, _BETWEEN_SECONDS_LOCAL = 2.0, 0.1


@dataclass(frozen=True)
class Outcome:
    """How an operation on a stack has ended.

    Parameters
    ----------
    status
        The stack's.
    reason
        Why it has not succeeded; "" when it has.
    outputs
        The stack's, as it is now.
    """

    name: str
    status: str
    reason: str
    outputs: dict[str, str]

    @property
    def is_success(self) -> bool:
        """Whether it has done what was asked."""
        return self.status in _SUCCEEDED

    def document(self) -> dict[str, Any]:
        """Give the JSON document of `--json`."""
        return {"stack": self.name, "status": self.status, "reason": self.reason or None, "outputs": self.outputs}


def execute(cloud: Cloud, change_set: ChangeSet, show: Callable[[dict[str, Any]], None]) -> Outcome:
    """Execute a change set and follow it.

    Parameters
    ----------
    show
        Called with each event, the oldest first.

    Raises
    ------
    StackError
        When CloudFormation refuses to.
    """
    seen = _seen(cloud, change_set.stack_id)
    try:
        cloud.client("cloudformation").execute_change_set(ChangeSetName=change_set.id)
    except ClientError as error:
        if error_code(error) in {"ValidationError", "InvalidChangeSetStatus", "ChangeSetNotFound"}:
            raise StackError(error_message(error)) from error
        raise
    return _follow(cloud, change_set.stack_id, seen, show)


def delete(cloud: Cloud, name: str, show: Callable[[dict[str, Any]], None]) -> Outcome:
    """Delete a stack and follow it.

    Raises
    ------
    UsageError
        When there is no such stack.
    StackError
        When CloudFormation refuses to.
    """
    stack = existing(cloud, name)
    seen = _seen(cloud, stack["StackId"])
    try:
        cloud.client("cloudformation").delete_stack(StackName=stack["StackId"])
    except ClientError as error:
        if error_code(error) == "ValidationError":
            raise StackError(error_message(error)) from error
        raise
    return _follow(cloud, stack["StackId"], seen, show)


def existing(cloud: Cloud, name: str) -> dict[str, Any]:
    """Give what DescribeStacks says of a stack; raises UsageError when there is none."""
    stack = find_stack(cloud, name)
    if stack is None:
        raise UsageError(f"there is no stack {name!r} in {cloud}")
    return stack


def resources(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    """List what a stack is made of."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    return [
        resource
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _seen(cloud: Cloud, stack_id: str) -> set[str]:
    return {event["EventId"] for event in _events(cloud, stack_id)}


def _events(cloud: Cloud, stack_id: str) -> Iterator[dict[str, Any]]:
    """Yield a stack's events, the newest first."""
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for page in pages:
        yield from page["StackEvents"]


def _follow(cloud: Cloud, stack_id: str, seen: set[str], show: Callable[[dict[str, Any]], None]) -> Outcome:
    """Show what happens to a stack until nothing does any more."""
    failures: list[str] = []
    turn = ended = ""
    between = _BETWEEN_SECONDS_LOCAL if cloud.is_local else _BETWEEN_SECONDS
    while True:
        fresh = []
        for event in _events(cloud, stack_id):
            if event["EventId"] in seen:
                break
            fresh.append(event)
        for event in reversed(fresh):
            seen.add(event["EventId"])
            show(event)
            status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
            if event.get("PhysicalResourceId") == stack_id:
                turn = turn or (reason if status.endswith("ROLLBACK_IN_PROGRESS") else "")
                # What is asked for begins a little later than it is answered: the end is told by an event, too.
                ended = "" if status.endswith("_IN_PROGRESS") else status
            elif status.endswith("_FAILED") and "cancelled" not in reason:
                failures.append(f"{event['LogicalResourceId']}: {reason}")
        if ended:
            break
        time.sleep(between)
    stack = cloud.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"][0]
    reason = "" if ended in _SUCCEEDED else "\n".join(failures[:1]) or turn or stack.get("StackStatusReason", "")
    left = [] if ended == "DELETE_COMPLETE" else stack.get("Outputs", [])
    outputs = {each["OutputKey"]: each["OutputValue"] for each in left}
    return Outcome(stack["StackName"], ended, reason, outputs)
