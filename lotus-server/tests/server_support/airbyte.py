"""A server in this process, a source that needs no network, and a folder as the destination."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lotus_server.app import create_app
from lotus_server.services.authentication import Access
from lotus_server.services.server import Server
from lotus_server.services.startup import open_server
from lotus_server.store import Store
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID
from starlette.testclient import TestClient

Response = Any
"""A response of httpx or httpx2, whichever starlette's TestClient uses here."""

PUBLIC = "/api/public/v1"
CONFIG = "/api/v1"
MASK = "**********"
MANIFEST = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["a"]},
    "streams": [],
    "spec": {
        "type": "Spec",
        "connection_specification": {
            "type": "object",
            "required": ["key"],
            "properties": {"key": {"type": "string", "airbyte_secret": True}},
        },
    },
}


@dataclass
class Airbyte:
    """Both APIs of one server, and what most tests need to have there."""

    http: TestClient
    folder: Path
    shop_definition_id: str = ""

    @property
    def server(self) -> Server:
        """The parts of the server."""
        return cast("Any", self.http.app).state.server

    @property
    def store(self) -> Store:
        """The server's store."""
        return self.server.store

    def public(self, method: str, path: str, body: Any = None, **query: Any) -> Response:
        """A request to the public API."""
        return self.http.request(method, PUBLIC + path, json=body, params=query)

    def config(self, path: str, body: Any = None) -> Response:
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

    def try_connection(self, *streams: dict[str, Any], **values: Any) -> Response:
        """What the server says to a connection with these streams."""
        body: dict[str, Any] = {
            "sourceId": self.source()["sourceId"],
            "destinationId": self.destination()["destinationId"],
            **values,
        }
        if streams:
            body["configurations"] = {"streams": list(streams)}
        return self.public("POST", "/connections", body)


def _ok(response: Response) -> dict[str, Any]:
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


def with_shop(http: TestClient, folder: Path) -> Airbyte:
    """The server with the shop's definition made."""
    airbyte = Airbyte(http, folder)
    airbyte.make_shop()
    return airbyte


def refusal(response: Any) -> tuple[int, str, str]:
    """Status, problem type and human text of an error answer."""
    body = response.json()
    assert body["status"] == response.status_code
    return response.status_code, body["type"].partition("#")[2], body["data"]["message"]


def started(airbyte: Airbyte, connection_id: str, job_type: str = "sync") -> dict[str, Any]:
    """A new job."""
    return airbyte.public("POST", "/jobs", {"connectionId": connection_id, "jobType": job_type}).json()


def ended(airbyte: Airbyte, job_id: int) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + 60
    while True:
        job = airbyte.public("GET", f"/jobs/{job_id}").json()
        if job["status"] not in ("pending", "running", "incomplete"):
            return job
        assert time.monotonic() < deadline, f"the job does not end: {job}"
        time.sleep(0.05)
