"""Shows an execution in a console: that of the `switchyard up` that runs, or else one that is served for it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from switchyard.console.listening import execution_path, find_console, listen, noted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchyard.aws.client import Cloud
    from switchyard.console.serve import ConsoleServer
    from switchyard.project import Project

_BROWSER_SECONDS = 3


class OpenedConsole:
    """The console in which one command shows its execution.

    Parameters
    ----------
    home
        The state folder; None for an AWS account.
    project
        The project around the current folder, if any.
    say
        Tells people where it is.
    """

    def __init__(self, *, home: Path | None, project: Project | None, say: Callable[[str], None]) -> None:
        self._home = home
        self._project = project
        self._say = say
        self._server: ConsoleServer | None = None
        self._browser: threading.Thread | None = None
        self._note = contextlib.ExitStack()

    def show(self, cloud: Cloud | None, execution_arn: str) -> None:
        """Open an execution's page; serve it, when nobody else does.

        Parameters
        ----------
        cloud
            Where the execution is; None for a past run.
        execution_arn
            Which.
        """
        path = execution_path(execution_arn)
        url = find_console(self._home, str(cloud)) if self._home is not None and cloud is not None else None
        address = url + path if url is not None else self._serve(cloud, path)
        self._say(f"Console: {address}")
        self._browser = open_browser(address)

    def stay(self) -> None:
        """Go on until Ctrl-C, when the console is served from here."""
        if self._server is not None:
            self._say("The console goes on until Ctrl-C.")
            with contextlib.suppress(KeyboardInterrupt):
                self._server.wait()

    def close(self) -> None:
        """Serve no more."""
        if self._browser is not None:
            # The command may end at once; the browser must have been started then.
            self._browser.join(_BROWSER_SECONDS)
        self._note.close()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _serve(self, cloud: Cloud | None, path: str) -> str:
        from switchyard.console.connection import Connection
        from switchyard.console.context import Context
        from switchyard.console.serve import ConsoleServer

        listener = listen()
        context = Context(Connection(cloud, self._home), home=self._home, project=self._project)
        self._server = ConsoleServer(context, listener)
        self._server.start()
        if self._home is not None and self._home.is_dir():
            self._note.enter_context(noted(self._home, listener))
        return listener.address(path)


def open_browser(address: str) -> threading.Thread | None:
    """Open an address in the user's browser, if there is one with windows of its own.

    Returns
    -------
    Thread or None
        Ends when the browser has been started; with some commands that are named as browsers, when it is closed.
    """
    if not _has_browser():
        return None
    opening = threading.Thread(target=_open, args=(address,), daemon=True)
    opening.start()
    return opening


def _has_browser() -> bool:
    if os.environ.get("BROWSER") or not sys.platform.startswith("linux"):
        return True
    # Without a display, Python would take one that draws its pages in this terminal.
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
