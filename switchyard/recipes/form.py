"""What one run may change of a recipe, as a JSON Schema that a form can be made from."""

from __future__ import annotations

from typing import Any

from switchyard.recipes.model import Recipe
from switchyard.recipes.overrides import SETTABLE


def recipe_form(recipe: Recipe) -> dict[str, Any]:
    """Make the JSON Schema of a run's overrides.

    Parameters
    ----------
    recipe
        The recipe, whose own values become the schema's `default`s.

    Returns
    -------
    dict
        An object's schema, without references: sections are objects with `properties`, and every other property has
        one `type` (or, a hyperparameter that is a text, the two that it takes).
    """
    whole = Recipe.model_json_schema()
    values = recipe.model_dump(mode="json")
    form: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    form["properties"]["hyperparameters"] = {
        "type": "object",
        "additionalProperties": False,
        "description": whole["properties"]["hyperparameters"]["description"],
        "properties": {name: _hyperparameter(value) for name, value in recipe.hyperparameters.items()},
    }
    for path in SETTABLE:
        section, schema, value = form, whole, values
        for step in path[:-1]:
            schema, value = _resolve(schema, whole)["properties"][step], value[step]
            own = {"type": "object", "additionalProperties": False, "properties": {}}
            description = _describe(_resolve(schema, whole)) | _describe(schema)
            section = section["properties"].setdefault(step, own | description)
        last = path[-1]
        section["properties"][last] = _with_defaults(_resolve(schema, whole)["properties"][last], value[last], whole)
    return form


def _hyperparameter(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            kind: str | list[str] = "boolean"
        case int() | float():
            kind = "number"
        case str():
            kind = ["string", "number"]  # as `--set` takes them: sqrt, or 0.5
        case list():
            kind = "array"
        case _:
            kind = "object"
    return {"type": kind, "default": value}


def _with_defaults(schema: dict[str, Any], value: Any, whole: dict[str, Any]) -> dict[str, Any]:
    resolved = {**_resolve(schema, whole), **_describe(schema)}
    resolved.pop("title", None)
    resolved.pop("default", None)
    if "properties" in resolved:
        resolved["properties"] = {
            name: _with_defaults(part, value[name], whole) for name, part in resolved["properties"].items()
        }
    elif value is not None:
        resolved["default"] = value
    if "items" in resolved:
        resolved["items"] = _item(resolved["items"], whole)
    return resolved


def _item(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of a list's items, which have no values yet."""
    resolved = {**_resolve(schema, whole), **_describe(schema)}
    resolved.pop("title", None)
    if "properties" in resolved:
        resolved["properties"] = {name: _item(part, whole) for name, part in resolved["properties"].items()}
    return resolved


def _resolve(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and leave out that something may be absent: in a form it then is left empty."""
    if "anyOf" in schema:
        schema = next(part for part in schema["anyOf"] if part.get("type") != "null")
    if "$ref" in schema:
        found: dict[str, Any] = whole["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _describe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"]} if "description" in schema else {}
