"""An HTTPS proxy that takes AWS's hosts to the local cloud.

Some clients name AWS's host instead of asking botocore for it, the SageMaker SDK among them
(`sts.us-east-1.amazonaws.com`), so that AWS_ENDPOINT_URL does not reach them. With HTTPS_PROXY and AWS_CA_BUNDLE they
come here. Whatever is not AWS's is passed through, unread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

from switchyard.cloud.https.authority import Authority
from switchyard.cloud.https.names import is_aws_host

_HEAD_BYTES, _CHUNK_BYTES = 16 * 1024, 64 * 1024
_SECONDS_TO_ASK, _SECONDS_TO_CONNECT = 30, 30
_HTTPS = 443


class HttpsProxy:
    """Listens on a port of loopback, in a thread of its own.

    Parameters
    ----------
    cloud_port
        Where the local cloud listens.
    certificate
        Where the certificate goes that clients have to trust.
    port
        Where to listen; 0 for any free port.

    Raises
    ------
    OSError
        The port is taken.
    """

    def __init__(self, cloud_port: int, certificate: Path, port: int = 0) -> None:
        self._listening = socket.create_server(("127.0.0.1", port), backlog=128)
        self._cloud_port = cloud_port
        self.certificate = certificate
        self._authority = Authority(certificate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="https proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What HTTPS_PROXY has to say."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """End every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listening, limit=_HEAD_BYTES))
        self._loop.run_forever()
        open_connections = asyncio.all_tasks(self._loop)
        for task in open_connections:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_connections, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever called has gone, or speaks something else
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SECONDS_TO_ASK)
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        host, _, port = rest.partition(" ")[0].rpartition(":")
        if method != "CONNECT" or not host or port != str(_HTTPS):
            await _refuse(writer, 405, "this proxy is for HTTPS alone: CONNECT to port 443")
            return
        if not is_aws_host(host):
            await self._pass_through(host, reader, writer)
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(self._authority.context(host.lower()))
        cloud_reader, cloud_writer = await asyncio.open_connection("127.0.0.1", self._cloud_port)
        await _join(reader, writer, cloud_reader, cloud_writer)

    async def _pass_through(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), _HTTPS), _SECONDS_TO_CONNECT)
        except (OSError, TimeoutError) as error:
            await _refuse(writer, 502, f"{host} does not answer: {error}")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join(reader, writer, *there)


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    other_reader: asyncio.StreamReader,
    other_writer: asyncio.StreamWriter,
) -> None:
    try:
        await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))
    finally:
        other_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    # TLS has no half-closed connections: the other direction ends with this one.
    writer.close()


async def _refuse(writer: asyncio.StreamWriter, status: int, reason: str) -> None:
    body = reason.encode()
    writer.write(
        f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()
