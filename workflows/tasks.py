"""How the states of our machines are put: what they invoke, catch and keep."""

from __future__ import annotations

from typing import Any

from stepfunctions.steps import Catch, Chain
from stepfunctions.steps.states import State

from workflows.steps import Format, JsonPath

EXECUTION = JsonPath("$$.Execution.Name")
# On all that an execution makes in SageMaker. An account can hold several projects whose names begin alike, so a name
# does not tell whose a thing is; housekeeping goes by these.
TAGS = {
    "switchyard:project": "${ProjectName}",
    "switchyard:execution": EXECUTION,
    "switchyard:recipe": JsonPath("$.recipe"),
}
# A function's own time-out comes first, so that its log says what it was doing; this covers a cold start.
FUNCTION_START_SECONDS = 30


def catch_all(next_step: State | Chain, result_path: str = "$") -> Catch:
    """Catch every error that can be caught."""
    return Catch(error_equals=["States.ALL"], next_step=next_step, result_path=result_path)


def invoke(function: str, event: dict[str, Any], execution: JsonPath = EXECUTION) -> dict[str, Any]:
    """Give the parameters that invoke one of template.yaml's functions with an event.

    Each event has the names of the execution and of the state, by which a function's log lines are found.
    """
    names = {"execution": execution, "state_name": JsonPath("$$.State.Name")}
    return {"FunctionName": f"${{{function}FunctionArn}}", "Payload": {**names, **event}}


def job_name(base: str) -> JsonPath:
    """Name a job after the run, its redrives and this state's retries: SageMaker never gives a name twice."""
    return Format("{}-{}-{}", base, "$$.Execution.RedriveCount", "$$.State.RetryCount")


def payload(*keys: str) -> dict[str, JsonPath]:
    """Select what to keep of a function's result; a function gives each of these keys, always."""
    return {key: JsonPath(f"$.Payload.{key}") for key in keys}
