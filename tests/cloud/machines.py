"""State machines of the tests' own: made, started, and followed to their end through Step Functions' API."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.cloud.local_cloud import LocalCloud, wait_until

_numbers = itertools.count(1)


def create_machine(cloud: LocalCloud, definition: dict[str, Any]) -> str:
    """Create a state machine and return its ARN."""
    arn: str = cloud.client("stepfunctions").create_state_machine(
        name=f"machine-{next(_numbers)}", definition=json.dumps(definition), roleArn=cloud.role_arn
    )["stateMachineArn"]
    return arn


def start(cloud: LocalCloud, definition: dict[str, Any], event: Any = None, **options: Any) -> str:
    """Start an execution of a new state machine and return its ARN."""
    return execute(cloud, create_machine(cloud, definition), event, **options)


def execute(cloud: LocalCloud, machine_arn: str, event: Any = None, **options: Any) -> str:
    """Start an execution of a state machine and return its ARN."""
    arn: str = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine_arn, input=json.dumps(event or {}), **options
    )["executionArn"]
    return arn


def ended(cloud: LocalCloud, arn: str) -> dict[str, Any]:
    """Wait for the end of an execution, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        execution: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution

    found = wait_until(look)
    assert found is not None
    return found


def run(cloud: LocalCloud, definition: dict[str, Any], event: Any = None) -> Any:
    """Run a new state machine to its end and return its output."""
    execution = ended(cloud, start(cloud, definition, event))
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def failure(cloud: LocalCloud, definition: dict[str, Any], event: Any = None) -> tuple[str, str]:
    """Run a new state machine that fails, and return error and cause."""
    execution = ended(cloud, start(cloud, definition, event))
    assert execution["status"] == "FAILED", execution
    return execution["error"], execution["cause"]


def machine(**states: Any) -> dict[str, Any]:
    """A definition that starts with its first state, each state going on to the next."""
    names = list(states)
    followed = {name: {"Next": after, **states[name]} for name, after in itertools.pairwise(names)}
    last = {names[-1]: {"End": True, **states[names[-1]]}}
    document = {**followed, **last}
    for state in document.values():
        if state["Type"] in {"Choice", "Fail", "Succeed"} or ("End" in state and "Next" in state):
            state.pop("End", None)
        if state["Type"] in {"Choice", "Fail", "Succeed"}:
            state.pop("Next", None)
    return {"StartAt": names[0], "States": document}


def events(cloud: LocalCloud, arn: str, *types: str) -> list[dict[str, Any]]:
    """The events of an execution's history, of some types."""
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"] if not types or event["type"] in types]
