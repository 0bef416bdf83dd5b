"""Checks requests against botocore's own models of services, and words what is wrong as AWS does."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

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
_JAVA_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": "\u0020\u00a0", r"\p{Alnum}": "a-zA-Z0-9"}


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


def problems(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield a sentence for each member of a request that is missing, unknown, too long or of another form."""
    expected = _PYTHON_TYPES.get(shape.type_name, (object,))
    wrong_type = not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean")
    if wrong_type:
        yield words(value, path, f"Member must be of type {shape.type_name}")
        return
    if shape.type_name == "structure":
        yield from _structure_problems(value, shape, path)
    elif shape.type_name == "list":
        yield from _size_problems(len(value), value, shape, path)
        for number, item in enumerate(value, start=1):
            yield from problems(item, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "map":
        yield from _size_problems(len(value), value, shape, path)
        for key, item in value.items():
            yield from problems(key, shape.key, f"{path}.key")
            yield from problems(item, shape.value, f"{path}.{key}.member")
    elif shape.type_name == "string":
        yield from _string_problems(value, shape, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _range_problems(value, shape, path)
    elif shape.type_name == "timestamp":
        try:
            moment(value)
        except (ValueError, OverflowError, OSError):
            yield words(value, path, "Member must be of type timestamp")


def _structure_problems(value: dict[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield words(None, join(path, name), "Member must not be null")
    for name, member in value.items():
        if name not in shape.members:
            known = ", ".join(sorted(shape.members))
            yield f"Unknown parameter '{join(path, name)}', must be one of: {known}"
        elif member is not None:
            yield from problems(member, shape.members[name], join(path, name))


def _string_problems(value: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size_problems(len(value), value, shape, path)
    if shape.enum and value not in shape.enum:
        yield words(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        yield words(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_problems(size: int, value: Any, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and size > most:
        yield words(value, path, f"Member must have length less than or equal to {most}")
    if least is not None and size < least:
        yield words(value, path, f"Member must have length greater than or equal to {least}")


def _range_problems(value: float, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and value > most:
        yield words(value, path, f"Member must have value less than or equal to {most}")
    if least is not None and value < least:
        yield words(value, path, f"Member must have value greater than or equal to {least}")


def join(path: str, name: str) -> str:
    """Return the place of a member, as AWS writes it."""
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def words(value: Any, path: str, constraint: str) -> str:
    """Word the constraint that a value does not meet."""
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
