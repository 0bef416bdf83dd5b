"""Fail run: end a run with the error that it met; after a redrive, let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import BaseModel, Field
from shared.causes import readable_cause
from shared.observability import logger
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class CaughtError(BaseModel):
    """What a Catch left in the state."""

    error: str = Field(validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class Event(TaskEvent):
    """The payload: the error, and how often the run had been redriven when it met it, and has been by now."""

    error: CaughtError
    redrives: int
    redrives_at_failure: int


class Result(TypedDict):
    """Which redrive the run goes on in."""

    redrive: int


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Fail run``."""
    return fail_run(Event.model_validate(event))


def fail_run(run: Event) -> Result:
    """Raise the run's error under its own name, unless the run was redriven since.

    Step Functions names a failed execution after the class of what its last function raised. A redrive enters the
    state again that an execution ended with, which is this one.

    Raises
    ------
    Exception
        Of a class that is named as the error, such as ``States.TaskFailed``.
    """
    if run.redrives > run.redrives_at_failure:
        logger.info("The run was redriven and goes on", redrive=run.redrives)
        return {"redrive": run.redrives}
    raise type(run.error.error, (Exception,), {})(readable_cause(run.error.cause))
