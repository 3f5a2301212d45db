"""Memory of a sync's worker, whatever the number of streams and the size of records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.destinations.worker_run import incremental, run_worker

LIMIT = 450 * 1000 * 1000
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


def bounded(
    folder: Path, destination: str, configuration: dict[str, Any], *, streams: int, rounds: int, limit: int = LIMIT
) -> None:
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
        at=datetime(2026, 11, 21, tzinfo=UTC), limit=limit,
    )  # fmt: skip
    print(f"{destination}: {streams} streams, {large} records of 50 MB: peak {run.peak / 1e6:.0f} MB")
    assert not run.killed, f"{run.peak} bytes"
    assert run.ended["status"] == "succeeded", run.ended
    committed = [s for e in run.events if e["event"] == "committed" for s in e["streams"]]
    assert sum(s["records"] for s in committed) == streams * rounds * 100 + large
    assert len(run.states) == streams


@pytest.mark.slow
def test_30_streams_with_records_of_50_mb_stay_below_450_mb(configured: Configured, tmp_path: Path) -> None:
    """A slice of the soak below, to S3."""
    bounded(tmp_path / "run", "s3", configured("s3"), streams=30, rounds=5)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("destination", "limit"), [("s3", LIMIT), ("local", LIMIT), ("duckdb", 800_000_000)])
def test_200_streams_with_records_of_50_mb_stay_below_450_mb(
    destination: str, limit: int, configured: Configured, tmp_path: Path
) -> None:
    """Above the limit the worker is killed and the test fails; DuckDB's own commit needs four times a value."""
    bounded(tmp_path / "run", destination, configured(destination), streams=200, rounds=10, limit=limit)


@pytest.mark.soak
@pytest.mark.parametrize("destination", ["s3", "local", "duckdb"])
def test_a_record_of_100_mb_lands(destination: str, configured: Configured, tmp_path: Path) -> None:
    """In every destination, whatever its own engine needs for it."""
    script = [["long", 100, "orders"], ["state", "orders", {"id": 1}]]
    at = datetime(2026, 11, 21, tzinfo=UTC)
    run = run_worker(tmp_path / "run", script, [incremental("orders")], destination, configured(destination), at=at)
    print(f"{destination}: a record of 100 MB: peak {run.peak / 1e6:.0f} MB")
    assert run.ended["status"] == "succeeded", run.ended
