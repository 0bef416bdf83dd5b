"""Models and endpoint configurations: what is stored, and what deploys from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from botocore import xform_name

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.errors import NotRunError, ValidationError
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.tags import tags_of


class StoredResource:
    """A resource that is its own request, as SageMaker's Describe call gives it back."""

    kind: ClassVar[str]
    status = "InService"

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = {key: value for key, value in request.items() if key != "Tags"}
        self.name: str = request[f"{self.kind}Name"]
        self.arn = arn("sagemaker", f"{xform_name(self.kind, '-')}/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()

    def describe(self) -> dict[str, Any]:
        """Answer the Describe call."""
        return {**self.request, f"{self.kind}Arn": self.arn, "CreationTime": self.created}

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of the List call."""
        return {f"{self.kind}Name": self.name, f"{self.kind}Arn": self.arn, "CreationTime": self.created}


class Model(StoredResource):
    """A model: image, artifact, environment and role."""

    kind = "Model"

    def __init__(self, request: dict[str, Any]) -> None:
        if not request.get("PrimaryContainer") and not request.get("Containers"):
            raise ValidationError("A model needs a PrimaryContainer, or Containers")
        if request.get("PrimaryContainer") and request.get("Containers"):
            raise ValidationError("A model has either a PrimaryContainer or Containers, not both")
        super().__init__(request)


class EndpointConfig(StoredResource):
    """An endpoint configuration: the production variants, each with a model and a weight."""

    kind = "EndpointConfig"

    def __init__(self, request: dict[str, Any]) -> None:
        variants = request["ProductionVariants"]
        names = [variant["VariantName"] for variant in variants]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValidationError(f"Production variant names must be unique; there are two named {twice[0]}")
        serverless = [variant["VariantName"] for variant in variants if variant.get("ServerlessConfig")]
        if serverless and len(variants) > 1:
            raise ValidationError("An endpoint configuration with a ServerlessConfig has one production variant.")
        if serverless and request.get("AsyncInferenceConfig"):
            raise ValidationError("AsyncInferenceConfig and ServerlessConfig do not go together.")
        for variant in variants:
            _check_serverless(variant)
        if shadows := request.get("ShadowProductionVariants"):
            _check_shadows(variants, shadows, is_async=bool(request.get("AsyncInferenceConfig")))
        if capture := request.get("DataCaptureConfig"):
            _check_capture(capture, is_async=bool(request.get("AsyncInferenceConfig")))
        super().__init__(request)


def check_models(request: dict[str, Any], model: Callable[[str], dict[str, Any]]) -> None:
    """Refuse a configuration whose models are not there, or do not suit it.

    Parameters
    ----------
    model : callable
        Given a model's name, returns what DescribeModel says of it.

    Raises
    ------
    ValidationError
        The first thing that is wrong.
    """
    shadows = request.get("ShadowProductionVariants") or []
    for variant in [*request["ProductionVariants"], *shadows]:
        found = model(variant["ModelName"])
        if shadows and (found.get("Containers") or found["PrimaryContainer"].get("Mode") == "MultiModel"):
            raise ValidationError(
                f"The model {variant['ModelName']} has several containers or serves many models: it does not go with "
                "ShadowProductionVariants."
            )


def _check_shadows(variants: list[dict[str, Any]], shadows: list[dict[str, Any]], *, is_async: bool) -> None:
    # Source: "Shadow tests", supported features (Amazon SageMaker Developer Guide).
    if len(variants) != 1 or len(shadows) != 1:
        raise ValidationError(
            "With ShadowProductionVariants there is one variant in ProductionVariants and one in "
            f"ShadowProductionVariants; these are {len(variants)} and {len(shadows)}."
        )
    if variants[0]["VariantName"] == shadows[0]["VariantName"]:
        raise ValidationError(f"The production and the shadow variant have the same name, {shadows[0]['VariantName']}.")
    if is_async or any(variant.get("ServerlessConfig") for variant in [*variants, *shadows]):
        raise ValidationError(
            "ShadowProductionVariants are for real-time inference on instances: they do not go with "
            "AsyncInferenceConfig or ServerlessConfig."
        )


def _check_capture(config: dict[str, Any], *, is_async: bool) -> None:
    if is_async and config.get("EnableCapture", True):
        raise NotRunError("CreateEndpointConfig with DataCaptureConfig and AsyncInferenceConfig")
    if not config["DestinationS3Uri"].startswith("s3://"):
        raise ValidationError(
            f"DestinationS3Uri is '{config['DestinationS3Uri']}'; it is of the form s3://bucket/prefix."
        )


def _check_serverless(variant: dict[str, Any]) -> None:
    config = variant.get("ServerlessConfig")
    if config is None:
        if not variant.get("InstanceType") or not variant.get("InitialInstanceCount"):
            raise ValidationError(
                f"The variant {variant['VariantName']} needs an InstanceType and an InitialInstanceCount, or a "
                "ServerlessConfig."
            )
        return
    if variant.get("InstanceType") or variant.get("InitialInstanceCount"):
        raise ValidationError(
            f"The variant {variant['VariantName']} has a ServerlessConfig, so it has no InstanceType and no "
            "InitialInstanceCount."
        )
    if config["MemorySizeInMB"] % 1024:
        raise ValidationError("MemorySizeInMB is one of 1024, 2048, 3072, 4096, 5120 and 6144.")
    if config.get("ProvisionedConcurrency", 1) > config["MaxConcurrency"]:
        raise ValidationError("ProvisionedConcurrency is at most MaxConcurrency.")
