"""A request as the port receives it, and what it says of its sender."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

_CREDENTIAL = re.compile(r"(?:Credential=|X-Amz-Credential=)([^/&,\s]+)/\d+/[^/]+/([^/]+)/aws4_request")
# Signature Version 2, which S3 still takes: SDKs presign so unless they are told otherwise.
_HEADER_2 = re.compile(r"AWS ([^:\s]+):")
_QUERY_2 = re.compile(r"(?:^|&)AWSAccessKeyId=([^&]+)")


@dataclass(frozen=True)
class Request:
    """One HTTP request to AWS's APIs.

    Attributes
    ----------
    path : str
        Still quoted, without the query.
    query : str
        The query string.
    headers : mapping
        Names in lower case.
    body : bytes
        Empty where it says nothing of what is asked for: the data of an object, the records for an endpoint.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def credential(self) -> tuple[str, str]:
        """The access key and the service that the signature names; empty strings for an unsigned request."""
        return credential(self.headers, self.query)

    @property
    def service(self) -> str:
        """The service that the request is signed for, such as ``s3``."""
        return self.credential[1]

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The query's arguments, those without a value as empty strings."""
        return _first(parse_qsl(self.query, keep_blank_values=True))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body as JSON; an empty document when it is none."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @cached_property
    def form(self) -> dict[str, str]:
        """The body (or the query) of the query protocol."""
        pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {**self.arguments, **_first(pairs)}


def credential(headers: Mapping[str, str], query: str) -> tuple[str, str]:
    """Return the access key and the service of a signature in the header or the query, or empty strings."""
    authorization = headers.get("authorization", "")
    if authorization:
        found, earlier = _CREDENTIAL.search(authorization), _HEADER_2.match(authorization)
    elif "X-Amz-Credential=" in query:
        found, earlier = _CREDENTIAL.search(unquote(query)), None
    else:
        found, earlier = None, _QUERY_2.search(query)
    if earlier:
        return unquote(earlier.group(1)), "s3"
    return (found.group(1), found.group(2)) if found else ("", "")


def _first(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Keep of what is given several times the first, as the services here do."""
    return dict(reversed(pairs))
