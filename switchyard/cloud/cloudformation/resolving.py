"""What a template says with the names in it resolved, and whether two such things are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.cloudformation.errors import ValidationError
from switchyard.cloud.cloudformation.records import Plan, Stack
from switchyard.cloud.intrinsics import Scope, TemplateError

_DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^}:]+)(?::[^}]*)?\}\}")
_IN_TEXT = re.compile(r"\$\{(!?)([^}]+)\}")
Lookup = Callable[[str], str]


@dataclass(frozen=True)
class World:
    """What a template can name beyond itself.

    Parameters
    ----------
    parameter : callable
        Gives the value of a parameter of Systems Manager.
    export : callable
        Gives what another stack exports under a name; raises TemplateError when none does.
    """

    parameter: Lookup
    export: Lookup


def scope_of(stack: Stack, plan: Plan, values: dict[str, Any], world: World) -> Scope:
    """Return what the names of a plan's template stand for; its resources are still to be added."""
    names = {**stack.pseudo_parameters(), **values, "AWS::NotificationARNs": plan.notification_arns}
    return Scope(plan.document.processed, names, world.export)


def check_rules(plan: Plan, scope: Scope) -> None:
    """Refuse values of parameters that a rule of the template does not allow.

    Source: "Rules" (AWS CloudFormation User Guide).

    Raises
    ------
    ValidationError
        With the rule's own description.
    """
    for name, rule in plan.document.processed.get("Rules", {}).items():
        try:
            if "RuleCondition" in rule and not scope.resolve(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not scope.resolve(assertion["Assert"]):
                    told = assertion.get("AssertDescription", name)
                    raise ValidationError(f"Template constraints violated by parameter values: {told}")
        except TemplateError as error:
            raise ValidationError(f"Template error: the rule {name}: {error}") from None


def active(plan: Plan, scope: Scope, order: list[str]) -> list[str]:
    """Return the resources whose conditions hold, in an order in which they can be made."""
    resources = plan.document.resources
    return [
        name for name in order if "Condition" not in resources[name] or scope.condition(resources[name]["Condition"])
    ]


def properties_of(definition: dict[str, Any], scope: Scope, world: World) -> dict[str, Any]:
    """Return a resource's properties, resolved; raises TemplateError when a name stands for nothing."""
    found: dict[str, Any] = _with_dynamic(scope.resolve(definition.get("Properties", {})), world.parameter)
    return found


def outputs_of(plan: Plan, scope: Scope, world: World) -> list[dict[str, Any]]:
    """Return the outputs whose conditions hold."""
    found = []
    for name, each in plan.document.processed.get("Outputs", {}).items():
        if "Condition" in each and not scope.condition(each["Condition"]):
            continue
        value = _with_dynamic(scope.resolve(each["Value"]), world.parameter)
        if isinstance(value, dict | list):
            raise TemplateError(f"Template format error: Output {name} must have a value that is a string")
        exported = scope.resolve(each["Export"]["Name"]) if "Export" in each else None
        found.append(
            {
                "OutputKey": name,
                "OutputValue": plain(value),
                "Description": each.get("Description"),
                "ExportName": exported,
            }
        )
    return found


def same(one: Any, other: Any) -> bool:
    """Return whether two properties are the same: a number and its text are."""
    return bool(_canonical(one) == _canonical(other))


def plain(value: Any) -> str:
    """Return a single value as text, or a structure as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def names_in(value: Any, conditions: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a value names: ``("Ref", name)`` or ``("Fn::GetAtt", "name.attribute")``.

    Parameters
    ----------
    conditions : dict
        The template's; what they name counts as named by who asks for them.
    """
    if isinstance(value, list):
        for each in value:
            yield from names_in(each, conditions)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "Ref" and isinstance(inner, str):
            yield "Ref", inner
        elif key == "Fn::GetAtt":
            yield "Fn::GetAtt", inner if isinstance(inner, str) else ".".join(map(str, inner))
        elif key == "Fn::Sub":
            text, own = (inner, {}) if isinstance(inner, str) else inner
            for literal, name in _IN_TEXT.findall(text):
                if not literal and name not in own:
                    yield ("Fn::GetAtt" if "." in name else "Ref"), name
            yield from names_in(own, conditions)
        else:
            if key in {"Fn::If", "Condition"}:
                asked = inner[0] if isinstance(inner, list) else inner
                others = {name: each for name, each in conditions.items() if name != asked}
                yield from names_in(conditions.get(asked) if isinstance(asked, str) else None, others)
            yield from names_in(inner, conditions)


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return plain(value)


def _with_dynamic(value: Any, parameter: Lookup) -> Any:
    """Put in what dynamic references stand for."""
    if isinstance(value, dict):
        return {key: _with_dynamic(inner, parameter) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_dynamic(inner, parameter) for inner in value]
    if not isinstance(value, str) or "{{resolve:" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        if match.group(1) != "ssm":
            raise TemplateError(f"the local cloud does not resolve {match.group(0)}: it knows resolve:ssm alone")
        try:
            return parameter(match.group(2))
        except ValidationError as error:
            raise TemplateError(error.message) from None

    return _DYNAMIC.sub(replace, value)
