"""Lambda's REST API: the operations that invoke and describe functions, and say who may invoke them.

Source: AWS Lambda API Reference, each operation by its name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from switchyard.cloud.function_policies import StatementExistsError
from switchyard.cloud.functions import LARGEST_PAYLOAD, Function, Functions
from switchyard.cloud.invocations import Invocations, InvokeConfig

# The operations have dates of their own; their paths tell them apart.
PATHS = re.compile(r"/20\d\d-\d\d-\d\d/functions(?:/.*)?")
_FUNCTION = re.compile(r"/[\d-]+/functions(?:/(?P<name>[^/]+)(?:/(?P<rest>.+?))?)?/?")
_STATEMENT = re.compile(r"policy/(.+)")
LONGEST_LOG = 4096
LARGEST_EVENT = 1024 * 1024


@dataclass(frozen=True)
class LambdaAnswer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lambda:
    """What the API answers from.

    Parameters
    ----------
    invocations : Invocations
        Takes what is invoked asynchronously.
    """

    functions: Functions
    invocations: Invocations

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> LambdaAnswer:
        """Answer one request of the Lambda API.

        Parameters
        ----------
        headers : dict
            The request's headers, names in lower case.
        """
        match = _FUNCTION.fullmatch(path)
        name, rest = (match.group("name"), match.group("rest") or "") if match else (None, "")
        if name is None:
            if match is None or method != "GET":
                return _unknown(method, path)
            return _json(200, {"Functions": [function.describe() for function in self.functions.list()]})
        function = self.functions.get(unquote(name))
        if function is None:
            return _error(404, "ResourceNotFoundException", f"Function not found: {unquote(name)}")
        return self._operate(function, method, rest, headers, body) or _unknown(method, path)

    def _operate(
        self, function: Function, method: str, rest: str, headers: dict[str, str], body: bytes
    ) -> LambdaAnswer | None:
        statement = _STATEMENT.fullmatch(rest)
        if rest == "invocations" and method == "POST":
            if not self.functions.can_assume_role(function):
                message = "The role defined for the function cannot be assumed by Lambda."
                return _error(403, "AccessDeniedException", message)
            return _invoke(self, function, headers, body)
        if statement and method == "DELETE":
            return _remove_permission(self.functions, function, unquote(statement.group(1)))
        if (method, rest) not in _OPERATIONS:
            return None
        try:
            document = json.loads(body or b"{}")
        except ValueError as error:
            return _error(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
        return _OPERATIONS[(method, rest)](self, function, document)


def _get_function(_: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    return _json(200, {"Configuration": function.describe(), "Code": {"Location": function.code.as_uri()}})


def _get_configuration(_: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    return _json(200, function.describe())


def _add_permission(cloud: Lambda, function: Function, document: dict[str, Any]) -> LambdaAnswer:
    missing = [name for name in ("StatementId", "Action", "Principal") if not document.get(name)]
    if missing:
        return _error(400, "InvalidParameterValueException", f"{missing[0]} is missing")
    try:
        statement = cloud.functions.policies.add(function.arn, document["StatementId"], document)
    except StatementExistsError as error:
        return _error(409, "ResourceConflictException", str(error))
    return _json(201, {"Statement": json.dumps(statement)})


def _get_policy(cloud: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    policy = cloud.functions.policies.document(function.arn)
    if policy is None:
        return _error(404, "ResourceNotFoundException", "The resource you requested does not exist.")
    return _json(200, {"Policy": json.dumps(policy), "RevisionId": "local"})


def _remove_permission(functions: Functions, function: Function, statement_id: str) -> LambdaAnswer:
    if not functions.policies.remove(function.arn, statement_id):
        return _error(404, "ResourceNotFoundException", f"Statement {statement_id} is not found in resource policy.")
    return LambdaAnswer(204, b"")


def _put_invoke_config(cloud: Lambda, function: Function, document: dict[str, Any]) -> LambdaAnswer:
    config = InvokeConfig.of(document)
    cloud.invocations.configure(function, config)
    return _json(200, config.describe(function.arn))


def _update_invoke_config(cloud: Lambda, function: Function, document: dict[str, Any]) -> LambdaAnswer:
    known = cloud.invocations.config(function) or InvokeConfig()
    described = known.describe(function.arn)
    destinations = {**described["DestinationConfig"], **(document.get("DestinationConfig") or {})}
    return _put_invoke_config(cloud, function, {**described, **document, "DestinationConfig": destinations})


def _get_invoke_config(cloud: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    config = cloud.invocations.config(function)
    if config is None:
        message = f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig"
        return _error(404, "ResourceNotFoundException", message)
    return _json(200, config.describe(function.arn))


def _list_invoke_configs(cloud: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    config = cloud.invocations.config(function)
    return _json(200, {"FunctionEventInvokeConfigs": [config.describe(function.arn)] if config else []})


def _delete_invoke_config(cloud: Lambda, function: Function, _document: dict[str, Any]) -> LambdaAnswer:
    cloud.invocations.configure(function, None)
    return LambdaAnswer(204, b"")


def _invoke(cloud: Lambda, function: Function, headers: dict[str, str], body: bytes) -> LambdaAnswer:
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
        if len(body) > LARGEST_EVENT:
            message = (
                f"{len(body)} byte payload is too large for the Event invocation type (limit {LARGEST_EVENT} bytes)"
            )
            return _error(413, "RequestTooLargeException", message)
        request_id = cloud.invocations.submit(function, body or b"{}")
        return LambdaAnswer(202, b"", {"x-amzn-requestid": request_id})
    result = cloud.functions.invoke(function, body or b"{}")
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


def _unknown(method: str, path: str) -> LambdaAnswer:
    return _error(501, "NotImplementedException", f"{method} {path}: the local cloud's Lambda does not know this.")


_OPERATIONS: dict[tuple[str, str], Callable[[Lambda, Function, dict[str, Any]], LambdaAnswer]] = {
    ("GET", ""): _get_function,
    ("GET", "configuration"): _get_configuration,
    ("POST", "policy"): _add_permission,
    ("GET", "policy"): _get_policy,
    ("PUT", "event-invoke-config"): _put_invoke_config,
    ("POST", "event-invoke-config"): _update_invoke_config,
    ("GET", "event-invoke-config"): _get_invoke_config,
    ("GET", "event-invoke-config/list"): _list_invoke_configs,
    ("DELETE", "event-invoke-config"): _delete_invoke_config,
}
