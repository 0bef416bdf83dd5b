"""Models, endpoint configurations, endpoints and model package groups.

Source: AWS::SageMaker::Model, AWS::SageMaker::EndpointConfig, AWS::SageMaker::Endpoint,
AWS::SageMaker::ModelPackageGroup (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from botocore import xform_name

from switchyard.cloud.cloudformation.types.base import (
    Check,
    Clients,
    Properties,
    ResourceType,
    attributes,
    differs,
    is_gone,
    removed_tags,
    request,
    tags_of,
)
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.resource import Created

# How often an endpoint is looked at that comes up or changes.
_BETWEEN_SECONDS = 0.05
_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack"}


class _Named(ResourceType):
    """What SageMaker makes by one call and never changes afterwards, but for its tags."""

    kind: ClassVar[str]
    longest = 63

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one."""
        asked = request("sagemaker", f"Create{self.kind}", {**properties, self.name: name})
        answer = getattr(clients("sagemaker"), xform_name(f"Create{self.kind}"))(**asked)
        return self._created(name, answer[f"{self.kind}Arn"])

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it other tags."""
        _retag(clients, made, before, after)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        getattr(clients("sagemaker"), xform_name(f"Delete{self.kind}"))(**{self.name: made.attribute(self.name)})

    def _created(self, name: str, arn: str) -> Created:
        return Created(arn, attributes({self.name: name, f"{self.kind}Arn": arn, "Id": arn}))


class Model(_Named):
    """AWS::SageMaker::Model."""

    kind, name = "Model", "ModelName"
    fixed = frozenset(
        {
            "Containers",
            "EnableNetworkIsolation",
            "ExecutionRoleArn",
            "InferenceExecutionConfig",
            "ModelName",
            "PrimaryContainer",
            "VpcConfig",
        }
    )
    properties = fixed | {"Tags"}


class EndpointConfig(_Named):
    """AWS::SageMaker::EndpointConfig."""

    kind, name = "EndpointConfig", "EndpointConfigName"
    fixed = frozenset(
        {
            "AsyncInferenceConfig",
            "DataCaptureConfig",
            "EnableNetworkIsolation",
            "EndpointConfigName",
            "ExecutionRoleArn",
            "ExplainerConfig",
            "KmsKeyId",
            "MetricsConfig",
            "ProductionVariants",
            "ShadowProductionVariants",
            "VpcConfig",
        }
    )
    properties = fixed | {"Tags"}
    required = ("ProductionVariants",)


class ModelPackageGroup(_Named):
    """AWS::SageMaker::ModelPackageGroup."""

    kind, name = "ModelPackageGroup", "ModelPackageGroupName"
    fixed = frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"})
    properties = fixed | {"Tags"}
    required = ("ModelPackageGroupName",)


class Endpoint(_Named):
    """AWS::SageMaker::Endpoint: another configuration, or the way to get there, is no replacement."""

    kind, name = "Endpoint", "EndpointName"
    fixed = frozenset({"EndpointName"})
    properties = frozenset(
        {
            "DeploymentConfig",
            "EndpointConfigName",
            "EndpointName",
            "ExcludeRetainedVariantProperties",
            "RetainAllVariantProperties",
            "RetainDeploymentConfig",
            "Tags",
        }
    )
    required = ("EndpointConfigName",)

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one; what says how to update it has no part in this."""
        asked = {key: properties.get(key) for key in ("EndpointConfigName", "Tags")}
        made = request("sagemaker", "CreateEndpoint", {**asked, "EndpointName": name})
        # A guardrail that could not be kept later is refused now.
        request("sagemaker", "UpdateEndpoint", _update(name, properties))
        return self._created(name, clients("sagemaker").create_endpoint(**made)["EndpointArn"])

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Move it to another configuration."""
        sagemaker, name = clients("sagemaker"), made.attribute("EndpointName")
        _retag(clients, made, before, after)
        described = _rest(sagemaker, name, lambda: None)
        wanted = after["EndpointConfigName"]
        if differs(before, after, ["EndpointConfigName"]) or described["EndpointConfigName"] != wanted:
            sagemaker.update_endpoint(**request("sagemaker", "UpdateEndpoint", _update(name, after)))
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it, once it has come to rest, and see it gone."""
        sagemaker, name = clients("sagemaker"), made.attribute("EndpointName")
        _rest(sagemaker, name, lambda: None)
        sagemaker.delete_endpoint(EndpointName=name)
        try:
            while True:
                sagemaker.describe_endpoint(EndpointName=name)
                threading.Event().wait(_BETWEEN_SECONDS)
        except sagemaker.exceptions.ClientError as error:
            if not is_gone(error):
                raise

    def settle(self, clients: Clients, made: Created, properties: Properties, check: Check) -> None:
        """Wait until it serves with the configuration that it should have."""
        name, wanted = made.attribute("EndpointName"), properties["EndpointConfigName"]
        described = _rest(clients("sagemaker"), name, check)
        reason, status = described.get("FailureReason", ""), described["EndpointStatus"]
        if status != "InService":
            raise TemplateError(f"The endpoint {name} is {status}: {reason}")
        if described["EndpointConfigName"] != wanted:
            serving = described["EndpointConfigName"]
            raise TemplateError(
                f"The endpoint {name} went back to {serving} and does not serve with {wanted}: {reason}"
            )


def _rest(sagemaker: Any, name: str, check: Check) -> dict[str, Any]:
    """Wait until an endpoint neither comes up nor changes; return what is said of it then."""
    between = threading.Event()
    while True:
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
        if described["EndpointStatus"] not in _MOVING:
            return described
        check()
        between.wait(_BETWEEN_SECONDS)


def _update(name: str, properties: Properties) -> dict[str, Any]:
    return {"EndpointName": name, **{key: value for key, value in properties.items() if key not in _NOT_IN_UPDATE}}


_NOT_IN_UPDATE = {"Tags", "EndpointName"}


def _retag(clients: Clients, made: Created, before: Properties, after: Properties) -> None:
    if not differs(before, after, ["Tags"]):
        return
    if gone := removed_tags(before, after):
        clients("sagemaker").delete_tags(ResourceArn=made.physical_id, TagKeys=gone)
    if tags := tags_of(after):
        clients("sagemaker").add_tags(ResourceArn=made.physical_id, Tags=tags)
