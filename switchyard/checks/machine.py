"""A state machine against AWS's service models, its functions' contracts and its role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchyard.checks.contracts import read_contracts
from switchyard.checks.flow import Flow
from switchyard.checks.permissions import machine_role, needs_of_machine, needs_of_task
from switchyard.checks.template import stands_for
from switchyard.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchyard.checks.contracts import Contract
    from switchyard.checks.template import Template
    from switchyard.project import Project

TEMPLATE = "template.yaml"
_STATE_MACHINE = "AWS::Serverless::StateMachine"


def check_machines(project: Project, template: Template) -> list[Problem]:
    """Check the data that flows through each state machine of a template, and what its role allows.

    Parameters
    ----------
    project
        The project.
    template
        Its template.
    """
    contracts, problems = read_contracts(project, template)
    for logical_id, properties in template.resources(_STATE_MACHINE):
        uri = properties.get("DefinitionUri")
        if not isinstance(uri, str) or uri.startswith("s3://"):
            continue
        path = (project.root / uri).resolve()
        try:
            definition = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # Told with the definition.
        if isinstance(definition, dict):
            problems += check_machine(
                definition,
                project.relative(path),
                logical_id=logical_id,
                properties=properties,
                contracts=contracts,
                template=template,
            )
    return problems


def check_machine(
    definition: dict[str, Any],
    file: str,
    *,
    logical_id: str,
    properties: dict[str, Any],
    contracts: dict[str, Contract],
    template: Template,
) -> Iterator[Problem]:
    """Check one machine.

    Parameters
    ----------
    definition
        In Amazon States Language.
    file
        Its name in the problems.
    logical_id, properties
        Its resource in the template.
    contracts
        What is known of each function, by logical id.
    template
        Where its role is.
    """
    substitutions = properties.get("DefinitionSubstitutions")
    functions = {}
    for name, value in substitutions.items() if isinstance(substitutions, dict) else ():
        contract = contracts.get(stands_for(value))
        if contract is not None:
            functions[f"${{{name}}}"] = contract
    for finding in Flow(functions).follow(definition):
        yield Problem(file, finding.where, finding.message, finding.fix, finding.is_note)
    yield from check_permissions(definition, file, logical_id, properties, template)


def check_permissions(
    definition: dict[str, Any], file: str, logical_id: str, properties: dict[str, Any], template: Template
) -> Iterator[Problem]:
    """Check that a machine's role allows what its states, its logs and its traces need; see `check_machine`."""
    substitutions = properties.get("DefinitionSubstitutions")
    substitutions = substitutions if isinstance(substitutions, dict) else {}
    role = machine_role(logical_id, properties, template)
    told: set[tuple[str, str]] = set()
    for place, task in _tasks(definition):
        for need in needs_of_task(task, substitutions, template):
            if (refusal := role.refusal(need)) and (place, refusal[0]) not in told:
                told.add((place, refusal[0]))
                yield Problem(file, place, *refusal)
    for need in needs_of_machine(properties):
        if refusal := role.refusal(need):
            yield Problem(TEMPLATE, f"Resources.{logical_id}", *refusal)


def _tasks(machine: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the place and the definition of each Task, those in branches too."""
    states = machine.get("States") if isinstance(machine, dict) else None
    for name, state in states.items() if isinstance(states, dict) else ():
        place = f"{path}.States.{name}" if path else f"States.{name}"
        if not isinstance(state, dict):
            continue
        if state.get("Type") == "Task":
            yield place, state
        branches = state.get("Branches")
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from _tasks(branch, f"{place}.Branches[{index}]")
        for key in ("ItemProcessor", "Iterator"):
            yield from _tasks(state.get(key), f"{place}.{key}")
