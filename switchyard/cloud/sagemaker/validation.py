"""Checks requests against SageMaker's own service model, and words the errors as SageMaker does."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.model import operation

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
    "blob": (str,),
}
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
    "CreateEndpointConfig": ("ProductionVariants.*.ModelName",),
}

_JAVA_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": "\u0020\u00a0", r"\p{Alnum}": "a-zA-Z0-9"}


def validate(operation_name: str, request: dict[str, Any]) -> None:
    """Refuse a request that SageMaker would refuse by its shape alone.

    Raises
    ------
    ValidationError
        A member is missing, unknown, of another type, too long, too small or of another form; every
        such member is named.
    """
    problems = list(_problems(request, operation(operation_name).input_shape, ""))
    if not problems:
        needed = _NEEDED.get(operation_name, ())
        problems = [problem for place in needed for problem in _missing(request, place.split("."), "")]
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise ValidationError(f"{count}: {'; '.join(problems)}")


def moment(value: float | str) -> datetime.datetime:
    """Return a timestamp of a request, which is in seconds since 1970 or in ISO 8601.

    Raises
    ------
    ValueError, OverflowError, OSError
        It is none.
    """
    if isinstance(value, str):
        given = datetime.datetime.fromisoformat(value)
        return given if given.tzinfo else given.replace(tzinfo=datetime.UTC)
    return datetime.datetime.fromtimestamp(value, tz=datetime.UTC)


def shaped(operation_name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Keep of an answer what the operation's output has, without the members that are None."""
    members = operation(operation_name).output_shape.members
    return {key: value for key, value in answer.items() if key in members and value is not None}


def _problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    expected = _PYTHON_TYPES.get(shape.type_name, (object,))
    wrong_type = not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean")
    if wrong_type:
        yield _words(value, path, f"Member must be of type {shape.type_name}")
        return
    if shape.type_name == "structure":
        yield from _structure_problems(value, shape, path)
    elif shape.type_name == "list":
        yield from _size_problems(len(value), value, shape, path)
        for number, item in enumerate(value, start=1):
            yield from _problems(item, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "map":
        yield from _size_problems(len(value), value, shape, path)
        for key, item in value.items():
            yield from _problems(key, shape.key, f"{path}.key")
            yield from _problems(item, shape.value, f"{path}.{key}.member")
    elif shape.type_name == "string":
        yield from _string_problems(value, shape, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _range_problems(value, shape, path)
    elif shape.type_name == "timestamp":
        try:
            moment(value)
        except (ValueError, OverflowError, OSError):
            yield _words(value, path, "Member must be of type timestamp")


def _structure_problems(value: dict[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _words(None, _join(path, name), "Member must not be null")
    for name, member in value.items():
        if name not in shape.members:
            known = ", ".join(sorted(shape.members))
            yield f"Unknown parameter '{_join(path, name)}', must be one of: {known}"
        elif member is not None:
            yield from _problems(member, shape.members[name], _join(path, name))


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
        yield from _missing(value[name], names[1:], _join(path, name))
    elif not names[0].endswith("?"):
        yield _words(None, _join(path, name), "Member must not be null")


def _string_problems(value: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size_problems(len(value), value, shape, path)
    if shape.enum and value not in shape.enum:
        yield _words(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        yield _words(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_problems(size: int, value: Any, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and size > most:
        yield _words(value, path, f"Member must have length less than or equal to {most}")
    if least is not None and size < least:
        yield _words(value, path, f"Member must have length greater than or equal to {least}")


def _range_problems(value: float, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and value > most:
        yield _words(value, path, f"Member must have value less than or equal to {most}")
    if least is not None and value < least:
        yield _words(value, path, f"Member must have value greater than or equal to {least}")


def _join(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _words(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(_in_python(pattern))
    except re.error:  # one is written for Java's surrogate pairs
        return None


def _in_python(pattern: str) -> str:
    """Write a pattern of Java's, with its classes of Unicode, for Python.

    A class of letters, marks, symbols, numbers and punctuation is everything but control characters.
    """
    if r"\p{P}" in pattern:
        left_out = r"\x00-\x1f\x7f-\x9f" + ("" if r"\p{Z}" in pattern else r"\s")
        return re.sub(r"\[(\\p\{\w\})+\]", lambda _: f"[^{left_out}]", pattern)
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.sub(r"\$\{1,\d+\}$", "", pattern)
