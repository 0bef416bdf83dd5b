"""Answers that tell a client what is wrong.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """When a request cannot be done.

    Parameters
    ----------
    status
        The HTTP status.
    detail
        What is wrong with this request, and what to do.
    headers
        Of the response.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self, request_id: str | None) -> dict[str, Any]:
        """Give the problem as a JSON document."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return {**document, "request_id": request_id} if request_id else document

    def body(self, request_id: str | None) -> str:
        """Give the problem as text."""
        return json.dumps(self.document(request_id))
