"""RedriveExecution: an unsuccessful execution goes on from the state that did not succeed.

Source: "Restarting state machine executions with redrive in Step Functions" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser import api
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse

from switchyard.cloud.states import context, status

# Source: "RedriveExecution" (AWS Step Functions API Reference).
REDRIVABLE_PERIOD = datetime.timedelta(days=14)
LONGEST_EXECUTION = datetime.timedelta(days=365)
MOST_EVENTS = 24_999
REMEMBERED_TOKENS = 10
TOKEN_LIFETIME = datetime.timedelta(minutes=15)

_lock = threading.Lock()


class RedrivenWorker(ExecutionWorker):
    """Evaluates an execution from where it came to, its history going on."""

    def resume(self, env: Any, redrive_count: int) -> None:
        """Take over from the environment of the attempt before, whose threads may still write to it."""
        self.env = self._get_evaluation_environment()
        events = env.event_manager.get_event_history()
        self.env.event_manager._history_event_list.extend(events)
        self.env.event_manager._event_id_gen._next_id = len(events) + 1
        env.progress.resumed().attach(self.env)
        self.env.event_manager.add_event(
            context=self.env.event_history_context,
            event_type=api.HistoryEventType.ExecutionRedriven,
            event_details=EventDetails(executionRedrivenEventDetails={"redriveCount": redrive_count}),
        )

    def _execution_logic(self) -> None:
        self._get_evaluation_entrypoint().eval(self.env)
        self._execution_communication.terminated()


def install(on_redrive: Callable[[str], None]) -> None:
    """Answer RedriveExecution, and say in other answers what was, and what can be, redriven.

    Parameters
    ----------
    on_redrive : callable
        Called with the ARN of an execution that is about to run again.
    """
    Execution.redrive_count, Execution.redrive_date, Execution.redrive_tokens = 0, None, ()
    describe, list_executions = StepFunctionResponse.describe_execution, StepFunctionResponse.list_executions

    def redrive_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        with _lock:
            date = redrive(execution, self._get_param("clientToken"), on_redrive)
        return ActionResult({"redriveDate": date})

    def describe_execution(self: Any) -> Any:
        answer = describe(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.state_machine.type == "STANDARD":
            reason = not_redrivable(execution)
            answer.result.update(_redrives(execution), redriveStatus="NOT_REDRIVABLE" if reason else "REDRIVABLE")
            if reason:
                answer.result["redriveStatusReason"] = reason
        return answer

    def list_all(self: Any) -> Any:
        answer = list_executions(self)
        wanted = {"REDRIVEN": True, "NOT_REDRIVEN": False}.get(self._get_param("redriveFilter"))
        listed = []
        for item in answer.result["executions"]:
            execution = self.stepfunction_backend.describe_execution(item["executionArn"])
            if wanted is None or wanted == bool(execution.redrive_count):
                stopped = {} if execution.stop_date is None else {"stopDate": execution.stop_date}
                listed.append({**item, **stopped, **_redrives(execution)})
        answer.result["executions"] = listed
        return answer

    StepFunctionResponse.redrive_execution = redrive_execution
    StepFunctionResponse.describe_execution = describe_execution
    StepFunctionResponse.list_executions = list_all


def not_redrivable(execution: Any) -> str | None:
    """Say why an execution cannot be redriven; None when it can."""
    if execution.status in {"RUNNING", "SUCCEEDED"}:
        return f"Execution is {execution.status} and cannot be redriven"
    now = datetime.datetime.now(tz=datetime.UTC)
    if now - execution.start_date > LONGEST_EXECUTION:
        return "Execution has exceeded the max execution time"
    if now - execution.stop_date > REDRIVABLE_PERIOD:
        return "Execution redrivable period exceeded"
    if len(execution.exec_worker.env.event_manager._history_event_list) >= MOST_EVENTS:
        return "Execution history event limit exceeded"
    return None


def redrive(execution: Any, token: str | None, on_redrive: Callable[[str], None]) -> datetime.datetime:
    """Let an execution go on, and return when it was let; a token that was used for it changes nothing.

    Raises
    ------
    api.ExecutionNotRedrivable
        It runs, it has succeeded, or a limit is exceeded.
    """
    now = datetime.datetime.now(tz=datetime.UTC)
    for known, date in execution.redrive_tokens:
        if token is not None and token == known and now - date < TOKEN_LIFETIME:
            return date  # type: ignore[no-any-return]
    if execution.state_machine.type != "STANDARD":
        raise api.InvalidArn(message=f"Invalid Arn: '{execution.exec_arn}' is no execution of a Standard workflow")
    if reason := not_redrivable(execution):
        raise api.ExecutionNotRedrivable(message=f"{execution.exec_arn} cannot be redriven: {reason}")
    on_redrive(execution.exec_arn)
    execution.redrive_count += 1
    execution.redrive_date = now
    execution.redrive_tokens = ((token, now), *execution.redrive_tokens)[:REMEMBERED_TOKENS]
    worker = RedrivenWorker(
        evaluation_details=execution.exec_worker._evaluation_details,
        exec_comm=execution._get_start_execution_worker_comm(),
        cloud_watch_logging_session=None,
        activity_store=execution._activity_store,
    )
    worker.resume(execution.exec_worker.env, execution.redrive_count)
    described = worker.env.states.context_object.context_object_data["Execution"]
    described |= {"RedriveCount": execution.redrive_count, "RedriveTime": context.text(now)}
    execution.error = execution.cause = execution.output = execution.stop_date = None
    execution.exec_worker = worker
    execution.exec_status = api.ExecutionStatus.RUNNING
    status.tell(execution)
    worker.start()
    return now


def _redrives(execution: Any) -> dict[str, Any]:
    date = {} if execution.redrive_date is None else {"redriveDate": execution.redrive_date}
    return {"redriveCount": execution.redrive_count, **date}
