"""Turns plain functions into routes: a model in, a model out; every refusal is a problem document."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from switchyard.console.problems import RequestError, problem_of
from switchyard.console.schema import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

Body = TypeVar("Body", bound=BaseModel)
Answer = BaseModel | Response

# SageMaker takes 6 MB for a real-time prediction; a JSON text around it may be a little larger.
_MAX_BODY_BYTES = 8 * 1024 * 1024


# Of the 40 worker threads, so many may wait for the cloud: one that is silent keeps a thread for minutes, and the rest
# of the console must go on.
_MOST_WAITING = 32
_places = threading.BoundedSemaphore(_MOST_WAITING)


def get(path: str, handler: Callable[[Request], Answer], *, waits: bool = True) -> Route:
    """Make a route that reads.

    Parameters
    ----------
    path
        Its address.
    handler
        Called in a worker thread; gives a model, which is sent as JSON, or a response of its own.
    waits
        Whether it may have to wait for the cloud, however long that takes.
    """

    async def endpoint(request: Request) -> Response:
        return await (_answer_in_its_place if waits else _answer_in_thread)(handler, request)

    return Route(path, endpoint, methods=["GET"])


def post(path: str, handler: Callable[[Request], Answer]) -> Route:
    """Make a route that does something and needs no body; the rest is as for `get`."""

    async def endpoint(request: Request) -> Response:
        return await _answer_in_its_place(handler, request)

    return Route(path, endpoint, methods=["POST"])


def post_body(path: str, body: type[Body], handler: Callable[[Request, Body], Answer]) -> Route:
    """Make a route that takes a JSON body; the rest is as for `get`.

    Parameters
    ----------
    path
        Its address.
    body
        The model of what is sent.
    handler
        Called with the request and its body, when that is one.
    """

    async def endpoint(request: Request) -> Response:
        document = _parse(body, await _read(request))
        return await _answer_in_its_place(lambda asked: handler(asked, document), request)

    return Route(path, endpoint, methods=["POST"])


def required(request: Request, name: str) -> str:
    """Give a parameter of the query.

    Raises
    ------
    RequestError
        When it is not there, or empty.
    """
    value = request.query_params.get(name)
    if not value:
        raise RequestError(400, f"the query needs {name}")
    return value


def required_number(request: Request, name: str) -> int:
    """Give a parameter of the query that is a whole number.

    Raises
    ------
    RequestError
        When it is not there, or no number.
    """
    text = required(request, name)
    # More digits than this are no event's id, and Python would take its time to read them.
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise RequestError(400, f"{name} must be a whole number, not {text[:50]!r}")
    return int(text)


def json_response(model: BaseModel, status: int = 200) -> Response:
    """Send a model as JSON."""
    return Response(
        model.model_dump_json(), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


def problem_response(problem: Problem) -> Response:
    """Send a refusal."""
    return Response(
        problem.model_dump_json(),
        problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


async def _answer_in_its_place(handler: Callable[[Request], Answer], request: Request) -> Response:
    if not _places.acquire(blocking=False):
        raise RequestError(503, f"{_MOST_WAITING} requests wait for the cloud already; try again when it answers")
    try:
        return await _answer_in_thread(handler, request)
    finally:
        _places.release()


async def _answer_in_thread(handler: Callable[[Request], Answer], request: Request) -> Response:
    return await run_in_threadpool(_answer, handler, request)


def _answer(handler: Callable[[Request], Answer], request: Request) -> Response:
    try:
        answer = handler(request)
    except Exception as error:
        return problem_response(problem_of(error))
    return answer if isinstance(answer, Response) else json_response(answer)


async def _read(request: Request) -> bytes:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BODY_BYTES:
            raise RequestError(413, f"the request's body is larger than {_MAX_BODY_BYTES:,} bytes")
    return content


def _parse(body: type[Body], content: bytes) -> Body:
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the request's body is not JSON: {error}") from None
    try:
        return body.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise RequestError(400, f"{where}: {first['msg']}") from None
