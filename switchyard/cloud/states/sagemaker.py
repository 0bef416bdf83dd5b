"""Step Functions' SageMaker integration, for moto's interpreter.

Source: "Create and manage Amazon SageMaker AI jobs with Step Functions" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from botocore import xform_name
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

# How long a waiting task goes without a look at whether its execution still runs. The end of a job wakes it
# at once; this bounds only how fast a stop is noticed.
STOP_NOTICE_SECONDS = 0.1


class JobWaiter(Protocol):
    """What the integration needs to know of the jobs it starts."""

    def __call__(self, job_arn: str, timeout: float) -> bool:
        """Return whether the job has ended, after waiting for that at most `timeout` seconds."""


@dataclass(frozen=True)
class CloudSide:
    """What a task calls."""

    client_for: Callable[[str, str | None], Any]
    wait_for_job: JobWaiter


@dataclass(frozen=True)
class SyncJob:
    """How ``.sync`` follows one kind of job."""

    name: str
    arn: str
    status: str
    describe: str
    stop: str


SYNC_JOBS = {
    "createTrainingJob": SyncJob(
        "TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "describe_training_job", "stop_training_job"
    ),
    "createTransformJob": SyncJob(
        "TransformJobName",
        "TransformJobArn",
        "TransformJobStatus",
        "describe_transform_job",
        "stop_transform_job",
    ),
    "createProcessingJob": SyncJob(
        "ProcessingJobName",
        "ProcessingJobArn",
        "ProcessingJobStatus",
        "describe_processing_job",
        "stop_processing_job",
    ),
    "createHyperParameterTuningJob": SyncJob(
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "HyperParameterTuningJobStatus",
        "describe_hyper_parameter_tuning_job",
        "stop_hyper_parameter_tuning_job",
    ),
}
REQUEST_RESPONSE = {"createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint", *SYNC_JOBS}

# The exceptions that SageMaker's service model names; every other code arrives as the general one.
MODELED_ERRORS = {
    "ResourceInUse": "ResourceInUseException",
    "ResourceLimitExceeded": "ResourceLimitExceededException",
    "ResourceNotFound": "ResourceNotFoundException",
    "ConflictException": "ConflictException",
}


def install(client_for: Callable[[str, str | None], Any], wait_for_job: JobWaiter) -> None:
    """Teach the interpreter ``arn:aws:states:::sagemaker:*``.

    Parameters
    ----------
    client_for : callable
        Given a service and a role's ARN, returns the client to call it with.
    wait_for_job : JobWaiter
        Wakes a ``.sync`` task as soon as its job has ended.
    """
    SageMakerTask.cloud = CloudSide(client_for, wait_for_job)
    original = state_task_service_factory.state_task_service_for

    def state_task_service_for(service_name: str) -> Any:
        return SageMakerTask() if service_name == "sagemaker" else original(service_name=service_name)

    state_task_factory.state_task_service_for = state_task_service_for


class SageMakerTask(StateTaskServiceCallback):
    """One Task state whose resource is ``arn:aws:states:::sagemaker:<action>[.sync]``."""

    cloud: ClassVar[CloudSide]

    def __init__(self) -> None:
        # WaitForTaskToken is not offered by SageMaker; the base class needs it to wait interruptibly.
        super().__init__(supported_integration_patterns={ResourceCondition.Sync, ResourceCondition.WaitForTaskToken})

    def _get_supported_parameters(self) -> set[str] | None:
        action = self.resource.api_action
        if action not in REQUEST_RESPONSE or self.resource.condition == ResourceCondition.WaitForTaskToken:
            return None
        if self.resource.condition is not None and action not in SYNC_JOBS:
            return None
        return _members(action)

    def _eval_parameters(self, env: Any) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        if self.parargs is not None:
            self.parargs.eval(env=env)
            parameters = env.stack.pop()
        # The base class drops what it does not know, and the job would begin without it.
        unknown = sorted(set(parameters) - _members(self.resource.api_action))
        if unknown:
            message = f'The field "{unknown[0]}" is not supported by Step Functions'
            raise self._failure(env, StatesErrorNameType.StatesRuntime, message)
        return parameters

    def _eval_service_task(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        client = self.cloud.client_for("sagemaker", state_credentials.role_arn)
        answer = getattr(client, xform_name(self.resource.api_action))(**normalised_parameters)
        env.stack.append(_plain(answer))

    def _build_sync_resolver(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Callable[[], Any]:
        job = SYNC_JOBS[self.resource.api_action]
        arn = env.stack.pop()[job.arn]
        name = {job.name: normalised_parameters[job.name]}
        client = self.cloud.client_for("sagemaker", state_credentials.role_arn)

        def resolve() -> Any:
            try:
                client.list_tags(ResourceArn=arn)  # as Step Functions does, so that its role needs that permission
            except ClientError:
                getattr(client, job.stop)(**name)
                raise
            while env.is_running():
                if self.cloud.wait_for_job(arn, STOP_NOTICE_SECONDS):
                    break
            else:
                # The execution stopped, timed out, or a sibling failed.
                self.cancel(normalised_parameters, state_credentials)
                return None
            description = _plain(getattr(client, job.describe)(**name))
            if description[job.status] == "Completed":
                return description
            raise self._failure(env, StatesErrorNameType.StatesTaskFailed, to_json_str(description))

        return resolve

    def cancel(self, normalised_parameters: dict[str, Any], state_credentials: Any) -> None:
        """Stop the job that the task has started."""
        job = SYNC_JOBS[self.resource.api_action]
        client = self.cloud.client_for("sagemaker", state_credentials.role_arn)
        getattr(client, job.stop)(**{job.name: normalised_parameters[job.name]})

    def _eval_sync(self, env: Any, sync_resolver: Any, **_: Any) -> Any:
        return sync_resolver()

    def _from_error(self, env: Any, ex: Exception) -> FailureEvent:
        if not isinstance(ex, ClientError):
            return super()._from_error(env=env, ex=ex)
        code = ex.response["Error"]["Code"]
        error = f"SageMaker.{MODELED_ERRORS.get(code, 'AmazonSageMakerException')}"
        metadata = ex.response["ResponseMetadata"]
        cause = (
            f"{ex.response['Error']['Message']} (Service: AmazonSageMaker; "
            f"Status Code: {metadata['HTTPStatusCode']}; Error Code: {code}; "
            f"Request ID: {metadata.get('RequestId', '')}; Proxy: null)"
        )
        return self._event(env, CustomErrorName(error), error, cause)

    def _failure(self, env: Any, kind: StatesErrorNameType, cause: str) -> FailureEventException:
        return FailureEventException(self._event(env, StatesErrorName(typ=kind), kind.to_name(), cause))

    def _event(self, env: Any, error_name: Any, error: str, cause: str) -> FailureEvent:
        return FailureEvent(
            env=env,
            error_name=error_name,
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(
                taskFailedEventDetails=TaskFailedEventDetails(
                    error=error,
                    cause=cause,
                    resource=self._get_sfn_resource(),
                    resourceType=self._get_sfn_resource_type(),
                )
            ),
        )


def _members(action: str) -> set[str]:
    from switchyard.cloud.sagemaker.model import operation

    return set(operation(action[0].upper() + action[1:]).input_shape.members)


def _plain(answer: Any) -> Any:
    """Turn a client's answer into the JSON that Step Functions shows: times are epoch milliseconds."""
    if isinstance(answer, dict):
        return {key: _plain(value) for key, value in answer.items() if key != "ResponseMetadata"}
    if isinstance(answer, list):
        return [_plain(value) for value in answer]
    if isinstance(answer, datetime.datetime):
        return int(answer.timestamp() * 1000)
    return answer
