"""A small lake on disk, and an embedded Airbyte as a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from lotus.config import Settings, from_stack_file

PROJECT = Path(__file__).resolve().parents[2]
WORKSPACE = "00000000-0000-4000-8000-000000000001"
FILES: dict[str, Any] = {
    "Pulumi.yaml": "name: lake\nruntime: python\n",
    "Pulumi.dev.yaml": f"config:\n  lotus:lake: true\n  lotus:workspace: {WORKSPACE}\n",
    "streams/_destinations/lake.json": {
        "connector": "destination-s3",
        "configuration": {
            "s3_bucket_name": "landing",
            "s3_bucket_path": "raw",
            "s3_bucket_region": "us-east-1",
            "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
            "file_name_pattern": "part_{part_number}.parquet",
            "format": {"format_type": "Parquet"},
        },
    },
    "streams/shop/_source.json": {"connector": "source-web-shop", "configuration": {"shop": "s"}},
}


def stream(name: str, fields: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A discovered file; `more` replaces its parts."""
    return {
        "stream": name,
        "options": {"sync_modes": ["full_refresh", "incremental"]},
        "defaults": {"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": True},
        "fields": fields
        or {
            "id": {"type": "integer"},
            "updated_at": {"type": "string", "format": "date-time"},
            "total": {"type": "number"},
            "customer": {"type": "object", "properties": {"id": {"type": "integer"}, "city": {"type": "string"}}},
        },
        **more,
    }


@dataclass(frozen=True)
class Lake:
    """A project's folder."""

    path: Path

    def write(self, name: str, content: Any) -> Path:
        """Writes a file: text as it is, anything else as JSON; None removes it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def read(self, name: str) -> Any:
        """A file's JSON."""
        return json.loads((self.path / name).read_text())

    def files(self, pattern: str = "streams/**/*") -> set[str]:
        """The files below the folder that fit."""
        return {p.relative_to(self.path).as_posix() for p in self.path.glob(pattern) if p.is_file()}

    @property
    def settings(self) -> Settings:
        """The settings of stack dev."""
        return from_stack_file(self.path, "dev", environment={})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one source that was never discovered."""
    made = Lake(tmp_path / "lake")
    for name, content in FILES.items():
        made.write(name, content)
    return made


@dataclass(frozen=True)
class Server:
    """An embedded Airbyte, and the definition of a source that needs no network."""

    url: str
    shop: str

    @property
    def environment(self) -> dict[str, str]:
        """What a shell would have to work with it."""
        return {"AIRBYTE_SERVER_URL": self.url}

    def names(self, kind: str) -> list[str]:
        """The names of all sources or destinations there."""
        return [one["name"] for one in httpx.get(f"{self.url}/{kind}").json()["data"]]

    def create(self, name: str, **configuration: Any) -> str:
        """A source of the shop."""
        body = {
            "name": name,
            "workspaceId": WORKSPACE,
            "definitionId": self.shop,
            "configuration": {"shop": "s", **configuration},
        }
        return httpx.post(f"{self.url}/sources", json=body, timeout=60).json()["sourceId"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, over a data folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("airbyte")
    command = [sys.executable, "-m", "lotus.embedded", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/api/public/v1"
    try:
        _wait(lambda: httpx.get(f"{url}/health").status_code == 200)
        program = PROJECT / "tests" / "embedded" / "api" / "shop_source.py"
        body = {"name": "Shop", "dockerRepository": f"command:{sys.executable} {program}", "dockerImageTag": "1"}
        made = httpx.post(f"{url}/workspaces/{WORKSPACE}/definitions/sources", json=body, timeout=60).json()
        yield Server(url, made["id"])
    finally:
        process.terminate()
        process.wait(20)


def _wait(ready: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.fixture
def reachable(lake: Lake, server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, empty, with the lake's source being its shop."""
    for name in [name for name in os.environ if name.startswith(("LOTUS_SECRET", "AIRBYTE_"))]:
        monkeypatch.delenv(name)
    lake.write("streams/shop/_source.json", {"connector": server.shop, "configuration": {"shop": "s"}})
    for one in httpx.get(f"{server.url}/sources").json()["data"]:
        httpx.delete(f"{server.url}/sources/{one['sourceId']}")
    return server
