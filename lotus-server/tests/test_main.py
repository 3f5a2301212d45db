"""The server as a process: start, stop, kill, memory, and what it says when it cannot start."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID
from server_support.process import ServerProcess, free_port

pytestmark = pytest.mark.slow

KILL_ROUNDS = int(os.environ.get("LOTUS_KILL_ROUNDS", "20"))
IDLE_MEMORY_BYTES = 120 * 1024 * 1024


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The server's process until it ends by itself."""
    command = [sys.executable, "-m", "lotus_server", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )


def test_it_says_one_line_when_ready_and_stops_when_told(tmp_path: Path) -> None:
    """One line on stdout once it answers, nothing on stderr, exit code 0 after SIGTERM."""
    server = ServerProcess(tmp_path / "data")
    server.start()
    code, out, err = server.stop()

    assert (code, out.count("\n"), err) == (0, 1, "")
    assert f"{server.url}/api/public/v1" in out


def test_idle_memory_is_small(tmp_path: Path) -> None:
    """Issue: idle memory under 120 MB, and no pyarrow in the server."""
    with ServerProcess(tmp_path / "data") as server:
        assert server.child is not None
        httpx.get(f"{server.url}/v1/sources")
        process = psutil.Process(server.child.pid)

        assert process.memory_info().rss < IDLE_MEMORY_BYTES
        assert not [region.path for region in process.memory_maps() if "pyarrow" in region.path]


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    """Port in use: one sentence that says what to do, an exit code of its own."""
    with ServerProcess(tmp_path / "a") as server:
        ended = run("--data", str(tmp_path / "b"), "--port", str(server.port))

    assert ended.returncode == 3
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
    assert f"port {server.port} on 127.0.0.1 is in use" in ended.stderr
    assert not (tmp_path / "b").exists()


def test_data_in_use_is_one_sentence(tmp_path: Path) -> None:
    """Two servers over one directory would tear it apart: the second does not start."""
    with ServerProcess(tmp_path / "data"):
        ended = run("--data", str(tmp_path / "data"), "--port", str(free_port()))

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "is used by another lotus-server" in ended.stderr


def test_another_host_needs_a_token(tmp_path: Path) -> None:
    """Loopback only unless told otherwise with a token set."""
    ended = run("--data", str(tmp_path / "data"), "--port", "0", "--host", "0.0.0.0")  # noqa: S104

    assert ended.returncode == 2
    assert "LOTUS_EMBEDDED_TOKEN" in ended.stderr


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    """Without its key the store's secrets cannot be read: said at the start, not at the first request."""
    with ServerProcess(tmp_path / "data"):
        pass
    (tmp_path / "data" / "key").unlink()
    ended = run("--data", str(tmp_path / "data"), "--port", "0")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "is missing" in ended.stderr


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """kill -9 during writes, again and again: every write that got its answer is there afterwards."""
    server = ServerProcess(tmp_path / "data")
    acknowledged: set[str] = set()
    dice, numbers = random.Random(7), itertools.count()
    stop = threading.Event()

    def write() -> None:
        with httpx.Client(base_url=server.url) as http:
            while not stop.is_set():
                body = {"name": f"t{next(numbers)}", "color": "ff0000", "workspaceId": DEFAULT_WORKSPACE_ID}
                try:
                    response = http.post("/v1/tags", json=body)
                except httpx.TransportError:
                    return
                assert response.status_code == 200, response.text
                acknowledged.add(response.json()["tagId"])

    for _ in range(KILL_ROUNDS):
        server.start()
        kept = {tag["tagId"] for tag in httpx.get(f"{server.url}/v1/tags", timeout=30).json()["data"]}
        assert acknowledged <= kept
        stop.clear()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write) for _ in range(4)]
            enough = len(acknowledged) + dice.randint(1, 40)  # not a time: machines are slow in different ways
            deadline = time.monotonic() + 10
            while len(acknowledged) < enough and time.monotonic() < deadline:
                time.sleep(0.001)
            server.kill()
            stop.set()
            for writer in writers:
                writer.result()
    assert len(acknowledged) > KILL_ROUNDS
    with sqlite3.connect(tmp_path / "data" / "store.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_twenty_clients_at_once_get_their_answers(tmp_path: Path) -> None:
    """Issue: 20 clients at once without an error."""
    with ServerProcess(tmp_path / "data") as server:

        def client(number: int) -> None:
            with httpx.Client(base_url=f"{server.url}/v1", timeout=30) as http:
                for turn in range(10):
                    body = {"name": f"w{number}-{turn}"}
                    made = http.post("/workspaces", json=body).raise_for_status().json()
                    path = f"/workspaces/{made['workspaceId']}"
                    assert http.get(path).raise_for_status().json() == made
                    http.delete(path).raise_for_status()

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for done in [pool.submit(client, number) for number in range(20)]:
                done.result()


def test_small_answers_are_sent_at_once(tmp_path: Path) -> None:
    """A client that keeps its connection does not wait for a delayed acknowledgement (40 ms on Linux)."""
    with ServerProcess(tmp_path) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        taken = [client.get("/v1/health").elapsed.total_seconds() for _ in range(20)]
        assert min(taken[1:]) < 0.02


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("curl"), reason="needs curl, and root to be somebody else")
def test_other_users_of_the_machine_are_refused(tmp_path: Path) -> None:
    """Without credentials, a loopback connection is only answered if it is of the server's own user (or root)."""
    nobody = 65534

    def status(url: str, user: int) -> str:
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
        return subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=True).stdout

    with ServerProcess(tmp_path / "data") as server:
        assert [status(f"{server.url}/v1/sources", user) for user in (0, nobody)] == ["200", "403"]
    with ServerProcess(tmp_path / "other", environment={"LOTUS_EMBEDDED_TOKEN": "open sesame"}) as server:
        assert [status(f"{server.url}/v1/{path}", nobody) for path in ("health", "sources")] == ["200", "401"]
