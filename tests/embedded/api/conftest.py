"""A server in this process, a source that needs no network, and a folder as the destination."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from lotus.embedded.app import create_app
from lotus.embedded.auth import Access
from lotus.embedded.server import open_server
from lotus.embedded.store.workspaces import DEFAULT_WORKSPACE_ID

PUBLIC = "/api/public/v1"
CONFIG = "/api/v1"


@dataclass
class Airbyte:
    """Both APIs of one server, and what most tests need to have there."""

    http: httpx.Client
    folder: Path
    shop_definition_id: str = ""

    def public(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """A request to the public API."""
        return self.http.request(method, PUBLIC + path, json=body, params=query)

    def config(self, path: str, body: Any = None) -> httpx.Response:
        """A request to the config API."""
        return self.http.post(CONFIG + path, json={} if body is None else body)

    def make_shop(self) -> None:
        """Makes the shop's definition."""
        body = {"name": "Shop", "dockerRepository": shop_repository(), "dockerImageTag": "1"}
        path = f"/workspaces/{DEFAULT_WORKSPACE_ID}/definitions/sources"
        self.shop_definition_id = _ok(self.public("POST", path, body))["id"]

    def source(self, **configuration: Any) -> dict[str, Any]:
        """A new source of the shop."""
        body = {
            "name": "Shop",
            "workspaceId": DEFAULT_WORKSPACE_ID,
            "definitionId": self.shop_definition_id,
            "configuration": {"shop": "s", **configuration},
        }
        return _ok(self.public("POST", "/sources", body))

    def destination(self) -> dict[str, Any]:
        """A new destination: a folder."""
        body = {
            "name": "Lake",
            "workspaceId": DEFAULT_WORKSPACE_ID,
            "configuration": {"destinationType": "local", "destination_path": str(self.folder)},
        }
        return _ok(self.public("POST", "/destinations", body))

    def connection(self, *streams: dict[str, Any], **values: Any) -> dict[str, Any]:
        """A new connection between a new source and a new destination."""
        return _ok(self.try_connection(*streams, **values))

    def try_connection(self, *streams: dict[str, Any], **values: Any) -> httpx.Response:
        """What the server says to a connection with these streams."""
        body: dict[str, Any] = {
            "sourceId": self.source()["sourceId"],
            "destinationId": self.destination()["destinationId"],
            **values,
        }
        if streams:
            body["configurations"] = {"streams": list(streams)}
        return self.public("POST", "/connections", body)


def _ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return response.json()


def serve(data: Path, *, raising: bool = True, **rules: Any) -> TestClient:
    """A server over a data directory; entering it starts the server, leaving it stops it.

    Args:
        data: the data directory.
        raising: raise the server's unexpected errors here instead of answering 500.
        rules: who may call.
    """
    app = create_app(open_server(data, access_rules=Access(**rules)))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=raising)


def shop_repository() -> str:
    """The docker repository that names the shop's program."""
    return f"command:{sys.executable} {Path(__file__).with_name('shop_source.py')}"


def with_shop(http: httpx.Client, folder: Path) -> Airbyte:
    """The server with the shop's definition made."""
    airbyte = Airbyte(http, folder)
    airbyte.make_shop()
    return airbyte


@pytest.fixture(scope="session")
def airbyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """One server for all tests that do not look at what others made."""
    with serve(tmp_path_factory.mktemp("airbyte") / "data") as http:
        yield with_shop(http, tmp_path_factory.mktemp("lake"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Airbyte]:
    """A server with nothing else in it."""
    with serve(tmp_path / "data") as http:
        yield with_shop(http, tmp_path / "lake")
