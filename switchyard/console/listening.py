"""Where the console listens. Standard library only: the address is known, and said, before the server is imported."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from switchyard.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_PORT = 4600
_NOTE = "console.json"
_ANSWER_SECONDS = 3


@dataclass(frozen=True)
class Listener:
    """A port that the console has taken; who connects waits until it serves.

    Parameters
    ----------
    host, port
        Where.
    socket
        What it listens with.
    token
        What a browser must bring; None on loopback, where nobody else can connect.
    """

    host: str
    port: int
    socket: socket.socket
    token: str | None

    @property
    def url(self) -> str:
        """Where the console is."""
        host = socket.gethostname() if is_everywhere(self.host) else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def address(self, path: str = "") -> str:
        """Give what to open in a browser to see one of its pages; with the token, if there is one."""
        return f"{self.url}{path}" if self.token is None else f"{self.url}{path or '/'}?token={self.token}"


def listen(host: str = "127.0.0.1", port: int | None = None) -> Listener:
    """Take a port for the console.

    Parameters
    ----------
    host
        Where to listen: this machine alone by default.
    port
        0 for any free one; None for the usual one, or any other when that is taken.

    Raises
    ------
    UsageError
        When the port is taken, or the host is none of this machine's.
    """
    if port is None:
        with contextlib.suppress(UsageError):
            return listen(host, DEFAULT_PORT)
        port = 0
    taken = _bind(host, port)
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    return Listener(host, taken.getsockname()[1], taken, token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_everywhere(host: str) -> bool:
    """Whether a host stands for all of this machine's addresses."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def execution_path(arn: str) -> str:
    """Give the address of an execution's page."""
    return f"/executions/{quote(arn, safe='')}"


@contextlib.contextmanager
def noted(home: Path, listener: Listener, *, before_others: bool = False) -> Iterator[None]:
    """Note in the state folder, for as long as it lasts, where the console is, so that other commands find it.

    Parameters
    ----------
    home
        The state folder.
    listener
        Where the console listens.
    before_others
        Whether it is noted in place of another one that still answers: it will last longer.
    """
    note = home / _NOTE
    text = json.dumps({"url": listener.url, "pid": os.getpid()})
    if not before_others and _target_of(_noted_url(home)) is not None:
        yield
        return
    note.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if note.read_text(encoding="utf-8") == text:
                note.unlink()


def find_console(home: Path, cloud: str) -> str | None:
    """Find the console that runs for a state folder and shows a certain cloud.

    Parameters
    ----------
    home
        The state folder.
    cloud
        The cloud's name: its address.

    Returns
    -------
    str or None
        Its URL; None when there is none, or only what one that has died has left.
    """
    url = _noted_url(home)
    return url if _target_of(url) == cloud else None


def _noted_url(home: Path) -> str | None:
    try:
        return str(json.loads((home / _NOTE).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _target_of(url: str | None) -> str | None:
    """Ask a console for the name of the cloud that it shows; None when none answers."""
    try:
        address = urlsplit(url or "")
        if not address.hostname:
            return None
        connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=_ANSWER_SECONDS)
    except ValueError:
        return None
    try:
        connection.request("GET", "/api/target")
        target = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    name = target.get("name") if isinstance(target, dict) else None
    return name if isinstance(name, str) else None


def _bind(host: str, port: int) -> socket.socket:
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
        what = f"the console cannot listen on port {port} of {host}: {error.strerror}"
        raise UsageError(f"{what}; choose another port, or 0 for any free one") from None
    return listener
