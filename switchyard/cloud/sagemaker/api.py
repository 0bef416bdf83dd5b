"""SageMaker's API: each operation validated, carried out, and answered in the shape of its model.

Operations that are not here only store something, and are answered by moto.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from switchyard.cloud.account import arn
from switchyard.cloud.iam.service_calls import SAGEMAKER
from switchyard.cloud.sagemaker.context import Context, Sabotage
from switchyard.cloud.sagemaker.endpoints import Endpoint
from switchyard.cloud.sagemaker.errors import NotRunError, ResourceInUseError, SageMakerError, ValidationError
from switchyard.cloud.sagemaker.jobs import Job
from switchyard.cloud.sagemaker.packages import with_package_contents
from switchyard.cloud.sagemaker.processing import ProcessingJob
from switchyard.cloud.sagemaker.resources import EndpointConfig, Model, StoredResource
from switchyard.cloud.sagemaker.store import Store, tags_of
from switchyard.cloud.sagemaker.training import TrainingJob
from switchyard.cloud.sagemaker.transform import TransformJob
from switchyard.cloud.sagemaker.validation import shaped, validate

Handler = Callable[[dict[str, Any]], dict[str, Any]]
CONTENT_TYPE = "application/x-amz-json-1.1"
# Endpoints come up in a tenth of a second here: who asks is told just after that, not told to ask again.
SETTLING_SECONDS = 0.2
# moto would answer these as if the work had been done.
NOT_RUN = {
    "CreateAutoMLJob",
    "CreateAutoMLJobV2",
    "CreateCompilationJob",
    "CreateHyperParameterTuningJob",
    "CreateLabelingJob",
    "CreateNotebookInstance",
    "CreatePipeline",
    "StartPipelineExecution",
    "UpdateEndpointWeightsAndCapacities",
}


class SageMaker:
    """The service: its resources and its operations.

    Parameters
    ----------
    context : Context
        The cloud that it is part of.
    on_job_change : callable
        Called with a job at each change of its status.
    """

    def __init__(self, context: Context, on_job_change: Callable[[Job], None] = lambda _: None) -> None:
        self._context = context
        self._on_job_change = on_job_change
        self.training_jobs: Store[TrainingJob] = Store()
        self.processing_jobs: Store[ProcessingJob] = Store()
        self.transform_jobs: Store[TransformJob] = Store()
        self.models: Store[Model] = Store()
        self.endpoint_configs: Store[EndpointConfig] = Store()
        self.endpoints: Store[Endpoint] = Store()
        self._operations: dict[str, Handler] = {
            **self._job_operations(TrainingJob, self.training_jobs, TrainingJob),
            **self._job_operations(ProcessingJob, self.processing_jobs, ProcessingJob),
            **self._job_operations(
                TransformJob,
                self.transform_jobs,
                lambda context, request: TransformJob(context, request, self.describe_model),
            ),
            **self._stored_operations(Model, self.models, "Models"),
            **self._stored_operations(EndpointConfig, self.endpoint_configs, "EndpointConfigs"),
            "CreateEndpoint": self._create_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": lambda request: _listed(self.endpoints, request, "Endpoints"),
        }
        self._tagged: list[Store[Any]] = [
            self.training_jobs,
            self.processing_jobs,
            self.transform_jobs,
            self.models,
            self.endpoint_configs,
            self.endpoints,
        ]

    def handles(self, operation: str, request: dict[str, Any]) -> bool:
        """Return whether this service answers the operation itself."""
        if operation in {"AddTags", "ListTags", "DeleteTags"}:
            return self._by_arn(request.get("ResourceArn", "")) is not None
        return operation in self._operations or operation in NOT_RUN

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Answer one request of the JSON protocol.

        Returns
        -------
        tuple
            The HTTP status and the body.
        """
        try:
            if operation in NOT_RUN:
                raise NotRunError(f"{operation} is not run by the local cloud; nothing has been started")
            request = json.loads(body or b"{}")
            validate(operation, request)
            self._check_role(request)
            answer = self._handler(operation)(request)
        except SageMakerError as error:
            return error.status, json.dumps({"__type": error.code, "message": error.message}).encode()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return 400, json.dumps({"__type": "SerializationException", "message": str(error)}).encode()
        return 200, json.dumps(_without_nulls(_shaped(operation, answer)), default=_as_json).encode()

    def _check_role(self, request: dict[str, Any]) -> None:
        role_arn = request.get("RoleArn") or request.get("ExecutionRoleArn")
        if role_arn and not self._context.identity.authorizer.trusts(role_arn, SAGEMAKER):
            raise ValidationError(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'{SAGEMAKER}' to assume the role."
            )

    def job(self, job_arn: str) -> Job:
        """Return the job with that ARN.

        Raises
        ------
        ValidationError
            There is none.
        """
        for store in (self.training_jobs, self.processing_jobs, self.transform_jobs):
            found: Job | None = store.by_arn(job_arn)
            if found is not None:
                return found
        raise ValidationError(f"Could not find job '{job_arn}'.")

    def describe_model(self, name: str) -> dict[str, Any]:
        """Return what a model runs, packages looked up; raises ValidationError when there is no such model."""
        model: Model = _found(self.models.get(name), f'Could not find model "{arn("sagemaker", f"model/{name}")}".')
        return with_package_contents(self._context, model.describe())

    def describe_endpoint_config(self, name: str) -> dict[str, Any]:
        """Return what DescribeEndpointConfig says; raises ValidationError when there is none."""
        missing = f'Could not find endpoint configuration "{arn("sagemaker", f"endpoint-config/{name}")}".'
        config: EndpointConfig = _found(self.endpoint_configs.get(name), missing)
        return config.describe()

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint; raises ValidationError when there is none of that name."""
        endpoint: Endpoint = _found(
            self.endpoints.get(name), f'Could not find endpoint "{arn("sagemaker", f"endpoint/{name}")}".'
        )
        return endpoint

    def sabotage_job(self, job_arn: str, note: str, *, crash: bool) -> None:
        """Let a job that is about to be created fail."""
        self._context.sabotage[job_arn] = Sabotage(note, crash)

    def sabotage_deployment(self, endpoint: str, note: str) -> None:
        """Let the deployment of an endpoint that is about to begin fail."""
        self._context.sabotage[f"endpoint/{endpoint}"] = Sabotage(note)

    def spare(self, *keys: str) -> None:
        """Let what was to fail not fail: it was not begun."""
        for key in keys:
            self._context.sabotage.pop(key, None)

    def close(self) -> None:
        """End every job and endpoint."""
        for store in (self.training_jobs, self.processing_jobs, self.transform_jobs):
            for job in store:
                job.stop()
        for endpoint in self.endpoints:
            endpoint.close()

    def _handler(self, operation: str) -> Handler:
        tags: dict[str, Handler] = {
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }
        return self._operations.get(operation) or tags[operation]

    def _job_operations(
        self, kind: type[Job], store: Store[Any], make: Callable[[Context, dict[str, Any]], Job]
    ) -> dict[str, Handler]:
        name, label = f"{kind.kind}Name", _spaced(kind.kind)

        def create(request: dict[str, Any]) -> dict[str, Any]:
            job = make(self._context, request)
            store.add(
                job,
                lambda there: ResourceInUseError(
                    f"{label.capitalize()} names must be unique within an AWS account and region, and a "
                    f"{label} with this name already exists ({there.arn})"
                ),
            )
            job.start(self._on_job_change)
            return {f"{kind.kind}Arn": job.arn}

        def find(request: dict[str, Any]) -> Job:
            job: Job = _found(store.get(request[name]), "Requested resource not found.")
            return job

        def stop(request: dict[str, Any]) -> dict[str, Any]:
            find(request).stop()
            return {}

        return {
            f"Create{kind.kind}": create,
            f"Describe{kind.kind}": lambda request: find(request).describe(),
            f"Stop{kind.kind}": stop,
            f"List{kind.kind}s": lambda request: _listed(store, request, f"{kind.kind}Summaries"),
        }

    def _stored_operations(self, kind: type[StoredResource], store: Store[Any], listed_as: str) -> dict[str, Handler]:
        name, label = f"{kind.kind}Name", _spaced(kind.kind)

        def create(request: dict[str, Any]) -> dict[str, Any]:
            for variant in request.get("ProductionVariants", []):
                self.describe_model(variant["ModelName"])
            made = kind(request)
            store.add(made, lambda there: ValidationError(f'Cannot create already existing {label} "{there.arn}".'))
            return {f"{kind.kind}Arn": made.arn}

        def find(request: dict[str, Any]) -> StoredResource:
            resource = arn("sagemaker", f"{label.replace(' ', '-')}/{request[name]}")
            found: StoredResource = _found(store.get(request[name]), f'Could not find {label} "{resource}".')
            return found

        def delete(request: dict[str, Any]) -> dict[str, Any]:
            store.remove(find(request).name)
            return {}

        return {
            f"Create{kind.kind}": create,
            f"Describe{kind.kind}": lambda request: find(request).describe(),
            f"Delete{kind.kind}": delete,
            f"List{kind.kind}s": lambda request: _listed(store, request, listed_as),
        }

    def _create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = Endpoint(self._context, request, self.describe_endpoint_config, self.describe_model)
        self.endpoints.add(
            endpoint, lambda there: ValidationError(f'Cannot create already existing endpoint "{there.arn}".')
        )
        endpoint.create()
        return {"EndpointArn": endpoint.arn}

    def _describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        endpoint.wait_until_settled(SETTLING_SECONDS)
        return endpoint.describe()

    def _update_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        endpoint.update(request["EndpointConfigName"])
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        endpoint.delete()
        self.endpoints.remove(endpoint.name)
        return {}

    def _by_arn(self, resource_arn: str) -> Any:
        return next((found for store in self._tagged if (found := store.by_arn(resource_arn)) is not None), None)

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        resource = self._by_arn(request["ResourceArn"])
        resource.tags.update(tags_of(request))
        return {"Tags": _tag_list(resource.tags)}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": _tag_list(self._by_arn(request["ResourceArn"]).tags)}

    def _delete_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        resource = self._by_arn(request["ResourceArn"])
        for key in request["TagKeys"]:
            resource.tags.pop(key, None)
        return {}


def _shaped(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Shape an answer; operations without output answer with an empty document."""
    return shaped(operation, answer) if answer else {}


def error_body(error: SageMakerError) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an error in the REST protocol of the runtime API."""
    headers = {"x-amzn-errortype": error.code, "x-amzn-requestid": str(uuid.uuid4())}
    return error.status, headers, json.dumps({"Message": error.message}).encode()


def _listed(store: Store[Any], request: dict[str, Any], member: str) -> dict[str, Any]:
    page, token = store.page(request)
    return {member: [resource.summary() for resource in page], "NextToken": token}


def _found(resource: Any, message: str) -> Any:
    if resource is None:
        raise ValidationError(message)
    return resource


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _spaced(kind: str) -> str:
    return str(xform_name(kind, " ")).replace("endpoint config", "endpoint configuration")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} is not JSON")
