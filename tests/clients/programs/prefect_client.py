"""Both Prefect packages: a connection is triggered and waited for; all their paths end in a slash."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from urllib.parse import urlsplit

os.environ["PREFECT_HOME"] = tempfile.mkdtemp()
os.environ["PREFECT_API_URL"] = ""
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "180"

try:
    from prefect_airbyte.connections import AirbyteConnection
    from prefect_airbyte.server import AirbyteServer
except ImportError:
    from airbyte_prefect.connections import AirbyteConnection
    from airbyte_prefect.server import AirbyteServer
from prefect import flow
from steps import CONNECTION_ID, URL, check, step

parts = urlsplit(URL)
server = AirbyteServer(server_host=parts.hostname, server_port=parts.port)


async def healthy():
    async with server.get_client(logger=logging.getLogger("client")) as client:
        await client.check_health_status(client._client if hasattr(client, "_client") else None)


@flow
async def synced():
    connection = AirbyteConnection(
        airbyte_server=server, connection_id=CONNECTION_ID, status_updates=True, poll_interval_s=1
    )
    run = await connection.trigger()
    await run.wait_for_completion()
    return await run.fetch_result()


def sync():
    result = asyncio.run(synced())
    check("succeeded" in str(result.job_status).lower() and result.records_synced > 0, result)


step("health", lambda: asyncio.run(healthy()))
step("trigger, wait and fetch the result", sync)
