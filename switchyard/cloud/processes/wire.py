"""Messages between the cloud and its fork servers: a length, open files, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!I")
_MOST_FILES = 8


def send(connection: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Send one message and, beside it, open files.

    Raises
    ------
    OSError
        The other side is gone.
    """
    body = json.dumps(message).encode()
    header = _LENGTH.pack(len(body))
    if files:
        socket.send_fds(connection, [header], list(files))
    else:
        connection.sendall(header)
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Receive one message with the files sent beside it; None once the other side has closed."""
    header, files, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_FILES)
    if not header:
        return None
    header += _exactly(connection, _LENGTH.size - len(header))
    (length,) = _LENGTH.unpack(header)
    message: dict[str, Any] = json.loads(_exactly(connection, length))
    return message, files


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionResetError("the other side closed in the middle of a message")
        parts += part
    return bytes(parts)
