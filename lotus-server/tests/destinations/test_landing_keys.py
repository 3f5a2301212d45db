"""Where files land over three days, by the real worker, key by key; multipart uploads; http and https."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.destinations import DESTINATIONS, DestinationError
from server_support.worker_run import incremental, run_worker

pytestmark = pytest.mark.slow

SYNCS = [
    datetime(2026, 2, 27, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2026, 2, 28, 0, 0, 0, tzinfo=UTC),
    datetime(2026, 2, 28, 12, 20, tzinfo=UTC),
    datetime(2026, 2, 28, 12, 40, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 20, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 40, tzinfo=UTC),
]
DOCUMENTED = [
    "raw/shopify/{stream}/year=2026/month=02/day=27/part_0.parquet",
    "raw/shopify/{stream}/year=2026/month=02/day=28/part_0.parquet",
    "raw/shopify/{stream}/year=2026/month=02/day=28/part_1.parquet",
    "raw/shopify/{stream}/year=2026/month=02/day=28/part_2.parquet",
    "raw/shopify/{stream}/year=2026/month=03/day=01/part_0.parquet",
    "raw/shopify/{stream}/year=2026/month=03/day=01/part_1.parquet",
]
"""lotus-lake's contract with its feeders: `raw/<source>/<stream>/year=YYYY/month=MM/day=DD/part_N.parquet`."""

Settings = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(s3: Any, tmp_path: Path) -> Settings:
    """A configuration as lotus-lake's Terraform has it, in a bucket of the test's own."""
    bucket = f"keys-{tmp_path.name.replace('_', '-')[-30:].strip('-').lower()}"
    s3.create_bucket(Bucket=bucket)

    def configuration(**values: Any) -> dict[str, Any]:
        return {
            "s3_bucket_name": bucket,
            "s3_bucket_path": "raw",
            "s3_bucket_region": "us-east-1",
            "s3_endpoint": s3.meta.endpoint_url,
            "access_key_id": "minioadmin",
            "secret_access_key": "minioadmin",
            "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
            "file_name_pattern": "part_{part_number}.parquet",
            "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
            **values,
        }

    return configuration


def keys(s3: Any, configuration: dict[str, Any]) -> list[str]:
    """Every key of the bucket."""
    listed = s3.list_objects_v2(Bucket=configuration["s3_bucket_name"])
    return sorted(each["Key"] for each in listed.get("Contents", []))


def test_the_keys_of_three_days_are_the_documented_ones(s3: Any, settings: Settings, tmp_path: Path) -> None:
    """Six syncs over a month's end: the day is that of the sync's start in UTC; its parts begin at 0 and go on."""
    streams = ("orders", "order_refunds")
    for job, at in enumerate(SYNCS, start=1):
        script = [["records", name, job * 10, 10] for name in streams] + [["state", n, {"id": job}] for n in streams]
        assigned = [incremental(name, namespace=None) for name in streams]
        namespaced = [replace(stream, target_namespace="shopify") for stream in assigned]
        done = run_worker(tmp_path / "run", script, namespaced, "s3", settings(), at=at, job_id=job)
        assert done.ended["status"] == "succeeded", done.ended
    expected = sorted(key.format(stream=name) for name in streams for key in DOCUMENTED)
    assert [key.encode() for key in keys(s3, settings())] == [key.encode() for key in expected]


def test_a_large_file_goes_in_parts_and_comes_back_whole(s3: Any, settings: Settings, tmp_path: Path) -> None:
    """50 MB that do not compress: a multipart upload, whose ETag counts its parts; no upload is left open."""
    configuration = settings(format={"format_type": "Parquet", "compression_codec": "UNCOMPRESSED"})
    script = [["long", 50], ["state", "orders", {"id": 1}]]
    done = run_worker(tmp_path / "run", script, [incremental("orders")], "s3", configuration, at=SYNCS[0])
    assert done.ended["status"] == "succeeded", done.ended
    bucket = configuration["s3_bucket_name"]
    (key,) = keys(s3, configuration)
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ETag"].strip('"').endswith("-4")
    assert head["Metadata"]["ab-generation-id"] == "1"
    s3.download_file(bucket, key, str(tmp_path / "back.parquet"))
    assert [len(note) for note in pq.read_table(tmp_path / "back.parquet")["note"].to_pylist()] == [50 * 1024 * 1024]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_http_works_and_an_endpoint_without_a_scheme_is_https(settings: Settings) -> None:
    """As Airbyte takes it; https to a server that speaks http says that it cannot be reached, within seconds."""
    plain = settings()
    DESTINATIONS["s3"].configured(plain).check()
    bare = settings(s3_endpoint=plain["s3_endpoint"].removeprefix("http://"))
    with pytest.raises(DestinationError, match=r"cannot be reached .*s3_endpoint is right"):
        DESTINATIONS["s3"].configured(bare).check()


def test_https_works_with_a_certificate_that_the_machine_trusts(
    s3_over_https: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without the scheme; an unknown certificate is refused."""
    endpoint, certificate = s3_over_https
    configuration = {
        "s3_bucket_name": "lake", "s3_bucket_path": "raw", "s3_endpoint": endpoint, "access_key_id": "minioadmin",
        "secret_access_key": "minioadmin", "format": {"format_type": "Parquet"},
    }  # fmt: skip
    with pytest.raises(DestinationError, match="cannot be reached"):
        DESTINATIONS["s3"].configured(configuration).check()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    DESTINATIONS["s3"].configured(configuration).check()
    DESTINATIONS["s3"].configured({**configuration, "s3_endpoint": endpoint.removeprefix("https://")}).check()
