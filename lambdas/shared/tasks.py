"""What every function is: a task of the state machine, with an event, a log context and an error's name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, model_validator

from shared.aws import BotoCoreError, ClientError, is_transient
from shared.errors import ServiceFault
from shared.observability import logger, tracer

Handler = Callable[[dict[str, Any], Any], Mapping[str, Any]]


class TaskEvent(BaseModel):
    """The payload of a task. Keys that a function does not name are no concern of it."""

    execution: str
    state_name: str | None = None


class StateEvent(TaskEvent):
    """A payload that holds the machine's whole state in ``state``, since JSONPath has no optional keys.

    After a failure nobody knows how far the state was filled: what is absent stays at its default.
    A state that belongs to another execution is a run's own input, which was never checked: nothing is
    taken from it but the error.
    """

    @model_validator(mode="before")
    @classmethod
    def _look_into_state(cls, event: Any) -> Any:
        if not isinstance(event, dict) or not isinstance(event.get("state"), dict):
            return event
        state = event["state"]
        own = "names" in state and state.get("execution") == event.get("execution")
        known = state if own else {key: state[key] for key in ("error",) if key in state}
        return {**known, **event}


def task(handler: Handler) -> Handler:
    """Make a function of an event the handler of a state machine's task.

    Its log lines carry the names of the execution, of the recipe and of the state, as far as the event has
    them (the execution's is the correlation id as well), and it is a segment of the execution's trace. What
    AWS itself failed to do is raised as `ServiceFault`, apart from what a retry cannot help: Step Functions
    sees nothing of an error but its class's name.

    Parameters
    ----------
    handler
        Takes the event and Lambda's context, gives what JSON can hold.
    """

    @functools.wraps(handler)
    def with_fault_names(event: dict[str, Any], context: Any) -> Mapping[str, Any]:
        logger.append_keys(**_log_keys(event))
        try:
            return handler(event, context)
        except (ClientError, BotoCoreError) as error:
            if is_transient(error):
                raise ServiceFault(f"{type(error).__name__}: {error}") from error
            raise

    traced: Handler = tracer.capture_lambda_handler(with_fault_names, capture_response=False)
    logged: Handler = logger.inject_lambda_context(traced, correlation_id_path="execution", clear_state=True)
    return logged


def _log_keys(event: Any) -> dict[str, str]:
    """Find what every log line of a task carries; an event can be anything, and its log must not fail on it."""
    if not isinstance(event, dict):
        return {}
    state = event.get("state")
    within = state if isinstance(state, dict) else {}
    found = {
        "execution": event.get("execution"),
        "recipe": event.get("recipe", within.get("recipe")),
        "state": event.get("state_name"),
    }
    return {key: value for key, value in found.items() if isinstance(value, str)}
