"""A destination that bb0f71e's `lotus new destination` wrote is a package of somebody else: it goes on working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.freeze.golden import ORIGINAL

pytestmark = pytest.mark.slow

PACKAGE = ORIGINAL / "lotus-destination-memo"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package of then is installed in."""
    target = tmp_path_factory.mktemp("installed")
    install = [BIN / "uv", "pip", "install", "-q", "--no-deps", "--target", target, PACKAGE]
    subprocess.run(install, check=True, cwd=target)
    return target


def test_its_own_suite_passes(installed: Path, tmp_path: Path) -> None:
    """Every name that the command wrote into it is still imported from where it was."""
    suite = tmp_path / "test_memo.py"
    suite.write_bytes((PACKAGE / "tests" / "test_memo.py").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [BIN / "pytest", "-q", "--rootdir", tmp_path, "-p", "no:cacheprovider", suite]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout


def test_its_entry_point_is_read(installed: Path) -> None:
    """The local server offers it by the name in the group `lotus.destinations`."""
    code = "from lotus_server.destinations import destination_class; print(destination_class('memo').__module__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["lotus_destination_memo"]
