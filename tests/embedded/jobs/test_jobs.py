"""Jobs from submit to files, with a connector that does what a script says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow


def ids(folder: Path, stream: str = "orders") -> list[int]:
    """What landed, in order of files and rows."""
    files = sorted((folder / stream).glob("*.parquet"), key=lambda path: int(path.stem))
    return [row for path in files for row in pq.read_table(path)["id"].to_pylist()]


def test_a_sync_lands_its_records_and_keeps_the_state(lake: Any, configured: Any, tmp_path: Path) -> None:
    """Records become Parquet rows, and the last state is committed."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["resume", "orders", 50, 10]], [configured()], folder=tmp_path / "out")
            job = await it.run(connection)
            assert job.status == "succeeded", it.reason(job)
            assert it.state(connection, "orders") == {"id": 50}

    asyncio.run(scenario())
    assert ids(tmp_path / "out") == list(range(1, 51))
