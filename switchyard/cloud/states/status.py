"""Tells EventBridge whenever the status of an execution changes.

Source: "Automating Step Functions event delivery with EventBridge" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import datetime
import json
import logging
import queue
import threading
from typing import Any

from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

from switchyard.cloud import events, metrics

LOG = logging.getLogger(__name__)
DETAIL_TYPE = "Step Functions Execution Status Change"
# Longer inputs and outputs are left out of the event, whose whole size is limited to 256 KB.
LARGEST_DATA = 248 * 1024
# One thread publishes: the events of an execution come in their order, and no execution waits for a rule's targets.
_changes: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()


def install() -> None:
    """Publish RUNNING at the start of a Standard execution, and its last status at its end; count both."""
    start, terminated = Execution.start, BaseExecutionWorkerCommunication.terminated

    def begin(self: Any) -> None:
        tell(self, "RUNNING")  # before a short execution can be at its end
        _record(self, {"ExecutionsStarted": (1.0, "Count")})
        start(self)

    def end(self: Any) -> None:
        terminated(self)
        tell(self.execution)
        _record_end(self.execution)

    Execution.start = begin
    BaseExecutionWorkerCommunication.terminated = end
    threading.Thread(target=_publish, name="execution-status", daemon=True).start()


def tell(execution: Any, status: str | None = None) -> None:
    """Publish the status of an execution: the one that it has, or will have at once."""
    if execution.state_machine.type == "STANDARD":  # Express ones tell of themselves in their log only
        _changes.put(detail(execution, status or execution.status))


def detail(execution: Any, status: str) -> dict[str, Any]:
    """Return what the event says of an execution."""
    output = None
    if status == "SUCCEEDED":
        output = json.dumps(execution.output, separators=(",", ":"))
    reason = f"Execution is {status} and cannot be redriven" if status in {"RUNNING", "SUCCEEDED"} else None
    stopped = None if status == "RUNNING" else execution.stop_date
    return {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "name": execution.name,
        "status": status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(stopped),
        "input": _kept(execution.execution_input),
        "inputDetails": {"included": _kept(execution.execution_input) is not None},
        "output": _kept(output),
        "outputDetails": None if output is None else {"included": _kept(output) is not None},
        "error": execution.error,
        "cause": execution.cause,
        "redriveCount": execution.redrive_count,
        "redriveDate": _milliseconds(execution.redrive_date),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
        "redriveStatusReason": reason,
    }


def _record_end(execution: Any) -> None:
    name = "Executions" + execution.status.title().replace("_", "")
    milliseconds = (execution.stop_date - execution.start_date).total_seconds() * 1000
    _record(execution, {name: (1.0, "Count"), "ExecutionTime": (milliseconds, "Milliseconds")})


def _record(execution: Any, values: dict[str, tuple[float, str]]) -> None:
    # Source: "Monitoring Step Functions metrics using Amazon CloudWatch" (AWS Step Functions Developer Guide).
    metrics.record_all("AWS/States", {"StateMachineArn": execution.state_machine_arn}, values)


def _kept(data: str | None) -> str | None:
    return data if data is not None and len(data.encode()) <= LARGEST_DATA else None


def _milliseconds(moment: datetime.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _publish() -> None:
    while True:
        change = _changes.get()
        try:
            events.publish("aws.states", DETAIL_TYPE, change, change["executionArn"])
        except Exception:
            LOG.exception("the status of %s could not be published", change["executionArn"])
