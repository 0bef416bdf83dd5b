"""The contracts of a project's functions: what event each takes, what it gives, which errors it raises.

They are read from a file beside the functions, `contracts.json`, and never from their code: a project can be
checked without the packages that its functions import. Without the file nothing is known of a function.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchyard.checks.json_schema import type_from_schema
from switchyard.checks.types import UNKNOWN, Type
from switchyard.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from switchyard.checks.template import Template
    from switchyard.project import Project

FILE = "contracts.json"


@dataclass(frozen=True)
class Contract:
    """What is known of a function.

    Parameters
    ----------
    name
        What to call it in messages: its module's name.
    event
        The payload that it takes.
    result
        What it gives.
    errors
        The exceptions that it raises, by class name; None when that is not known.
    """

    name: str
    event: Type = UNKNOWN
    result: Type = UNKNOWN
    errors: frozenset[str] | None = None


def read_contracts(project: Project, template: Template) -> tuple[dict[str, Contract], list[Problem]]:
    """Give the contract of each function of a template by its logical id.

    Parameters
    ----------
    project
        The project.
    template
        Its template: each function's CodeUri and Handler lead to its contract.
    """
    documents: dict[Path, dict[str, Any]] = {}
    problems: list[Problem] = []
    contracts: dict[str, Contract] = {}
    for logical_id, properties in template.resources("AWS::Serverless::Function"):
        code, handler = properties.get("CodeUri"), properties.get("Handler")
        if not isinstance(code, str) or not isinstance(handler, str) or code.startswith("s3://"):
            contracts[logical_id] = Contract(logical_id)
            continue
        path = project.root / code / FILE
        if path not in documents:
            documents[path], found = _read(path, project.relative(path.resolve()))
            problems += found
        module = handler.rpartition(".")[0].replace("/", ".")
        contracts[logical_id] = _contract(module, documents[path].get(module))
    return contracts, problems


def _read(path: Path, file: str) -> tuple[dict[str, Any], list[Problem]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [Problem(file, "", f"cannot be read: {error}", "write it anew: make schema")]
    if not isinstance(document, dict):
        return {}, [Problem(file, "", "is not a JSON object", "write it anew: make schema")]
    return document, []


def _contract(module: str, document: Any) -> Contract:
    if not isinstance(document, dict):
        return Contract(module)
    errors = document.get("errors")
    return Contract(
        module,
        type_from_schema(document.get("event"), f"the event of {module}", is_open=True),
        type_from_schema(document.get("result"), f"the result of {module}"),
        frozenset(map(str, errors)) if isinstance(errors, list) else None,
    )
