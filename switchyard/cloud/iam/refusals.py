"""How each protocol says that access is denied.

Source: Troubleshoot access denied error messages (AWS IAM User Guide); Error responses (Amazon S3 API Reference);
Common errors (API references of the services).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from switchyard.cloud.iam.policy import Decision
from switchyard.cloud.iam.requests import Request

_JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that refuses a request."""

    status: int
    headers: dict[str, str]
    body: bytes


def message(user: str, action: str, resource: str, decision: Decision, kind: str = "identity-based") -> str:
    """Say who may not do what, and why, in AWS's words.

    Parameters
    ----------
    decision : Decision
        The one that refused; a Deny is told apart from nothing that allows it.
    kind : str
        The kind of policy that decided: ``identity-based``, ``resource-based``, ``session``, or another with its
        article, as in ``permissions boundary``.
    """
    noun = kind if kind == "permissions boundary" else f"{kind} policy"
    if decision.explicit:
        article = "an" if noun[0] in "aeiou" else "a"
        reason = f"with an explicit deny in {article} {noun}"
    else:
        reason = f"because no {noun} allows the {action} action"
    return f"User: {user} is not authorized to perform: {action} on resource: {resource} {reason}"


def refusal(request: Request, text: str) -> Refusal:
    """Answer a request that is refused, in the form of its protocol."""
    request_id = str(uuid.uuid4())
    service = request.service
    if service == "s3":
        body = "" if request.method == "HEAD" else _s3_error(text, request_id)
        headers = {"content-type": "application/xml", "x-amz-request-id": request_id}
        return Refusal(403, headers, body.encode())
    headers = {"x-amzn-requestid": request_id}
    if "x-amz-target" in request.headers:
        headers |= {"content-type": _JSON, "x-amzn-errortype": "AccessDeniedException"}
        if service == "sqs":
            headers["x-amzn-query-error"] = "AccessDenied;Sender"
        return Refusal(400, headers, json.dumps({"__type": "AccessDeniedException", "message": text}).encode())
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        headers |= {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Refusal(400, headers, _cbor({"__type": "AccessDeniedException", "message": text}))
    if "Action" in request.form:
        return Refusal(403, {**headers, "content-type": "text/xml"}, _query_error(service, text, request_id).encode())
    headers |= {"content-type": "application/json", "x-amzn-errortype": "AccessDeniedException"}
    return Refusal(403, headers, json.dumps({"Message": text}).encode())


def _s3_error(text: str, request_id: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>AccessDenied</Code><Message>{escape(text)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )


def _query_error(service: str, text: str, request_id: str) -> str:
    code = "AuthorizationError" if service == "sns" else "AccessDenied"
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _cbor(document: dict[str, str]) -> bytes:
    parts = [bytes([0xA0 | len(document)])]
    for text in (text for pair in document.items() for text in pair):
        raw = text.encode()
        parts += [b"\x79", len(raw).to_bytes(2, "big"), raw]
    return b"".join(parts)
