"""A small lake on disk, and an embedded Airbyte as a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.airbyte import SHOP_SOURCE, WORKSPACE, Airbyte
from tests.support.lake import Lake

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


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one source that was never discovered."""
    made = Lake(tmp_path / "lake")
    for name, content in FILES.items():
        made.write(name, content)
    return made


class ShopServer(Airbyte):
    """A server with the definition of a source that needs no network."""

    shop: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a shell would have to work with it."""
        return {"AIRBYTE_SERVER_URL": self.url}

    def names(self, kind: str) -> list[str]:
        """The names of all sources or destinations there."""
        return [each["name"] for each in self.call("GET", f"/{kind}")["data"]]

    def create(self, name: str, **configuration: Any) -> str:
        """A source of the shop."""
        body = {
            "name": name,
            "workspaceId": WORKSPACE,
            "definitionId": self.shop,
            "configuration": {"shop": "s", **configuration},
        }
        return self.call("POST", "/sources", body)["sourceId"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopServer]:
    """The server, over a data folder of its own."""
    made = ShopServer(tmp_path_factory.mktemp("airbyte"))
    try:
        made.shop = made.command_definition("Shop", f"{sys.executable} {SHOP_SOURCE}")
        yield made
    finally:
        made.stop()


@pytest.fixture
def reachable(lake: Lake, server: ShopServer, monkeypatch: pytest.MonkeyPatch) -> ShopServer:
    """The server, empty, with the lake's source being its shop."""
    for name in [name for name in os.environ if name.startswith(("LOTUS_SECRET", "AIRBYTE_"))]:
        monkeypatch.delenv(name)
    lake.write("streams/shop/_source.json", {"connector": server.shop, "configuration": {"shop": "s"}})
    for each in server.all("sources"):
        server.call("DELETE", f"/sources/{each['sourceId']}")
    return server
