"""Register model, Record rejection: put a trained model into the model registry, once an execution."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pydantic import BaseModel, Field
from shared.aws import ClientError, client, error_message, is_missing, is_refused
from shared.observability import logger
from shared.parameters import package_parameter, write_parameter
from shared.registry import MAX_DESCRIPTION, METRIC_PREFIX, list_packages, metadata_value
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# The entries that CustomerMetadataProperties take, less those that a release adds to them.
MAX_METADATA = 50 - 10
_GOOD = {
    "Approved": "Every rule of the gate holds",
    "PendingManualApproval": "Every rule of the gate holds; it waits for somebody's approval",
    "Rejected": "The gate gave no reason",
}


class ContentTypes(BaseModel):
    """What the model takes and gives."""

    input: str
    output: str


class Event(TaskEvent):
    """The payload: the model, how it was made, how good it is and what was decided."""

    model_package_group: str
    decision: Literal["Approved", "Rejected", "PendingManualApproval"]
    # How far it is on its way into service; nothing for a model that never comes there.
    release: Literal["deployed", "requested"] | None = None
    release_strategy: str | None = None
    handover_uri: str | None = None
    recipe: str
    model_uri: str
    image_uri: str
    environment: dict[str, str]
    metrics: dict[str, float]
    test_metrics: dict[str, float] | None = None
    lineage: dict[str, str]
    reasons: list[str] = Field(default_factory=list)
    content_types: ContentTypes
    transform_instance_type: str | None = None
    endpoint_instance_type: str | None = None


class Result(TypedDict):
    """Where the model is registered."""

    model_package_arn: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states ``Register model`` and ``Record rejection``."""
    return register_model(Event.model_validate(event))


def register_model(model: Event) -> Result:
    """Register a model with its decision; the same execution gets the same package, however often.

    Returns
    -------
    dict
        ``model_package_arn``.
    """
    arn = _find(model)
    if arn is None:
        arn = _create(model)
        logger.info("Registered the model", model_package_arn=arn, decision=model.decision)
    _describe_decision(model, arn)
    if model.release == "deployed":
        write_parameter(package_parameter(model.model_package_group, model.recipe), arn)
    return {"model_package_arn": arn}


def package_description(execution: str) -> str:
    """Give the description of an execution's package; a listing shows it, so it can be found again."""
    return "Execution " + "".join(char for char in execution if char.isprintable())


def metadata(model: Event) -> dict[str, str]:
    """Give the package's metadata: the execution, its lineage and its metrics, as SageMaker takes them."""
    entries = {
        "execution": model.execution,
        # A group is <project>-<recipe>, and the names of two projects can begin alike.
        "project": model.model_package_group.removesuffix(f"-{model.recipe}"),
        "recipe": model.recipe,
        "release": model.release or "",
        "release_strategy": model.release_strategy or "",
        "handover": model.handover_uri or "",
        **{f"lineage.{name}": value for name, value in model.lineage.items()},
        **{f"{METRIC_PREFIX}{name}": repr(value) for name, value in model.metrics.items()},
        **{f"test_metric.{name}": repr(value) for name, value in (model.test_metrics or {}).items()},
    }
    given = [(key, value) for key, value in entries.items() if value][:MAX_METADATA]
    return {key: metadata_value(value) for key, value in given}


def _find(model: Event) -> str | None:
    description = package_description(model.execution)
    for package in list_packages(model.model_package_group):
        if package.get("ModelPackageDescription") == description:
            return str(package["ModelPackageArn"])
    return None


def _create(model: Event) -> str:
    try:
        return _create_package(model)
    except ClientError as error:
        if not is_missing(error):
            raise
    _create_group(model.model_package_group)
    return _create_package(model)


def _create_group(group: str) -> None:
    try:
        client("sagemaker").create_model_package_group(
            ModelPackageGroupName=group,
            ModelPackageGroupDescription="Models that Switchyard trained, the rejected ones too",
        )
    except ClientError as error:
        # Another run was faster.
        if not (is_refused(error) and "already exists" in error_message(error).lower()):
            raise


def _create_package(model: Event) -> str:
    specification: dict[str, Any] = {
        "Containers": [{"Image": model.image_uri, "ModelDataUrl": model.model_uri, "Environment": model.environment}],
        "SupportedContentTypes": [model.content_types.input],
        "SupportedResponseMIMETypes": [model.content_types.output],
    }
    if model.transform_instance_type:
        specification["SupportedTransformInstanceTypes"] = [model.transform_instance_type]
    if model.endpoint_instance_type:
        specification["SupportedRealtimeInferenceInstanceTypes"] = [model.endpoint_instance_type]
    token = hashlib.sha256(f"{model.model_package_group}/{model.execution}".encode()).hexdigest()[:36]
    created = client("sagemaker").create_model_package(
        ModelPackageGroupName=model.model_package_group,
        ModelPackageDescription=package_description(model.execution),
        InferenceSpecification=specification,
        # Decided last, in one update: a package whose registration broke off is no champion.
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties=metadata(model),
        ClientToken=token,
    )
    return str(created["ModelPackageArn"])


def _describe_decision(model: Event, arn: str) -> None:
    # CreateModelPackage takes no ApprovalDescription, only UpdateModelPackage does. Left alone once set:
    # somebody may have decided otherwise since.
    if client("sagemaker").describe_model_package(ModelPackageName=arn).get("ApprovalDescription"):
        return
    reasons = "; ".join(model.reasons) or _GOOD[model.decision]
    client("sagemaker").update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus=model.decision,
        ApprovalDescription=" ".join(reasons.split())[:MAX_DESCRIPTION],
        CustomerMetadataProperties=metadata(model),
    )
