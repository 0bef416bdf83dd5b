"""Checks of the SAM template: what it points to exists, and AWS's own transform takes it."""

from __future__ import annotations

import ast
import copy
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchyard.checks.definition import placeholders
from switchyard.problem import Problem
from switchyard.suggest import suggest
from switchyard.yaml_text import CloudFormationLoader, YamlError, load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchyard.project import Project

_FUNCTION = "AWS::Serverless::Function"
_STATE_MACHINE = "AWS::Serverless::StateMachine"
# Properties that name a local file until `sam package` has uploaded it; the transform wants the upload.
_LOCAL_PATHS = {
    _FUNCTION: "CodeUri",
    _STATE_MACHINE: "DefinitionUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
}


@dataclass(frozen=True)
class Template:
    """A template that parses.

    Parameters
    ----------
    document
        With CloudFormation's short tags in their long form: `!Ref X` as `{"Ref": "X"}`.
    """

    document: dict[str, Any]

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the logical id and the properties (with SAM's Globals) of each resource of a type."""
        shared = self._section("Globals").get(kind.rpartition("::")[2], {})
        for name, resource in self._section("Resources").items():
            if isinstance(resource, dict) and resource.get("Type") == kind:
                yield name, {**shared, **(resource.get("Properties") or {})}

    def kind(self, name: str) -> str | None:
        """Give the type of a resource by its logical id; None when there is none."""
        resource = self._section("Resources").get(name)
        kind = resource.get("Type") if isinstance(resource, dict) else None
        return kind if isinstance(kind, str) else None

    def parameter_default(self, name: str) -> str | None:
        """Give a parameter's default value."""
        parameter = self._section("Parameters").get(name)
        return parameter.get("Default") if isinstance(parameter, dict) else None

    def _section(self, name: str) -> dict[str, Any]:
        section = self.document.get(name)
        return section if isinstance(section, dict) else {}


def read_template(project: Project) -> Template | list[Problem]:
    """Read the project's template, or say why it cannot be read."""
    file = project.relative(project.template)
    try:
        document = load_yaml(project.template.read_text(encoding="utf-8"), CloudFormationLoader)
    except OSError as error:
        return [Problem(file, "", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return [Problem(file, "", "is not UTF-8", "save it as UTF-8")]
    except YamlError as error:
        return [Problem(file, "", f"is not valid YAML: {error}")]
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        return [Problem(file, "", "has no Resources", "a template is a mapping with Resources")]
    return Template(document)


def stands_for(value: Any) -> str:
    """Give the logical id that a value stands for (`!GetAtt X.Arn`, `!Ref X`, `!Sub ${X.Arn}`); "" for none."""
    match value:
        case {"Fn::GetAtt": [str(name), *_]} | {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": str(text)}:
            return text.partition(".")[0]
        case {"Fn::Sub": str(text)} if match_ := re.fullmatch(r"\$\{([^}.]*)(?:\.Arn)?\}", text):
            return str(match_[1])
    return ""


def check_template(project: Project, template: Template) -> list[Problem]:
    """Check handlers, definitions, substitutions, and the SAM transform.

    Parameters
    ----------
    project
        What the template's paths are relative to.
    template
        The project's template.
    """
    file = project.relative(project.template)
    return [
        *_handler_problems(project, template, file),
        *_substitution_problems(project, template, file),
        *_transform_problems(template, file),
    ]


def _handler_problems(project: Project, template: Template, file: str) -> Iterator[Problem]:
    for name, function in template.resources(_FUNCTION):
        code, handler = function.get("CodeUri"), function.get("Handler")
        if not isinstance(code, str) or code.startswith("s3://") or not isinstance(handler, str):
            continue  # Inline code, an image, or uploaded already.
        where = f"Resources.{name}.Handler"
        module, _, attribute = handler.rpartition(".")
        path = project.root / code / (module.replace(".", "/") + ".py")
        if not path.is_file():
            message = f"{handler!r}: there is no module {project.relative(path.resolve())}"
            modules = [other.stem for other in (project.root / code).glob("*.py")]
            yield Problem(file, where, message, suggest(module, modules))
            continue
        try:
            names = _top_level_names(path)
        except (SyntaxError, ValueError) as error:
            yield Problem(project.relative(path), "", f"does not parse: {error}", "correct it")
            continue
        if attribute not in names:
            message = f"{handler!r}: {project.relative(path)} has no {attribute!r}"
            yield Problem(file, where, message, "define it there, or correct the handler")


def _top_level_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_bytes()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
    return names


def _substitution_problems(project: Project, template: Template, file: str) -> Iterator[Problem]:
    used: set[Path] = set()
    for name, machine in template.resources(_STATE_MACHINE):
        uri = machine.get("DefinitionUri")
        if not isinstance(uri, str) or uri.startswith("s3://"):
            continue
        path = (project.root / uri).resolve()
        used.add(path)
        if not path.is_file():
            known = [project.relative(other) for other in project.definitions()]
            where = f"Resources.{name}.DefinitionUri"
            yield Problem(file, where, f"there is no file {uri}", f"run `switchyard render`; {suggest(uri, known)}")
            continue
        given = machine.get("DefinitionSubstitutions") or {}
        expected = placeholders(path.read_text(encoding="utf-8", errors="replace"))
        where = f"Resources.{name}.DefinitionSubstitutions"
        for key in sorted(expected - given.keys()):
            message = f"{project.relative(path)} has ${{{key}}}, which has no substitution"
            yield Problem(file, where, message, f"add {key}, or correct the workflow")
        for key in sorted(given.keys() - expected):
            message = f"{key!r} is not used: {project.relative(path)} has no ${{{key}}}"
            yield Problem(file, f"{where}.{key}", message, "take it out")
    for path in project.definitions():
        if path.resolve() not in used:
            message = "no state machine of template.yaml has it as its DefinitionUri"
            yield Problem(project.relative(path), "", message, "add an AWS::Serverless::StateMachine or delete it")


def _transform_problems(template: Template, file: str) -> Iterator[Problem]:
    # Imported here: half a second, and only this check needs it.
    import boto3  # type: ignore[import-untyped, unused-ignore]
    from samtranslator.metrics.metrics import (  # type: ignore[import-untyped, unused-ignore]
        DummyMetricsPublisher,
        Metrics,
    )
    from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped, unused-ignore]
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped, unused-ignore]
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped, unused-ignore]

    document = copy.deepcopy(template.document)
    _pretend_packaged(document)
    # The region decides the partition in the transform's output, and nothing else; no call is made.
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
    # Its warning that a switch of AWS's own is not set concerns nobody here.
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    # The transform's own metrics go nowhere; unpublished, they would leave a warning in the log.
    metrics = Metrics("Switchyard", DummyMetricsPublisher())
    try:
        Translator({}, Parser(), boto_session=session, metrics=metrics).translate(document, {})
    except InvalidDocumentException as error:
        for cause in error.causes:
            found = re.fullmatch(r"Resource with id \[(.+?)\] is invalid\. (.*)", cause.message, re.DOTALL)
            where, message = (f"Resources.{found[1]}", found[2]) if found else ("", cause.message)
            yield Problem(file, where, message)
    finally:
        metrics.publish()


def _pretend_packaged(document: dict[str, Any]) -> None:
    packaged = "s3://bucket/key"
    resources = document["Resources"].values()
    for resource in (resource for resource in resources if isinstance(resource, dict)):
        field = _LOCAL_PATHS.get(resource.get("Type", ""))
        properties = resource.get("Properties")
        if field and isinstance(properties, dict) and isinstance(properties.get(field), str):
            properties[field] = packaged
    for kind, shared in (document.get("Globals") or {}).items():
        field = _LOCAL_PATHS.get(f"AWS::Serverless::{kind}")
        if field and isinstance(shared, dict) and isinstance(shared.get(field), str):
            shared[field] = packaged
