"""Passes requests on to model servers over kept connections, without blocking the cloud's event loop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httptools

LIMIT_SECONDS = 60  # SageMaker's own limit for a real-time answer
IDLE_CONNECTIONS = 64
# A server ends a connection that lies idle. What is sent in that very moment is lost, and whether it may be sent
# again nobody knows; so servers keep connections for longer (KEEP_ALIVE_SECONDS) than anything is sent over them.
KEEP_ALIVE_SECONDS = 75
MOST_IDLE_SECONDS = 30.0


@dataclass
class Answer:
    """A model server's answer."""

    status: int = 0
    content_type: str = ""
    body: bytes = b""
    custom_attributes: str = ""


@dataclass
class _Reading:
    """Receives one response from httptools' parser."""

    parts: list[bytes] = field(default_factory=list)
    content_type: str = ""
    custom_attributes: str = ""
    keep: bool = True
    complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        if lowered == b"content-type":
            self.content_type = value.decode("latin-1")
        elif lowered == b"x-amzn-sagemaker-custom-attributes":
            self.custom_attributes = value.decode("latin-1")
        elif lowered == b"connection" and value.lower() == b"close":
            self.keep = False

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


class Forwarder:
    """Connections to one model server.

    Parameters
    ----------
    port : int
        Where it listens on loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes, headers: dict[str, str], seconds: float = LIMIT_SECONDS) -> Answer:
        """Send one POST request and return its answer.

        Raises
        ------
        OSError, asyncio.TimeoutError
            The server is gone, or has not answered within `seconds`.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode("latin-1") + body
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since > MOST_IDLE_SECONDS or reader.at_eof() or writer.is_closing():
                writer.close()
                continue
            return await self._exchange(reader, writer, request, seconds)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        return await self._exchange(reader, writer, request, seconds)

    def close(self) -> None:
        """Close the connections that are kept."""
        for _, _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, seconds: float
    ) -> Answer:
        reading = _Reading()
        parser = httptools.HttpResponseParser(reading)
        try:
            async with asyncio.timeout(seconds):
                writer.write(request)
                await writer.drain()
                while not reading.complete:
                    data = await reader.read(65536)
                    if not data:
                        raise ConnectionResetError("the model's server closed the connection without an answer")
                    parser.feed_data(data)
        except BaseException:
            writer.close()
            raise
        if reading.keep and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append((time.monotonic(), reader, writer))
        else:
            writer.close()
        body = b"".join(reading.parts)
        return Answer(parser.get_status_code(), reading.content_type, body, reading.custom_attributes)
