"""A SAM or CloudFormation template: read, its local paths kept, transformed as AWS transforms it."""

from __future__ import annotations

import hashlib
import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.intrinsics import TemplateError

# Stands in for an S3 bucket: its keys are paths on this machine. `sam package` would upload them instead.
LOCAL_BUCKET = "switchyard-local-files"
# Far more than any template's, far less than what libyaml's recursion bears.
_MOST_NESTED = 500
# Which property of which resource names local files, and what that property looks like once in S3.
_LOCAL_PATHS = {
    "AWS::Serverless::Function": ("CodeUri", ("Bucket", "Key")),
    "AWS::Serverless::StateMachine": ("DefinitionUri", ("Bucket", "Key")),
    "AWS::Serverless::LayerVersion": ("ContentUri", ("Bucket", "Key")),
    "AWS::Lambda::Function": ("Code", ("S3Bucket", "S3Key")),
    "AWS::StepFunctions::StateMachine": ("DefinitionS3Location", ("Bucket", "Key")),
}


def load(path: Path, parameters: dict[str, str], cache: Path) -> dict[str, Any]:
    """Read a template and apply the SAM transform.

    Parameters
    ----------
    path : Path
        The template; the paths in it are relative to its folder.
    parameters : dict
        Values for its parameters, which the transform may look at.
    cache : Path
        A folder that keeps transformed templates, by content.

    Returns
    -------
    dict
        A plain CloudFormation template.

    Raises
    ------
    TemplateError
        It is not there, is no YAML, or SAM refuses it.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise TemplateError(f"{path}: the template cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TemplateError(f"{path}: the template is not UTF-8 text: {error}") from None
    key = hashlib.sha256(
        json.dumps([text, str(path.resolve().parent), parameters, version("aws-sam-translator")]).encode()
    ).hexdigest()
    kept = cache / f"template-{key[:24]}.json"
    if kept.is_file():
        cached: dict[str, Any] = json.loads(kept.read_text())
        return cached
    template = parse(text, str(path))
    keep_local_paths(template, path.resolve().parent)
    template = transform(template, str(path), parameters)
    cache.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(template))
    partial.replace(kept)
    return template


def parse(text: str, place: str) -> dict[str, Any]:
    """Read a template's text, in YAML or JSON.

    Parameters
    ----------
    place : str
        What messages begin with: where the text comes from.

    Raises
    ------
    TemplateError
        It is no YAML, or has no resources with types.
    """
    template = _read_yaml(text, place)
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError(f"{place}: the template has no Resources")
    for logical_id, resource in template["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise TemplateError(f"{place}: the resource {logical_id} has no Type")
        _check_mapping(resource, "Properties", f"{place}: {logical_id} ({resource['Type']})")
    for section in ("Globals", "Parameters", "Mappings", "Conditions", "Outputs"):
        _check_mapping(template, section, place)
    return template


def _read_yaml(text: str, place: str) -> Any:
    import yaml
    from samtranslator.yaml_helper import intrinsics_multi_constructor

    # By libyaml, which PyYAML's wheels have: seven times as fast, and this is a part of every start.
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """YAML with CloudFormation's short tags."""

    Loader.add_multi_constructor("!", intrinsics_multi_constructor)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MOST_NESTED:  # libyaml goes on until the stack, and so the process, ends
                raise TemplateError(f"{place}: the template is nested more than {_MOST_NESTED} deep")
        return yaml.load(text, Loader=Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(f"{place}: the template is not valid YAML: {error}") from None


def _check_mapping(owner: dict[str, Any], key: str, place: str) -> None:
    if owner.get(key, {}) is None:  # the key alone, with nothing below it
        del owner[key]
    elif not isinstance(owner.get(key, {}), dict):
        raise TemplateError(f"{place}: {key} is not a mapping of names to values")


def transform(template: dict[str, Any], place: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Apply the SAM transform, if the template asks for it.

    Parameters
    ----------
    place : str
        What messages begin with: where the template comes from.
    parameters : dict
        Values for its parameters; the others have their defaults.

    Raises
    ------
    TemplateError
        SAM refuses it.
    """
    if "AWS::Serverless-2016-10-31" not in json.dumps(template.get("Transform", [])):
        return template
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    class Session:
        region_name = REGION

    # Its warning that a switch of AWS's own is not set concerns nobody here.
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)

    try:
        translator = Translator({}, Parser(), boto_session=Session())
        transformed: dict[str, Any] = translator.translate(template, _with_defaults(template, parameters))
    except InvalidDocumentException as error:
        reasons = "; ".join(cause.message for cause in error.causes) or error.message
        raise TemplateError(f"{place}: SAM refuses the template: {reasons}") from None
    return transformed


def _with_defaults(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    defaults = {
        name: parameter["Default"]
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    return {**defaults, **parameters}


def keep_local_paths(template: dict[str, Any], folder: Path) -> None:
    """Let what names a local file name it in LOCAL_BUCKET: the transform wants uploads.

    Parameters
    ----------
    folder : Path
        Where relative paths begin.
    """
    for kind, section in template.get("Globals", {}).items():
        _keep(f"AWS::Serverless::{kind}", section, folder)
    for resource in template["Resources"].values():
        _keep(resource["Type"], resource.get("Properties", {}), folder)


def _keep(kind: str, properties: Any, folder: Path) -> None:
    if kind not in _LOCAL_PATHS or not isinstance(properties, dict):
        return
    name, (bucket, key) = _LOCAL_PATHS[kind]
    value = properties.get(name)
    if isinstance(value, str) and not value.startswith("s3://"):
        properties[name] = {bucket: LOCAL_BUCKET, key: str((folder / value).resolve())}
