"""Models made of model packages: their containers are the package's.

Source: ContainerDefinition, "ModelPackageName" (Amazon SageMaker API Reference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError


def with_package_contents(package: Callable[[str], dict[str, Any]], model: dict[str, Any]) -> dict[str, Any]:
    """Put a package's image, artifact and environment where a model names the package.

    Parameters
    ----------
    package : callable
        Given a model package's name or ARN, returns what DescribeModelPackage says of it.
    model : dict
        What DescribeModel says of the model; it is left as it is.

    Raises
    ------
    ValidationError
        There is no such package, or it says nothing of how to run it.
    """
    resolved = dict(model)
    if "PrimaryContainer" in model:
        resolved["PrimaryContainer"] = _resolved(package, model["PrimaryContainer"])
    if "Containers" in model:
        resolved["Containers"] = [_resolved(package, container) for container in model["Containers"]]
    return resolved


def _resolved(package: Callable[[str], dict[str, Any]], container: dict[str, Any]) -> dict[str, Any]:
    name = container.get("ModelPackageName")
    if name is None:
        return container
    containers = (package(name).get("InferenceSpecification") or {}).get("Containers")
    if not containers:
        raise ValidationError(f"Model package '{name}' has no InferenceSpecification, so nothing to run.")
    return {
        **containers[0],
        **container,
        "Environment": {**containers[0].get("Environment", {}), **container.get("Environment", {})},
    }
