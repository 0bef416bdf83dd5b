"""The built page: read once, served from memory, so that no request names a file."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from switchyard.console.problems import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

BUILT = Path(__file__).parent / "static"
# Every address of a page; the page itself looks at which it is.
_ADDRESSES = (
    "/",
    "/workflows",
    "/executions",
    "/executions/{arn:path}",
    "/models",
    "/models/{recipe}",
    "/endpoints",
    "/endpoints/{name}",
    "/start",
)


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    etag: str


def page_routes(folder: Path | None = None) -> list[Route]:
    """Make the routes of the page and of the files that it is made of.

    Parameters
    ----------
    folder
        Where Vite has built it; the package's own by default.
    """
    folder = folder or BUILT
    files = {path.relative_to(folder).as_posix(): _read(path) for path in folder.rglob("*") if path.is_file()}

    async def page(request: Request) -> Response:
        if "index.html" not in files:
            raise RequestError(503, "the console's page has not been built; build it with `make console`")
        return _send(files["index.html"], request)

    async def static(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            raise RequestError(404, f"there is no {request.url.path}")
        return _send(file, request)

    async def unknown(request: Request) -> Response:
        path = request.url.path
        is_looked_at = "text/html" in request.headers.get("accept", "") and not path.startswith("/api/")
        if not is_looked_at or "index.html" not in files:
            raise RequestError(404, f"there is no {path}")
        return _send(files["index.html"], request, status=404)

    return [
        Route("/static/{path:path}", static),
        *(Route(address, page) for address in _ADDRESSES),
        # The last one: whoever looks at an address that is none sees a page which says so.
        Route("/{path:path}", unknown),
    ]


def _read(path: Path) -> _File:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _send(file: _File, request: Request, *, status: int = 200) -> Response:
    # The names do not change with the content: a browser asks each time, and is mostly told that it has it.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, status, media_type=file.media_type, headers=headers)
