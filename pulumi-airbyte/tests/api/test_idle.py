"""Connections that a server ends while they are idle: a create that meets that moment would have an unknown outcome."""

from __future__ import annotations

import asyncio
import time

import pytest
from pulumi_airbyte.api import Airbyte

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"sourceId":"1"}'
SHORTEST = 3.0
"""Seconds of idleness after which this server resets a connection; the shortest that servers in use have is 5."""


async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that answers a request unless its connection was idle for too long: then it resets it."""
    used = time.monotonic()
    while head := await reader.readuntil(b"\r\n\r\n"):
        if time.monotonic() - used > SHORTEST:
            writer.transport.abort()
            return
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        writer.write(ANSWER)
        await writer.drain()
        used = time.monotonic()


async def idle_between(seconds: float) -> None:
    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Airbyte(f"http://127.0.0.1:{port}", patience=0) as airbyte:
        await airbyte.create("/sources", {})
        await asyncio.sleep(seconds)
        await airbyte.create("/sources", {})


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "seconds",
    [
        *(0.5, 1),
        *(pytest.param(seconds, marks=pytest.mark.slow) for seconds in (4, 5, 6)),
        *(pytest.param(seconds, marks=pytest.mark.soak) for seconds in (30, 59, 61)),
    ],
)
def test_a_connection_that_was_idle_for_long_is_not_used(seconds: float):
    """However long it was idle, a create after it meets no reset."""
    asyncio.run(idle_between(seconds))
