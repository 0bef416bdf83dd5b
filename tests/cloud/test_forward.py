"""Connections to model servers: kept for the next request, but never for as long as a server keeps them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from switchyard.cloud.sagemaker import forward
from switchyard.cloud.sagemaker.forward import Forwarder


def connections_of_two_requests() -> int:
    """Ask a server twice, one request after the other; return over how many connections."""

    async def scenario() -> int:
        connections: list[asyncio.StreamWriter] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            with contextlib.suppress(asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n{}"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7")
                    await writer.drain()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        forwarder = Forwarder(server.sockets[0].getsockname()[1])
        for _ in range(2):
            assert (await forwarder.post("/invocations", b"{}", {})).body == b"7"
        forwarder.close()
        server.close()
        for writer in connections:
            writer.close()
            await writer.wait_closed()
        return len(connections)

    return asyncio.run(scenario())


def test_a_connection_is_kept_for_the_next_request() -> None:
    assert connections_of_two_requests() == 1


def test_a_connection_that_the_server_might_be_ending_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert forward.MOST_IDLE_SECONDS < forward.KEEP_ALIVE_SECONDS
    monkeypatch.setattr(forward, "MOST_IDLE_SECONDS", 0.0)
    assert connections_of_two_requests() == 2
