"""Checks requests against SageMaker's own service model, and words the errors as SageMaker does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.model import operation
from switchyard.cloud.shapes import join, problems, words

# What the service's model leaves open, because there are other ways to say it that nothing here runs.
# A name with a question mark may be left out; of names with a bar between them one is enough; an asterisk stands for
# each entry of a list.
_NEEDED = {
    "CreateTrainingJob": ("AlgorithmSpecification.TrainingImage", "ResourceConfig"),
    "CreateProcessingJob": (
        "ProcessingResources.ClusterConfig.InstanceType",
        "ProcessingInputs?.*.S3Input?.LocalPath",
        "ProcessingOutputConfig?.Outputs?.*.S3Output?.LocalPath",
    ),
    "CreateModel": (
        "ExecutionRoleArn",
        "PrimaryContainer?.Image|ModelPackageName",
        "Containers?.*.Image|ModelPackageName",
    ),
    "CreateEndpointConfig": ("ProductionVariants.*.ModelName", "ShadowProductionVariants?.*.ModelName"),
}


def validate(operation_name: str, request: dict[str, Any]) -> None:
    """Refuse a request that SageMaker would refuse by its shape alone.

    Raises
    ------
    ValidationError
        A member is missing, unknown, of another type, too long, too small or of another form; every
        such member is named.
    """
    found = list(problems(request, operation(operation_name).input_shape))
    if not found:
        needed = _NEEDED.get(operation_name, ())
        found = [problem for place in needed for problem in _missing(request, place.split("."), "")]
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        raise ValidationError(f"{count}: {'; '.join(found)}")


def shaped(operation_name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Keep of an answer what the operation's output has, without the members that are None."""
    members = operation(operation_name).output_shape.members
    return {key: value for key, value in answer.items() if key in members and value is not None}


def _missing(value: Any, names: list[str], path: str) -> Iterator[str]:
    if not names:
        return
    if names[0] == "*":
        for number, item in enumerate(value, start=1):
            yield from _missing(item, names[1:], f"{path}.{number}.member")
        return
    alternatives = names[0].removesuffix("?").split("|")
    name = next((each for each in alternatives if value.get(each) is not None), alternatives[0])
    if value.get(name) is not None:
        yield from _missing(value[name], names[1:], join(path, name))
    elif not names[0].endswith("?"):
        yield words(None, join(path, name), "Member must not be null")
