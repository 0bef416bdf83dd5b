"""API Gateway on the cloud's port: requests to APIs, and requests about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from switchyard.cloud.apigateway.addresses import address
from switchyard.cloud.asgi import Receive, Scope, Send, read_body

if TYPE_CHECKING:
    from switchyard.cloud.apigateway.gateway import Gateway
    from switchyard.cloud.apigateway.proxy import Reply

# Runs a function in a thread.
InThread = Callable[..., Awaitable[Any]]


class ApiGateway:
    """Answers what of the port's requests is API Gateway's.

    Parameters
    ----------
    make : callable
        Makes the gateway, once a request asks for it: a cloud whose APIs nobody calls starts without.
    endpoint_url : str
        Where the port is.
    """

    def __init__(self, make: Callable[[], Gateway], endpoint_url: str) -> None:
        self._make = make
        self._endpoint_url = endpoint_url

    @cached_property
    def _gateway(self) -> Gateway:
        return self._make()

    async def answers_call(self, scope: Scope, receive: Receive, send: Send, in_thread: InThread) -> bool:
        """Answer a request to an API, or return False when it is to none."""
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        path = _raw_path(scope)
        where = address(dict(headers).get("host", ""), path)
        if where is None:
            return False
        from switchyard.cloud.apigateway.gateway import LARGEST_BODY, Request

        body = await read_body(receive, LARGEST_BODY)
        client = scope.get("client") or ("127.0.0.1", 0)
        query = (scope.get("query_string") or b"").decode("latin-1")
        request = Request(scope["method"], path, query, headers, body, client[0])
        await _respond(send, await in_thread(self._gateway.answer, where, request))
        return True

    async def answers_query(self, scope: Scope, send: Send, in_thread: InThread) -> bool:
        """Answer a request about an API of the template, or return False when it is none."""
        path = _raw_path(scope)
        if not path.startswith("/restapis") or scope["method"] != "GET":
            return False
        from switchyard.cloud.apigateway import api

        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept"), "")
        query = api.Query(path, (scope.get("query_string") or b"").decode("latin-1"), accept, self._endpoint_url)
        reply = await in_thread(api.answer, self._gateway.apis, query)
        if reply is None:
            return False
        await _respond(send, reply)
        return True


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    path: str = raw.decode("latin-1") if raw is not None else quote(scope["path"])
    return path.partition("?")[0]


async def _respond(send: Send, reply: Reply) -> None:
    headers = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
