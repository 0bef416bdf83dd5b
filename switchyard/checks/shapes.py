"""Types from botocore's service models, which are read when first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from switchyard.checks.types import (
    BOOLEAN,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Member,
    Number,
    Object,
    Presence,
    String,
    Type,
    union,
)

Side = Literal["request", "response"]
# A name as the service's API has it, to the name that Step Functions takes.
Casing = Literal["as is", "capital", "sdk"]
Rename = Callable[[str], tuple[str, ...]]

_SCALARS: dict[str, Type] = {
    "float": NUMBER,
    "double": NUMBER,
    "bigdecimal": NUMBER,
    "boolean": BOOLEAN,
    # Step Functions writes some as text and some as a number, and takes both.
    "timestamp": union(STRING, NUMBER),
    "blob": UNKNOWN,
}
# Capitals in a row, but for the one that begins the next word.
_ACRONYM = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]|[^A-Za-z]|$)")
# Structures of the services' models that contain themselves are followed this many times.
_MAX_REPEATS = 1


@cache
def service_model(service: str) -> Any:
    """Give botocore's model of a service: `sagemaker`, `lambda`, `stepfunctions` ..."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def service_names() -> tuple[str, ...]:
    """List the services that botocore has a model of; none of them is read."""
    from botocore.loaders import Loader

    return tuple(Loader().list_available_services("service-2"))


@cache
def operation_type(service: str, operation: str, side: Side, casing: Casing = "as is") -> Object:
    """Give the type of an operation's request or response.

    Parameters
    ----------
    service
        As botocore names it.
    operation
        As the service names it: `CreateTrainingJob`.
    side
        Which of both.
    casing
        "capital" where Step Functions capitalizes the first letter of every member; "sdk" where it names them as the
        AWS SDK for Java does, too.
    """
    model = service_model(service).operation_model(operation)
    shape = model.input_shape if side == "request" else model.output_shape
    if shape is None:
        return Object({}, name=operation)
    rename: Rename = {"as is": lambda name: (name,), "capital": lambda name: (_capital(name),), "sdk": _sdk}[casing]
    found = _structure(shape, side, rename, ())
    return Object(found.members, found.others, operation)


def _type(shape: Any, side: Side, rename: Rename, above: tuple[str, ...]) -> Type:
    if above.count(shape.name) > _MAX_REPEATS:
        return UNKNOWN
    above = (*above, shape.name)
    # What AWS gives need not be held to limits.
    limits = (shape.metadata.get("min"), shape.metadata.get("max")) if side == "request" else (None, None)
    match shape.type_name:
        case "structure":
            return UNKNOWN if getattr(shape, "is_document_type", False) else _structure(shape, side, rename, above)
        case "list":
            return Array(_type(shape.member, side, rename, above), None, *limits)
        case "map":
            return Object({}, _type(shape.value, side, rename, above))
        case "string" | "character":
            return _string(shape, *limits) if side == "request" else STRING
    is_integer = shape.type_name in ("integer", "long")
    return Number(None, True, *limits) if is_integer else _SCALARS.get(shape.type_name, UNKNOWN)


def _structure(shape: Any, side: Side, rename: Rename, above: tuple[str, ...]) -> Object:
    is_union = getattr(shape, "is_tagged_union", False)
    members = {}
    for name, member in shape.members.items():
        # Whoever sends the request fills a missing token in by itself.
        is_filled_in = side == "request" and member.metadata.get("idempotencyToken", False)
        is_required = name in shape.required_members and not is_filled_in and not is_union
        names = rename(name)
        presence = Presence.ALWAYS if is_required and len(names) == 1 else Presence.USUALLY
        kind = Member(_type(member, side, rename, above), presence)
        members.update(dict.fromkeys(names, kind))
    return Object(members, None, shape.name)


def _string(shape: Any, least: int | None, most: int | None) -> String:
    if getattr(shape, "enum", None):
        return String(frozenset(shape.enum))
    return String(pattern=shape.metadata.get("pattern"), min_length=least, max_length=most)


def _sdk(name: str) -> tuple[str, ...]:
    """Name a member as the AWS SDK for Java does, and as the service does: `DBName` is `DbName` there.

    The SDK has exceptions to its rule, so that neither name is wrong for all that is known.
    """
    capital = _capital(name)
    return tuple(dict.fromkeys((_ACRONYM.sub(lambda found: found[0].capitalize(), capital), capital)))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
