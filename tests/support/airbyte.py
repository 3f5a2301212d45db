"""The local server as a process, seen as a client of Airbyte sees it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
WORKSPACE = "00000000-0000-4000-8000-000000000001"
"""The workspace that a server has from the start."""
LOCAL = "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70"
"""The definition of the server's destination into a folder."""
SHOP_SPEC = Path(__file__).with_name("shop.spec.json")
"""A specification with a secret, a default and a list."""
SPEC_SOURCE = Path(__file__).with_name("spec_source.py")
"""A source with any specification, whose check fails for a pin that begins with "wrong"."""
SHOP_SOURCE = REPOSITORY / "lotus-server" / "tests" / "server_support" / "shop_source.py"
"""A source whose configuration says what it offers."""
IDS = {"sources": "sourceId", "destinations": "destinationId", "connections": "connectionId"}


class Airbyte:
    """A server over a data folder; it can be stopped and started again on the same port."""

    def __init__(self, data: Path, *, token: str = "") -> None:
        """Start it; with a token it asks everybody for one."""
        self.data = data
        self.port = 0
        self.url = ""
        self._environment = {**os.environ, **({"LOTUS_EMBEDDED_TOKEN": token} if token else {})}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(timeout=120, trust_env=False, headers=headers)
        self.start()

    def start(self) -> None:
        """Start it, on the same port as before."""
        command = [sys.executable, "-m", "lotus_server", "--port", str(self.port), "--data", str(self.data)]
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, line
        self.url = next(word for word in line.split() if word.startswith("http://"))
        self.port = int(self.url.split(":")[2].split("/")[0])

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A call of the public API that must succeed."""
        answer = self.http.request(method, self.url + path, json=body, params=query)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def config(self, path: str, body: Any) -> Any:
        """A call of the config API that must succeed."""
        answer = self.http.post(self.url.replace("/api/public/v1", "/api/v1") + path, json=body)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, such as `sources`, that were not deleted."""
        listed = self.call("GET", f"/{kind}", limit=100)["data"]
        return [each for each in listed if each.get("status") != "deprecated"]

    def inventory(self) -> list[tuple[str, str, str]]:
        """Kind, id and name of all sources, destinations and connections."""
        return sorted((kind, str(each[key]), str(each["name"])) for kind, key in IDS.items() for each in self.all(kind))

    @property
    def user(self) -> str:
        """The id of the one user that a server has."""
        return self.call("GET", "/users", organizationId="00000000-0000-0000-0000-000000000000")["data"][0]["id"]

    def definition(self, name: str, spec: Path = SHOP_SPEC) -> str:
        """A source definition whose connector has this specification."""
        return self.command_definition(name, f"{sys.executable} {SPEC_SOURCE} {spec}")

    def command_definition(self, name: str, command: str) -> str:
        """A source definition whose connector is a command in place of an image."""
        body = {"name": name, "dockerRepository": f"command:{command}", "dockerImageTag": "1"}
        return self.call("POST", f"/workspaces/{WORKSPACE}/definitions/sources", body)["id"]

    def jobs(self, connection_id: str, *types: str) -> list[dict[str, Any]]:
        """The connection's jobs of these types (of all), oldest first."""
        kinds = list(types) or ["sync", "refresh", "reset_connection", "clear"]
        body = {"configTypes": kinds, "configId": connection_id, "pagination": {"pageSize": 200}}
        return sorted((each["job"] for each in self.config("/jobs/list", body)["jobs"]), key=lambda job: job["id"])

    def idle(self, connection_id: str) -> None:
        """Wait for the connection's jobs."""
        end = time.monotonic() + 60
        while any(job["status"] in ("pending", "running", "incomplete") for job in self.jobs(connection_id)):
            assert time.monotonic() < end, "a job does not end"
            time.sleep(0.1)


@contextmanager
def started_airbyte(data: Path, *, token: str = "") -> Generator[Airbyte]:
    """A server that ends with the block."""
    airbyte = Airbyte(data, token=token)
    try:
        yield airbyte
    finally:
        airbyte.http.close()
        airbyte.stop()
