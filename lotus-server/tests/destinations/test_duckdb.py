"""What is DuckDB's own; everything that it shares with other destinations is in test_conformance.py."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from lotus_server.destinations.destination import Destination, DestinationError, Receipt
from lotus_server.destinations.duckdb import DuckDB
from lotus_server.destinations.records import RecordParser
from server_support import publish_duckdb
from server_support.publish_duckdb import STREAM


@pytest.fixture
def database(tmp_path: Path) -> Destination[Any]:
    return DuckDB.configured({"destination_path": str(tmp_path / "lake.duckdb")})


def staged(database: Destination[Any], scratch: Path, note: str = "a") -> Receipt:
    parser = RecordParser(STREAM)
    record = {"stream": "orders", "data": {"note": note}, "emitted_at": 1}
    line = json.dumps({"type": "RECORD", "record": record}) + "\n"
    batches: list[pa.RecordBatch] = parser.lines(line.encode()) + parser.batches()
    return database.stage(replace(STREAM, largest_value=len(note)), batches, scratch, lambda _: None)


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


@pytest.mark.slow
def test_a_killed_publish_of_large_values_shows_them_once_when_it_is_done_again(
    database: Destination[Any], tmp_path: Path
) -> None:
    """They go past DuckDB's log, so a kill must not leave half of them. One kill each 25 ms of a publish."""
    path = str(tmp_path / "lake.duckdb")
    for number, delay in enumerate((0.0, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3), start=1):
        receipt = staged(database, tmp_path, note="x" * 20_000_000 + str(number))
        command = [sys.executable, publish_duckdb.__file__, path, json.dumps(receipt)]
        publishing = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert publishing.stdout is not None
        assert publishing.stdout.readline() == b"ready\n"
        time.sleep(delay)
        publishing.kill()
        publishing.wait()
        database.publish(STREAM, [receipt], replace=False)
        with duckdb.connect(path) as db:
            found = db.execute("SELECT right(note, 1), length(note) FROM orders ORDER BY 1").fetchall()
        assert found == [(str(n), 20_000_001) for n in range(1, number + 1)]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.2.2", "1.4.5"])
def test_an_older_duckdb_reads_the_file(database: Destination[Any], tmp_path: Path, version: str) -> None:
    """Programs of others bring a DuckDB of their own: PyAirbyte's is 1.4."""
    database.publish(STREAM, [staged(database, tmp_path)], replace=False)
    reader = tmp_path / "reader"
    install = [Path(sys.executable).with_name("uv"), "pip", "install", "-q", "--target", reader, f"duckdb=={version}"]
    subprocess.run(install, check=True)
    query = "SELECT note, epoch_ms(_airbyte_extracted_at) FROM orders"
    path = str(tmp_path / "lake.duckdb")
    code = f"import duckdb; print(duckdb.__version__, duckdb.connect({path!r}).execute({query!r}).fetchall())"
    environment = {"PYTHONPATH": str(reader), "TZ": "Asia/Tokyo"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == (f"{version} [('a', 1)]\n", "")


def test_milliseconds_of_an_earlier_version_become_times(database: Destination[Any], tmp_path: Path) -> None:
    """The rows that are in the table stay what they were, and the type is that of new tables."""
    database.publish(STREAM, [staged(database, tmp_path)], replace=False)
    path = str(tmp_path / "lake.duckdb")
    with duckdb.connect(path) as db:
        db.execute("ALTER TABLE orders ALTER _airbyte_extracted_at TYPE BIGINT USING epoch_ms(_airbyte_extracted_at)")
    database.publish(replace(STREAM, publication="next"), [staged(database, tmp_path, "b")], replace=False)
    with duckdb.connect(path) as db:
        moments = db.execute("SELECT note, epoch_ms(_airbyte_extracted_at) FROM orders ORDER BY 1").fetchall()
        kinds = db.execute("SELECT DISTINCT typeof(_airbyte_extracted_at) FROM orders").fetchall()
    assert (moments, kinds) == ([("a", 1), ("b", 1)], [("TIMESTAMP WITH TIME ZONE",)])
