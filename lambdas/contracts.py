"""Writes contracts.json, what each function takes, gives and raises: ``python lambdas/contracts.py``.

`switchyard check` holds the state machines against it, without importing a function.
"""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel, TypeAdapter
from shared import errors
from shared.tasks import StateEvent

FOLDER = Path(__file__).parent
FILE = FOLDER / "contracts.json"
# Raised by nobody's `raise`: pydantic refuses an event, boto3 passes on what AWS refused.
ALWAYS = {"ClientError", "ValidationError"}


def contracts() -> str:
    """Give the file as it should be: the contract of each module that declares an ``Event`` and a ``Result``."""
    documents = {}
    for path in sorted(FOLDER.glob("*.py")):
        if {"Event", "Result"} <= _defined(path):
            documents[path.stem] = _contract(importlib.import_module(path.stem), path)
    return json.dumps(documents, indent=2, sort_keys=True) + "\n"


def raised(path: Path) -> set[str]:
    """Name the errors of ours that a module raises, or a module of ``shared`` that it imports."""
    return {
        name
        for module in _with_imports(path)
        for node in ast.walk(_parse(module))
        if isinstance(node, ast.Raise) and (name := _raised_name(node)) and hasattr(errors, name)
    }


def _contract(module: Any, path: Path) -> dict[str, Any]:
    event = module.Event.model_json_schema()
    if issubclass(module.Event, StateEvent):
        # What has a default may come with the machine's whole state.
        required = event.get("required", [])
        optional = {name: member for name, member in event["properties"].items() if name not in required}
        event["properties"]["state"] = {"type": "object", "properties": optional, "additionalProperties": True}
    return {"event": event, "result": result_schema(module.Result), "errors": sorted(raised(path) | ALWAYS)}


def result_schema(kind: Any) -> dict[str, Any]:
    """Give the JSON Schema of a ``TypedDict`` or a model, those within it included, or of any other type.

    Pydantic takes the ``TypedDict`` of the standard library from Python 3.12 on only.
    """
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {name: field.annotation for name, field in kind.model_fields.items()}
        return {
            "type": "object",
            "properties": {name: result_schema(member) for name, member in fields.items()},
            "required": sorted(fields),  # written with their defaults
        }
    if is_typeddict(kind):
        members = get_type_hints(kind)
        return {
            "type": "object",
            "properties": {name: result_schema(member) for name, member in members.items()},
            "required": sorted(kind.__required_keys__),
        }
    inner = get_args(kind)
    if inner and get_origin(kind) is list:
        return {"type": "array", "items": result_schema(inner[0])}
    if inner and get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": result_schema(inner[1])}
    if inner and get_origin(kind) in (Union, UnionType):
        return {"anyOf": [result_schema(option) for option in inner]}
    return TypeAdapter(kind).json_schema(mode="serialization")


def _raised_name(node: ast.Raise) -> str:
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return called.id if isinstance(called, ast.Name) else ""


def _with_imports(path: Path) -> list[Path]:
    found, ahead = [], [path]
    while ahead:
        module = ahead.pop()
        found.append(module)
        for node in ast.walk(_parse(module)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("shared."):
                imported = FOLDER / f"{node.module.replace('.', '/')}.py"
                if imported not in found and imported not in ahead:
                    ahead.append(imported)
    return found


def _defined(path: Path) -> set[str]:
    names = set()
    for node in _parse(path).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


if __name__ == "__main__":
    FILE.write_text(contracts())
