"""Connectors of PyPI, by name and version: rows of file, S3 and GitHub land, and those of four published manifests."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from lotus_server.connectors import Definition
from lotus_server.connectors.registry import CDK_VERSION
from lotus_server.connectors.uv import run_uv
from lotus_server.domain.connector_specs import MANIFEST_REPOSITORY
from server_support.lake import OpenLake
from server_support.s3 import KEY, SECRET

from .test_real_connectors import configured_from

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Answer = Callable[[str], Any]


@contextmanager
def api(answer: Answer) -> Generator[str]:
    """An API on loopback: `answer` makes the JSON of a path, None is a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            value = answer(urlsplit(self.path).path)
            body = json.dumps(value).encode()
            self.send_response(200 if value is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def landed(
    lake: OpenLake, connector: Definition, configuration: Mapping[str, Any], folder: Path, *names: str
) -> dict[str, list[dict[str, Any]]]:
    """The rows of streams after a check, a discover and a sync, by stream."""

    async def scenario() -> None:
        async with lake(silence_seconds=120) as it:
            checked = await it.connectors.check(connector, configuration)
            assert checked.succeeded, checked.message
            catalog = (await it.connectors.discover(connector, configuration)).catalog
            made = it.definition(connector.docker_repository, connector.docker_image_tag, manifest=connector.manifest)
            source = it.actor("source", made, configuration)
            streams = [configured_from(catalog, name, "full_refresh") for name in names]
            job = await it.run(it.connection(source, it.local(folder), streams), seconds=300)
            assert job.status == "succeeded", it.reason(job)

    asyncio.run(scenario())
    return {name: pq.read_table(folder / name).to_pylist() for name in names}


def test_s3_reads_csv_jsonl_and_parquet(lake: OpenLake, s3: Any, tmp_path: Path) -> None:
    """An S3 that is not AWS; the version's packages are those of its release, so that it still starts."""
    s3.put_object(Bucket="lake", Key="in/a.csv", Body='id,name\n1,Müller\n2,"a\nb"\n'.encode())
    s3.put_object(Bucket="lake", Key="in/a.jsonl", Body=b'{"id": 1, "deep": {"x": 1.5}}\n{"id": 2}\n')
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2, 3]}), buffer)
    s3.put_object(Bucket="lake", Key="in/a.parquet", Body=buffer.getvalue())
    streams = [
        {"name": kind, "globs": [f"in/*.{kind}"], "format": {"filetype": kind}} for kind in ("csv", "jsonl", "parquet")
    ]
    configuration = {
        "bucket": "lake",
        "endpoint": s3.meta.endpoint_url,
        "aws_access_key_id": KEY,
        "aws_secret_access_key": SECRET,
        "region_name": "us-east-1",
        "streams": streams,
    }
    rows = landed(
        lake, Definition("id", "S3", "airbyte/source-s3", "4.14.2"), configuration, tmp_path, "csv", "jsonl", "parquet"
    )

    assert [row["name"] for row in rows["csv"]] == ["Müller", "a\nb"]
    assert len(rows["jsonl"]) == 2
    assert sorted(row["id"] for row in rows["parquet"]) == [1, 2, 3]


def test_file_reads_a_csv_of_this_machine(lake: OpenLake, tmp_path: Path) -> None:
    """`source-file` with its local provider."""
    (tmp_path / "cities.csv").write_text("id,city\n1,Köln\n2,Bonn\n")
    configuration = {
        "dataset_name": "cities",
        "format": "csv",
        "url": str(tmp_path / "cities.csv"),
        "provider": {"storage": "local"},
    }
    connector = Definition("id", "File", "airbyte/source-file", "0.5.39")

    rows = landed(lake, connector, configuration, tmp_path / "out", "cities")["cities"]

    assert [row["city"] for row in rows] == ["Köln", "Bonn"]


def test_github_reads_an_api_on_loopback(lake: OpenLake, tmp_path: Path) -> None:
    """`source-github` with `api_url`; what the API does not have is a 404."""
    repository = {"id": 7, "full_name": "octo/hello", "name": "hello", "updated_at": "2025-01-01T00:00:00Z"}
    limits = {"limit": 5000, "remaining": 5000, "reset": 4102444800, "used": 0}
    answers: dict[str, Any] = {
        "/rate_limit": {"resources": {"core": limits, "graphql": limits, "search": limits}, "rate": limits},
        "/repos/octo/hello": {**repository, "default_branch": "main", "owner": {"login": "octo"}},
        "/repos/octo/hello/branches": [{"name": "main", "commit": {"sha": "1f"}, "protected": False}],
        "/repos/octo/hello/tags": [{"name": f"v{n}", "commit": {"sha": str(n)}} for n in range(3)],
        "/orgs/octo": None,
    }
    with api(answers.get) as url:
        configuration = {
            "credentials": {"option_title": "PAT Credentials", "personal_access_token": "ghp_invented"},
            "repositories": ["octo/hello"],
            "api_url": url,
            "start_date": "2024-01-01T00:00:00Z",
        }
        connector = Definition("id", "GitHub", "airbyte/source-github", "2.7.1")
        rows = landed(lake, connector, configuration, tmp_path, "branches", "tags")

    assert [row["name"] for row in rows["tags"]] == ["v0", "v1", "v2"]
    assert [row["name"] for row in rows["branches"]] == ["main"]


MANIFESTS: list[Any] = [
    ("pokeapi==0.2.15", {"pokemon_name": "bulbasaur"}, "pokemon", {"id": 1, "name": "bulbasaur"}, 1),
    ("ip2whois==0.1.15", {"domain": "example.com", "api_key": "k"}, "whois", {"domain": "x", "domain_id": "7"}, 1),
    ("gutendex==0.1.15", {}, "books", {"results": [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]}, 2),
    (
        "news-api==0.1.15",
        {"api_key": "k", "country": "de", "category": "business", "sort_by": "publishedAt", "search_query": "x"},
        "everything",
        {"articles": [{"title": "t", "publishedAt": "2025-01-01T00:00:00Z"}], "totalResults": 1},
        1,
    ),
]


@pytest.mark.parametrize(("package", "configuration", "stream", "body", "count"), MANIFESTS, ids=lambda v: str(v)[:20])
def test_a_published_manifest_reads_its_api(
    lake: OpenLake, tmp_path: Path, package: str, configuration: dict[str, Any], stream: str, body: Any, count: int
) -> None:
    """Manifests as Airbyte publishes them, each with its own spec, paths and pages; only the host is another."""
    with api(lambda _path: body) as url:
        manifest = published(package, tmp_path / "package", url)
        connector = Definition("id", package, MANIFEST_REPOSITORY, CDK_VERSION, manifest=manifest)
        rows = landed(lake, connector, configuration, tmp_path / "out", stream)[stream]

    assert len(rows) == count


def test_a_manifest_without_its_files_of_schemas_is_no_success(lake: OpenLake, tmp_path: Path) -> None:
    """Its schemas are beside it in the package: without them no field is known, and nothing of a record would land."""
    with (
        api(lambda _path: [{"_id": "1"}]) as url,
        pytest.raises(AssertionError, match='the schema of stream "billing_rates" has no fields'),
    ):
        manifest = published("hubplanner==0.2.12", tmp_path / "package", url)
        connector = Definition("id", "hubplanner", MANIFEST_REPOSITORY, CDK_VERSION, manifest=manifest)
        landed(lake, connector, {"api_key": "k"}, tmp_path / "out", "billing_rates")


def published(package: str, folder: Path, url: str) -> dict[str, Any]:
    """The manifest inside of a package of PyPI, with `url` in place of its API's host."""
    requirement = f"airbyte-source-{package}"
    run_uv(
        requirement, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder),
        requirement,
    )  # fmt: skip
    text = next(folder.rglob("manifest.yaml")).read_text(encoding="utf-8")
    moved = re.sub(r'(url_base: "?)https://[^/"\s]+', rf"\1{url}", text)
    assert moved != text
    return json.loads(json.dumps(yaml.safe_load(moved), default=str))
