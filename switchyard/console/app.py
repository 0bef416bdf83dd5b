"""The console's server as an ASGI application, put together from its areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from switchyard.console import (
    actions,
    endpoints,
    execution,
    listing,
    models,
    report,
    target,
    workflows,
)
from switchyard.console.live import live_route
from switchyard.console.pages import page_routes
from switchyard.console.problems import problem, problem_of
from switchyard.console.routing import problem_response
from switchyard.errors import SwitchyardError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker


class Area(Protocol):
    """A part of the console: what can be asked of it, and what it tells by itself."""

    def routes(self, context: Context) -> list[Route]:
        """Make its routes."""

    def feeds(self, context: Context) -> dict[str, FeedMaker]:
        """Say who makes the feeds of its topics, by their kind."""


AREAS: tuple[Area, ...] = (
    target,
    workflows,
    listing,
    models,
    actions,
    execution,
    report,
    endpoints,
)


def make_app(context: Context, areas: Sequence[Area] = AREAS) -> Starlette:
    """Make the application.

    Parameters
    ----------
    context
        What the areas share.
    areas
        Its parts.
    """
    routes = [live_route(context.hub)]
    for area in areas:
        routes += area.routes(context)
        context.hub.add_feeds(area.feeds(context))
    return Starlette(
        routes=[*routes, *page_routes()],
        exception_handlers={HTTPException: _refuse_address, SwitchyardError: _refuse, Exception: _refuse},
    )


async def _refuse_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is what this was registered for
    detail = f"there is no {request.url.path}" if error.status_code == 404 else error.detail
    return problem_response(problem(error.status_code, detail))


async def _refuse(_request: Request, error: Exception) -> Response:
    return problem_response(problem_of(error))
