"""Requests on connections that have been idle: servers and load balancers end those at moments of their own."""

from __future__ import annotations

import asyncio

import pytest
from pulumi_airbyte.api import Airbyte

from tests.support.airbyte import WORKSPACE
from tests.support.airbyte import Airbyte as Server

pytestmark = pytest.mark.slow

AT_ONCE = 10
SHORT, LONG = (1.0, 4.0, 4.99, 5.0, 5.01, 5.02, 5.03, 6.0), (30.0, 59.0, 61.0)


async def after_idleness(url: str, seconds: float) -> None:
    """Creates on connections that were used so many seconds ago; any reset is an error."""
    async with Airbyte(url, patience=0) as airbyte:
        await asyncio.gather(*(airbyte.workspaces() for _ in range(AT_ONCE)))
        await asyncio.sleep(seconds)
        bodies = [
            {"name": f"idle {seconds} {number}", "color": "FF5733", "workspaceId": WORKSPACE}
            for number in range(AT_ONCE)
        ]
        made = await asyncio.gather(*(airbyte.create("/tags", body) for body in bodies))
        await asyncio.gather(*(airbyte.delete(f"/tags/{one['tagId']}") for one in made))


async def after_each(url: str, seconds: tuple[float, ...]) -> None:
    await asyncio.gather(*(after_idleness(url, one) for one in seconds))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=["6 s", "61 s"])
def test_a_create_after_idleness_meets_no_reset(server: Server, seconds: tuple[float, ...]):
    """The server here ends idle connections after 5 s; ten creates at each of these moments."""
    asyncio.run(after_each(server.url, seconds))
