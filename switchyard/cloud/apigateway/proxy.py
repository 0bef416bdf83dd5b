"""Lambda proxy integration: the event that a function gets, and what its answer means.

Source: "Lambda proxy integrations in API Gateway" (API Gateway Developer Guide).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from switchyard.cloud.apigateway.errors import GatewayError, bad_gateway

# What API Gateway passes on under another name, or not at all.
_REMAPPED = {"authorization", "connection", "content-md5", "date", "expect", "host", "max-forwards", "server",
             "user-agent", "www-authenticate"}  # fmt: skip
_DROPPED = {"content-length", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authenticate", "via"}
_KNOWN_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Reply:
    """An HTTP response.

    Parameters
    ----------
    headers : tuple
        Pairs of a name and a value; a name may come twice.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ProxyRequest:
    """A request on its way to a function.

    Parameters
    ----------
    headers : sequence of tuple
        Names in lower case.
    query : sequence of tuple
        Names and values, decoded.
    context : mapping
        The event's ``requestContext``.
    """

    http_method: str
    path: str
    resource: str
    headers: Sequence[tuple[str, str]]
    query: Sequence[tuple[str, str]]
    body: bytes
    path_parameters: Mapping[str, str]
    stage_variables: Mapping[str, str]
    context: Mapping[str, Any]
    forwarded: Mapping[str, str] = field(default_factory=dict)


def event(request: ProxyRequest, binary_media_types: Sequence[str]) -> dict[str, Any]:
    """Return the event of payload format 1.0."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(_written(name), []).append(value)
    for name, value in request.forwarded.items():
        headers[name] = [value]
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(name, []).append(value)
    content_type = next((value for name, value in request.headers if name == "content-type"), "")
    is_binary = bool(request.body) and is_binary_type(content_type, binary_media_types)
    body = base64.b64encode(request.body).decode() if is_binary else request.body.decode("utf-8", "replace")
    return {
        "resource": request.resource,
        "path": request.path,
        "httpMethod": request.http_method,
        "headers": _last(headers),
        "multiValueHeaders": headers or None,
        "queryStringParameters": _last(query),
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(request.path_parameters) or None,
        "stageVariables": dict(request.stage_variables) or None,
        "requestContext": dict(request.context),
        "body": body if request.body else None,
        "isBase64Encoded": is_binary,
    }


def reply(payload: bytes, accept: str, binary_media_types: Sequence[str]) -> Reply:
    """Turn a function's answer into a response.

    Raises
    ------
    GatewayError
        It is not of the form that API Gateway takes: 502.
    """
    try:
        answer = json.loads(payload)
    except ValueError:
        raise _malformed("it is not JSON") from None
    if not isinstance(answer, dict):
        raise _malformed(f"it is a {type(answer).__name__}, not an object with a statusCode")
    unknown = sorted(set(answer) - _KNOWN_KEYS)
    if unknown:
        raise _malformed(f"{unknown[0]!r} is not known")
    try:
        status = int(answer["statusCode"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _malformed("it has no statusCode that is a number") from None
    if not 200 <= status <= 599:  # below, a client would go on waiting for the response itself
        raise _malformed(f"statusCode is {status}")
    body = answer.get("body")
    if not isinstance(body, str) and body is not None:
        raise _malformed(f"body is a {type(body).__name__}, not text")
    content = (body or "").encode(errors="replace")
    if answer.get("isBase64Encoded") and is_binary_type(accept.partition(",")[0] or "*/*", binary_media_types):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise _malformed("body is not the Base64 that isBase64Encoded promises") from None
    headers = _answered(answer)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Reply(status, content, tuple(headers))


def is_binary_type(content_type: str, binary_media_types: Sequence[str]) -> bool:
    """Return whether a content type is one of an API's binary media types, which may hold ``*``."""
    kind = content_type.partition(";")[0].strip().lower()
    return any(fnmatchcase(kind or "*/*", given.lower()) for given in binary_media_types)


def _answered(answer: dict[str, Any]) -> list[tuple[str, str]]:
    single, several = ({} if answer.get(key) is None else answer[key] for key in ("headers", "multiValueHeaders"))
    if not isinstance(single, dict) or not isinstance(several, dict):
        raise _malformed("headers or multiValueHeaders is not an object")
    merged = {str(name): [value] for name, value in single.items()}
    for name, values in several.items():
        if not isinstance(values, list):
            raise _malformed(f"multiValueHeaders.{name} is not an array")
        # The same pair in both is sent once.
        merged[str(name)] = [value for value in merged.get(str(name), []) if value not in values] + values
    headers = []
    for name, values in merged.items():
        if not _HEADER_NAME.fullmatch(name):
            raise _malformed(f"{name!r} is no header's name")
        lower = name.lower()
        if lower in _DROPPED:
            continue
        shown = f"x-amzn-Remapped-{name}" if lower in _REMAPPED else name
        headers += [(shown, _text(value)) for value in values if value is not None]
    return headers


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(character for character in text if character.isprintable() or character == "\t")


def _last(values: Mapping[str, list[str]]) -> dict[str, str] | None:
    return {name: given[-1] for name, given in values.items()} or None


def _written(name: str) -> str:
    """Write a header's name as clients do; the server in front has made it lower case."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _malformed(reason: str) -> GatewayError:
    return bad_gateway(f"Execution failed due to configuration error: Malformed Lambda proxy response: {reason}")
