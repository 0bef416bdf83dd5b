"""The one port: every AWS request routed by what it says of itself.

SageMaker, Lambda and CloudFormation are answered here; everything else by moto.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from switchyard.cloud import cloudformation, lambda_api
from switchyard.cloud.apigateway.http import ApiGateway
from switchyard.cloud.asgi import Receive, Scope, Send, read_body, respond
from switchyard.cloud.autoscaling.service import AutoScaling
from switchyard.cloud.cloudformation import Stacks
from switchyard.cloud.control import Control
from switchyard.cloud.https.names import is_aws_host
from switchyard.cloud.iam.requests import Request
from switchyard.cloud.identity import Identity
from switchyard.cloud.lambda_api import Lambda
from switchyard.cloud.sagemaker import runtime
from switchyard.cloud.sagemaker.api import CONTENT_TYPE, SageMaker, error_body
from switchyard.cloud.sagemaker.async_inference import AsyncInvocations
from switchyard.cloud.sagemaker.errors import NotRunError, SageMakerError

_ASYNC, _STREAM = "async-invocations", "invocations-response-stream"
_FEATURES = re.compile(r"(?:^| )m/([A-Za-z0-9+,-]+)")
WAITER = "B"
# Waiters sleep for 30 or 120 seconds between two questions. A question of theirs is answered at once when what they
# wait for has come, and otherwise held, for less than the minute after which clients give up.
WAITERS_PATIENCE_SECONDS = 50.0
# The SageMaker SDK, when it shows a job's log, asks how the job fares, and then not for another 30 seconds.
SDK = "lib/AWS-SageMaker-Python-SDK#"
SDK_PATIENCE_SECONDS = 2.0
# Of the metrics service, which has no X-Amz-Target.
_PUT_METRICS = ("PUT", "/BatchPutMetrics")
_INVOCATION = re.compile(rf"/endpoints/([^/]+)/(invocations|{_ASYNC}|{_STREAM})")
LOG = logging.getLogger(__name__)
LOCAL_NAMES = {"127.0.0.1", "localhost", "::1"}
_raw_uri: ContextVar[str] = ContextVar("raw_uri", default="")
# Threads wait here for moto, for functions and for jobs; none of them computes for long.
WORKERS = 128


class Router:
    """The ASGI application of the local cloud."""

    def __init__(
        self,
        *,
        sagemaker: SageMaker,
        functions: Lambda,
        control: Control,
        identity: Identity,
        apigateway: ApiGateway,
        stacks: Stacks,
        autoscaling: AutoScaling,
    ) -> None:
        self._apigateway = apigateway
        self._autoscaling = autoscaling
        self._sagemaker = sagemaker
        self._lambda = functions
        self._control = control
        self._authorizer = identity.authorizer
        self._async_invocations = AsyncInvocations(sagemaker, identity)
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="request")
        self._moto = _moto()
        self._stacks = stacks
        self._by_service = {"application-autoscaling": self._answer_autoscaling}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path: str = scope["path"]
        if not _is_local(headers):
            await respond(send, 403, b"this server answers programs on its own machine only", {})
            return
        if await self._apigateway.answers_call(scope, receive, send, self._in_thread):
            return
        if path.startswith("/_switchyard/"):
            body = await read_body(receive)
            status, document = await self._in_thread(self._control.answer, scope["method"], path, body)
            await respond(send, status, json.dumps(document).encode(), {"content-type": "application/json"})
            return
        request = _request(scope, headers)
        if self._authorizer.wants_body(request):
            request = replace(request, body=await read_body(receive))
            receive = _replay(request.body)
        if refusal := self._authorizer.refuse(request, _answered_by(path, headers)):
            await read_body(receive, 0)
            await respond(send, refusal.status, refusal.body, refusal.headers)
            return
        if await self._apigateway.answers_query(scope, send, self._in_thread):
            return
        if match := _INVOCATION.fullmatch(path):
            await self._invoke(unquote(match.group(1)), match.group(2), headers, receive, send)
        elif lambda_api.PATHS.fullmatch(path) or request.service == "lambda":
            body = await read_body(receive)
            reply = await self._in_thread(
                self._lambda.answer, scope["method"], request.path, request.query, headers, body
            )
            # Step Functions tells of it when a call fails.
            await respond(send, reply.status, reply.body, {"x-amzn-requestid": str(uuid.uuid4()), **reply.headers})
        elif _is_sagemaker(headers) or request.service.startswith("sagemaker"):
            await self._answer_sagemaker(request, receive, send)
        elif request.service == "cloudformation":
            await self._answer_cloudformation(request, receive, send)
        else:
            await self._by_service.get(request.service, self._moto)(scope, receive, send)

    async def _invoke(self, endpoint: str, how: str, headers: dict[str, str], receive: Receive, send: Send) -> None:
        if how == _STREAM:
            await _refuse("InvokeEndpointWithResponseStream", receive, send)
            return
        if how == _ASYNC:
            await read_body(receive, 0)
            answer = await self._async_invocations.invoke(endpoint, headers)
            await respond(send, answer.status, answer.body, answer.headers)
            return
        body = await read_body(receive, runtime.LARGEST_BODY)
        answer = await runtime.invoke(self._sagemaker, endpoint, headers, body)
        await respond(send, answer.status, answer.body, answer.headers)

    async def _answer_sagemaker(self, request: Request, receive: Receive, send: Send) -> None:
        headers = request.headers
        if (request.method, request.path) == _PUT_METRICS:
            await self._put_metrics(receive, send)
            return
        if not _is_sagemaker(headers):  # its feature store, its edge devices ...
            await _refuse(f"{request.method} {request.path}", receive, send)
            return
        operation = headers["x-amz-target"].partition(".")[2]
        body = await read_body(receive)
        patience = _patience(headers)
        status, answer = await self._in_thread(partial(self._sagemaker.answer, operation, body, patience=patience))
        request_id = {"x-amzn-requestid": str(uuid.uuid4())}
        await respond(send, status, answer, {"content-type": CONTENT_TYPE, **request_id})

    async def _put_metrics(self, receive: Receive, send: Send) -> None:
        try:
            await self._in_thread(self._sagemaker.experiments.put_metrics, await read_body(receive))
        except SageMakerError as error:
            status, headers, body = error_body(error)
            await respond(send, status, body, headers)
            return
        await respond(send, 200, b"{}", {"content-type": "application/json"})

    async def _answer_autoscaling(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Scale endpoints; what is of other services is kept by moto, and nothing here follows it."""
        body = await read_body(receive)
        operation = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1").partition(".")[2]
        if b'"sagemaker"' not in body:
            await self._moto(scope, _replay(body), send)
            return
        status, document = await self._in_thread(self._autoscaling.answer, operation, body)
        await respond(send, status, document, {"content-type": CONTENT_TYPE})

    async def _answer_cloudformation(self, request: Request, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        patience = WAITERS_PATIENCE_SECONDS if _is_waiter(request.headers) else 0
        access_key, _ = request.credential
        status, answer = await self._in_thread(
            partial(cloudformation.answer, self._stacks, body, access_key, patience=patience)
        )
        await respond(send, status, answer, {"content-type": "text/xml"})

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)


def _moto() -> Any:
    from a2wsgi import WSGIMiddleware
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    def create(service: Any) -> Any:
        flask = create_backend_app(service)
        flask.config["PROPAGATE_EXCEPTIONS"] = True  # they are answered below, not with a page of HTML
        return flask

    dispatcher = DomainDispatcherApplication(create)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        environ["RAW_URI"] = _raw_uri.get()
        # A body that comes in chunks has no length; without this it would be taken for none.
        environ["wsgi.input_terminated"] = True
        try:
            return dispatcher(environ, start_response)
        except NotImplementedError as error:
            return _moto_error(start_response, "501 Not Implemented", "NotImplementedException", str(error))
        except Exception as error:
            LOG.exception("%s %s", environ["REQUEST_METHOD"], environ["RAW_URI"])
            return _moto_error(start_response, "500 Internal Server Error", "InternalFailure", repr(error))

    middleware: Any = WSGIMiddleware(application, workers=WORKERS)  # type: ignore[arg-type]

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        # WSGI has no raw path; moto looks for it in this variable, to tell %2F from a slash in S3 keys.
        raw = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string") or b""
        token = _raw_uri.set(raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else ""))
        try:
            await middleware(scope, receive, send)
        finally:
            _raw_uri.reset(token)

    return call


def _moto_error(start_response: Any, status: str, code: str, reason: str) -> list[bytes]:
    body = json.dumps({"__type": code, "message": f"The local cloud cannot do this: {reason or code}"}).encode()
    headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body))), ("x-amzn-errortype", code)]
    start_response(status, headers)
    return [body]


def _is_local(headers: dict[str, str]) -> bool:
    """Return whether neither another site's page nor a name that was bent to loopback sends the request."""
    host = headers.get("host", "127.0.0.1")
    origin = headers.get("origin")
    if is_aws_host(host):  # nobody but AWS can bend it
        host = "127.0.0.1"
    return all(
        urlsplit(address).hostname in LOCAL_NAMES or str(urlsplit(address).hostname).endswith(".localhost")
        for address in (f"//{host}", *([origin] if origin else []))
    )


def _request(scope: Scope, headers: dict[str, str]) -> Request:
    raw = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string") or b""
    return Request(scope["method"], raw.decode("latin-1").partition("?")[0], query.decode("latin-1"), headers)


def _answered_by(path: str, headers: dict[str, str]) -> str:
    """Return the service that answers here whatever a request is signed for; empty for none."""
    if _INVOCATION.fullmatch(path):
        return "sagemaker"
    if lambda_api.PATHS.fullmatch(path):
        return "lambda"
    return "sagemaker" if _is_sagemaker(headers) else ""


def _is_sagemaker(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-target", "").startswith("SageMaker.")


async def _refuse(what: str, receive: Receive, send: Send) -> None:
    """Answer that something of SageMaker's is not run, in the REST protocol."""
    await read_body(receive, 0)
    status, headers, body = error_body(NotRunError(what))
    await respond(send, status, body, headers)


def _patience(headers: Mapping[str, str]) -> float:
    """Return for how many seconds who asks is better served by waiting for an end than by asking again."""
    if _is_waiter(headers):
        return WAITERS_PATIENCE_SECONDS
    return SDK_PATIENCE_SECONDS if SDK in headers.get("user-agent", "") else 0


def _is_waiter(headers: Mapping[str, str]) -> bool:
    """Return whether a waiter of boto3's, or of the AWS CLI's, asks: its user agent lists what it makes use of."""
    features = _FEATURES.search(headers.get("user-agent", ""))
    return features is not None and WAITER in features.group(1).split(",")


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
