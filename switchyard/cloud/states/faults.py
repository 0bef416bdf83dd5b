"""Lets the calls that states make go wrong, each as its integration would report it.

Sources: "Handling errors in Step Functions workflows" (AWS Step Functions Developer Guide); Invoke (AWS Lambda API
Reference); CreateEndpoint and UpdateEndpoint (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import datetime
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from moto.stepfunctions.models import stepfunctions_backends
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

from switchyard.cloud.account import ACCOUNT_ID, REGION, arn
from switchyard.cloud.faults import Fault, Faults, kinds
from switchyard.cloud.functions import Functions
from switchyard.cloud.sagemaker.api import SageMaker

ClientFor = Callable[[str, str | None], Any]
_JOB_SUFFIX = "Job"
# Lambda has names of its own for what other services call otherwise.
_LAMBDA_CODES = {
    "ThrottlingException": "TooManyRequestsException",
    "InternalFailure": "ServiceException",
    "InternalServerError": "ServiceException",
}


@dataclass(frozen=True)
class Surroundings:
    """What a fault needs in order to strike."""

    faults: Faults
    client_for: ClientFor
    sagemaker: SageMaker
    functions: Functions


@dataclass(frozen=True)
class Call:
    """One call of a task, about to be made."""

    around: Surroundings
    task: Any
    env: Any
    service: str
    action: str
    parameters: dict[str, Any]
    role_arn: str | None

    @property
    def function(self) -> str | None:
        """The name of the function that it invokes, if any."""
        if self.service != "lambda" or "FunctionName" not in self.parameters:
            return None
        found = self.around.functions.get(str(self.parameters["FunctionName"]))
        return found.name if found else None

    @property
    def job_arn(self) -> str | None:
        """The ARN that the job which it creates will have, if any."""
        if self.service != "sagemaker" or not (self.action.startswith("create") and self.action.endswith(_JOB_SUFFIX)):
            return None
        kind = self.action.removeprefix("create")
        name = self.parameters.get(f"{kind}Name")
        return arn("sagemaker", f"{xform_name(kind, '-')}/{str(name).lower()}") if name else None

    @property
    def endpoint(self) -> str | None:
        """The name of the endpoint that it deploys, or whose deployment in this execution it is about, if any."""
        if self.service == "sagemaker" and self.action in ("createEndpoint", "updateEndpoint"):
            return str(self.parameters.get("EndpointName"))
        if self.function is None:
            return None
        started = datetime.datetime.fromisoformat(_execution(self.env)["StartTime"])
        named = set(_texts(self.parameters.get("Payload")))
        deployed = (each for each in self.around.sagemaker.endpoints if each.name in named)
        return next((each.name for each in deployed if each.deployed_at >= started and not each.is_decided), None)

    def applies(self, fault: Fault) -> bool:
        """Return whether the call can go wrong in that way."""
        if fault.kind.name == kinds.CRASH:
            return self.function is not None or self.job_arn is not None
        if fault.kind.name == kinds.SPOT_INTERRUPTION:
            return self.job_arn is not None and bool(self.parameters.get("EnableManagedSpotTraining"))
        if fault.kind.name == kinds.FAILED:
            return self.job_arn is not None or self.endpoint is not None
        return True

    def strike(self, fault: Fault) -> None:
        """Let go wrong what does so before the call, or arrange for it to go wrong during it."""
        kind = fault.kind
        if kind.is_code:
            raise self.error(kind.name, fault.note)
        if kind.name == kinds.LATENCY:
            _pause(self.env, kind.seconds)
        elif kind.name == kinds.TIMEOUT and getattr(self.task.resource, "condition", None) is not None:
            self.env.times_out = fault  # while it waits for what it has started
        elif kind.name == kinds.CRASH and self.function is not None:
            self.around.functions.crash_next(self.function, self.parameters["Payload"], fault.note)
        elif kind.name in kinds.OF_JOBS:
            self._sabotage(fault)

    def strike_after(self, fault: Fault) -> None:
        """Let go wrong what does so once the call has taken effect."""
        if fault.kind.name == kinds.TIMEOUT and getattr(self.env, "times_out", None) is None:
            raise time_out(self.task, self.env, fault)
        if fault.kind.name == kinds.LOST_ANSWER:
            raise self.error("InternalFailure", f"The answer was lost on its way. {fault.note}")

    def confirm(self, endpoint: str | None) -> None:
        """Take a deployment for done once a function that was told of it has succeeded: it cannot fail any more."""
        if self.function is not None and endpoint is not None:
            self.around.sagemaker.endpoint(endpoint).is_decided = True

    def take_back(self) -> None:
        """Forget what was arranged: the call itself was refused."""
        self.around.sagemaker.spare(self.job_arn or "", f"endpoint/{self.endpoint}")

    def error(self, code: str, note: str) -> Exception:
        """Return the exception that the call's client raises for an error code."""
        status, message = kinds.CODES.get(code, (400, code))
        if self.service == "lambda":
            code = _LAMBDA_CODES.get(code, code)
            status = {"TooManyRequestsException": 429, "ServiceException": 500}.get(code, status)
        raised = self.around.client_for(self.service, self.role_arn).exceptions.from_code(code)
        operation = self.action[:1].upper() + self.action[1:]
        answer = {
            "Error": {"Code": code, "Message": f"{message} {note}".strip()},
            "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": str(uuid.uuid4())},
        }
        return raised(answer, operation)  # type: ignore[no-any-return]

    def _sabotage(self, fault: Fault) -> None:
        sagemaker = self.around.sagemaker
        if self.job_arn is not None:
            sagemaker.harm_job(self.job_arn, fault)
        elif self.service == "sagemaker":
            sagemaker.sabotage_deployment(str(self.endpoint), fault.note)
        else:
            sagemaker.endpoint(str(self.endpoint)).fail(fault.note)


def install(faults: Faults, client_for: ClientFor, sagemaker: SageMaker, functions: Functions) -> None:
    """Have each call of a state ask first whether a fault strikes it."""
    around = Surroundings(faults, client_for, sagemaker, functions)
    for service in [StateTaskService, *_subclasses(StateTaskService)]:
        if "_eval_service_task" in vars(service):
            _guard(service, around)
    _guard_plain_functions(around)
    _time_out_in_waiting()
    _end_with_their_execution(faults)


def state_names() -> list[str]:
    """Return the names of all states of all state machines."""
    machines = stepfunctions_backends[ACCOUNT_ID][REGION].state_machines
    return sorted({name for machine in machines for name in _states_in(json.loads(machine.definition))})


def time_out(task: Any, env: Any, fault: Fault) -> FailureEventException:
    """Return the time-out of a task, which did not happen by itself."""
    event = task._get_timed_out_failure_event(env)
    for details in event.event_details.values():
        details["cause"] = fault.note
    return FailureEventException(event)


def _guard(service: Any, around: Surroundings) -> None:
    original = service._eval_service_task

    def eval_service_task(
        self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> None:
        call = Call(
            around=around,
            task=self,
            env=env,
            service=self._get_boto_service_name(),
            action=self.resource.api_action,
            parameters=normalised_parameters,
            role_arn=state_credentials.role_arn,
        )
        _make(
            call,
            lambda: original(
                self,
                env=env,
                resource_runtime_part=resource_runtime_part,
                normalised_parameters=normalised_parameters,
                state_credentials=state_credentials,
            ),
        )

    service._eval_service_task = eval_service_task


def _guard_plain_functions(around: Surroundings) -> None:
    """Guard the tasks whose resource is a function's ARN itself."""
    evaluate, invoke = StateTaskLambda._eval_execution, lambda_eval_utils.execute_lambda_function_integration

    def eval_execution(self: Any, env: Any) -> None:
        env.plain_task = self
        evaluate(self, env)

    def execute(env: Any, parameters: Any, region: Any, state_credentials: Any) -> None:
        task = getattr(env, "plain_task", None)
        if task is None:  # of lambda:invoke, which is guarded above
            invoke(env, parameters, region, state_credentials)
            return
        call = Call(around, task, env, "lambda", "invoke", parameters, state_credentials.role_arn)
        _make(call, lambda: invoke(env, parameters, region, state_credentials))

    StateTaskLambda._eval_execution = eval_execution
    lambda_eval_utils.execute_lambda_function_integration = execute


def _make(call: Call, proceed: Callable[[], None]) -> None:
    """Make a call, with the faults that strike it."""
    execution = _execution(call.env)["Name"]
    state = call.env.states.context_object.context_object_data["State"]["Name"]
    if not call.around.faults:
        proceed()
        return
    struck = call.around.faults.take(state, call.function, execution, call.applies)
    endpoint = call.endpoint
    for fault in sorted(struck, key=lambda fault: fault.kind.name != kinds.LATENCY):
        call.strike(fault)
    try:
        proceed()
    except Exception:
        call.take_back()
        raise
    call.confirm(endpoint)
    for fault in struck:
        call.strike_after(fault)


def _time_out_in_waiting() -> None:
    """Let a task that waits for a job, an execution or a token time out as soon as it does."""
    original = StateTaskServiceCallback._eval_integration_pattern

    def eval_integration_pattern(self: Any, env: Any, **arguments: Any) -> None:
        fault = getattr(env, "times_out", None)
        if fault is not None:
            cancel = getattr(self, "cancel", None)
            if cancel is not None:
                cancel(arguments["normalised_parameters"], arguments["state_credentials"])
            raise time_out(self, env, fault)
        original(self, env=env, **arguments)

    StateTaskServiceCallback._eval_integration_pattern = eval_integration_pattern


def _end_with_their_execution(faults: Faults) -> None:
    terminated = BaseExecutionWorkerCommunication.terminated

    def end(self: Any) -> None:
        faults.end(self.execution.name)
        terminated(self)

    BaseExecutionWorkerCommunication.terminated = end


def _execution(env: Any) -> dict[str, Any]:
    execution: dict[str, Any] = env.states.context_object.context_object_data["Execution"]
    return execution


def _pause(env: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while env.is_running() and (left := deadline - time.monotonic()) > 0:
        env.program_state_event.wait(left)


def _subclasses(kind: Any) -> Iterator[Any]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _states_in(definition: dict[str, Any]) -> Iterator[str]:
    for name, state in definition.get("States", {}).items():
        yield name
        for inner in (*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")):
            yield from _states_in(inner or {})


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON document, or in the bytes of one."""
    if isinstance(value, bytes):
        value = json.loads(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
