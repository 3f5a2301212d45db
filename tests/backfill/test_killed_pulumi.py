"""`pulumi up` killed with its plugins around the request, as when a pod is replaced: the next run ends it, once."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from .conftest import ROWS
from .gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("backfill")]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_killed_up_neither_loses_nor_repeats_the_request(lake, token, side):
    """Everything is killed before the request reaches Airbyte, or before its answer comes back."""
    gate = Gate(lake.server.url)
    lake.stream("orders", backfill=token)
    gate.at = "/connections/refresh"
    setattr(gate, side, lambda gate: gate.kill())
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=lake.folder,
        env={**lake.variables(), "AIRBYTE_SERVER_URL": gate.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        gate.kill = lambda: kill_all(process.pid)
        process.wait()
    gate.close()
    lake.pulumi("cancel", "--yes")
    lake.up()
    lake.settle()

    assert lake.asked() == [("refresh", ["orders"])]
    assert lake.more() == (ROWS, 0)
    assert lake.receipt("orders")["job_id"]
    lake.pulumi("preview", "--expect-no-changes")


def kill_all(leader: int) -> None:
    """The engine and every plugin, which the engine puts into groups of their own."""
    found = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in found.splitlines()[1:]}
    family = {leader}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    for pid in family:
        os.kill(pid, signal.SIGKILL)
