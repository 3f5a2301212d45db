"""Mappers: what a sync makes of records before they land, as Airbyte's own do."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.store.sealed_mappers import with_sealed_keys
from server_support.lake import OpenLake

KEY = "00112233445566778899aabbccddeeff"


def mapper(kind: str, **configuration: Any) -> dict[str, Any]:
    """A configured mapper."""
    return {"id": str(uuid.uuid4()), "type": kind, "mapperConfiguration": configuration}


@pytest.mark.slow
def test_a_sync_lands_what_the_mappers_make(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Columns, key and rows are the mapped ones; the source is asked for its own; the log has no key."""
    renaming = mapper("field-renaming", originalFieldName="id", newFieldName="number")
    aes = mapper(
        "encryption",
        algorithm="AES",
        key=KEY,
        mode="CTR",
        padding="NoPadding",
        targetField="note",
        fieldNameSuffix="_e",
    )
    two = {"type": "EQUAL", "fieldName": "number", "comparisonValue": "2"}
    rows = mapper("row-filtering", conditions={"type": "NOT", "conditions": [two]})

    async def scenario() -> None:
        async with lake() as it:
            catalog = {"streams": [configured(mappers=[renaming, aes, rows])]}
            streams = with_sealed_keys(catalog, {"streams": []}, it.store.cipher)["streams"]
            connection = it.scripted([["resume", "orders", 3, 1]], streams, folder=tmp_path / "out")
            job = await it.run(connection)
            assert job.status == "succeeded", it.reason(job)
            assert it.state(connection, "orders") == {"id": 3}

    asyncio.run(scenario())
    (file,) = (tmp_path / "out" / "orders").glob("*.parquet")
    table = pq.read_table(file)
    assert [name for name in table.column_names if not name.startswith("_airbyte")] == ["number", "note_e"]
    assert table["number"].to_pylist() == [1, 3]
    assert KEY.encode() not in (tmp_path / "data" / "store.sqlite").read_bytes()
