"""A template's parameters: their values checked against what they are declared as.

Source: "Parameters" (AWS CloudFormation User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from switchyard.cloud.cloudformation.errors import ValidationError

MASK = "****"
# Gives the value of a parameter of Systems Manager by its name.
Lookup = Callable[[str], str]
_LISTS = {"CommaDelimitedList", "List<Number>", "List<String>"}
_OF_STORE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_OF_ACCOUNT = re.compile(r"(List<)?AWS::[A-Za-z0-9]+::[A-Za-z0-9]+::[A-Za-z0-9.]+>?")


def texts(declared: dict[str, Any], given: list[dict[str, Any]], earlier: dict[str, str] | None) -> dict[str, str]:
    """Return each parameter's value as text, from a request's list, the stack's earlier values and the defaults.

    Parameters
    ----------
    declared : dict
        The template's Parameters.
    given : list of dict
        The request's Parameters.
    earlier : dict or None
        The values that the stack has; None for a new one.

    Raises
    ------
    ValidationError
        One is unknown, lacks a value, or has one that it must not have.
    """
    values = {name: str(_plain(each["Default"])) for name, each in declared.items() if "Default" in each}
    unknown = [each["ParameterKey"] for each in given if each.get("ParameterKey") not in declared]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(sorted(unknown))}] do not exist in the template")
    for each in given:
        name = each["ParameterKey"]
        if each.get("UsePreviousValue"):
            if "ParameterValue" in each:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty "
                    "value for a parameter"
                )
            if earlier is None or name not in earlier:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter "
                    "key not in the previous template"
                )
            values[name] = earlier[name]
        else:
            values[name] = str(each.get("ParameterValue", ""))
    lacking = sorted(set(declared) - set(values))
    if lacking:
        raise ValidationError(f"Parameters: [{', '.join(lacking)}] must have values")
    for name, each in declared.items():
        _check(name, each, values[name])
    return {name: values[name] for name in declared}


def resolved(declared: dict[str, Any], values: dict[str, str], lookup: Lookup) -> dict[str, Any]:
    """Return what ``Ref`` gives of each parameter.

    Parameters
    ----------
    values : dict
        Their texts.
    lookup : callable
        Gives the value of a parameter of Systems Manager; raises ValidationError when there is none.
    """
    found: dict[str, Any] = {}
    for name, each in declared.items():
        kind, text = str(each.get("Type", "String")), values[name]
        if store := _OF_STORE.fullmatch(kind):
            kind, text = store.group(1), lookup(text)
        is_list = kind in _LISTS or kind.startswith("List<")
        found[name] = [part.strip() for part in text.split(",")] if is_list and text else [] if is_list else text
    return found


def described(declared: dict[str, Any], values: dict[str, str], lookup: Lookup | None = None) -> list[dict[str, Any]]:
    """Return a stack's parameters as it is described with them; secrets are masked."""
    shown = []
    for name, text in values.items():
        each = declared.get(name, {})
        entry = {"ParameterKey": name, "ParameterValue": MASK if is_secret(each) else text}
        if lookup is not None and _OF_STORE.fullmatch(str(each.get("Type", ""))):
            entry["ResolvedValue"] = lookup(text)
        shown.append(entry)
    return shown


def is_secret(declaration: dict[str, Any]) -> bool:
    """Return whether a parameter's value must not be shown."""
    return str(declaration.get("NoEcho", "false")).lower() == "true"


def declarations(declared: dict[str, Any], *, constraints: bool) -> list[dict[str, Any]]:
    """Return a template's parameters as ValidateTemplate and GetTemplateSummary tell of them."""
    told = []
    for name, each in declared.items():
        entry: dict[str, Any] = {
            "ParameterKey": name,
            "DefaultValue": str(_plain(each["Default"])) if "Default" in each else None,
            "NoEcho": is_secret(each),
            "Description": each.get("Description"),
        }
        if constraints:
            allowed = [str(_plain(value)) for value in each.get("AllowedValues", [])]
            entry["ParameterType"] = each.get("Type", "String")
            entry["ParameterConstraints"] = {"AllowedValues": allowed} if allowed else {}
        told.append(entry)
    return told


def _check(name: str, declared: dict[str, Any], text: str) -> None:
    kind = str(declared.get("Type", "String"))
    if not (kind in {"String", "Number", *_LISTS} or _OF_STORE.fullmatch(kind) or _OF_ACCOUNT.fullmatch(kind)):
        raise ValidationError(f"Template format error: Unrecognized parameter type: {kind}")
    items = [part.strip() for part in text.split(",")] if kind in _LISTS else [text]
    for item in items:
        if kind in {"Number", "List<Number>"} and not _is_number(item):
            raise ValidationError(f"Parameter '{name}' must be a number; '{item}' is none")
        broken = _broken(declared, item)
        if broken:
            constraint = declared.get("ConstraintDescription")
            raise ValidationError(
                f"Parameter '{name}' failed to satisfy constraint: {constraint}"
                if constraint
                else f"Parameter '{name}' must {broken}"
            )


def _broken(declared: dict[str, Any], item: str) -> str:
    """Say what a value must be and is not; nothing when all is well."""
    allowed = [str(_plain(value)) for value in declared.get("AllowedValues", [])]
    tests: dict[str, tuple[Callable[[Any], bool], str]] = {
        "AllowedValues": (lambda _: item in allowed, f"be one of AllowedValues ({', '.join(allowed)})"),
        "AllowedPattern": (lambda given: re.fullmatch(str(given), item) is not None, "match pattern {}"),
        "MinLength": (lambda given: len(item) >= int(given), "contain at least {} characters"),
        "MaxLength": (lambda given: len(item) <= int(given), "contain at most {} characters"),
        "MinValue": (lambda given: float(item) >= float(given), "be a number not less than {}"),
        "MaxValue": (lambda given: float(item) <= float(given), "be a number not greater than {}"),
    }
    for constraint, (holds, words) in tests.items():
        if constraint in declared and not holds(declared[constraint]):
            return words.format(declared[constraint])
    return ""


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None


def _plain(value: Any) -> Any:
    """Return YAML's booleans as CloudFormation writes them."""
    return str(value).lower() if isinstance(value, bool) else value
