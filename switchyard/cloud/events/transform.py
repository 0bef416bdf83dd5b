"""What a target gets of an event: Input, InputPath, InputTransformer.

Source: "Amazon EventBridge input transformation" (Amazon EventBridge User Guide); InputTransformer (API Reference).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MOST_PATHS = 100
LONGEST_TEMPLATE = 8192
_PREDEFINED = {
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
}
_VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")
# A template taken apart: a JSON string, with what is escaped in it; a variable outside of strings; the rest.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[A-Za-z0-9_.\-]+>|[^"<]+|.', re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z0-9_\-/:@]+)|\[(\d+|\*)\]|\.\*|\['([^']+)'\]")
_HALF = re.compile("[\ud800-\udfff]")
_QUOTE = re.compile(r'\\.|"')
_MISSING = object()


class InvalidInputError(ValueError):
    """When a target's input settings are none that EventBridge takes."""


def to_json(value: Any) -> str:
    """Write JSON that can be sent as UTF-8: half a surrogate pair, which JSON may escape, stays escaped."""
    return _HALF.sub(lambda half: f"\\u{ord(half.group()):04x}", json.dumps(value, ensure_ascii=False))


def check(target: Mapping[str, Any]) -> None:
    """Refuse a target's wrong input settings, as PutTargets does.

    Raises
    ------
    InvalidInputError
        The message says what is wrong.
    """
    given = [key for key in ("Input", "InputPath", "InputTransformer") if target.get(key) is not None]
    name = target.get("Id")
    if len(given) > 1:
        raise InvalidInputError(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if given == ["Input"]:
        try:
            json.loads(target["Input"])
        except (TypeError, ValueError):
            raise InvalidInputError(f"JSON syntax error in input for target {name}") from None
    elif given == ["InputPath"]:
        _check_path(target["InputPath"], f"InputPath for target {name}")
    elif given == ["InputTransformer"]:
        _check_transformer(target["InputTransformer"], name)


def render(target: Mapping[str, Any], event: dict[str, Any], rule_arn: str, ingestion_time: str) -> str:
    """Give the JSON text that a target gets.

    Parameters
    ----------
    target : mapping
        The target, as PutTargets took it.
    event : dict
        The whole event.
    ingestion_time : str
        When EventBridge took the event, in ISO 8601.
    """
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        found = look_up(target["InputPath"], event)
        return to_json(None if found is _MISSING else found)
    if target.get("InputTransformer"):
        return _transform(target["InputTransformer"], event, rule_arn, ingestion_time)
    return to_json(event)


def look_up(path: str, event: Any) -> Any:
    """Follow a path such as ``$.detail.object.key`` or ``$.resources[0]``; what it does not find is no value."""
    found: Any = event
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return _MISSING
        position = match.end()
        key, index, quoted = match.group(1), match.group(2), match.group(3)
        if key is not None or quoted is not None:
            name = key if key is not None else quoted
            if isinstance(found, list):
                found = [each[name] for each in found if isinstance(each, dict) and name in each]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return _MISSING
        elif index is not None and index != "*":
            if not isinstance(found, list) or int(index) >= len(found):
                return _MISSING
            found = found[int(index)]
        elif isinstance(found, dict):
            found = list(found.values())
        elif not isinstance(found, list):
            return _MISSING
    return found


def _check_path(path: Any, what: str) -> None:
    if not isinstance(path, str) or not path.startswith("$"):
        raise InvalidInputError(f"Invalid {what}: a path begins with $.")
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise InvalidInputError(f"Invalid {what}: {path}")
        position = match.end()


def _check_transformer(transformer: Mapping[str, Any], name: Any) -> None:
    template = transformer.get("InputTemplate")
    if not template or not isinstance(template, str):
        raise InvalidInputError(f"InputTemplate is required in the InputTransformer of target {name}.")
    if len(template) > LONGEST_TEMPLATE:
        raise InvalidInputError(f"InputTemplate for target {name} is longer than {LONGEST_TEMPLATE} characters.")
    paths = transformer.get("InputPathsMap") or {}
    if len(paths) > MOST_PATHS:
        raise InvalidInputError(f"InputPathsMap for target {name} has more than {MOST_PATHS} entries.")
    for key, path in paths.items():
        if key.upper().startswith("AWS."):
            raise InvalidInputError(f"InputPathsMap for target {name} contains the reserved name {key}.")
        _check_path(path, f"InputPathsMap for target {name}")
    for variable in _VARIABLE.findall(template):
        if variable not in paths and variable not in _PREDEFINED:
            raise InvalidInputError(f"InputTemplate for target {name} contains invalid placeholder {variable}.")
    filled = _fill(template, dict.fromkeys([*paths, *_PREDEFINED], "x"))
    try:
        _parse_lines(filled)
    except ValueError:
        raise InvalidInputError(f"Invalid InputTemplate for target {name} : {template}.") from None


def _parse_lines(text: str) -> None:
    """Take one JSON document, or a line of text (a JSON string) after the other."""
    try:
        json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines or not all(isinstance(json.loads(line), str) for line in lines):
            raise


def _transform(transformer: Mapping[str, Any], event: dict[str, Any], rule_arn: str, ingestion_time: str) -> str:
    values: dict[str, Any] = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": ingestion_time,
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        values[name] = look_up(path, event)
    return _fill(transformer["InputTemplate"], values)


def _fill(template: str, values: Mapping[str, Any]) -> str:
    return "".join(_token(token, values) for token in _TOKEN.findall(template))


def _token(token: str, values: Mapping[str, Any]) -> str:
    if token.startswith('"') and len(token) > 1:
        return _VARIABLE.sub(lambda match: _within_string(match, values), token)
    match = _VARIABLE.fullmatch(token)
    if match is None or match.group(1) not in values:
        return token
    value = values[match.group(1)]
    # A variable whose path leads nowhere does not exist; an empty string keeps the document whole.
    return to_json("" if value is _MISSING else value)


def _within_string(match: re.Match[str], values: Mapping[str, Any]) -> str:
    if match.group(1) not in values:
        return match.group(0)
    value = values[match.group(1)]
    if value is _MISSING:
        return ""
    if isinstance(value, str):
        return to_json(value)[1:-1]
    # An object or an array within a string loses its inner quotes, so that the string stays one.
    return _QUOTE.sub(lambda quoted: "" if quoted.group(0) in ('"', '\\"') else quoted.group(0), json.dumps(value))
