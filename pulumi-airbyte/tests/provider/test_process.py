"""The plugin as a process."""

from __future__ import annotations

import subprocess
import sys
import time

ENGINE = """
import subprocess, sys, time
plugin = subprocess.Popen([sys.executable, "-m", "pulumi_airbyte.provider", "127.0.0.1:9"], stdout=subprocess.PIPE)
plugin.stdout.readline()
print(plugin.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for init to notice does not."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(answer.stdout.strip()) and not answer.stdout.startswith("Z")


def test_a_killed_engine_leaves_no_plugin_behind():
    """The engine ends its plugins when it ends; when it is killed, they have to notice."""
    with subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        plugin = int(engine.stdout.readline())
        engine.kill()
    until = time.monotonic() + 20
    while alive(plugin) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(plugin)
