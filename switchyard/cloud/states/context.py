"""The context object, ``$$``, as Step Functions fills it.

Source: "Accessing execution data from the Context object in Step Functions" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker


def install() -> None:
    """Have every state see RetryCount, and every execution its RedriveCount; times are written as AWS writes them."""
    state_module.StateData = _state_data
    original = ExecutionWorker._get_evaluation_environment

    def environment(self: Any) -> Any:
        env = original(self)
        execution = env.states.context_object.context_object_data["Execution"]
        execution["StartTime"] = text(execution["StartTime"])
        execution["RedriveCount"] = 0
        return env

    ExecutionWorker._get_evaluation_environment = environment


def text(moment: datetime.datetime) -> str:
    """Write a moment as the context object has it: ``2026-03-26T20:14:13.192Z``."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _state_data(**values: Any) -> dict[str, Any]:
    # The interpreter adds RetryCount only to states that can retry; a Choice or a Pass reads it too.
    return {**values, "EnteredTime": text(datetime.datetime.now(tz=datetime.UTC)), "RetryCount": 0}
