"""What a sync refuses before it reads, and how soon it ends when it cannot publish."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lotus_server.destinations import DESTINATIONS, DestinationStream
from lotus_server.destinations.file_names import path_name
from lotus_server.jobs.assignment import AssignedStream
from server_support.cases import cases
from server_support.worker_run import Run, incremental, run_worker

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 21, tzinfo=UTC)
LONG_READ = [["records", "orders", 0, 100_000]]


def sync(folder: Path, streams: list[AssignedStream], script: list[Any] | None = None, **settings: Any) -> Run:
    """A sync into a folder."""
    configuration = {"destination_path": str(folder / "lake"), "path_format": "${STREAM_NAME}/", **settings}
    return run_worker(folder / "run", script or LONG_READ, streams, "local", configuration, at=AT)


def failure(run: Run) -> tuple[str, str, str]:
    """Where it failed, of what kind, and the words."""
    assert run.ended["status"] == "failed", run.ended
    reason = run.ended["failures"][0]
    return reason["failureOrigin"], reason["failureType"], reason["externalMessage"]


def was_started(run: Run) -> bool:
    """Whether the source was started."""
    return any(event["event"] == "started" for event in run.events)


@pytest.mark.parametrize(("name", "expected"), cases("path_names"))
def test_a_name_has_its_path(name: str, expected: str) -> None:
    """The client computes the same, from the same table."""
    assert path_name(name) == expected


@pytest.mark.parametrize(("first", "second"), [("a b", "a_b"), ("café", "cafe"), ("..", "日本")])
def test_two_streams_of_one_path_are_refused(first: str, second: str, tmp_path: Path) -> None:
    """Before anything is read: one would delete the other's files."""
    run = sync(tmp_path, [incremental(first), incremental(second)])
    origin, kind, words = failure(run)
    assert (origin, kind, was_started(run)) == ("destination", "config_error", False)
    assert f'"{first}" and "{second}" would land under one path' in words


def test_streams_of_one_name_in_two_namespaces_have_two_paths(tmp_path: Path) -> None:
    streams = [replace(incremental("s", namespace=side), target_namespace=side) for side in ("left", "right")]
    records = [{"stream": "s", "namespace": side, "data": {"id": 1}, "emitted_at": 1} for side in ("left", "right")]
    script = [["message", {"type": "RECORD", "record": record}] for record in records]
    run = sync(tmp_path, streams, script, path_format="${NAMESPACE}/${STREAM_NAME}/")
    assert run.ended["status"] == "succeeded", run.ended
    assert len(list((tmp_path / "lake").glob("*/s/*.parquet"))) == 2


def test_a_name_that_no_file_system_takes_is_a_configuration_error(tmp_path: Path) -> None:
    run = sync(tmp_path, [incremental("n" * 300)])
    origin, kind, words = failure(run)
    assert (origin, kind, was_started(run)) == ("destination", "config_error", False)
    assert "more than 255 bytes" in words


def test_a_folder_that_cannot_be_written_is_known_before_the_read(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    run = sync(tmp_path, [incremental("orders")])
    assert failure(run)[:2] == ("destination", "config_error")
    assert not was_started(run)


def test_a_wrong_bucket_is_known_before_the_read(s3: Any, tmp_path: Path) -> None:
    configuration = s3_settings(s3.meta.endpoint_url, s3_bucket_name="no-such-bucket")
    run = run_worker(tmp_path / "run", LONG_READ, [incremental("orders")], "s3", configuration, at=AT)
    origin, kind, words = failure(run)
    assert (origin, kind, was_started(run)) == ("destination", "config_error", False)
    assert "no-such-bucket does not exist" in words


def test_records_of_a_schema_without_fields_are_no_success(tmp_path: Path) -> None:
    """Nothing of them would land; a stream of that kind that sends none is fine."""
    empty = replace(incremental("orders"), json_schema={"type": "object"}, primary_key=[], cursor_field=[])
    origin, kind, words = failure(sync(tmp_path, [empty]))
    assert (origin, kind) == ("source", "config_error")
    assert 'the schema of stream "orders" has no fields' in words
    assert sync(tmp_path / "silent", [empty], [["log", "nothing"]]).ended["status"] == "succeeded"


def test_a_publish_that_fails_ends_at_once(tmp_path: Path) -> None:
    """Nobody will acknowledge it: there is nothing to wait for."""
    taken = tmp_path / "lake" / "orders" / "part_0.parquet"
    taken.mkdir(parents=True)
    (taken / "in the way").write_text("")
    started = time.monotonic()
    run = sync(tmp_path, [incremental("orders")], [["records", "orders", 0, 10]], file_name_pattern="part_0.parquet")
    assert failure(run)[0] == "destination"
    assert time.monotonic() - started < 25


def s3_settings(endpoint: str, **values: Any) -> dict[str, Any]:
    return {
        "s3_bucket_name": "lake", "s3_bucket_path": "checks", "s3_endpoint": endpoint, "access_key_id": "minioadmin",
        "secret_access_key": "minioadmin", "s3_path_format": "${STREAM_NAME}/", "format": {"format_type": "Parquet"},
        **values,
    }  # fmt: skip


def test_an_endpoint_on_this_machine_is_reached_without_the_proxy(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is for other machines; it does not even listen here."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    DESTINATIONS["s3"].configured(s3_settings(s3.meta.endpoint_url)).check()


def uploads(s3: Any, key: str) -> list[str]:
    """Uploads of a key that are open; MinIO lists them by whole keys only."""
    listed = s3.list_multipart_uploads(Bucket="lake", Prefix=key)
    return [each["UploadId"] for each in listed.get("Uploads", [])]


def test_uploads_that_a_repeated_request_left_are_swept(s3: Any, tmp_path: Path) -> None:
    """When their file is published, and when what was noted of it is cleaned."""
    destination: Any = DESTINATIONS["s3"].configured(s3_settings(s3.meta.endpoint_url, s3_bucket_path=tmp_path.name))
    stream = DestinationStream("s", None, "append", ())
    noted: list[dict[str, Any]] = []
    receipt = destination.stage(stream, [], tmp_path, noted.append)
    key = receipt["key"]
    s3.create_multipart_upload(Bucket="lake", Key=key)
    assert len(uploads(s3, key)) == 2
    destination.publish(stream, [receipt], replace=False)
    assert uploads(s3, key) == []

    s3.create_multipart_upload(Bucket="lake", Key="checks/lost.parquet")
    destination.clean(stream, [{"key": "checks/lost.parquet", "stage": noted[0]["stage"]}])
    assert uploads(s3, "checks/lost.parquet") == []
