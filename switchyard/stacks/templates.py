"""Templates and values for their parameters, looked through before CloudFormation is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchyard.errors import UsageError
from switchyard.suggest import suggest
from switchyard.yaml_text import CloudFormationLoader, YamlError, load_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The most that a request takes; more has to lie in S3.
LARGEST_BODY = 51_200
_SECTIONS = (
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
)


@dataclass(frozen=True)
class Template:
    """A template.

    Parameters
    ----------
    text
        As CloudFormation takes it.
    place
        What messages call it.
    parameters
        Its parameters, as it declares them.
    is_previous
        Whether the stack has it already.
    """

    text: str
    place: str
    parameters: dict[str, dict[str, Any]]
    is_previous: bool = False


def read_template(path: Path) -> Template:
    """Read a template from a file.

    Raises
    ------
    UsageError
        When it cannot be read, is too large, or is no template.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8; save it as UTF-8") from None
    if len(text.encode()) > LARGEST_BODY:
        raise UsageError(
            f"{path} has {len(text.encode()):,} bytes, and a request takes {LARGEST_BODY:,}; "
            "deploy it with `sam deploy`, which puts it into S3 first"
        )
    return parse_template(text, str(path))


def parse_template(text: str, place: str, *, is_previous: bool = False) -> Template:
    """Read a template's text.

    Raises
    ------
    UsageError
        When it is no template; the message names what is wrong.
    """
    try:
        document = load_yaml(text, CloudFormationLoader)
    except YamlError as error:
        raise UsageError(f"{place} is not valid YAML: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise UsageError(f"{place} has no Resources; a template is a mapping with Resources")
    for key in document:
        if key not in _SECTIONS:
            raise UsageError(f"{place} has the unknown key {key!r}; {suggest(str(key), _SECTIONS)}")
    declared = document.get("Parameters") or {}
    if not isinstance(declared, dict) or not all(isinstance(each, dict) for each in declared.values()):
        raise UsageError(f"{place}: Parameters is not a mapping of names to declarations")
    return Template(text, place, declared, is_previous)


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """Read the values of `--parameter NAME=VALUE`.

    Raises
    ------
    UsageError
        When one has no `=`, or a name comes twice.

    Examples
    --------
    >>> parse_parameters(["VariantWeight2=10"])
    {'VariantWeight2': '10'}
    """
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {text!r} is not NAME=VALUE")
        if name in values:
            raise UsageError(f"--parameter {name} is given twice: {values[name]!r} and {value!r}")
        values[name] = value
    return values


def request_parameters(template: Template, given: dict[str, str], earlier: set[str]) -> list[dict[str, Any]]:
    """Give the parameters of a request: what is given, and else what the stack has.

    Parameters
    ----------
    earlier
        The parameters that the stack has values for.

    Raises
    ------
    UsageError
        When one is unknown, lacks a value, or has one that its declaration does not allow.
    """
    for name, value in given.items():
        if name not in template.parameters:
            raise UsageError(f"{template.place} has no parameter {name!r}; {suggest(name, template.parameters)}")
        if problem := _problem(template.parameters[name], value):
            raise UsageError(f"--parameter {name}={value}: {problem}")
    lacking = [
        name
        for name, declared in template.parameters.items()
        if name not in given and name not in earlier and "Default" not in declared
    ]
    if lacking:
        lines = [
            f"  --parameter {name}=...  {template.parameters[name].get('Description', '')}".rstrip() for name in lacking
        ]
        raise UsageError("\n".join([f"{template.place} needs values for {len(lacking)} parameters:", *lines]))
    request: list[dict[str, Any]] = []
    for name in template.parameters:
        if name in given:
            request.append({"ParameterKey": name, "ParameterValue": given[name]})
        elif name in earlier:
            request.append({"ParameterKey": name, "UsePreviousValue": True})
    return request


def _problem(declared: dict[str, Any], value: str) -> str:
    """Say what a value must be and is not; CloudFormation has the last word."""
    told = f" ({declared['ConstraintDescription']})" if "ConstraintDescription" in declared else ""
    allowed = [_text(each) for each in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}{told}"
    if declared.get("Type") == "Number":
        problem = _problem_of_number(declared, value)
    else:
        problem = _problem_of_text(declared, value)
    return f"{problem}{told}" if problem else ""


def _problem_of_number(declared: dict[str, Any], value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return "must be a number"
    if "MinValue" in declared and number < float(declared["MinValue"]):
        return f"must not be less than {declared['MinValue']}"
    if "MaxValue" in declared and number > float(declared["MaxValue"]):
        return f"must not be more than {declared['MaxValue']}"
    return ""


def _problem_of_text(declared: dict[str, Any], value: str) -> str:
    pattern = declared.get("AllowedPattern")
    if pattern is not None and _matches(str(pattern), value) is False:
        return f"must match {pattern}"
    if "MinLength" in declared and len(value) < int(declared["MinLength"]):
        return f"must have at least {declared['MinLength']} characters"
    if "MaxLength" in declared and len(value) > int(declared["MaxLength"]):
        return f"must have at most {declared['MaxLength']} characters"
    return ""


def _matches(pattern: str, value: str) -> bool | None:
    """Tell whether a value matches a pattern of Java's; None when Python cannot say."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
