"""What CloudFormation knows of a type of resource: how it is made, changed and deleted, by calls of its service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.resource import Created

# Gives the client of a service, in the caller's name.
Clients = Callable[[str], Any]
Properties = dict[str, Any]
# Called while something is waited for; raises when the operation is to end.
Check = Callable[[], None]
_GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")
_GONE_MESSAGES = ("could not find", "does not exist", "not found")


class ResourceType:
    """A type of resource.

    Attributes
    ----------
    properties : frozenset of str
        All that are acted on here; a template with another one is refused.
    fixed : frozenset of str
        A change of one of them means another resource: "Update requires: Replacement".
    required : tuple of str
        Those that must be given.
    name : str
        The property that names the resource; empty where nobody can name it.
    longest : int
        How long a generated name may be.
    is_lower : bool
        Whether names are in small letters.
    attributes_change : frozenset of str
        Attributes that another value of a property changes without a replacement.
    """

    properties: ClassVar[frozenset[str]]
    fixed: ClassVar[frozenset[str]] = frozenset()
    required: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str] = ""
    longest: ClassVar[int] = 64
    is_lower: ClassVar[bool] = False
    attributes_change: ClassVar[frozenset[str]] = frozenset()

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one.

        Parameters
        ----------
        name : str
            The name that the template gives it, or else a generated one.
        """
        raise NotImplementedError

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Change one whose fixed properties stay as they are; return it as it is now."""
        raise NotImplementedError

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete one."""
        raise NotImplementedError

    def settle(self, clients: Clients, made: Created, properties: Properties, check: Check) -> None:
        """Wait until one that was made or changed is ready; raises TemplateError when it never will be."""


def is_gone(error: ClientError) -> bool:
    """Return whether a call failed because what it names is not there."""
    said = error.response["Error"]
    return any(word in said.get("Code", "") for word in _GONE) or any(
        words in said.get("Message", "").lower() for words in _GONE_MESSAGES
    )


def attributes(values: Mapping[str, Any]) -> Callable[[str], Any]:
    """Return what ``Fn::GetAtt`` gives, by the attribute's name."""
    return dict(values).__getitem__


def request(service: str, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with the types of the service's model; templates give numbers as text, and the reverse.

    Raises
    ------
    TemplateError
        A property is not known, or is of another type.
    """
    shape = _model(service).operation_model(operation).input_shape
    given = {name: value for name, value in members.items() if value is not None}
    typed: dict[str, Any] = _typed(given, shape, "#")
    return typed


def tags_of(properties: Properties) -> list[dict[str, str]]:
    """Return a resource's tags."""
    return [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in properties.get("Tags", [])]


def removed_tags(before: Properties, after: Properties) -> list[str]:
    """Return the keys of the tags that are to go."""
    kept = {tag["Key"] for tag in tags_of(after)}
    return [tag["Key"] for tag in tags_of(before) if tag["Key"] not in kept]


def differs(before: Properties, after: Properties, names: Iterable[str]) -> bool:
    """Return whether one of the properties is another now."""
    return any(before.get(name) != after.get(name) for name in names)


@cache
def _model(service: str) -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model(service)


def _typed(value: Any, shape: Any, place: str) -> Any:
    kind = shape.type_name
    if kind in {"structure", "map"}:
        if not isinstance(value, dict):
            raise _mistyped(value, place, "JSONObject")
        return _typed_members(value, shape, place)
    if kind == "list":
        if not isinstance(value, list):
            raise _mistyped(value, place, "JSONArray")
        return [_typed(inner, shape.member, f"{place}/{number}") for number, inner in enumerate(value)]
    convert = _SCALARS.get(kind)
    if convert is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError):
        raise _mistyped(value, place, kind.capitalize()) from None


def _typed_members(value: dict[str, Any], shape: Any, place: str) -> dict[str, Any]:
    if shape.type_name == "map":
        return {str(key): _typed(inner, shape.value, f"{place}/{key}") for key, inner in value.items()}
    for name in value:
        if name not in shape.members:
            raise TemplateError(f"{place}: extraneous key [{name}] is not permitted")
    return {name: _typed(inner, shape.members[name], f"{place}/{name}") for name, inner in value.items()}


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _string(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(value: Any) -> int:
    return int(str(value))


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "double": float,
    "float": float,
    "integer": _integer,
    "long": _integer,
    "string": _string,
}


def _mistyped(value: Any, place: str, wanted: str) -> TemplateError:
    return TemplateError(f"{place}: expected type: {wanted}, found: {_found(value)}")


def _found(value: Any) -> str:
    if isinstance(value, dict | list):
        return "JSONObject" if isinstance(value, dict) else "JSONArray"
    return f"String ('{value}')"
