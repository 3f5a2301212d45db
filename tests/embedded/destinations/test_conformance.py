"""The shared suite, over every destination of the table."""

from __future__ import annotations

import gzip
import io
import json
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from lotus.embedded.connectors.registry import CONNECTORS
from lotus.embedded.destinations import DESTINATIONS
from lotus.embedded.destinations.conformance import CASES, Case, Rows, Subject
from lotus.embedded.destinations.destination import DestinationStream

pytestmark = pytest.mark.slow

JSONL = {"format_type": "JSONL", "compression": {"compression_type": "GZIP"}, "flattening": "Root level flattening"}
KINDS = ["local", "local-jsonl", "duckdb", "s3", "s3-jsonl"]


def file_rows(name: str, content: bytes) -> Rows:
    if ".parquet" in name:
        return pq.read_table(io.BytesIO(content)).to_pylist()
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def local(tmp_path: Path, file_format: dict[str, Any]) -> Subject:
    settings = {"destination_path": str(tmp_path / "lake"), "path_format": "${STREAM_NAME}/", "format": file_format}
    subject = DESTINATIONS["local"].configured(settings)

    def rows(stream: DestinationStream) -> Rows:
        pattern = subject.key_format(stream).pattern()
        root = tmp_path / "lake"
        files = [path for path in root.rglob("*") if path.is_file() and pattern.match(str(path.relative_to(root)))]
        return [row for path in files for row in file_rows(path.name, path.read_bytes())]

    return Subject(lambda: DESTINATIONS["local"].configured(settings), rows)


def s3_subject(client: Any, file_format: dict[str, Any]) -> Subject:
    settings = {
        "s3_bucket_name": "lake",
        "s3_bucket_path": f"conformance-{uuid.uuid4().hex}",
        "s3_bucket_region": "us-east-1",
        "s3_endpoint": client.meta.endpoint_url,
        "access_key_id": "minioadmin",
        "secret_access_key": "minioadmin",
        "s3_path_format": "${STREAM_NAME}/",
        "format": file_format,
    }
    subject = DESTINATIONS["s3"].configured(settings)

    def rows(stream: DestinationStream) -> Rows:
        names = subject.key_format(stream)
        listed = client.list_objects_v2(Bucket="lake", Prefix=names.constant_prefix()).get("Contents", [])
        keys = [item["Key"] for item in listed if names.pattern().match(item["Key"])]
        bodies = [(key, client.get_object(Bucket="lake", Key=key)["Body"].read()) for key in keys]
        return [row for key, body in bodies for row in file_rows(key, body)]

    return Subject(lambda: DESTINATIONS["s3"].configured(settings), rows)


def database(tmp_path: Path) -> Subject:
    path = tmp_path / "lake.duckdb"

    def rows(stream: DestinationStream) -> Rows:
        if not path.exists():
            return []
        with duckdb.connect(str(path), read_only=True) as db:
            tables = [row[0] for row in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            if stream.name not in tables:
                return []
            quoted = stream.name.replace('"', '""')
            return db.sql(f'SELECT * FROM "{quoted}"').to_arrow_table().to_pylist()

    return Subject(lambda: DESTINATIONS["duckdb"].configured({"destination_path": str(path)}), rows)


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    kind: str = request.param
    file_format = JSONL if kind.endswith("jsonl") else {"format_type": "Parquet"}
    if kind.startswith("s3"):
        return s3_subject(request.getfixturevalue("s3"), file_format)
    return database(tmp_path) if kind == "duckdb" else local(tmp_path, file_format)


def test_every_destination_of_the_table_runs_the_suite() -> None:
    """Here or in a test file of its own, which `lotus new destination --inside` writes; and the API offers it."""
    own = {name for name in DESTINATIONS if Path(__file__).with_name(f"test_{name.replace('-', '_')}.py").exists()}
    assert {kind.split("-")[0] for kind in KINDS} | own == set(DESTINATIONS)
    assert {f"destination-{name}" for name in DESTINATIONS} <= set(CONNECTORS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_conformance(case: Case, subject: Subject, tmp_path: Path) -> None:
    """The case's own docstring says what holds."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    case(subject, scratch)
