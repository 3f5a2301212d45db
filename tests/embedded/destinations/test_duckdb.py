"""What is DuckDB's own; everything that it shares with other destinations is in test_conformance.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from lotus.embedded.destinations.columns import fields_of
from lotus.embedded.destinations.destination import Destination, DestinationError, DestinationStream, Receipt
from lotus.embedded.destinations.duckdb import DuckDB
from lotus.embedded.jobs.records import RecordParser

STREAM = DestinationStream("orders", None, "append", fields_of({"properties": {"note": {"type": "string"}}}))


@pytest.fixture
def database(tmp_path: Path) -> Destination[Any]:
    return DuckDB.configured({"destination_path": str(tmp_path / "lake.duckdb")})


def staged(database: Destination[Any], scratch: Path) -> Receipt:
    parser = RecordParser(STREAM)
    line = b'{"type":"RECORD","record":{"stream":"orders","data":{"note":"a"},"emitted_at":1}}\n'
    batches: list[pa.RecordBatch] = parser.lines(line) + parser.batches()
    return database.stage(STREAM, batches, scratch, lambda _: None)


@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_a_staged_file_that_cannot_be_read_ends_the_attempt_with_a_reason(
    database: Destination[Any], tmp_path: Path, damage: str
) -> None:
    """The framework then lets it go and reads the source again."""
    receipt = staged(database, tmp_path)
    path = Path(receipt["path"])
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:400] if damage == "cut" else b"PAR1" * 100)
    with pytest.raises(DestinationError, match=f"cannot read what was staged at {path}|Arrow|IPC"):
        database.publish(STREAM, [receipt], replace=False)


def test_tables_may_be_called_as_those_that_a_publish_works_with(tmp_path: Path, database: Destination[Any]) -> None:
    for name in ("incoming", "staged", "candidates"):
        stream = replace(STREAM, name=name, mode="append_dedup", primary_key=(("note",),))
        for _ in range(2):
            database.publish(stream, [staged(database, tmp_path)], replace=False)
        with duckdb.connect(str(tmp_path / "lake.duckdb")) as db:
            assert db.execute(f"SELECT note FROM main.{name}").fetchall() == [("a",)]
