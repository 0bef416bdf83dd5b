"""Types from JSON Schemas, as pydantic writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchyard.checks.types import (
    BOOLEAN,
    NULL,
    UNKNOWN,
    Array,
    Member,
    Number,
    Object,
    Presence,
    String,
    Type,
    type_of,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_DEPTH = 16


def type_from_schema(schema: Any, name: str = "", *, is_open: bool = False) -> Type:
    """Give the type of what a JSON Schema describes.

    Parameters
    ----------
    schema
        The schema, with its ``$defs``; what it says in words that are not known here is left out.
    name
        What to call it in messages.
    is_open
        Whether members that the schema does not name do no harm: whoever takes the value reads over them.
    """
    definitions = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    kind = _type(schema, definitions, is_open, 0)
    return Object(kind.members, kind.others, name, is_open) if isinstance(kind, Object) else kind


def _type(schema: Any, definitions: Mapping[str, Any], is_open: bool, depth: int) -> Type:
    if isinstance(schema, dict) and "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).rpartition("/")[2])
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return UNKNOWN
    kinds = schema.get("type")
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(kinds, list):
        options = [{**schema, "type": kind} for kind in kinds]
    if options:
        return union(*(_type(option, definitions, is_open, depth + 1) for option in options))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        texts = all(isinstance(value, str) for value in values)
        return String(frozenset(values)) if texts else union(*map(type_of, values))
    if kinds == "object":
        return _object(schema, definitions, is_open, depth)
    if kinds == "array":
        items = tuple(_type(item, definitions, is_open, depth + 1) for item in schema.get("prefixItems", ()))
        item = _type(schema.get("items"), definitions, is_open, depth + 1)
        exact = items if items and not schema.get("items") else None
        return Array(item, exact, schema.get("minItems"), schema.get("maxItems"))
    return _scalar(schema, kinds)


def _scalar(schema: dict[str, Any], kind: Any) -> Type:
    if kind == "string":
        # A pattern here is one for any part of the text, unless it says otherwise.
        pattern = schema.get("pattern")
        whole = f"(?s:.*)(?:{pattern})(?s:.*)" if pattern else None
        return String(pattern=whole, min_length=schema.get("minLength"), max_length=schema.get("maxLength"))
    if kind in ("integer", "number"):
        return Number(None, kind == "integer", schema.get("minimum"), schema.get("maximum"))
    named: dict[Any, Type] = {"boolean": BOOLEAN, "null": NULL}
    return named.get(kind, UNKNOWN)


def _object(schema: dict[str, Any], definitions: Mapping[str, Any], is_open: bool, depth: int) -> Object:
    required = schema.get("required", ())
    members = {
        name: Member(
            _type(member, definitions, is_open, depth + 1),
            Presence.ALWAYS if name in required else Presence.SOMETIMES,
        )
        for name, member in schema.get("properties", {}).items()
    }
    others: Type | None = None
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        others = _type(extra, definitions, is_open, depth + 1)
    elif extra is True or (extra is None and not members):
        others = UNKNOWN
    return Object(members, others, str(schema.get("title", "")), is_open)
