"""What becomes of a field that changes: the table in docs/write-a-destination.md, cell by cell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lotus_server.destinations.conformance import Subject
from lotus_server.destinations.conformance.evolving import EVOLUTIONS, outcome
from lotus_server.destinations.conformance.subject import Sync
from lotus_server.destinations.destination import DestinationError
from server_support.postgres import Server
from server_support.subjects import duckdb_subject, local_subject, postgres_subject, s3_subject

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[3] / "docs" / "write-a-destination.md"
MARKERS = "<!-- evolution: run by test_evolution.py -->", "<!-- end of evolution -->"


def table() -> dict[str, dict[str, str]]:
    """The cells of the table: change → destination → outcome."""
    text = DOCS.read_text().split(MARKERS[0])[1].split(MARKERS[1])[0]
    head, _, *rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def test_the_table_has_every_change() -> None:
    assert sorted(table()) == sorted(EVOLUTIONS)


@pytest.fixture(params=["local", "s3", "duckdb", "postgres"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Subject]:
    name: str = request.param
    if name == "postgres":
        server: Server = request.getfixturevalue("postgres")
        return name, postgres_subject(server)
    if name == "s3":
        return name, s3_subject(request.getfixturevalue("s3"))
    return name, duckdb_subject(tmp_path) if name == "duckdb" else local_subject(tmp_path)


def test_every_cell_is_true(destination: tuple[str, Subject], tmp_path: Path) -> None:
    """Nothing is lost either way: `outcome` asserts it for each change."""
    name, subject = destination
    mode = "append_dedup" if "append_dedup" in subject.modes() else "append"
    outcomes = {change: outcome(subject, tmp_path, mode, change, each) for change, each in EVOLUTIONS.items()}
    column = "s3, local" if name in ("s3", "local") else name
    assert outcomes == {change: cells[column] for change, cells in table().items()}


def test_a_refused_change_is_named_before_the_source_is_read(tmp_path: Path) -> None:
    """The sentence has stream, column, both types and the way out."""
    subject = duckdb_subject(tmp_path)
    sync = Sync(subject, tmp_path, "append", name="orders", exact_name=True)
    sync.sync([1])
    sync.properties = {**sync.properties, "note": {"type": "string", "format": "date-time"}}
    sync.next_job()
    with pytest.raises(DestinationError) as refused:
        sync.writer(subject.make())
    assert str(refused.value) == (
        'stream "orders", column "note": the table has text, the records have date-time, and one type cannot hold both '
        "without a loss: refresh the stream (lotus backfill) to build its table again with the new type, or sync it in "
        "an overwrite mode"
    )
