"""Read run: find out how far a run came that died outside its graph, from its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import Field
from shared.aws import client
from shared.observability import logger
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

ENDED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


class Event(TaskEvent):
    """The payload: the execution that an event told of."""

    execution_arn: str = Field(min_length=1)


class Result(TypedDict):
    """The run, as the functions that undo it and tell of it take it."""

    is_over: bool
    is_release: bool
    execution: str
    execution_arn: str
    status: str
    started: str
    state: dict[str, Any]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Read run``."""
    return read_run(Event.model_validate(event).execution_arn)


def read_run(execution_arn: str) -> Result:
    """Gather what an ended run's own failure path would have had.

    Parameters
    ----------
    execution_arn
        The run.

    Returns
    -------
    dict
        ``state`` is the machine's state as far as it was filled, with the ``error``. ``is_over`` is False when the
        run goes on, redriven since, or has succeeded: there is nothing to undo then.
    """
    execution = client("stepfunctions").describe_execution(executionArn=execution_arn)
    name, status = str(execution["name"]), str(execution["status"])
    state: dict[str, Any] = next((state for state in _states(execution_arn) if _is_of(state, name)), {})
    error = {
        "Error": execution.get("error", status),
        "Cause": execution.get("cause", "") or _WHY.get(status, ""),
    }
    logger.info("Read the run", run=name, status=status, came_to=sorted(state))
    return {
        "is_over": status in ENDED,
        "is_release": "model_package_arn" in state,  # a run's state has it in its registration alone
        "execution": name,
        "execution_arn": execution_arn,
        "status": status,
        "started": execution["startDate"].isoformat(),
        "state": {**state, "execution": name, "error": error},
    }


_WHY = {
    "ABORTED": "Somebody stopped the run.",
    "TIMED_OUT": "The run took longer than the state machine allows.",
}


def _states(execution_arn: str) -> Iterator[Any]:
    """Yield what states were given or gave, the newest first."""
    pages = (
        client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=execution_arn, reverseOrder=True)
    )
    for page in pages:
        for event in page["events"]:
            entered = event.get("stateEnteredEventDetails", {}).get("input")
            exited = event.get("stateExitedEventDetails", {}).get("output")
            for text in (entered, exited):
                if text:
                    yield json.loads(text)


def _is_of(state: Any, execution: str) -> bool:
    """Tell whether that is the whole state of the run; a state's result alone, or a branch's, is not."""
    return isinstance(state, dict) and "names" in state and state.get("execution") == execution
