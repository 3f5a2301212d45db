"""The shared suite, over every destination of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from lotus_server.connectors.registry import CONNECTORS
from lotus_server.destinations import DESTINATIONS
from lotus_server.destinations.conformance import CASES, Case, Subject
from server_support.subjects import PARQUET, duckdb_subject, local_subject, postgres_subject, s3_subject

pytestmark = pytest.mark.slow

JSONL = {"format_type": "JSONL", "compression": {"compression_type": "GZIP"}, "flattening": "Root level flattening"}
KINDS = ["local", "local-jsonl", "duckdb", "s3", "s3-jsonl", "postgres"]


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    kind: str = request.param
    file_format = JSONL if kind.endswith("jsonl") else PARQUET
    if kind == "postgres":
        return postgres_subject(request.getfixturevalue("postgres"))
    if kind.startswith("s3"):
        return s3_subject(request.getfixturevalue("s3"), file_format)
    return duckdb_subject(tmp_path) if kind == "duckdb" else local_subject(tmp_path, file_format)


def test_every_destination_of_the_table_runs_the_suite() -> None:
    """Here or in a test file of its own, which `lotus destinations new --inside` writes; and the API offers it."""
    own = {name for name in DESTINATIONS if Path(__file__).with_name(f"test_{name.replace('-', '_')}.py").exists()}
    assert {kind.split("-")[0] for kind in KINDS} | own == set(DESTINATIONS)
    assert {f"destination-{name}" for name in DESTINATIONS} <= set(CONNECTORS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_conformance(case: Case, subject: Subject, tmp_path: Path) -> None:
    """The case's own docstring says what holds."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    case(subject, scratch)
