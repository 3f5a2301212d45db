"""What connectors are given and leave behind does not stay, however they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from lotus_server.connectors import PrivateFolders
from lotus_server.connectors.process import environment
from server_support.lake import Lake, OpenLake

pytestmark = pytest.mark.slow


def left(data: Path) -> list[str]:
    """Files below the private folder."""
    return [str(path) for path in (data / "private").rglob("*") if path.is_file()]


async def reading(it: Lake, connection: str) -> tuple[int, int]:
    """A job whose connector has its configuration by now, and its worker's process."""
    job_id = await it.jobs.submit(connection, "sync")
    deadline = time.monotonic() + 60
    while not left(it.data):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    job = await it.until(lambda job: job.status == "running", job_id)
    return job_id, it.attempts(job)[-1].worker_pid


@pytest.mark.parametrize("ending", ["cancel", "stop", "kill of the worker"])
def test_no_configuration_stays_behind(lake: OpenLake, configured: Any, tmp_path: Path, ending: str) -> None:
    """The server removes it after the worker, for whatever reason that ended; only this user could read it."""

    async def scenario() -> None:
        async with lake() as it:
            killed = str(tmp_path / "killed")
            connection = it.scripted([["once", killed, [["hang"]]]], [configured()], folder=tmp_path / "out")
            job_id, worker = await reading(it, connection)
            modes = {Path(path).stat().st_mode & 0o777 for path in left(it.data)}
            folder = (it.data / "private").stat().st_mode & 0o777
            assert (modes, folder) == ({0o600}, 0o700)
            if ending == "cancel":
                await it.jobs.cancel(job_id)
            elif ending == "kill of the worker":
                os.kill(worker, signal.SIGKILL)
                await it.ended(job_id)
            else:
                await it.jobs.stop()
            assert left(it.data) == []

    asyncio.run(scenario())


def test_what_a_killed_server_left_is_swept_at_start(lake: OpenLake, tmp_path: Path) -> None:
    """Whoever comes next removes it."""
    stale = tmp_path / "data" / "private" / "job-1-0-abc"
    stale.mkdir(parents=True)
    (stale / "config.json").write_text("secret")

    async def scenario() -> None:
        async with lake() as it:
            assert left(it.data) == []

    asyncio.run(scenario())


def test_a_connector_sees_no_credentials_of_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A clean environment, and temporary files in a folder that goes with it."""
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "KUBECONFIG", "SSH_AUTH_SOCK", "LOTUS_EMBEDDED_TOKEN"):
        monkeypatch.setenv(name, "secret")
    with PrivateFolders(tmp_path).folder("x") as folder:
        variables = environment("owner", folder)
        assert "secret" not in variables.values()
        assert (Path(variables["TMPDIR"]).parent, "PATH" in variables) == (folder, True)
    assert list(tmp_path.iterdir()) == []


def test_a_new_configuration_of_the_connector_takes_the_place_of_the_stored_one(
    lake: OpenLake, configured: Any, tmp_path: Path
) -> None:
    """CONTROL: a refresh token that works once would be lost otherwise."""
    control = {"type": "CONNECTOR_CONFIG", "emitted_at": 1.0, "connectorConfig": {"config": {"password": "next"}}}
    script = [["message", {"type": "CONTROL", "control": control}], ["records", "orders", 1, 1]]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured()], folder=tmp_path / "out")
            job = await it.run(connection)
            assert job.status == "succeeded", it.reason(job)
            assert it.configuration(connection) == {"password": "next"}
            log = json.dumps(it.jobs.log_lines(job.id, 0))
            assert "next" not in log

    asyncio.run(scenario())
