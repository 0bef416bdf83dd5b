"""What a plan would change of a stack, found without changing anything.

Source: DescribeChangeSet, ResourceChange, ResourceChangeDetail (AWS CloudFormation API Reference).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from switchyard.cloud.cloudformation.errors import ValidationError
from switchyard.cloud.cloudformation.parameters import MASK, is_secret
from switchyard.cloud.cloudformation.records import Made, Plan, Stack
from switchyard.cloud.cloudformation.resolving import (
    World,
    active,
    check_rules,
    names_in,
    outputs_of,
    plain,
    properties_of,
    same,
    scope_of,
)
from switchyard.cloud.cloudformation.types import TYPES
from switchyard.cloud.intrinsics import Scope, TemplateError
from switchyard.cloud.stack import in_order

# Stands for what only the execution brings: the id of a resource that is still to be made.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_OTHERS = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy")


def changes(stack: Stack, plan: Plan, values: dict[str, Any], world: World) -> list[dict[str, Any]]:
    """Return the changes of a change set, with the properties before and after.

    Parameters
    ----------
    values : dict
        What ``Ref`` gives of each parameter.

    Raises
    ------
    ValidationError
        The template cannot be carried out.
    """
    try:
        return list(_Preview(stack, plan, values, world).changes())
    except TemplateError as error:
        raise ValidationError(str(error)) from None


def has_other_changes(stack: Stack, plan: Plan, values: dict[str, Any], world: World) -> bool:
    """Return whether the outputs or the tags of a stack change, whose resources do not."""
    if not same(stack.plan.tags, plan.tags):
        return True
    scope = scope_of(stack, plan, values, world)
    for name, made in stack.resources.items():
        scope.add(name, made.physical_id, made.created.attribute)
    try:
        return not same(stack.outputs, outputs_of(plan, scope, world))
    except TemplateError as error:
        raise ValidationError(str(error)) from None


class _Preview:
    def __init__(self, stack: Stack, plan: Plan, values: dict[str, Any], world: World) -> None:
        self._stack = stack
        self._plan = plan
        self._world = world
        self._values = values
        self._scope: Scope = scope_of(stack, plan, values, world)
        self._secrets = [
            each.values[name]
            for each in (stack.plan, plan)
            for name, declared in each.declared.items()
            if is_secret(declared) and each.values[name]
        ]
        # Resources, and attributes of theirs, that are others afterwards.
        self._unknown: set[str] = set()

    def changes(self) -> Iterator[dict[str, Any]]:
        check_rules(self._plan, self._scope)
        resources = self._plan.document.resources
        order = in_order(self._plan.document.processed, "Template format error")
        kept = active(self._plan, self._scope, order)
        for name in kept:
            made = self._stack.resources.get(name)
            if made is None:
                properties = properties_of(resources[name], self._scope, self._world)
                self._scope.add(name, UNKNOWN, lambda _: UNKNOWN)
                self._unknown.add(name)
                yield self._added(name, resources[name], properties)
            elif made.kind != resources[name]["Type"]:
                raise ValidationError(
                    "Update of resource type is not permitted. The new template modifies resource type of the "
                    f"following resources: [{name}]"
                )
            elif change := self._modified(made, resources[name]):
                yield change
        for name, made in reversed(self._stack.resources.items()):
            if name not in kept:
                yield self._removed(made)

    def _added(self, name: str, definition: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "Action": "Add",
            "LogicalResourceId": name,
            "ResourceType": definition["Type"],
            "Scope": [],
            "Details": [],
            "AfterContext": self._shown({"Properties": properties}),
        }

    def _removed(self, made: Made) -> dict[str, Any]:
        policy = made.definition.get("DeletionPolicy", "Delete")
        return {
            "PolicyAction": "Delete" if policy == "Delete" else "Retain",
            "Action": "Remove",
            "LogicalResourceId": made.logical_id,
            "PhysicalResourceId": made.physical_id,
            "ResourceType": made.kind,
            "Scope": [],
            "Details": [],
            "BeforeContext": self._shown({"Properties": made.properties}),
        }

    def _modified(self, made: Made, definition: dict[str, Any]) -> dict[str, Any] | None:
        """Return how a resource changes; let those that name it know what of it they cannot know yet."""
        kind = TYPES.get(made.kind)
        after = properties_of(definition, self._scope, self._world)
        touched = [
            name for name in sorted({*made.properties, *after}) if not same(made.properties.get(name), after.get(name))
        ]
        details = [detail for name in touched for detail in self._details(made, definition, name, after)]
        others = [name for name in _OTHERS if not same(made.definition.get(name), definition.get(name))]
        details += [_other_detail(name, made.definition, definition) for name in others]
        always = [each for each in details if each["Target"]["RequiresRecreation"] == "Always"]
        if any(each["Evaluation"] == "Static" for each in always):
            replacement = "True"
        else:
            replacement = "Conditional" if always else "False"
        changing = kind.attributes_change if kind is not None and touched else frozenset()
        self._let_know(made, replacement != "False", changing)
        if not details:
            return None
        policy = definition.get("UpdateReplacePolicy", "Delete")
        scope = ["Tags"] if "Tags" in touched else []
        scope = (["Properties"] if set(touched) - {"Tags"} else []) + scope + others
        return {
            "PolicyAction": None if replacement == "False" else f"ReplaceAnd{policy}",
            "Action": "Modify",
            "LogicalResourceId": made.logical_id,
            "PhysicalResourceId": made.physical_id,
            "ResourceType": made.kind,
            "Replacement": replacement,
            "Scope": scope,
            "Details": details,
            "BeforeContext": self._shown({"Properties": made.properties}),
            "AfterContext": self._shown({"Properties": after}),
        }

    def _let_know(self, made: Made, is_replaced: bool, changing: frozenset[str]) -> None:
        name, known = made.logical_id, made.created.attribute
        if is_replaced:
            self._unknown.add(name)
            self._scope.add(name, UNKNOWN, lambda _: UNKNOWN)
            return
        self._unknown |= {f"{name}.{attribute}" for attribute in changing}
        self._scope.add(name, made.physical_id, lambda wanted: UNKNOWN if wanted in changing else known(wanted))

    def _details(
        self, made: Made, definition: dict[str, Any], name: str, after: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        kind = TYPES.get(made.kind)
        target = {
            "Attribute": "Tags" if name == "Tags" else "Properties",
            "Name": None if name == "Tags" else name,
            "RequiresRecreation": "Always" if kind is not None and name in kind.fixed else "Never",
            "Path": f"/Properties/{name}",
            "BeforeValue": self._shown(made.properties[name]) if name in made.properties else None,
            "AfterValue": self._shown(after[name]) if name in after else None,
            "AttributeChangeType": _change(made.properties, after, name),
        }
        for source, entity in self._causes(made, definition, name):
            is_reference = source in {"ResourceReference", "ResourceAttribute"}
            yield {
                "Target": target,
                "Evaluation": "Dynamic" if is_reference else "Static",
                "ChangeSource": source,
                "CausingEntity": entity,
            }

    def _causes(self, made: Made, definition: dict[str, Any], name: str) -> list[tuple[str, str | None]]:
        """Return what changes a property: source and entity, each once."""
        before, after = made.definition.get("Properties", {}).get(name), definition.get("Properties", {}).get(name)
        found: list[tuple[str, str | None]] = []
        conditions = self._plan.document.processed.get("Conditions", {})
        for how, named in dict.fromkeys(names_in(after, conditions)):
            resource = named.partition(".")[0]
            if how == "Ref" and named in self._values and self._has_changed(named):
                found.append(("ParameterReference", named))
            elif resource in self._unknown or named in self._unknown:
                found.append(("ResourceReference" if how == "Ref" else "ResourceAttribute", named))
        if not same(before, after) or not found:
            found.insert(0, ("DirectModification", None))
        return found

    def _has_changed(self, parameter: str) -> bool:
        return self._stack.plan.values.get(parameter) != self._plan.values.get(parameter)

    def _shown(self, value: Any) -> str:
        """Return a value as text, with secrets masked."""
        text = plain(value)
        for secret in self._secrets:
            text = text.replace(secret, MASK).replace(json.dumps(secret)[1:-1], MASK)
        return text


def _other_detail(name: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        "Target": {
            "Attribute": name,
            "RequiresRecreation": "Never",
            "Path": f"/{name}",
            "BeforeValue": plain(before[name]) if name in before else None,
            "AfterValue": plain(after[name]) if name in after else None,
            "AttributeChangeType": _change(before, after, name),
        },
        "Evaluation": "Static",
        "ChangeSource": "DirectModification",
    }


def _change(before: dict[str, Any], after: dict[str, Any], name: str) -> str:
    if name not in before:
        return "Add"
    return "Modify" if name in after else "Remove"
