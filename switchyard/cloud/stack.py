"""One stack: a template's resources created in the order of their references."""

from __future__ import annotations

import datetime
import graphlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION, arn
from switchyard.cloud.functions import Functions
from switchyard.cloud.identity import Identity
from switchyard.cloud.intrinsics import Scope, TemplateError, references
from switchyard.cloud.provision import Provisioner
from switchyard.cloud.resource import Creators, UnsupportedTypeError
from switchyard.cloud.template import load

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Parameters
    ----------
    properties : dict
        Resolved, as it was created.
    attribute : callable
        What ``Fn::GetAtt`` gives for an attribute's name.
    """

    logical_id: str
    physical_id: str
    type: str
    properties: dict[str, Any]
    attribute: Callable[[str], Any]


@dataclass
class Stack:
    """A loaded stack.

    Parameters
    ----------
    outputs : dict
        The template's outputs, resolved.
    unsupported : list of str
        Resources that the template has and this cloud does not.
    template : dict
        What it was made from, transformed.
    """

    name: str
    parameters: dict[str, str]
    created: datetime.datetime
    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    unsupported: list[str] = field(default_factory=list)
    template: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The stack's ARN."""
        return arn("cloudformation", f"stack/{self.name}/local")


def create(
    name: str,
    path: Path,
    given: dict[str, str],
    *,
    identity: Identity,
    functions: Functions,
    cache: Path,
    rooms: Sequence[Creators] = (),
) -> Stack:
    """Load a template and create all that is in it.

    Parameters
    ----------
    name : str
        The stack's name.
    path : Path
        The template.
    given : dict
        Values for its parameters; the others take their defaults.
    rooms : sequence of mappings
        The creators of rooms that make their own resources, by resource type.

    Raises
    ------
    TemplateError
        Something in the template is wrong; the message says what.
    """
    template = load(path, given, cache)
    parameters = _parameters(template, given, path)
    stack = Stack(name, parameters, datetime.datetime.now(tz=datetime.UTC), template=template)
    scope = Scope(template, {**parameters, **_pseudo_parameters(stack)})
    provisioner = Provisioner(name, identity, functions, rooms)
    for logical_id in in_order(template, str(path)):
        resource = template["Resources"][logical_id]
        if "Condition" in resource and not scope.condition(resource["Condition"]):
            continue
        _create_one(stack, scope, provisioner, logical_id, resource)
    for output, definition in template.get("Outputs", {}).items():
        if "Condition" not in definition or scope.condition(definition["Condition"]):
            stack.outputs[output] = {
                "OutputKey": output,
                "OutputValue": str(scope.resolve(definition["Value"])),
                "Description": str(definition.get("Description", "")),
            }
    return stack


def _create_one(
    stack: Stack, scope: Scope, provisioner: Provisioner, logical_id: str, resource: dict[str, Any]
) -> None:
    kind = resource["Type"]
    try:
        properties = scope.resolve(resource.get("Properties", {}))
        created = provisioner.create(logical_id, kind, properties)
    except UnsupportedTypeError as error:
        LOG.warning("%s (%s) does not exist on the local cloud", logical_id, kind)
        stack.unsupported.append(f"{logical_id} ({error})")
        scope.add(logical_id, logical_id, lambda attribute: f"{logical_id}.{attribute}")
        return
    except TemplateError as error:
        message = str(error)
        raise TemplateError(message if logical_id in message else f"{logical_id}: {message}") from None
    scope.add(logical_id, created.physical_id, created.attribute)
    stack.resources.append(Resource(logical_id, created.physical_id, kind, properties, created.attribute))


def _parameters(template: dict[str, Any], given: dict[str, str], path: Path) -> dict[str, str]:
    declared = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"{path}: there is no parameter {unknown[0]}; the template has {', '.join(declared)}")
    values = {}
    for name, definition in declared.items():
        value = given.get(name, definition.get("Default"))
        if value is None:
            raise TemplateError(f"{path}: the parameter {name} has no default; give it with --parameter {name}=VALUE")
        values[name] = value.split(",") if definition.get("Type") == "CommaDelimitedList" else str(value)
    return values


def _pseudo_parameters(stack: Stack) -> dict[str, Any]:
    return {
        "AWS::AccountId": ACCOUNT_ID,
        "AWS::Region": REGION,
        "AWS::Partition": PARTITION,
        "AWS::StackName": stack.name,
        "AWS::StackId": stack.id,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::NotificationARNs": [],
    }


def in_order(template: dict[str, Any], place: str) -> list[str]:
    """Return the resources' logical ids, each after those that it depends on.

    Parameters
    ----------
    place : str
        What messages begin with: where the template comes from.

    Raises
    ------
    TemplateError
        One depends on nothing that is there, or on itself.
    """
    resources = template["Resources"]
    graph = {}
    for logical_id, resource in resources.items():
        depends = resource.get("DependsOn", [])
        named = [depends] if isinstance(depends, str) else depends
        found = {*named, *references(resource.get("Properties", {}))}
        graph[logical_id] = found & set(resources)
        missing = set(named) - set(resources)
        if missing:
            raise TemplateError(f"{place}: {logical_id} depends on {sorted(missing)[0]}, which is not in the template")
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise TemplateError(
            f"{place}: resources refer to each other in a circle: {' -> '.join(error.args[1])}"
        ) from None
