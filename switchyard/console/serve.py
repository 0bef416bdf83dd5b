"""Serves the console from a thread of this process."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from switchyard.console.app import make_app
from switchyard.console.security import Guard, is_everywhere, is_loopback
from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from switchyard.console.context import Context

DEFAULT_PORT = 4600
_START_SECONDS = 10
_STOP_SECONDS = 5


class ConsoleServer:
    """The console's server.

    Parameters
    ----------
    context
        What it shows.
    host
        Where to listen: this machine alone by default. Elsewhere, a browser needs the token of the printed URL.
    port
        0 for any free one; None for the usual one, or any other when that is taken.

    Raises
    ------
    UsageError
        When the port is taken, or the host is none of this machine's.
    """

    def __init__(self, context: Context, *, host: str = "127.0.0.1", port: int | None = None) -> None:
        self._context = context
        self._host = host
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._token = None if is_loopback(host) else secrets.token_urlsafe(24)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is; a browser elsewhere needs `url_with_token` first."""
        host = socket.gethostname() if is_everywhere(self._host) else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def url_with_token(self) -> str:
        """What to open in a browser."""
        return f"{self.url}/?token={self._token}" if self._token else self.url

    def address(self, path: str) -> str:
        """Give the address of one of its pages, to open in a browser."""
        return f"{self.url}{path}" + (f"?token={self._token}" if self._token else "")

    def start(self) -> None:
        """Start to serve.

        Raises
        ------
        SwitchyardError
            When it does not start.
        """
        app = Guard(make_app(self._context), host=self._host, port=self.port, token=self._token)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()
        waiting = threading.Event()
        for _ in range(_START_SECONDS * 100):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waiting.wait(0.01)
        raise SwitchyardError("the console did not start")

    def stop(self) -> None:
        """End every page's connection, and serve no more."""
        self._context.close()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def wait(self) -> None:
        """Wait until it ends by itself, or Ctrl-C."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        if self._server is not None:
            self._server.run(sockets=[self._socket])


def _listen(host: str, port: int | None) -> socket.socket:
    if port is None:
        with contextlib.suppress(UsageError):
            return _listen(host, DEFAULT_PORT)
        port = 0
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"--host {host}: there is no such host ({error.strerror})") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if isinstance(error, PermissionError):
            raise UsageError(f"port {port} may not be used: {error.strerror}; choose one above 1023") from None
        raise UsageError(
            f"the console cannot listen on port {port} of {host}: {error.strerror}; choose another port, or 0 for any"
        ) from None
    return listener
