"""`make run` killed at any moment can be run again, and ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import httpx
import pytest

from tests.support.clone import Clone, copy_of_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
MOMENTS = (0.6, 1.2, 2.0, 3.0, 4.5, 6.0, 8.0)
"""Seconds after the start: the environment, the servers, the stack, the first creates, discovery, the syncs."""


@pytest.fixture
def killed(tmp_path) -> Clone:
    """A clone whose every run so far was killed with all that it had in the foreground."""
    clone = Clone(copy_of_checkout(tmp_path / "clone"))
    clone.run("make", "setup")
    for moment in MOMENTS:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=clone.path,
            env=clone.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return clone


def test_killed_runs_leave_one_of_each_object_and_every_row(killed):
    """No lock, orphan or duplicate is left, and the run that is not killed lands every stream."""
    try:
        killed.run("make", "run")
        server = killed.pulumi_environment()["AIRBYTE_SERVER_URL"]
        found = {
            kind: httpx.get(f"{server}/{kind}").json()["data"] for kind in ("sources", "destinations", "connections")
        }
        killed.pulumi("preview", "--expect-no-changes")
        landed = killed.landing()
    finally:
        killed.run("make", "stop")

    assert {kind: len(objects) for kind, objects in found.items()} == {
        "sources": 2,
        "destinations": 1,
        "connections": 2,
    }
    assert len(landed) == 6
    assert all(landed.values())
