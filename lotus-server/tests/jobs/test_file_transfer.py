"""Sources that copy files: refused with the reason, instead of a success without a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from lotus_server.domain.file_transfer import transfers_files
from server_support.airbyte import Airbyte, shop_repository
from server_support.lake import OpenLake, configured_stream

FILES: dict[str, Any] = {"delivery_method": {"delivery_type": "use_file_transfer"}}


def test_a_check_refuses_it(airbyte: Airbyte):
    """Before the connector says that all is well."""
    created = airbyte.source(**FILES)
    answer = airbyte.config("/sources/check_connection", {"sourceId": created["sourceId"]}).json()

    assert answer["status"] == "failed"
    assert "use_records_transfer" in answer["message"]


def test_a_sync_refuses_it_before_anything_is_read(lake: OpenLake, tmp_path: Path):
    """As a fault of the configuration, which is not tried again."""

    async def scenario() -> None:
        async with lake() as it:
            source = it.actor("source", it.definition(shop_repository()), {"shop": "s", **FILES})
            job = await it.run(it.connection(source, it.local(tmp_path / "out"), [configured_stream()]))
            assert job.status == "failed"
            assert "does not transfer files" in it.reason(job)

    asyncio.run(scenario())


def test_copying_records_out_of_files_is_no_file_transfer():
    """The other ways of the same setting send records."""
    assert not transfers_files({"delivery_method": {"delivery_type": "use_records_transfer"}})
    assert not transfers_files({"delivery_method": "use_file_transfer"})
    assert not transfers_files({})
