"""SageMaker's API: each operation validated, carried out, and answered in the shape of its model.

What is not here is refused: coverage.py says which operations are.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from botocore import xform_name

from switchyard.cloud.account import arn
from switchyard.cloud.faults import Fault
from switchyard.cloud.iam.service_calls import SAGEMAKER
from switchyard.cloud.sagemaker import search
from switchyard.cloud.sagemaker.context import Context, Sabotage
from switchyard.cloud.sagemaker.endpoint_events import EndpointEvent
from switchyard.cloud.sagemaker.endpoints import Endpoint
from switchyard.cloud.sagemaker.errors import (
    NotRunError,
    ResourceInUseError,
    ResourceNotFoundError,
    SageMakerError,
    ValidationError,
)
from switchyard.cloud.sagemaker.experiments import Experiments
from switchyard.cloud.sagemaker.fleets import definitions
from switchyard.cloud.sagemaker.handlers import Handler
from switchyard.cloud.sagemaker.jobs import Job
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.model_cards import ModelCards
from switchyard.cloud.sagemaker.model_packages import ModelPackage, ModelRegistry
from switchyard.cloud.sagemaker.not_run import refuse_not_run
from switchyard.cloud.sagemaker.packages import with_package_contents
from switchyard.cloud.sagemaker.processing import ProcessingJob
from switchyard.cloud.sagemaker.quotas import Quotas, endpoint_instances, job_instances
from switchyard.cloud.sagemaker.resources import EndpointConfig, Model, StoredResource, check_models
from switchyard.cloud.sagemaker.search import Searched
from switchyard.cloud.sagemaker.store import Store
from switchyard.cloud.sagemaker.tags import add_tags, tag_list
from switchyard.cloud.sagemaker.training import TrainingJob
from switchyard.cloud.sagemaker.transform import TransformJob
from switchyard.cloud.sagemaker.tuning.job import HyperParameterTuningJob
from switchyard.cloud.sagemaker.validation import shaped, validate

CONTENT_TYPE = "application/x-amz-json-1.1"
# Endpoints come up in a tenth of a second here: who asks is told just after that, not told to ask again.
SETTLING_SECONDS = 0.2


class SageMaker:
    """The service: its resources and its operations.

    Parameters
    ----------
    context : Context
        The cloud that it is part of.
    on_change : callable
        Called with a job, a model package or an endpoint's event, at each change of its status.
    quotas : Quotas
        How much may be used at a time.

    Attributes
    ----------
    operations : dict
        What answers each operation, by its name.
    """

    def __init__(
        self,
        context: Context,
        on_change: Callable[[Job | ModelPackage | EndpointEvent], None] = lambda _: None,
        quotas: Quotas | None = None,
    ) -> None:
        self._context = context
        self._on_change = on_change
        self._quotas = quotas or Quotas({})
        self.training_jobs: Store[TrainingJob] = Store(
            lambda _: ValidationError("Requested resource not found."),
            _job_taken("Training job names", "a training job"),
        )
        self.processing_jobs: Store[ProcessingJob] = Store(_no_job, _job_taken("Job name", "a job"))
        self.transform_jobs: Store[TransformJob] = Store(_no_job, _job_taken("Job name", "a job"))
        self.tuning_jobs: Store[HyperParameterTuningJob] = Store(
            lambda name: ResourceNotFoundError(f"Amazon SageMaker can't find a tuning job with the name {name}."),
            _job_taken("Hyperparameter tuning job names", "a hyperparameter tuning job"),
        )
        self.models: Store[Model] = _stored("model")
        self.endpoint_configs: Store[EndpointConfig] = _stored("endpoint configuration", "endpoint-config")
        self.endpoints: Store[Endpoint] = _stored("endpoint")
        self.registry = ModelRegistry(on_change)
        self.experiments = Experiments()
        self.model_cards = ModelCards()
        self.operations: dict[str, Handler] = {
            **self._job_operations(TrainingJob, self.training_jobs, TrainingJob),
            **self._job_operations(ProcessingJob, self.processing_jobs, ProcessingJob),
            **self._job_operations(
                TransformJob,
                self.transform_jobs,
                lambda context, request: TransformJob(context, request, self.describe_model),
            ),
            **self._tuning_operations(),
            "DeleteTrainingJob": lambda request: _delete_job(self.training_jobs, request["TrainingJobName"]),
            "DeleteProcessingJob": lambda request: _delete_job(self.processing_jobs, request["ProcessingJobName"]),
            **self._stored_operations(Model, self.models, "Models"),
            **self._stored_operations(EndpointConfig, self.endpoint_configs, "EndpointConfigs"),
            "CreateEndpoint": self._create_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_weights,
            "DescribeEndpoint": self._describe_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": lambda request: Listing("Endpoints").answer(self.endpoints, request),
            **self.registry.operations,
            **self.experiments.operations,
            **self.model_cards.operations,
            "AddTags": self._add_tags,
            "ListTags": lambda request: {"Tags": tag_list(self._tagged(request).tags)},
            "DeleteTags": self._delete_tags,
            "Search": lambda request: search.search(self._searched, request),
        }
        self._stores: dict[str, Store[Any]] = {
            "training-job": self.training_jobs,
            "processing-job": self.processing_jobs,
            "transform-job": self.transform_jobs,
            "hyper-parameter-tuning-job": self.tuning_jobs,
            "model": self.models,
            "endpoint-config": self.endpoint_configs,
            "endpoint": self.endpoints,
            "model-package-group": self.registry.groups,
            "model-package": self.registry.packages,
            "experiment": self.experiments.experiments,
            "experiment-trial": self.experiments.trials,
            "experiment-trial-component": self.experiments.components,
            "model-card": self.model_cards.cards,
        }
        self._searched = {
            "TrainingJob": Searched("TrainingJob", self.training_jobs),
            "Endpoint": Searched("Endpoint", self.endpoints),
            "Model": Searched("Model", self.models, _dashboard_model),
            "ModelPackage": Searched("ModelPackage", self.registry.packages),
            "ModelPackageGroup": Searched("ModelPackageGroup", self.registry.groups),
            "ModelCard": Searched("ModelCard", self.model_cards.cards),
            "Experiment": Searched("Experiment", self.experiments.experiments),
            "ExperimentTrial": Searched("Trial", self.experiments.trials),
            "ExperimentTrialComponent": Searched(
                "TrialComponent", self.experiments.components, self.experiments.searched
            ),
        }
        self._awaited: dict[str, Callable[[dict[str, Any], float], Any]] = {
            "DescribeTrainingJob": lambda request, most: self.training_jobs.find(request["TrainingJobName"]).wait(most),
            "DescribeProcessingJob": lambda request, most: self.processing_jobs.find(request["ProcessingJobName"]).wait(
                most
            ),
            "DescribeTransformJob": lambda request, most: self.transform_jobs.find(request["TransformJobName"]).wait(
                most
            ),
            "DescribeHyperParameterTuningJob": lambda request, most: self.tuning_jobs.find(
                request["HyperParameterTuningJobName"]
            ).wait(most),
            "DescribeEndpoint": lambda request, most: self.endpoint(request["EndpointName"]).wait_until_settled(most),
        }

    def answer(self, operation: str, body: bytes, *, patience: float = 0) -> tuple[int, bytes]:
        """Answer one request of the JSON protocol.

        Parameters
        ----------
        patience : float
            For how many seconds who asks for the state of a job, or of an endpoint, would rather wait for its end than
            be told that it goes on.

        Returns
        -------
        tuple
            The HTTP status and the body.
        """
        try:
            if operation not in self.operations:
                raise NotRunError(operation)
            request = json.loads(body or b"{}")
            validate(operation, request)
            refuse_not_run(operation, request)
            self._check_role(request)
            if patience and operation in self._awaited:
                self._awaited[operation](request, patience)
            answer = self.operations[operation](request)
        except SageMakerError as error:
            return error.status, json.dumps({"__type": error.code, "message": error.message}).encode()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return 400, json.dumps({"__type": "SerializationException", "message": str(error)}).encode()
        return 200, json.dumps(_without_nulls(_shaped(operation, answer)), default=_as_json).encode()

    def _check_role(self, request: dict[str, Any]) -> None:
        role_arn = request.get("RoleArn") or request.get("ExecutionRoleArn")
        role_arn = role_arn or (request.get("TrainingJobDefinition") or {}).get("RoleArn")
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
        for store in (self.training_jobs, self.processing_jobs, self.transform_jobs, self.tuning_jobs):
            found: Job | None = store.by_arn(job_arn)
            if found is not None:
                return found
        raise ValidationError(f"Could not find job '{job_arn}'.")

    def describe_model(self, name: str) -> dict[str, Any]:
        """Return what a model runs, packages looked up; raises ValidationError when there is no such model."""
        return with_package_contents(self.registry.describe, self.models.find(name).describe())

    def describe_endpoint_config(self, name: str) -> dict[str, Any]:
        """Return what DescribeEndpointConfig says of it; raises ValidationError when there is none."""
        return self.endpoint_configs.find(name).describe()

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint; raises ValidationError when there is none of that name."""
        return self.endpoints.find(name)

    def record_backlogs(self) -> list[bool]:
        """Have every asynchronous endpoint record how long its queue is; return for each endpoint whether it has."""
        return [endpoint.record_backlog() for endpoint in self.endpoints]

    def harm_job(self, job_arn: str, fault: Fault) -> None:
        """Let a job that is about to be created suffer a fault."""
        self._context.harm(job_arn, fault)

    def sabotage_deployment(self, endpoint: str, note: str) -> None:
        """Let the deployment of an endpoint that is about to begin fail."""
        self._context.sabotage[f"endpoint/{endpoint}"] = Sabotage(note)

    def spare(self, *keys: str) -> None:
        """Let what was to fail not fail: it was not begun."""
        for key in keys:
            self._context.spare(key)

    def close(self) -> None:
        """End every job and endpoint."""
        for store in (self.tuning_jobs, self.training_jobs, self.processing_jobs, self.transform_jobs):
            for job in store:
                job.stop()
        for endpoint in self.endpoints:
            endpoint.close()

    def _job_operations(
        self, kind: type[Job], store: Store[Any], make: Callable[[Context, dict[str, Any]], Job]
    ) -> dict[str, Handler]:
        name, label = f"{kind.kind}Name", _words(kind.kind)
        listing = Listing(
            f"{kind.kind}Summaries",
            # Warm pools and training plans are not run, so no job has one.
            filters={"WarmPoolStatusEquals": lambda *_: False, "TrainingPlanArnEquals": lambda *_: False},
        )

        def create(request: dict[str, Any]) -> dict[str, Any]:
            return {f"{kind.kind}Arn": self._start(kind.kind, store, request, make).arn}

        def stop(request: dict[str, Any]) -> dict[str, Any]:
            job = store.find(request[name])
            if job.wait(0):
                raise ValidationError(f"The request was rejected because the {label} is in status {job.status}.")
            job.stop()
            return {}

        return {
            f"Create{kind.kind}": create,
            f"Describe{kind.kind}": lambda request: dict(store.find(request[name]).describe()),
            f"Stop{kind.kind}": stop,
            f"List{kind.kind}s": lambda request: listing.answer(store, request),
        }

    def _start(
        self,
        kind: str,
        store: Store[Any],
        request: dict[str, Any],
        make: Callable[[Context, dict[str, Any]], Job],
    ) -> Any:
        """Start a job that has instances of its own, if the quotas have room for them."""
        use, wanted = job_instances(kind, request)
        others = (job_instances(kind, job.request) for job in store if not job.wait(0))
        with self._quotas.room_for(use, wanted, (amount for of, amount in others if of == use)):
            job = make(self._context, request)
            store.add(job)
        job.start(self._on_change)
        return job

    def _tuning_operations(self) -> dict[str, Handler]:
        def start_training(request: dict[str, Any], tuning_job_arn: str) -> TrainingJob:
            def make(context: Context, request: dict[str, Any]) -> TrainingJob:
                return TrainingJob(context, request, tuning_job_arn)

            started: TrainingJob = self._start("TrainingJob", self.training_jobs, request, make)
            return started

        def make(context: Context, request: dict[str, Any]) -> HyperParameterTuningJob:
            return HyperParameterTuningJob(context, request, start_training)

        def create(request: dict[str, Any]) -> dict[str, Any]:
            job = make(self._context, request)
            self.tuning_jobs.add(job)
            job.start(self._on_change)
            return {"HyperParameterTuningJobArn": job.arn}

        def delete(request: dict[str, Any]) -> dict[str, Any]:
            return _delete_job(self.tuning_jobs, request["HyperParameterTuningJobName"])

        def list_trials(request: dict[str, Any]) -> dict[str, Any]:
            return self.tuning_jobs.find(request["HyperParameterTuningJobName"]).list_trials(request)

        return {
            **self._job_operations(HyperParameterTuningJob, self.tuning_jobs, make),
            "CreateHyperParameterTuningJob": create,
            "DeleteHyperParameterTuningJob": delete,
            "ListTrainingJobsForHyperParameterTuningJob": list_trials,
        }

    def _stored_operations(self, kind: type[StoredResource], store: Store[Any], listed_as: str) -> dict[str, Handler]:
        name, listing = f"{kind.kind}Name", Listing(listed_as)

        def create(request: dict[str, Any]) -> dict[str, Any]:
            if kind is EndpointConfig:
                check_models(request, self.describe_model)
            made = kind(request)
            if isinstance(made, Model):  # its packages are there
                with_package_contents(self.registry.describe, made.describe())
            store.add(made)
            return {f"{kind.kind}Arn": made.arn}

        def delete(request: dict[str, Any]) -> dict[str, Any]:
            store.remove(store.find(request[name]))
            return {}

        return {
            f"Create{kind.kind}": create,
            f"Describe{kind.kind}": lambda request: dict(store.find(request[name]).describe()),
            f"Delete{kind.kind}": delete,
            f"List{kind.kind}s": lambda request: listing.answer(store, request),
        }

    def _create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = Endpoint(self._context, request, self.describe_endpoint_config, self.describe_model, self._on_change)
        with self._quotas.room_for("endpoint", endpoint_instances(endpoint.wanted()), self._used_by_endpoints()):
            self.endpoints.add(endpoint)
        endpoint.create()
        return {"EndpointArn": endpoint.arn}

    def _describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        self.endpoint(request["EndpointName"]).wait_until_settled(SETTLING_SECONDS)
        return self.endpoint(request["EndpointName"]).describe()  # or it is gone now

    def _update_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        wanted = definitions(self.describe_endpoint_config(request["EndpointConfigName"]))
        left_out = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties") or []}
        retained = {"DesiredWeight", "DesiredInstanceCount"} - left_out
        # The old servers go on until the new ones serve, so there is to be room for both.
        with self._quotas.room_for("endpoint", endpoint_instances(wanted), self._used_by_endpoints()):
            endpoint.update(
                request["EndpointConfigName"],
                retained if request.get("RetainAllVariantProperties") else set(),
                request.get("DeploymentConfig"),
                as_before=bool(request.get("RetainDeploymentConfig")),
            )
        return {"EndpointArn": endpoint.arn}

    def _update_weights(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        desired = request["DesiredWeightsAndCapacities"]
        with self._quotas.room_for("endpoint", endpoint.further_instances(desired), self._used_by_endpoints()):
            endpoint.set_weights(desired)
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoint(request["EndpointName"])
        endpoint.delete(lambda: self.endpoints.remove(endpoint))
        return {}

    def _used_by_endpoints(self) -> Iterator[Counter[str]]:
        return (endpoint_instances(endpoint.wanted()) for endpoint in self.endpoints if endpoint.status != "Failed")

    def _tagged(self, request: dict[str, Any]) -> Any:
        resource_arn: str = request["ResourceArn"]
        kind = resource_arn.split(":", 5)[5].partition("/")[0]
        if kind not in self._stores:
            raise ValidationError(f"Could not find a resource to tag: '{resource_arn}'.")
        return self._stores[kind].find(resource_arn)

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._tagged(request).tags
        add_tags(tags, request)
        return {"Tags": tag_list(tags)}

    def _delete_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._tagged(request).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}


def _no_job(name: str) -> SageMakerError:
    return ValidationError(f"Could not find requested job with name: {name}")


def _job_taken(names: str, one: str) -> Callable[[Job], SageMakerError]:
    return lambda there: ResourceInUseError(
        f"{names} must be unique within an AWS account and region, and {one} with this name already exists "
        f"({there.arn})"
    )


def _stored(label: str, arn_kind: str = "") -> Store[Any]:
    def missing(name: str) -> SageMakerError:
        resource = name if name.startswith("arn:") else arn("sagemaker", f"{arn_kind or label}/{name.lower()}")
        return ValidationError(f'Could not find {label} "{resource}".')

    return Store(missing, lambda there: ValidationError(f'Cannot create already existing {label} "{there.arn}".'))


def _delete_job(store: Store[Any], name: str) -> dict[str, Any]:
    job = store.find(name)
    if not job.wait(0):
        raise ResourceInUseError(f"The request was rejected because the {_words(job.kind)} is in status {job.status}.")
    store.remove(job)
    return {}


def _dashboard_model(model: Model) -> dict[str, Any]:
    return {"Model": {**model.describe(), "Tags": tag_list(model.tags)}}


def _words(kind: str) -> str:
    return str(xform_name(kind, " "))


def _shaped(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Shape an answer; operations without output answer with an empty document."""
    return shaped(operation, answer) if answer else {}


def error_body(error: SageMakerError) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an error in the REST protocol of the runtime API."""
    headers = {"x-amzn-errortype": error.code, "x-amzn-requestid": str(uuid.uuid4())}
    return error.status, headers, json.dumps({"Message": error.message}).encode()


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
