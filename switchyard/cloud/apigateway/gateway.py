"""The way of a request through API Gateway: found, authorized, checked, integrated, logged."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from switchyard.cloud.account import ACCOUNT_ID, arn
from switchyard.cloud.apigateway import proxy, validation
from switchyard.cloud.apigateway.addresses import Address
from switchyard.cloud.apigateway.errors import GatewayError, configuration_error
from switchyard.cloud.apigateway.model import GatewayResponse, Method
from switchyard.cloud.apigateway.proxy import ProxyRequest, Reply
from switchyard.cloud.apigateway.rest_apis import RestApi, RestApis, Stage
from switchyard.cloud.apigateway.routing import find
from switchyard.cloud.apigateway.signature import Caller, FindKey, SignedRequest, authenticate
from switchyard.cloud.apigateway.throttling import Throttle
from switchyard.cloud.functions import LARGEST_PAYLOAD, Function, Functions
from switchyard.cloud.iam.policy import Policy
from switchyard.cloud.logs import LogStream
from switchyard.cloud.runtime_api import trace_header

LOG = logging.getLogger(__name__)
LARGEST_BODY = 10 * 1024 * 1024
WORKERS = 128
_FUNCTION = re.compile(r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(.+)/invocations")
_VARIABLE = re.compile(r"\$context\.(\w+(?:\.\w+)*)|\$stageVariables\.(\w+)")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")

INVOKE = "execute-api:Invoke"
# Given a caller (or nobody), the ARN of a method, the API's own policy and where the request comes from, returns why it
# is refused; None when it is allowed.
Authorize = Callable[[Caller | None, str, Policy | None, str], str | None]
# Given a function and the ARN of a method, returns whether API Gateway may invoke the one for the other.
MayInvoke = Callable[[Function, str], bool]


@dataclass(frozen=True)
class Request:
    """A request as it came in.

    Parameters
    ----------
    path, query : str
        As they were sent.
    headers : sequence of tuple
        Names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str = "127.0.0.1"

    def header(self, name: str) -> str:
        """Return a header's last value, or nothing."""
        return next((value for given, value in reversed(self.headers) if given == name), "")


@dataclass
class _Exchange:
    """One request and what is known of it so far; also what ``$context`` stands for."""

    request: Request
    address: Address
    api: RestApi
    stage: Stage
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.time)
    trace: str = field(default_factory=trace_header)
    method: Method | None = None
    caller: Caller | None = None
    integration_status: int | None = None
    integration_milliseconds: int | None = None
    error: GatewayError | None = None

    @property
    def path(self) -> str:
        return f"/{self.address.stage}{self.address.path}"

    @property
    def resource(self) -> str:
        return self.method.resource if self.method else ""

    def identity(self) -> dict[str, Any]:
        caller = self.caller
        return {
            "cognitoIdentityPoolId": None,
            "accountId": caller.account if caller else None,
            "cognitoIdentityId": None,
            "caller": caller.user_id if caller else None,
            "sourceIp": self.request.source_ip,
            "principalOrgId": None,
            "accessKey": caller.access_key_id if caller else None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": caller.arn if caller else None,
            "userAgent": self.request.header("user-agent") or None,
            "user": caller.user_id if caller else None,
        }

    def context(self) -> dict[str, Any]:
        """Return the event's ``requestContext``."""
        began = datetime.datetime.fromtimestamp(self.began, tz=datetime.UTC)
        return {
            "resourceId": self.api.resource_id(self.resource) if self.method else None,
            "resourcePath": self.resource,
            "httpMethod": self.request.method,
            "extendedRequestId": self.id[:8] + "=",
            "requestTime": began.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "path": self.path,
            "accountId": ACCOUNT_ID,
            "protocol": "HTTP/1.1",
            "stage": self.stage.name,
            "domainPrefix": self.api.id,
            "requestTimeEpoch": int(self.began * 1000),
            "requestId": self.id,
            "identity": self.identity(),
            "domainName": self.api.domain_name,
            "apiId": self.api.id,
        }

    def variables(self, reply: Reply | None = None) -> dict[str, Any]:
        """Return what ``$context`` holds, in gateway responses and in access logs."""
        error = self.error
        known: dict[str, Any] = {
            **self.context(),
            "awsEndpointRequestId": None,
            "integrationStatus": self.integration_status,
            "integrationLatency": self.integration_milliseconds,
            "integrationErrorMessage": error.reason if error and error.reason else None,
            "integration": {"status": self.integration_status, "latency": self.integration_milliseconds},
            "xrayTraceId": self.trace.partition(";")[0].removeprefix("Root="),
        }
        if error is not None:
            known["error"] = {
                "message": error.message,
                "messageString": json.dumps(error.message),
                "responseType": error.response_type,
                "validationErrorString": error.validation,
            }
        if reply is not None:
            latency = int((time.time() - self.began) * 1000)
            known |= {"status": reply.status, "responseLength": len(reply.body), "responseLatency": latency}
        return known


class Gateway:
    """API Gateway's data plane.

    Parameters
    ----------
    find_key : callable
        Finds an access key's secret and owner.
    authorize : callable
        Tells why a caller may not do something.
    may_invoke : callable
        Tells whether a function's policy lets a method invoke it.
    """

    def __init__(
        self, apis: RestApis, functions: Functions, find_key: FindKey, authorize: Authorize, may_invoke: MayInvoke
    ) -> None:
        self.apis = apis
        self._functions = functions
        self._find_key = find_key
        self._authorize = authorize
        self._may_invoke = may_invoke
        self._throttle = Throttle()
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKERS, thread_name_prefix="integration")
        self._logs: dict[tuple[str, str], LogStream] = {}

    def answer(self, where: Address, request: Request) -> Reply:
        """Answer a request; called from a thread, since functions are waited for."""
        api = self.apis.get(where.api_id)
        stage = api.stages.get(unquote(where.stage)) if api and not api.is_disabled else None
        if api is None or stage is None:
            return Reply(
                403,
                b'{"message":"Forbidden"}',
                (("Content-Type", "application/json"), ("x-amzn-ErrorType", "ForbiddenException")),
            )
        exchange = _Exchange(request, where, api, stage)
        try:
            reply = self._serve(exchange)
        except GatewayError as error:
            exchange.error = error
            reply = _refusal(exchange)
            if error.reason:
                LOG.warning("%s %s: %s", request.method, exchange.path, error.reason)
        except Exception:
            LOG.exception("%s %s", request.method, exchange.path)
            exchange.error = configuration_error("")
            reply = _refusal(exchange)
        self._log_access(exchange, reply)
        headers = (*reply.headers, ("x-amzn-RequestId", exchange.id), ("x-amz-apigw-id", exchange.id[:16]))
        has_no_body = request.method == "HEAD" or reply.status in {204, 304}
        return Reply(reply.status, b"" if has_no_body else reply.body, headers)

    def _serve(self, exchange: _Exchange) -> Reply:
        request, api = exchange.request, exchange.api
        found = find(api.definition.methods, request.method, exchange.address.path)
        if found is None:
            # Also what a method is told that a resource does not have: API Gateway has no 404 or 405 of its own.
            raise GatewayError(
                "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", "MissingAuthenticationTokenException"
            )
        exchange.method, path_parameters = found
        if len(request.body) > LARGEST_BODY:
            raise _too_large()
        self._authorized(exchange, exchange.method)
        if not self._throttle.takes(api, exchange.stage, exchange.method):
            raise GatewayError("THROTTLED", "Too Many Requests", "TooManyRequestsException")
        query = parse_qsl(request.query, keep_blank_values=True)
        _validate(exchange.method, request, path_parameters, query)
        integration = exchange.method.integration
        kind = integration.type if integration else ""
        if kind == "AWS_PROXY":
            return self._invoke(exchange, exchange.method, path_parameters, query)
        if kind == "MOCK":
            return _mock(exchange.method)
        raise configuration_error(f"the local cloud integrates AWS_PROXY (functions) and MOCK, not {kind or 'nothing'}")

    def _authorized(self, exchange: _Exchange, method: Method) -> None:
        if method.needs_api_key:
            raise GatewayError(
                "INVALID_API_KEY", "Forbidden", "ForbiddenException", reason="the local cloud has no API keys"
            )
        if method.authorization not in {"NONE", "AWS_IAM"}:
            raise GatewayError(
                "AUTHORIZER_CONFIGURATION_ERROR",
                "Internal server error",
                "AuthorizerConfigurationException",
                reason=f"the local cloud authorizes by AWS_IAM, not by {method.authorization}",
            )
        request = exchange.request
        if method.authorization == "AWS_IAM":
            signed = SignedRequest(request.method, request.path, request.query, request.headers, request.body)
            exchange.caller = authenticate(signed, self._find_key, datetime.datetime.now(tz=datetime.UTC))
        # Without the slash at its end, which finds the same method: a Deny of the method's path denies both.
        path = exchange.address.path.rstrip("/") or "/"
        resource = arn("execute-api", f"{exchange.api.id}/{exchange.stage.name}/{request.method}{path}")
        refused = self._authorize(exchange.caller, resource, exchange.api.policy, request.source_ip)
        if refused:
            raise GatewayError("ACCESS_DENIED", refused, "AccessDeniedException")

    def _invoke(
        self,
        exchange: _Exchange,
        method: Method,
        path_parameters: dict[str, str],
        query: list[tuple[str, str]],
    ) -> Reply:
        request, stage, api = exchange.request, exchange.stage, exchange.api
        assert method.integration is not None  # noqa: S101
        function = self._function(method.integration.uri, stage)
        invoked = arn("execute-api", f"{api.id}/{stage.name}/{request.method}{method.resource}")
        if not self._may_invoke(function, invoked):
            raise configuration_error(
                "Execution failed due to configuration error: Invalid permissions on Lambda function "
                f"({function.name} has no AWS::Lambda::Permission for apigateway.amazonaws.com and {invoked})"
            )
        types = api.definition.binary_media_types
        given = ProxyRequest(
            request.method,
            exchange.address.path,
            method.resource,
            request.headers,
            query,
            request.body,
            path_parameters,
            stage.variables,
            exchange.context(),
            {
                "X-Amzn-Trace-Id": exchange.trace.partition(";")[0],
                "X-Forwarded-For": request.source_ip,
                "X-Forwarded-Port": "443",
                "X-Forwarded-Proto": "https",
            },
        )
        payload = json.dumps(proxy.event(given, types)).encode()
        if len(payload) > LARGEST_PAYLOAD:
            raise _too_large()
        began = time.monotonic()
        try:
            result = self._pool.submit(self._functions.invoke, function, payload).result(method.integration.timeout)
        except concurrent.futures.TimeoutError:
            raise GatewayError(
                "INTEGRATION_TIMEOUT",
                "Endpoint request timed out",
                "InternalServerErrorException",
                reason=f"{function.name} has not answered within {method.integration.timeout:g} s",
            ) from None
        finally:
            exchange.integration_milliseconds = int((time.monotonic() - began) * 1000)
        exchange.integration_status = 200
        if result.error:
            raise _failed(function, result.payload)
        return proxy.reply(result.payload, request.header("accept"), types)

    def _function(self, uri: str, stage: Stage) -> Function:
        filled = _STAGE_VARIABLE.sub(lambda match: str(stage.variables.get(match.group(1), "")), uri)
        match = _FUNCTION.fullmatch(filled)
        function = self._functions.get(match.group(1)) if match else None
        if function is None:
            raise configuration_error(f"Execution failed due to configuration error: there is no function {filled!r}")
        return function

    def _log_access(self, exchange: _Exchange, reply: Reply) -> None:
        stage = exchange.stage
        if not stage.access_log_group or not stage.access_log_format:
            return
        key = (exchange.api.id, stage.name)
        log = self._logs.setdefault(key, LogStream(stage.access_log_group, f"{exchange.api.id}-{stage.name}"))
        variables = exchange.variables(reply)
        log.write([_VARIABLE.sub(lambda match: _logged(match, variables, stage), stage.access_log_format)])


def _validate(
    method: Method, request: Request, path_parameters: Mapping[str, str], query: Sequence[tuple[str, str]]
) -> None:
    if method.validates_parameters:
        headers = {name: [value] for name, value in request.headers}
        missing = validation.missing_parameters(method, path_parameters, {n: [v] for n, v in query}, headers)
        if missing:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            raise GatewayError("BAD_REQUEST_PARAMETERS", message, "BadRequestException")
    if method.validates_body:
        problems = validation.body_problems(method, request.header("content-type"), request.body)
        if problems:
            raise GatewayError(
                "BAD_REQUEST_BODY", "Invalid request body", "BadRequestException", validation=f"[{', '.join(problems)}]"
            )


def _mock(method: Method) -> Reply:
    """Answer a method without anything behind it, as those that answer a browser's preflight requests."""
    integration = method.integration
    assert integration is not None  # noqa: S101
    try:
        status = str(json.loads(integration.request_templates.get("application/json", ""))["statusCode"])
    except (ValueError, KeyError, TypeError):
        raise configuration_error("a MOCK integration's request template gives no statusCode") from None
    responses = integration.responses
    response = next((found for found in responses.values() if str(found.get("statusCode")) == status), None)
    if response is None:
        raise configuration_error(f"the MOCK integration has no response with the status {status}")
    prefix = "method.response.header."
    headers = [
        (name.removeprefix(prefix), str(value).strip("'"))
        for name, value in response.get("responseParameters", {}).items()
        if name.startswith(prefix)
    ]
    kind, template = next(iter(response.get("responseTemplates", {}).items()), ("application/json", ""))
    headers.append(("Content-Type", kind))
    return Reply(int(status), str(template).strip().encode(), tuple(headers))


def _refusal(exchange: _Exchange) -> Reply:
    """Word a refusal as the API wants it."""
    error = exchange.error
    assert error is not None  # noqa: S101
    given = exchange.api.definition.gateway_responses
    general = given.get("DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX")
    response = given.get(error.response_type) or general or GatewayResponse()
    accept = exchange.request.header("accept")
    kinds = response.templates or {"application/json": '{"message":$context.error.messageString}'}
    kind = next((kind for kind in kinds if kind in accept), next(iter(kinds)))
    variables = exchange.variables()
    text = _VARIABLE.sub(lambda match: _filled(match, variables, exchange.stage), kinds[kind])
    headers = {"Content-Type": kind, "x-amzn-ErrorType": error.error_type}
    for name, value in response.headers.items():
        known = next((other for other in headers if other.lower() == name.lower()), name)
        headers[known] = _header_value(value, exchange, variables)
    return Reply(response.status or error.status, text.encode(), tuple(headers.items()))


def _header_value(value: str, exchange: _Exchange, variables: Mapping[str, Any]) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if value.startswith("method.request.header."):
        return exchange.request.header(value.removeprefix("method.request.header.").lower())
    if value.startswith("context."):
        return str(_look_up(value.removeprefix("context."), variables) or "")
    return value


def _filled(match: re.Match[str], variables: Mapping[str, Any], stage: Stage) -> str:
    name, stage_variable = match.groups()
    if stage_variable:
        return str(stage.variables.get(stage_variable, ""))
    value = _look_up(name, variables)
    if name == "error.messageString":
        return str(value)
    # What the client has sent may be part of it, and most templates set it between quotes.
    return "" if value is None else json.dumps(str(value))[1:-1]


def _logged(match: re.Match[str], variables: Mapping[str, Any], stage: Stage) -> str:
    name, stage_variable = match.groups()
    value = stage.variables.get(stage_variable) if stage_variable else _look_up(name, variables)
    if value is None or value == "":
        return "-"
    return str(value) if name == "error.messageString" else json.dumps(str(value))[1:-1]


def _look_up(name: str, variables: Mapping[str, Any]) -> Any:
    # `error.responseType` is also documented, and written, without `error`.
    found: Any = variables
    for part in ("error.responseType" if name == "responseType" else name).split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _too_large() -> GatewayError:
    return GatewayError("REQUEST_TOO_LARGE", "Request Too Long", "RequestTooLargeException")


def _failed(function: Function, payload: bytes) -> GatewayError:
    return GatewayError(
        "DEFAULT_5XX",
        "Internal server error",
        "InternalServerErrorException",
        status=502,
        reason=f"{function.name} failed: {payload[:300].decode('utf-8', 'replace')}",
    )
