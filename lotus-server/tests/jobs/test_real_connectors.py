"""Real connectors from PyPI, a manifest, and a real S3."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.connectors.definition import Definition
from lotus_server.connectors.registry import CDK_VERSION, definition
from lotus_server.domain.connector_specs import MANIFEST_REPOSITORY
from server_support import manifest_shop
from server_support.lake import OpenLake
from server_support.manifest_shop import MANIFEST
from server_support.s3 import KEY, SECRET

pytestmark = pytest.mark.slow


@pytest.fixture
def shop() -> Generator[dict[str, Any]]:
    """A shop on loopback; its configuration."""
    with manifest_shop.served() as configuration:
        yield configuration


def s3_configuration(s3: Any, **values: Any) -> dict[str, Any]:
    return {
        "s3_bucket_name": "lake",
        "s3_bucket_path": "raw",
        "s3_bucket_region": "us-east-1",
        "s3_endpoint": s3.meta.endpoint_url,
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
        "file_name_pattern": "part_{part_number}.parquet",
        "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
        **values,
    }


def rows(s3: Any, prefix: str, folder: Path) -> dict[str, Any]:
    """Tables below a prefix, by key."""
    tables: dict[str, Any] = {}
    for item in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", []):
        path = folder / "object.parquet"
        s3.download_file("lake", item["Key"], str(path))
        tables[item["Key"]] = pq.read_table(path)
    return tables


def configured_from(catalog: dict[str, Any], name: str, mode: str, **values: Any) -> dict[str, Any]:
    stream = next(each for each in catalog["streams"] if each["name"] == name)
    return {
        "stream": stream,
        "sync_mode": mode,
        "destination_sync_mode": "append",
        "cursor_field": stream.get("default_cursor_field") or [],
        "primary_key": stream.get("source_defined_primary_key") or [],
        "selected": True,
        "selected_fields": None,
        "mappers": [],
        **values,
    }


def test_faker_lands_in_s3_in_the_layout_of_airbyte(lake: OpenLake, s3: Any, tmp_path: Path) -> None:
    """All three streams of source-faker arrive; the second sync goes on at the next part of the day."""

    async def scenario() -> None:
        async with lake() as it:
            settings = {"count": 300, "parallelism": 1, "always_updated": False, "seed": 1}
            catalog = (await it.connectors.discover(definition("source-faker"), settings)).catalog
            source = it.actor("source", it.definition("airbyte/source-faker"), settings)
            target = it.actor("destination", it.definition("airbyte/destination-s3"), s3_configuration(s3))
            streams = [configured_from(catalog, name, "incremental") for name in ("users", "products", "purchases")]
            where = {"namespace_definition": "custom_format", "namespace_format": "faker"}
            connection = it.connection(source, target, streams, **where)
            job = await it.run(connection)
            assert job.status == "succeeded", it.reason(job)
            assert it.attempts(job)[0].records_committed == sum(t.num_rows for t in rows(s3, "raw/", tmp_path).values())
            assert it.state(connection, "users")

    asyncio.run(scenario())
    tables = rows(s3, "raw/faker/users/", tmp_path)
    assert [key.rsplit("/", 1)[1] for key in tables] == ["part_0.parquet"]
    (users,) = tables.values()
    assert users.num_rows == 300
    assert users.column_names[:4] == [
        "_airbyte_raw_id",
        "_airbyte_extracted_at",
        "_airbyte_meta",
        "_airbyte_generation_id",
    ]


def test_check_names_what_is_wrong_with_s3(lake: OpenLake, s3: Any) -> None:
    """A wrong bucket and a wrong password fail the check with a sentence each."""

    async def scenario() -> None:
        async with lake() as it:
            target = definition("destination-s3")
            good = await it.connectors.check(target, s3_configuration(s3))
            assert good.succeeded, good.message
            bad = await it.connectors.check(target, s3_configuration(s3, s3_bucket_name="absent"))
            assert "the bucket absent does not exist" in (bad.message or "")
            bad = await it.connectors.check(target, s3_configuration(s3, secret_access_key="wrongwrong"))
            assert "the secret access key does not belong" in (bad.message or "")

    asyncio.run(scenario())


def test_a_manifest_reads_pages_with_a_token(lake: OpenLake, shop: dict[str, Any], tmp_path: Path) -> None:
    """source-declarative-manifest runs any manifest from one environment; a wrong token is said in its own words."""

    async def scenario() -> None:
        async with lake() as it:
            connector = Definition("id", "Shop", MANIFEST_REPOSITORY, CDK_VERSION, manifest=MANIFEST)
            assert (await it.connectors.check(connector, shop)).succeeded
            refused = await it.connectors.check(connector, {**shop, "token": "not the token"})
            assert not refused.succeeded
            assert "The shop refuses the token" in (refused.message or "")
            catalog = (await it.connectors.discover(connector, shop)).catalog
            made = it.definition(MANIFEST_REPOSITORY, CDK_VERSION, manifest=MANIFEST)
            streams = [configured_from(catalog, "orders", "incremental")]
            connection = it.connection(it.actor("source", made, shop), it.local(tmp_path / "out"), streams)
            job = await it.run(connection)
            assert job.status == "succeeded", it.reason(job)
            assert it.state(connection, "orders")
            assert it.attempts(job)[0].records_committed == len(manifest_shop.ORDERS)

    asyncio.run(scenario())
    assert pq.read_table(tmp_path / "out" / "orders").num_rows > 100
