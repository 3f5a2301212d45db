"""Memory of a sync's worker, whatever the number of streams and the size of records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from server_support.worker_run import incremental, run_worker

LIMIT = 400 * 1000 * 1000
"""Bytes of resident memory at which the worker is killed."""

Configured = Callable[[str], dict[str, Any]]


@pytest.fixture
def configured(tmp_path: Path, request: pytest.FixtureRequest) -> Configured:
    """A configuration of each destination, by name."""

    def configuration(destination: str) -> dict[str, Any]:
        if destination == "duckdb":
            return {"destination_path": str(tmp_path / "lake.duckdb")}
        if destination == "local":
            return {"destination_path": str(tmp_path / "lake"), "path_format": "${STREAM_NAME}/"}
        s3 = request.getfixturevalue("s3")
        return {
            "s3_bucket_name": "lake",
            "s3_bucket_path": f"memory/{tmp_path.name}",
            "s3_endpoint": s3.meta.endpoint_url,
            "access_key_id": "minioadmin",
            "secret_access_key": "minioadmin",
            "s3_path_format": "${STREAM_NAME}/",
            "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
        }

    return configuration


def bounded(folder: Path, destination: str, configuration: dict[str, Any], *, streams: int, rounds: int) -> None:
    """All streams in turn, 100 records a time; every tenth also sends a record of 50 MB in each fifth round."""
    names = [f"stream_{number}" for number in range(streams)]
    script: list[Any] = []
    large = 0
    for turn in range(rounds):
        for number, name in enumerate(names):
            script.append(["records", name, turn * 100, 100])
            if number % 10 == 0 and turn % 5 == 0:
                script.append(["long", 50, name])
                large += 1
            script.append(["state", name, {"id": turn}])
    run = run_worker(
        folder, script, [incremental(name) for name in names], destination, configuration,
        at=datetime(2026, 11, 21, tzinfo=UTC), limit=LIMIT,
    )  # fmt: skip
    print(f"{destination}: {streams} streams, {large} records of 50 MB: peak {run.peak / 1e6:.0f} MB")
    assert not run.killed, f"{run.peak} bytes"
    assert run.ended["status"] == "succeeded", run.ended
    committed = [s for e in run.events if e["event"] == "committed" for s in e["streams"]]
    assert sum(s["records"] for s in committed) == streams * rounds * 100 + large
    assert len(run.states) == streams


@pytest.mark.slow
def test_30_streams_with_records_of_50_mb_stay_below_400_mb(configured: Configured, tmp_path: Path) -> None:
    """A slice of the soak below, to S3."""
    bounded(tmp_path / "run", "s3", configured("s3"), streams=30, rounds=5)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("destination", ["s3", "local", "duckdb"])
def test_200_streams_with_records_of_50_mb_stay_below_400_mb(
    destination: str, configured: Configured, tmp_path: Path
) -> None:
    bounded(tmp_path / "run", destination, configured(destination), streams=200, rounds=10)


def large(folder: Path, destination: str, configuration: dict[str, Any], text: str, *, count: int = 1) -> None:
    """Records with a text of 100 MB in a stream, and a small one after each."""
    script = [["long", 100, "orders", text], ["records", "orders", 0, 1]] * count + [["state", "orders", {"id": 1}]]
    at = datetime(2026, 11, 21, tzinfo=UTC)
    run = run_worker(folder, script, [incremental("orders")], destination, configuration, at=at, limit=LIMIT)
    print(f"{destination}: {count} records of 100 MB {text[-6:]!r}: peak {run.peak / 1e6:.0f} MB")
    assert not run.killed, f"{run.peak} bytes"
    assert run.ended["status"] == "succeeded", run.ended


@pytest.mark.slow
def test_a_record_of_100_mb_stays_below_400_mb(configured: Configured, tmp_path: Path) -> None:
    """With a character that makes Python's own text four times as large; a slice of the soak below."""
    large(tmp_path / "run", "s3", configured("s3"), "x" * 1000 + "😀")


@pytest.mark.slow
def test_a_list_of_100_mb_stays_below_400_mb(configured: Configured, tmp_path: Path) -> None:
    """Of objects with declared fields, which Python would hold as a gigabyte."""
    item = {"type": "object", "properties": {"name": {"type": "string"}, "number": {"type": "integer"}}}
    stream = incremental("orders", {"id": {"type": "integer"}, "items": {"type": "array", "items": item}})
    script = [["list", 100, "orders"], ["state", "orders", {"id": 1}]]
    at = datetime(2026, 11, 21, tzinfo=UTC)
    run = run_worker(tmp_path / "run", script, [stream], "local", configured("local"), at=at, limit=LIMIT)
    print(f"local: a list of 100 MB: peak {run.peak / 1e6:.0f} MB")
    assert run.ended["status"] == "succeeded" and not run.killed, f"{run.peak} bytes"


@pytest.mark.soak
@pytest.mark.parametrize("text", ["x", "line\n", "ü", "x" * 1000 + "😀"], ids=["plain", "escaped", "wide", "mixed"])
@pytest.mark.parametrize("destination", ["s3", "local", "duckdb"])
def test_every_record_of_100_mb_stays_below_400_mb(
    destination: str, text: str, configured: Configured, tmp_path: Path
) -> None:
    """DuckDB with one: it takes the last 2,048 rows of a table together when it commits."""
    large(tmp_path / "run", destination, configured(destination), text, count=1 if destination == "duckdb" else 4)
