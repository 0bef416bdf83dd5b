"""A cloud for the wide cases: as many executions as wanted, and whatever goes wrong, at once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import EndpointConnectionError

from switchyard.aws.client import Cloud
from tests.fake_cloud import refusal

REGION = "eu-west-1"
MACHINE = f"arn:aws:states:{REGION}:123456789012:stateMachine:prod-train-and-deploy"
OTHER = f"arn:aws:states:{REGION}:123456789012:stateMachine:prod-clean-up"
DEFINITION = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def execution_arn(name: str, machine: str = MACHINE) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


class Account:
    """An AWS account with two state machines; counts the calls, and can be taken away."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.machines = [MACHINE, OTHER]
        self.definitions = dict.fromkeys(self.machines, json.dumps(DEFINITION))
        self.is_away = False
        self.refuses: dict[str, Exception] = {}
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str], None] = lambda _operation: None
        self.lock = threading.RLock()

    def add(
        self, name: str, status: str = "SUCCEEDED", *, machine: str = MACHINE, minutes: float = 0, **more: Any
    ) -> str:
        """Add an execution that was started so many minutes after the beginning of the year."""
        arn = execution_arn(name, machine)
        started = BEGIN + timedelta(minutes=minutes)
        ended = {} if status == "RUNNING" else {"stopDate": started + timedelta(seconds=90)}
        with self.lock:
            self.executions[arn] = {
                "executionArn": arn,
                "stateMachineArn": machine,
                "name": name,
                "status": status,
                "startDate": started,
                **ended,
                "redriveCount": 0,
                "input": json.dumps({"recipe": "diabetes"}),
                **({"output": json.dumps({"status": "DEPLOYED"})} if status == "SUCCEEDED" else {}),
                **more,
            }
        return arn

    def end(self, arn: str, status: str = "SUCCEEDED", **more: Any) -> None:
        """Let an execution end."""
        with self.lock:
            self.executions[arn] |= {"status": status, "stopDate": BEGIN + timedelta(days=300), **more}

    def call(self, operation: str) -> None:
        self.before(operation)
        with self.lock:
            self.calls[operation] += 1
            if self.is_away:
                raise EndpointConnectionError(endpoint_url="https://states.eu-west-1.amazonaws.com/")
            if operation in self.refuses:
                raise self.refuses[operation]

    # Step Functions

    def list_executions(
        self,
        *,
        stateMachineArn: str,  # noqa: N803
        maxResults: int,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
        statusFilter: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self.call("list_executions")
        with self.lock:
            found = [
                {key: value for key, value in each.items() if key not in ("input", "output", "error", "cause")}
                for each in self.executions.values()
                if each["stateMachineArn"] == stateMachineArn and statusFilter in (None, each["status"])
            ]
        found.sort(key=lambda each: each["startDate"], reverse=True)
        start, end = int(nextToken), int(nextToken) + maxResults
        return {"executions": found[start:end], **({"nextToken": str(end)} if end < len(found) else {})}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self.call("describe_execution")
        with self.lock:
            if executionArn not in self.executions:
                raise refusal("ExecutionDoesNotExist", f"Execution Does Not Exist: '{executionArn}'")
            return dict(self.executions[executionArn])

    def describe_state_machine(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        self.call("describe_state_machine")
        return {"definition": self.definitions[stateMachineArn], "type": "STANDARD"}

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        self.call("start_execution")
        arn = execution_arn(name, stateMachineArn)
        with self.lock:
            if stateMachineArn not in self.machines:
                raise refusal("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{stateMachineArn}'")
            if arn in self.executions:
                raise refusal("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            self.add(name, "RUNNING", machine=stateMachineArn, minutes=600_000, input=input)
        return {"executionArn": arn}

    def stop_execution(self, *, executionArn: str, error: str, cause: str) -> dict[str, Any]:  # noqa: N803
        self.call("stop_execution")
        self.end(executionArn, "ABORTED", error=error, cause=cause)
        return {"stopDate": BEGIN}

    def redrive_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self.call("redrive_execution")
        with self.lock:
            execution = self.executions[executionArn]
            if execution["status"] in ("SUCCEEDED", "RUNNING"):
                execution["redriveStatusReason"] = f"Execution is {execution['status']} and cannot be redriven"
                raise refusal("ExecutionNotRedrivable", execution["redriveStatusReason"])
            del execution["stopDate"]
            execution |= {"status": "RUNNING", "redriveCount": execution["redriveCount"] + 1}
        return {"redriveDate": BEGIN}

    def list_state_machines(self, **_page: Any) -> dict[str, Any]:
        self.call("list_state_machines")
        return {"stateMachines": [{"stateMachineArn": arn, "name": arn.rpartition(":")[2]} for arn in self.machines]}

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **query: [getattr(self, operation)(**query)])

    # CloudFormation

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        self.call("describe_stacks")
        outputs = {"TrainAndDeployStateMachineArn": MACHINE, "CleanUpStateMachineArn": OTHER}
        found = {name: arn for name, arn in outputs.items() if arn in self.machines}
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": arn} for name, arn in found.items()]}]}

    def cloud(self, endpoint_url: str | None = None) -> Cloud:
        """Connect to it; with a loopback address it counts as local."""
        return Cloud(_Session(self), stack_name="prod", endpoint_url=endpoint_url)


class _Session:
    region_name = REGION

    def __init__(self, account: Account) -> None:
        self._account = account

    def client(self, _service: str, **_options: Any) -> Account:
        return self._account
