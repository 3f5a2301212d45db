"""Ctrl-C says what goes on, and how to stop or follow it; `--version` says which lotus it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from lotus.cli.progress import continues_after_ctrl_c
from lotus.local import dev
from tests.support.processes import free_port

LOTUS = [sys.executable, "-c", "from lotus.cli import main; main()"]


def test_what_goes_on_is_said_and_the_stop_is_not_swallowed(capsys: pytest.CaptureFixture[str]):
    """The exit code stays the one of Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), continues_after_ctrl_c("the syncs continue"):
        raise KeyboardInterrupt

    assert capsys.readouterr().err == "the syncs continue\n"


@pytest.mark.slow
def test_ctrl_c_in_dev_up_names_the_way_to_stop_what_was_started(tmp_path: Path):
    """The S3 does not get healthy here, so that there is time to stop waiting for it."""
    (tmp_path / "Pulumi.yaml").write_text("name: lake\nruntime: python\n")
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "S3_ENDPOINT"}
    environment |= {"LOTUS_VERSITYGW": str(silent)}
    command = [*LOTUS, "--project", str(tmp_path), "dev", "up", "--port", str(free_port())]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not (tmp_path / ".lotus" / "dev" / "log" / "s3.log").exists():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        list(dev.down(tmp_path))

    assert process.returncode == 130
    assert "what was started continues; to stop it: make stop (or: lotus dev down)" in said


def test_the_version_is_the_distributions():
    """For reports, and before an upgrade."""
    answer = subprocess.run([*LOTUS, "--version"], capture_output=True, text=True, check=True)

    assert answer.stdout == f"lotus {version('lotus-lake')}\n"
