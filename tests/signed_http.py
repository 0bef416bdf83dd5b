"""HTTP requests with AWS Signature Version 4, signed by botocore as AWS's own tools sign."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

OWNER = Credentials("test", "test")


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        return self.headers["Content-Type"]


def signed_headers(
    method: str,
    url: str,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    credentials: Credentials = OWNER,
    service: str = "execute-api",
    region: str = "us-east-1",
) -> dict[str, str]:
    """Return a request's headers, with its signature."""
    request = AWSRequest(method, url, data=body, headers=dict(headers or {}))
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def send(method: str, url: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request as it is."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def send_signed(
    method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
) -> Answer:
    """Send a signed request; a body that is no text is sent as JSON."""
    content = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
    given = {"Content-Type": "application/json", **(headers or {})} if content is not None else dict(headers or {})
    return send(method, url, content, signed_headers(method, url, content, given, **options))
