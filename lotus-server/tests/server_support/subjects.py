"""Destinations as the conformance suite takes them, where more than one test file needs them."""

from __future__ import annotations

import functools
import gzip
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
from lotus_server.destinations import DESTINATIONS
from lotus_server.destinations.conformance import Rows, Subject
from lotus_server.destinations.destination import Destination, DestinationStream, Note, Receipt
from lotus_server.destinations.files import FileDestination
from lotus_server.destinations.postgres import Postgres
from lotus_server.destinations.s3 import S3
from psycopg.rows import dict_row
from server_support.postgres import Server

PARQUET = {"format_type": "Parquet"}


def made(kind: type[Destination[Any]], settings: list[dict[str, Any]]) -> list[Callable[[], Destination[Any]]]:
    """Makers of a destination with each of the configurations."""
    return [functools.partial(kind.configured, each) for each in settings]


def file_rows(name: str, content: bytes) -> Rows:
    """The rows of one file."""
    if ".parquet" in name:
        return pq.read_table(io.BytesIO(content)).to_pylist()
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def local_subject(tmp_path: Path, file_format: dict[str, Any] = PARQUET) -> Subject:
    """Files in a folder."""
    settings = {
        "destination_path": str(tmp_path / "lake"),
        "path_format": "${NAMESPACE}/${STREAM_NAME}/",
        "format": file_format,
    }
    destination = DESTINATIONS["local"].configured(settings)
    assert isinstance(destination, FileDestination)

    def rows(stream: DestinationStream) -> Rows:
        pattern = destination.key_format(stream).pattern()
        root = tmp_path / "lake"
        files = [path for path in root.rglob("*") if path.is_file() and pattern.match(str(path.relative_to(root)))]
        return [row for path in files for row in file_rows(path.name, path.read_bytes())]

    occupied = tmp_path / "occupied"
    occupied.touch()
    unusable = [{**settings, "destination_path": str(occupied)}, {**settings, "destination_path": "not/absolute"}]
    staged = tmp_path / "lake" / ".lotus" / "staged"
    return Subject(
        lambda: DESTINATIONS["local"].configured(settings),
        rows,
        staged=lambda: list(staged.glob("*")),
        unusable=made(DESTINATIONS["local"], unusable),
    )


def s3_subject(client: Any, file_format: dict[str, Any] = PARQUET) -> Subject:
    """Files in a prefix of their own."""
    settings = {
        "s3_bucket_name": "lake",
        "s3_bucket_path": f"conformance-{uuid.uuid4().hex}",
        "s3_bucket_region": "us-east-1",
        "s3_endpoint": client.meta.endpoint_url,
        "access_key_id": "minioadmin",
        "secret_access_key": "minioadmin",
        "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/",
        "format": file_format,
    }
    destination = DESTINATIONS["s3"].configured(settings)
    assert isinstance(destination, FileDestination)

    def rows(stream: DestinationStream) -> Rows:
        names = destination.key_format(stream)
        listed = client.list_objects_v2(Bucket="lake", Prefix=names.constant_prefix()).get("Contents", [])
        keys = [item["Key"] for item in listed if names.pattern().match(item["Key"])]
        bodies = [(key, client.get_object(Bucket="lake", Key=key)["Body"].read()) for key in keys]
        return [row for key, body in bodies for row in file_rows(key, body)]

    keys: set[str] = set()

    class Watched(S3):
        """MinIO lists the uploads of one key at a time, so the test has to know the keys."""

        def _stage_file(self, path: Path, key: str, generation: int, note: Note) -> Receipt:
            keys.add(key)
            return super()._stage_file(path, key, generation, note)

    def staged() -> list[Any]:
        listed = [client.list_multipart_uploads(Bucket="lake", Prefix=key).get("Uploads", []) for key in sorted(keys)]
        return [upload["UploadId"] for uploads in listed for upload in uploads]

    unusable = [{**settings, "s3_bucket_name": "nowhere"}, {**settings, "secret_access_key": "wrong"}]
    return Subject(lambda: Watched.configured(settings), rows, staged=staged, unusable=made(S3, unusable))


def duckdb_subject(tmp_path: Path) -> Subject:
    """A new DuckDB file."""
    path = tmp_path / "lake.duckdb"

    def rows(stream: DestinationStream) -> Rows:
        with duckdb.connect(str(path)) as db:
            namespace, name = (each.replace('"', '""') for each in (stream.namespace or "main", stream.name))
            try:
                return db.sql(f'SELECT * FROM "{namespace}"."{name}"').to_arrow_table().to_pylist()
            except duckdb.CatalogException:
                return []

    folder = tmp_path / f".{path.name}.staged"
    unusable = [{"destination_path": str(tmp_path)}, {"destination_path": "relative.duckdb"}]
    return Subject(
        lambda: DESTINATIONS["duckdb"].configured({"destination_path": str(path)}),
        rows,
        staged=lambda: list(folder.glob("*")),
        unusable=made(DESTINATIONS["duckdb"], unusable),
    )


def postgres_subject(server: Server, kind: type[Any] = Postgres, settings: dict[str, Any] | None = None) -> Subject:
    """The destination, on a new database or a given one."""
    settings = settings or server.database()

    def rows(stream: DestinationStream) -> Rows:
        destination = kind.configured(settings)
        with server.connected(settings["database"]) as db:
            try:
                cursor = db.cursor(row_factory=dict_row).execute(f"SELECT * FROM {destination.table(stream).name}")
            except psycopg.errors.UndefinedTable:
                return []
            return cursor.fetchall()

    def staged() -> list[Any]:
        query = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'lotus_staged%'"
        with server.connected(settings["database"]) as db:
            return db.execute(query).fetchall()

    tunnel = {"tunnel_method": {"tunnel_method": "SSH_KEY_AUTH"}}
    wrong = ({"password": "wrong"}, {"database": "nowhere"}, {"username": "nobody"}, tunnel)
    unusable = made(kind, [{**settings, **each} for each in wrong])
    return Subject(lambda: kind.configured(settings), rows, staged=staged, unusable=unusable)
