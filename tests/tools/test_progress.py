"""Progress of a first run: in order, and never silent for ten seconds, also while another clone builds."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import time
from lotus.tools import progress
progress.QUIET_SECONDS = 0.5
with progress.reporting(), progress.step("pulumi", "building"):
    progress.update("pulumi", "building, 7 of at most 9 packages")
    time.sleep({seconds})
"""


def seconds_of(lines: list[str]) -> list[int]:
    """The times at the beginning of the lines."""
    return [int(match.group(1)) for line in lines if (match := re.match(r"\[ *(\d+) s\] ", line))]


def test_a_long_step_is_repeated_with_what_it_does_by_now():
    """Nobody has to guess whether it hangs."""
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seconds=3)], capture_output=True, text=True, check=True
    )

    lines = answer.stderr.splitlines()
    assert "pulumi: building" in lines[0]
    assert "building, 7 of at most 9 packages" in lines[1]
    assert seconds_of(lines) == sorted(seconds_of(lines))


@pytest.mark.slow
def test_who_waits_for_another_clones_build_is_told_so_again_and_again(tmp_path: Path):
    """The lock of a builder is held here; the second one says what it waits for, in at most ten seconds each time."""
    folder = tmp_path / "cache" / "tools"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "lotus.tools", "ensure", "versitygw"]
    environment = {"PATH": "/nowhere", "LOTUS_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(Path.cwd())}
    with (folder / ".versitygw.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        time.sleep(11)
        waiting.terminate()
        _, said = waiting.communicate()

    lines = said.splitlines()
    assert len(lines) >= 2
    assert all("another clone is building it; waiting" in line for line in lines)
