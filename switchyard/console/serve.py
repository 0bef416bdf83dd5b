"""Serves the console from a thread of this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import uvicorn

from switchyard.console.app import make_app
from switchyard.console.security import Guard
from switchyard.errors import SwitchyardError

if TYPE_CHECKING:
    from switchyard.console.context import Context
    from switchyard.console.listening import Listener

_START_SECONDS = 10
_STOP_SECONDS = 5


class ConsoleServer:
    """The console's server.

    Parameters
    ----------
    context
        What it shows.
    listener
        Where it listens.
    """

    def __init__(self, context: Context, listener: Listener) -> None:
        self._context = context
        self._listener = listener
        app = Guard(make_app(context), host=listener.host, port=listener.port, token=listener.token)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def start(self) -> None:
        """Start to serve.

        Raises
        ------
        SwitchyardError
            When it does not start.
        """
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
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._listener.socket.close()

    def wait(self) -> None:
        """Wait until Ctrl-C, or until it ends by itself."""
        while self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        self._server.run(sockets=[self._listener.socket])
