"""Checks a request as a method's request validator does.

Source: "Request validation for REST APIs in API Gateway" (API Gateway Developer Guide). The wording of what is wrong in
a body follows that of the validator which API Gateway uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from switchyard.cloud.apigateway.model import Method

_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def missing_parameters(
    method: Method, path: Mapping[str, str], query: Mapping[str, Any], headers: Mapping[str, Any]
) -> list[str]:
    """Return the names of required parameters that are not there, or empty.

    Parameters
    ----------
    headers : mapping
        By name in lower case.
    """
    given: dict[str, Mapping[str, Any]] = {"path": path, "querystring": query, "header": headers}
    missing = []
    for place, name in method.required_parameters:
        value = given[place].get(name.lower() if place == "header" else name)
        if not value or not value[-1]:
            missing.append(name)
    return missing


def body_problems(method: Method, content_type: str, body: bytes) -> list[str]:
    """Return what is wrong with a body; a content type that has no model is not looked at."""
    if not method.models:
        return []
    kind = content_type.partition(";")[0].strip().lower() or "application/json"
    schema = method.models.get(kind)
    if schema is None:
        return []
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number) if body.strip() else None
    except (ValueError, RecursionError):
        return ["Unable to parse JSON"]
    from jsonschema import Draft4Validator

    # What OpenAPI says beside JSON Schema draft 4 is not looked at, as API Gateway does not look at it.
    try:
        errors = Draft4Validator(schema).iter_errors(document)
        return list(dict.fromkeys(problem for error in errors for problem in _problems(error)))
    except RecursionError:
        return ["the document is nested too deeply"]
    except ArithmeticError:  # of `multipleOf`, which divides
        return ["a number is too large to be checked"]


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _problems(error: Any) -> Iterable[str]:
    instance, expected = error.instance, error.validator_value
    if error.validator == "required":
        lacking = [name for name in expected if name not in instance]
        yield f"object has missing required properties ({_shown(sorted(lacking))})"
    elif error.validator == "additionalProperties" and expected is False:
        extra = sorted(set(instance) - set(error.schema.get("properties", {})))
        yield f"object instance has properties which are not allowed by the schema: {_shown(extra)}"
    elif error.validator == "type":
        allowed = [expected] if isinstance(expected, str) else expected
        yield (
            f"instance type ({_TYPES.get(type(instance), 'null')}) does not match any allowed primitive type "
            f"(allowed: {_shown(allowed)})"
        )
    elif error.validator == "pattern":
        yield f'ECMA 262 regex "{expected}" does not match input string {_shown(instance)}'
    elif error.validator == "enum":
        yield f"instance value ({_shown(instance)}) not found in enum (possible values: {_shown(expected)})"
    elif error.validator in {"minLength", "maxLength"}:
        size, bound = ("short", "minimum") if error.validator == "minLength" else ("long", "maximum")
        allowed_size = f"{'required' if bound == 'minimum' else 'maximum allowed'}: {expected}"
        yield f"string {_shown(instance)} is too {size} (length: {len(instance)}, {allowed_size})"
    elif error.validator in {"minimum", "maximum"}:
        side = "lower than the required" if error.validator == "minimum" else "greater than the required"
        yield (
            f"numeric instance is {side} {error.validator} ({error.validator}: {_shown(expected)}, "
            f"found: {_shown(instance)})"
        )
    else:
        yield str(error.message)


def _shown(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), default=str)
    return text if len(text) <= 500 else f"{text[:497]}..."
