"""Faults of the machine around a server process, and whether every accepted job ends in a state that clients see."""

from __future__ import annotations

import resource
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID
from server_support.airbyte import shop_repository
from server_support.process import ServerProcess

FINAL = ("succeeded", "failed", "cancelled")
PATIENCE_SECONDS = 180.0


@dataclass
class Trial:
    """A server with one connection, asked for syncs while something is wrong with its machine."""

    server: ServerProcess
    lake: Path
    answers: Counter[int] = field(default_factory=Counter[int])
    accepted: list[int] = field(default_factory=list[int])
    connections: list[str] = field(default_factory=list[str])

    def http(self, method: str, path: str, body: Any = None, timeout: float = 60) -> httpx.Response:
        """One request on a connection of its own."""
        with httpx.Client(base_url=f"{self.server.url}/v1", timeout=timeout, trust_env=False) as client:
            return client.request(method, path, json=body)

    def prepare(self, connections: int = 3) -> None:
        """Makes the connections."""
        definition = {"name": "Shop", "dockerRepository": shop_repository(), "dockerImageTag": "1"}
        shop = self._made(f"/workspaces/{DEFAULT_WORKSPACE_ID}/definitions/sources", definition)["id"]
        source = {"name": "s", "workspaceId": DEFAULT_WORKSPACE_ID, "definitionId": shop}
        source_id = self._made("/sources", {**source, "configuration": {"shop": "s"}})["sourceId"]
        target = {"destinationType": "local", "destination_path": str(self.lake)}
        body = {"name": "d", "workspaceId": DEFAULT_WORKSPACE_ID, "configuration": target}
        destination_id = self._made("/destinations", body)["destinationId"]
        for number in range(connections):
            connection = {"name": f"c{number}", "sourceId": source_id, "destinationId": destination_id}
            streams = {"streams": [{"name": "orders", "syncMode": "full_refresh_append"}]}
            connection |= {"prefix": f"c{number}_", "configurations": streams}
            self.connections.append(self._made("/connections", connection)["connectionId"])

    def ask(self) -> None:
        """Asks for a sync of each connection; what is answered is counted, what is accepted remembered."""
        for connection_id in self.connections:
            try:
                body = {"connectionId": connection_id, "jobType": "sync"}
                answer = self.http("POST", "/jobs", body, timeout=15)
            except httpx.TransportError:
                self.answers[0] += 1  # no descriptor was left to accept the connection
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                self.accepted.append(answer.json()["jobId"])

    def outcome(self) -> Counter[str]:
        """How the accepted jobs ended, once the machine works again; `open` is one that did not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        statuses: dict[int, str] = {}
        while time.monotonic() < deadline and len(statuses) < len(self.accepted):
            for job_id in self.accepted:
                status = self._status(job_id)
                if status in FINAL:
                    statuses[job_id] = status
            time.sleep(0.5)
        return Counter(statuses.get(job_id, "open") for job_id in self.accepted)

    def healthy(self) -> bool:
        """Whether the server says that it works, within a while."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.http("GET", "/health").status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        return False

    def _status(self, job_id: int) -> str:
        try:
            return str(self.http("GET", f"/jobs/{job_id}").json().get("status", ""))
        except httpx.TransportError:
            return ""

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.http("POST", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def _process(trial: Trial) -> psutil.Process:
    assert trial.server.child is not None
    return psutil.Process(trial.server.child.pid)


@contextmanager
def no_descriptors(trial: Trial) -> Generator[None]:
    """The server has no file descriptor left: idle connections hold them."""
    process = _process(trial)
    _, hard = process.rlimit(resource.RLIMIT_NOFILE)
    process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds() + 6, hard))
    held: list[socket.socket] = []
    for _ in range(40):
        client = socket.socket()
        client.settimeout(1)
        client.connect(("127.0.0.1", trial.server.port))
        held.append(client)
    try:
        yield
    finally:
        for client in held:
            client.close()
        process.rlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))


@contextmanager
def locked_store(trial: Trial) -> Generator[None]:
    """Another program holds the store's write lock."""
    db = sqlite3.connect(trial.server.data / "store.sqlite", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


@contextmanager
def small_files(trial: Trial) -> Generator[None]:
    """No file can grow any more: what a full disk does to the server and all that it starts."""
    process = _process(trial)
    size = (trial.server.data / "store.sqlite-wal").stat().st_size
    process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def killed_workers(trial: Trial) -> Generator[None]:
    """Every worker process is killed as soon as it is there."""
    process = _process(trial)
    stop = time.monotonic() + 5
    yield
    while time.monotonic() < stop:
        for child in process.children():
            child.kill()
        time.sleep(0.05)


FAULTS: dict[str, Callable[[Trial], Any]] = {
    "no file descriptor left": no_descriptors,
    "a locked store": locked_store,
    "no file can grow": small_files,
    "killed workers": killed_workers,
}
