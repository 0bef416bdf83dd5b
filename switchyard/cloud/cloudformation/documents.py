"""Templates as requests give them: read, transformed, and looked through before anything is made.

Source: "Template anatomy", "Acknowledging IAM resources in CloudFormation templates", CreateStack (AWS CloudFormation
User Guide and API Reference).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from switchyard.cloud.cloudformation.errors import InsufficientCapabilitiesError, ValidationError
from switchyard.cloud.cloudformation.types import TYPES
from switchyard.cloud.intrinsics import TemplateError, references
from switchyard.cloud.template import keep_local_paths, parse, transform

LARGEST_BODY = 51_200
LARGEST_OBJECT = 1_000_000
_SECTIONS = {
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
}
_OF_RESOURCES = {
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
}
_POLICIES = {
    "DeletionPolicy": {"Delete", "Retain", "RetainExceptOnCreate"},
    "UpdateReplacePolicy": {"Delete", "Retain"},
}
SERVERLESS = "AWS::Serverless-2016-10-31"
_NAMED = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
}


@dataclass(frozen=True)
class Document:
    """A template.

    Parameters
    ----------
    text : str
        As it was given.
    processed : dict
        What its transforms make of it.
    """

    text: str
    processed: dict[str, Any]

    @cached_property
    def original(self) -> dict[str, Any]:
        """What the text says. It is read when it is asked for: the loaded stack's is long."""
        return parse(self.text, "Template format error")

    @property
    def description(self) -> str | None:
        """What it says of itself."""
        return self.processed.get("Description")

    @property
    def transforms(self) -> list[str]:
        """The macros that it asks for."""
        given = self.original.get("Transform", [])
        return [given] if isinstance(given, str) else [str(each) for each in given]

    @property
    def resources(self) -> dict[str, Any]:
        """The resources, by logical id."""
        found: dict[str, Any] = self.processed["Resources"]
        return found

    def capabilities(self) -> tuple[list[str], str]:
        """Return what the caller has to acknowledge, but for macros, and why."""
        found = {name: each for name, each in self.resources.items() if each["Type"].startswith("AWS::IAM::")}
        if not found:
            return [], ""
        named = [
            name for name, each in found.items() if _NAMED.get(each["Type"], "-") in (each.get("Properties") or {})
        ]
        reason = f"The following resource(s) require capabilities: [{', '.join(_kinds(found, named))}]"
        return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"], reason

    def check_capabilities(self, given: list[str], *, directly: bool) -> None:
        """Refuse what the caller has not acknowledged.

        Parameters
        ----------
        directly : bool
            Whether nobody reviews a change set, which would show what macros make of the template.

        Raises
        ------
        InsufficientCapabilitiesError
            The message names what lacks.
        """
        needed, _ = self.capabilities()
        enough = {"CAPABILITY_IAM": {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}}
        lacking = [each for each in needed if not enough.get(each, {each}) & set(given)]
        if directly and self.transforms and "CAPABILITY_AUTO_EXPAND" not in given:
            lacking.append("CAPABILITY_AUTO_EXPAND")
        if lacking:
            raise InsufficientCapabilitiesError(f"Requires capabilities : [{', '.join(lacking)}]")


def _kinds(found: dict[str, Any], named: list[str]) -> list[str]:
    return sorted({found[name]["Type"] for name in named or found})


def read(text: str, given: dict[str, Any], *, folder: Path | None = None, unknown_types: bool = False) -> Document:
    """Read a template.

    Parameters
    ----------
    given : dict
        Values for its parameters, which transforms may look at.
    folder : Path, optional
        Where the paths of local files in it begin; without it, there can be none.
    unknown_types : bool
        Whether it may have resources, and properties of theirs, that cannot be made here.

    Raises
    ------
    ValidationError
        Something in it is wrong.
    """
    if not text.strip():
        raise ValidationError("Template format error: the template is empty.")
    try:
        original = parse(text, "Template format error")
        _check_sections(original)
        processed = copy.deepcopy(original)
        if folder is not None:
            keep_local_paths(processed, folder)
        if other := [each for each in _transforms(original) if each != SERVERLESS]:
            raise ValidationError(f"No transform named {other[0]} found: the local cloud runs {SERVERLESS} alone.")
        processed = transform(processed, "Template format error", given)
    except TemplateError as error:
        raise ValidationError(str(error)) from None
    document = Document(text, processed)
    _check_resources(document, unknown_types=unknown_types)
    return document


def _transforms(original: dict[str, Any]) -> list[Any]:
    given = original.get("Transform", [])
    return given if isinstance(given, list) else [given]


def _check_sections(template: dict[str, Any]) -> None:
    unknown = sorted(set(template) - _SECTIONS)
    if unknown:
        raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
    if "Hooks" in template:
        raise ValidationError("Template format error: the local cloud does not run Hooks.")
    if not template["Resources"]:
        raise ValidationError("Template format error: At least one Resources member must be defined.")


def _check_resources(document: Document, *, unknown_types: bool) -> None:
    resources = document.resources
    unknown = sorted({each["Type"] for each in resources.values()} - set(TYPES))
    if unknown and not unknown_types:
        raise ValidationError(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. "
            f"The local cloud makes stacks of: {', '.join(sorted(TYPES))}"
        )
    for name, resource in resources.items():
        _check_resource(name, resource, document.processed)
        if not unknown_types:
            _check_properties(name, resource)
    declared = {*resources, *document.processed.get("Parameters", {})}
    for section in ("Resources", "Outputs"):
        used = set(_references(document.processed.get(section, {})))
        lacking = sorted(name for name in used - declared if not name.startswith("AWS::"))
        if lacking:
            raise ValidationError(
                f"Template format error: Unresolved resource dependencies [{', '.join(lacking)}] in the {section} "
                "block of the template"
            )
    conditions = document.processed.get("Conditions", {})
    for kind, each in (*resources.items(), *document.processed.get("Outputs", {}).items()):
        if "Condition" in each and each["Condition"] not in conditions:
            raise ValidationError(
                f"Template format error: Unresolved condition dependency {each['Condition']} in {kind}"
            )


def _check_resource(name: str, resource: dict[str, Any], template: dict[str, Any]) -> None:
    if extra := sorted(set(resource) - _OF_RESOURCES):
        raise ValidationError(f"Invalid template resource property '{extra[0]}' in {name}")
    if "CreationPolicy" in resource or "UpdatePolicy" in resource:
        raise ValidationError(f"{name}: the local cloud runs neither CreationPolicy nor UpdatePolicy.")
    for policy, values in _POLICIES.items():
        if resource.get(policy, "Delete") not in values:
            raise ValidationError(
                f"Template error: {policy} of {name} is {resource[policy]!r}; the local cloud knows "
                f"{', '.join(sorted(values))}"
            )
    depends = resource.get("DependsOn", [])
    lacking = set([depends] if isinstance(depends, str) else depends) - set(template["Resources"])
    if lacking:
        raise ValidationError(
            f"Template format error: Unresolved resource dependencies [{', '.join(sorted(lacking))}] in the Resources "
            "block of the template"
        )


def _check_properties(name: str, resource: dict[str, Any]) -> None:
    kind, properties = TYPES[resource["Type"]], resource.get("Properties", {})
    if strange := sorted(set(properties) - kind.properties):
        raise ValidationError(
            f"{name} ({resource['Type']}): Encountered unsupported property {strange[0]}; the local cloud acts on "
            f"{', '.join(sorted(kind.properties))}"
        )
    if missing := [each for each in kind.required if each not in properties]:
        raise ValidationError(f"{name} ({resource['Type']}): Property validation failure: [{missing[0]}] is required")


def _references(section: dict[str, Any]) -> Iterator[str]:
    for each in section.values():
        yield from references({key: value for key, value in each.items() if key in {"Properties", "Value", "Export"}})


def summary(document: Document) -> dict[str, Any]:
    """Return what GetTemplateSummary says of it, beside its parameters."""
    needed, reason = document.capabilities()
    if document.transforms:
        needed = [*needed, "CAPABILITY_AUTO_EXPAND"]
    kinds = sorted({each["Type"] for each in document.original["Resources"].values()})
    answer = {
        "Capabilities": needed,
        "CapabilitiesReason": reason or None,
        "DeclaredTransforms": document.transforms or None,
        "Description": document.description,
        "ResourceTypes": kinds,
        "Version": document.original.get("AWSTemplateFormatVersion"),
    }
    if metadata := document.original.get("Metadata"):
        answer["Metadata"] = json.dumps(metadata)
    return answer
