"""The query protocol: a form in, by botocore's model of the service, and XML out."""

from __future__ import annotations

import datetime
import uuid
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from switchyard.cloud.cloudformation.errors import CloudFormationError, ValidationError
from switchyard.cloud.shapes import problems

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
# Whose members are texts: no model has to be loaded for what every run asks first.
_FLAT = {"DescribeStacks", "DescribeStackResources", "ListStackResources"}


def read(body: bytes) -> tuple[str, dict[str, Any]]:
    """Read a request.

    Returns
    -------
    tuple
        The operation, and its members in the types that they have in the service's model.

    Raises
    ------
    ValidationError
        A member is missing, or is not what it should be.
    """
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    operation = form.pop("Action", "")
    form.pop("Version", None)
    if operation in _FLAT:
        return operation, dict(form)
    if operation not in _model().operation_names:
        return operation, {}
    shape = _model().operation_model(operation).input_shape
    request = _structure(form, shape, "") if shape is not None else {}
    if shape is not None and (found := next(problems(request, shape), None)):
        raise ValidationError(f"1 validation error detected: {found}")
    return operation, request


def write(operation: str, answer: dict[str, Any]) -> bytes:
    """Write an answer; members without a value are left out."""
    return (
        f'<{operation}Response xmlns="{NAMESPACE}"><{operation}Result>{_text(answer)}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def write_error(error: CloudFormationError) -> bytes:
    """Write an error."""
    kind = "Sender" if error.status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{kind}</Type><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    ).encode()


@cache
def _model() -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model("cloudformation")


def _value(form: dict[str, str], shape: Any, prefix: str) -> Any:
    if shape.type_name == "structure":
        return _structure(form, shape, f"{prefix}.")
    if shape.type_name == "list":
        if form.get(prefix) == "":
            return []
        numbers = {key[len(prefix) + 8 :].partition(".")[0] for key in form if key.startswith(f"{prefix}.member.")}
        return [
            _value(form, shape.member, f"{prefix}.member.{number}")
            for number in sorted(numbers, key=lambda each: (len(each), each))
        ]
    text = form[prefix]
    if shape.type_name == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if shape.type_name in {"integer", "long"} and text.lstrip("-").isdecimal():
        return int(text)
    return text


def _structure(form: dict[str, str], shape: Any, prefix: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        place = f"{prefix}{name}"
        if place in form or any(key.startswith(f"{place}.") for key in form):
            found[name] = _value(form, member, place)
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_text(inner)}</{name}>" for name, inner in value.items() if inner is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_text(inner)}</member>" for inner in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return escape(str(value))
