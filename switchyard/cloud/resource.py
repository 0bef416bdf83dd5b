"""What every room of the cloud needs to create the resources of a template that are its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.intrinsics import TemplateError

# Given a logical id and the resolved properties, creates one resource.
Creator = Callable[[str, dict[str, Any]], "Created"]
# The creators of a room, by resource type.
Creators = Mapping[str, Creator]


@dataclass(frozen=True)
class Created:
    """A resource that exists now.

    Parameters
    ----------
    physical_id : str
        What ``Ref`` gives.
    attribute : callable
        What ``Fn::GetAtt`` gives for an attribute's name.
    """

    physical_id: str
    attribute: Callable[[str], Any]


class UnsupportedTypeError(Exception):
    """The local cloud cannot create that resource; the message is its type, and why if that is known."""


def generated_name(stack_name: str, logical_id: str) -> str:
    """Return the name that a resource without one gets; the same stack gives the same name."""
    digest = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()
    return f"{stack_name}-{logical_id}-{digest[:12].upper()}"


def no_attributes(kind: str) -> Callable[[str], Any]:
    """Return the ``Fn::GetAtt`` of a resource that has none."""

    def attribute(name: str) -> Any:
        raise TemplateError(f"{kind} has no attribute {name}")

    return attribute
