"""Models made of model packages: their containers are the package's.

Source: ContainerDefinition, "ModelPackageName" (Amazon SageMaker API Reference).
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.errors import ValidationError


def with_package_contents(context: Context, model: dict[str, Any]) -> dict[str, Any]:
    """Put a package's image, artifact and environment where a model names the package.

    Parameters
    ----------
    context : Context
        The cloud, whose registry has the package.
    model : dict
        What DescribeModel says of the model; it is left as it is.

    Raises
    ------
    ValidationError
        There is no such package, or it says nothing of how to run it.
    """
    resolved = dict(model)
    if "PrimaryContainer" in model:
        resolved["PrimaryContainer"] = _resolved(context, model["PrimaryContainer"])
    if "Containers" in model:
        resolved["Containers"] = [_resolved(context, container) for container in model["Containers"]]
    return resolved


def _resolved(context: Context, container: dict[str, Any]) -> dict[str, Any]:
    name = container.get("ModelPackageName")
    if name is None:
        return container
    try:
        package = context.identity.client("sagemaker").describe_model_package(ModelPackageName=name)
    except ClientError as error:
        raise ValidationError(f"Could not find model package '{name}': {error.response['Error']['Message']}") from None
    containers = package.get("InferenceSpecification", {}).get("Containers")
    if not containers:
        raise ValidationError(f"Model package '{name}' has no InferenceSpecification, so nothing to run.")
    return {
        **containers[0],
        **container,
        "Environment": {**containers[0].get("Environment", {}), **container.get("Environment", {})},
    }
