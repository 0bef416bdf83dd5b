"""How executions end: stopped, timed out, and told of."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from typing import Any


def keep_stop_reason() -> None:
    """StopExecution drops error and cause, and fails when the execution's thread has not begun yet."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend
    from moto.stepfunctions.responses import StepFunctionResponse

    reflect = BaseExecutionWorkerCommunication._reflect_execution_status

    def reflect_execution_status(self: Any) -> None:
        state = self.execution.exec_worker.env.program_state()
        if isinstance(state, ProgramStopped):
            self.execution.error, self.execution.cause = state.error, state.cause
        reflect(self)

    BaseExecutionWorkerCommunication._reflect_execution_status = reflect_execution_status

    def stop(self: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
        while self.env is None or self.env._program_state is None:
            time.sleep(0.001)
        self.env.set_stop(stop_date=stop_date, cause=cause, error=error)

    ExecutionWorker.stop = stop

    def stop_execution(self: Any) -> Any:
        from moto.core.responses import ActionResult

        backend: StepFunctionsParserBackend = self.stepfunction_backend
        execution = backend.describe_execution(self._get_param("executionArn"))
        now = datetime.datetime.now(tz=datetime.UTC)
        if execution.status == "RUNNING":
            execution.stop(stop_date=now, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or now})

    StepFunctionResponse.stop_execution = stop_execution


def drop_events_after_the_end() -> None:
    """A stopped execution goes on: its tasks and states write that they succeeded, and an error makes it FAILED."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut

    after, add_event = StateTaskService._after_eval_execution, EventManager.add_event
    set_stop, set_error = Environment.set_stop, Environment.set_error

    def after_eval_execution(self: Any, env: Any, **arguments: Any) -> None:
        if env.is_running():
            after(self, env=env, **arguments)

    def stop(self: Any, *arguments: Any, **options: Any) -> None:
        if self.is_running() and not self.is_frame():
            self.event_manager.has_ended = True
        set_stop(self, *arguments, **options)

    def fail(self: Any, error: Any) -> None:
        if not isinstance(self._program_state, ProgramStopped | ProgramTimedOut):
            set_error(self, error)

    def add(self: Any, context: Any, event_type: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(self, "has_ended", False) and not event_type.value.startswith("Execution"):
            return context.last_published_event_id
        return add_event(self, context, event_type, *arguments, **options)

    StateTaskService._after_eval_execution = after_eval_execution
    Environment.set_stop, Environment.set_error = stop, fail
    EventManager.add_event = add


def release_waiting_tasks() -> None:
    """A task that waits for its token is not told of the end: a stopped execution stays RUNNING for as long."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    set_stop, set_timed_out = Environment.set_stop, Environment.set_timed_out

    def release(self: Any) -> None:
        if not self.is_frame():
            for endpoint in list(self.callback_pool_manager._pool.values()):
                endpoint.interrupt_all()

    def stop(self: Any, *arguments: Any, **options: Any) -> None:
        set_stop(self, *arguments, **options)
        release(self)

    def time_out(self: Any) -> None:
        set_timed_out(self)
        release(self)

    Environment.set_stop, Environment.set_timed_out = stop, time_out


def end_time_outs_at_once() -> None:
    """TIMED_OUT comes before its event, which waits for the task that runs, and goes on to write that it succeeded."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.program.program import Program
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramTimedOut

    evaluate, add_event = Program.eval, EventManager.add_event
    last = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
    lock = threading.Lock()

    def add(self: Any, context: Any, event_type: Any, *arguments: Any, **options: Any) -> Any:
        with lock:
            is_over = getattr(self, "is_over", False)
            self.is_over = is_over or event_type.value in last
        if is_over:
            return context.last_published_event_id
        return add_event(self, context, event_type, *arguments, **options)

    def evaluate_in_time(self: Any, env: Any) -> None:
        evaluate(self, env)
        if isinstance(env._program_state, ProgramTimedOut) and not env.is_frame():
            details = EventDetails(executionTimedOutEventDetails={})
            env.event_manager.add_event(env.event_history_context, HistoryEventType.ExecutionTimedOut, details)

    Program.eval, EventManager.add_event = evaluate_in_time, add


def on_execution_end(listener: Callable[[Any], None]) -> None:
    """There is no hook at an execution's end: call `listener` with the execution once its status is final."""
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

    original = BaseExecutionWorkerCommunication.terminated

    def terminated(self: Any) -> None:
        original(self)
        threading.Thread(target=listener, args=(self.execution,), daemon=True).start()

    BaseExecutionWorkerCommunication.terminated = terminated
