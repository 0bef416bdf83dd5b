"""Who may speak to the console: its own pages, and whoever is at this machine; no other site through a browser.

A page of another site can make a browser send requests here. It cannot forge `Host`, `Origin` or `Sec-Fetch-Site`,
and cannot send JSON without being asked about (no such question is answered): these four are checked.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse

from switchyard.console.listening import is_everywhere, is_loopback
from switchyard.console.problems import problem
from switchyard.console.routing import problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE = ("GET", "HEAD")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """ASGI middleware that lets through what may speak to the console.

    Parameters
    ----------
    app
        What it guards.
    host, port
        Where the console listens.
    token
        What a browser must have been given first; None on loopback, where none is needed.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, token: str | None = None) -> None:
        self._app = app
        self._port = port
        self._token = token
        self._cookie = f"switchyard-console-{port}"
        self._takes_addresses = is_everywhere(host)
        own = "127.0.0.1" if is_loopback(host) else socket.gethostname() if self._takes_addresses else _in_url(host)
        self._url = f"http://{own}:{port}"
        names = {*_LOOPBACK, socket.gethostname().lower()} if self._takes_addresses else {*_LOOPBACK, _in_url(host)}
        self._hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if (refusal := self._refusal(scope, headers)) is not None:
            await problem_response(problem(*refusal))(scope, receive, send_with_headers)
        elif self._token is None or self._has_cookie(headers):
            await self._app(scope, receive, send_with_headers)
        else:
            await self._admit(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "").lower()
        if not self._is_own(host):
            return 403, f"this is not {host[:200]!r}; open {self._url}"
        site = headers.get("sec-fetch-site", "none")
        is_own_site = site in ("same-origin", "none")
        if scope["method"] in _SAFE:
            if scope["path"].startswith("/api/") and not is_own_site:
                return 403, "another site's page may not read the console"
            return None
        origin = headers.get("origin")
        if not is_own_site or (origin is not None and origin.lower() != f"http://{host}"):
            return 403, f"another site's page ({(origin or site)[:200]}) may not use the console"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "a request that changes something must be application/json"
        return None

    def _is_own(self, host: str) -> bool:
        if host in self._hosts:
            return True
        name, _, port = host.rpartition(":")
        if not self._takes_addresses or port != str(self._port):
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True  # no name, so no name server can have said a wrong thing about it

    def _has_cookie(self, headers: Headers) -> bool:
        cookies = cookie_parser(headers.get("cookie", ""))
        return hmac.compare_digest(cookies.get(self._cookie, "").encode(), (self._token or "").encode())

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token", "")
        if scope["method"] not in _SAFE or not hmac.compare_digest(given.encode(), (self._token or "").encode()):
            refused = problem(401, "the console's address needs its token: open the whole URL that it has printed")
            await problem_response(refused)(scope, receive, send)
            return
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # Not a redirect: on one that another site began, browsers do not send a strict cookie.
        # No address beginning with two slashes: it would lead elsewhere.
        path = "/" + scope.get("raw_path", b"/").decode("latin-1").lstrip("/\\")
        answer = HTMLResponse(
            "<!doctype html><title>Switchyard</title><p>Opening the console …</p>",
            headers={"Refresh": f"0; url={path}{'?' + rest if rest else ''}", "Cache-Control": "no-store"},
        )
        answer.set_cookie(self._cookie, self._token or "", httponly=True, samesite="strict", path="/")
        await answer(scope, receive, send)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()
