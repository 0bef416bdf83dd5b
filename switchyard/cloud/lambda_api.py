"""Lambda's REST API: the operations that invoke and describe functions.

Source: Invoke, GetFunction, GetFunctionConfiguration, ListFunctions (AWS Lambda API Reference).
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from urllib.parse import unquote

from switchyard.cloud.functions import LARGEST_PAYLOAD, Function, Functions

_FUNCTIONS = re.compile(r"/2015-03-31/functions(?:/([^/]+)(?:/(invocations|configuration))?)?/?")
LONGEST_LOG = 4096


@dataclass(frozen=True)
class LambdaAnswer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def answer(functions: Functions, method: str, path: str, headers: dict[str, str], body: bytes) -> LambdaAnswer:
    """Answer one request of the Lambda API.

    Parameters
    ----------
    headers : dict
        The request's headers, names in lower case.
    """
    match = _FUNCTIONS.fullmatch(path)
    name, action = match.groups() if match else (None, None)
    if match and name is None and method == "GET":
        return _json(200, {"Functions": [function.describe() for function in functions.list()]})
    if match is None or name is None or method != ("POST" if action == "invocations" else "GET"):
        known = "Invoke, GetFunction, GetFunctionConfiguration, ListFunctions"
        return _error(501, "NotImplementedException", f"{method} {path}: the local cloud's Lambda knows {known}.")
    function = functions.get(unquote(name))
    if function is None:
        return _error(404, "ResourceNotFoundException", f"Function not found: {unquote(name)}")
    if action == "invocations":
        return _invoke(functions, function, headers, body)
    if action == "configuration":
        return _json(200, function.describe())
    return _json(200, {"Configuration": function.describe(), "Code": {"Location": function.code.as_uri()}})


def _invoke(functions: Functions, function: Function, headers: dict[str, str], body: bytes) -> LambdaAnswer:
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    if kind == "DryRun":
        return LambdaAnswer(204, b"")
    if len(body) > LARGEST_PAYLOAD:
        message = f"{len(body)} byte payload is too large for an invocation (limit {LARGEST_PAYLOAD} bytes)"
        return _error(413, "RequestTooLargeException", message)
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        return _error(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
    if kind == "Event":
        threading.Thread(target=functions.invoke, args=(function, body or b"{}"), daemon=True).start()
        return LambdaAnswer(202, b"")
    result = functions.invoke(function, body or b"{}")
    answered = {"x-amz-executed-version": "$LATEST"}
    if result.error:
        answered["x-amz-function-error"] = result.error
    if headers.get("x-amz-log-type") == "Tail":
        answered["x-amz-log-result"] = base64.b64encode(result.log_tail.encode()[-LONGEST_LOG:]).decode()
    return LambdaAnswer(200, result.payload, answered)


def _json(status: int, document: object) -> LambdaAnswer:
    return LambdaAnswer(status, json.dumps(document).encode(), {"content-type": "application/json"})


def _error(status: int, code: str, message: str) -> LambdaAnswer:
    body = json.dumps({"Type": "User", "Message": message}).encode()
    return LambdaAnswer(status, body, {"content-type": "application/json", "x-amzn-errortype": code})
