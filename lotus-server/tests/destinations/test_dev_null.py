"""`dev-null` takes everything and keeps nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lotus_server.connectors.registry import CONNECTORS
from lotus_server.destinations import DESTINATIONS, DestinationError
from server_support.lake import OpenLake


def test_it_has_airbytes_id() -> None:
    """PyAirbyte and Airbyte's own examples name the id, not the type."""
    assert CONNECTORS["destination-dev-null"].definition_id == "a7bcc9d8-13b3-4e49-b80d-d020b90045e3"


def test_a_mode_that_it_does_not_have_is_refused() -> None:
    """Airbyte's other test modes log, slow down or fail."""
    with pytest.raises(DestinationError, match="SILENT"):
        DESTINATIONS["dev-null"].configured({"test_destination": {"test_destination_type": "FAILING"}})


@pytest.mark.slow
def test_a_sync_counts_its_records_and_keeps_its_state(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """As with any destination."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["resume", "orders", 20, 10]], [configured()], folder=tmp_path)
            target = it.actor("destination", it.definition("airbyte/destination-dev-null"), {})
            it.redirect(connection, target)
            job = await it.run(connection)
            assert (job.status, it.attempts(job)[0].records_committed) == ("succeeded", 20)
            assert it.state(connection, "orders") == {"id": 20}

    asyncio.run(scenario())
