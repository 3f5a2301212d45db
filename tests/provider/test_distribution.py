"""The package by itself: built, installed alone in an empty environment, its example run and typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.airbyte import REPOSITORY, WORKSPACE, Airbyte

from .conftest import Project

pytestmark = pytest.mark.slow

PACKAGE = REPOSITORY / "pulumi-airbyte"
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Installed:
    """An environment in which the wheel was installed, and nothing else was asked for."""

    folder: Path
    built: Path

    @property
    def bin(self) -> Path:
        """Its commands."""
        return self.folder / "bin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of `python -m build` in an environment of its own."""
    folder = tmp_path_factory.mktemp("alone")
    build = [str(UV), "run", "--quiet", "--no-project", "--with", "build==1.3.0", "--python", sys.executable]
    run(*build, "python", "-m", "build", "--installer", "uv", "--outdir", str(folder / "dist"), str(PACKAGE))
    (wheel,) = (folder / "dist").glob("*.whl")
    run(str(UV), "venv", "--quiet", "--seed", "--python", sys.executable, str(folder / "venv"))
    run(str(UV), "pip", "install", "--quiet", "--python", str(folder / "venv" / "bin" / "python"), str(wheel))
    return Installed(folder / "venv", folder / "dist")


def run(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def test_the_wheel_alone_runs_the_example(installed: Installed, server: Airbyte, tmp_path: Path):
    """Pulumi finds the plugin on the environment's PATH; nothing of lotus is there."""
    assert "lotus" not in run(str(UV), "pip", "list", "--python", str(installed.bin / "python"))
    shutil.copytree(PACKAGE / "example", tmp_path, dirs_exist_ok=True)
    for name in ("state", "home"):
        (tmp_path / name).mkdir()
    project = Project(tmp_path, server_url=server.url)
    project.environment["PATH"] = f"{installed.bin}:{project.variables()['PATH']}"
    project.pulumi("stack", "init", "dev")
    project.pulumi("config", "set", "airbyte:serverUrl", server.url)
    project.pulumi("config", "set", "workspaceId", WORKSPACE)
    lake = {"s3_bucket_name": "lake", "s3_bucket_path": "raw", "s3_bucket_region": "us-east-1"}
    for name, value in {**lake, "format.format_type": "Parquet", "format.compression_codec": "SNAPPY"}.items():
        project.pulumi("config", "set", "--path", f"lake.{name}", value)

    assert "+ 4 created" in project.up()
    assert project.preview("--refresh")[0] == 0
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_strict_type_checker_is_happy_with_the_example(installed: Installed, tmp_path: Path):
    """And says so where a mode is misspelt."""
    shutil.copy(PACKAGE / "example" / "__main__.py", tmp_path / "example.py")
    text = (tmp_path / "example.py").read_text()
    (tmp_path / "misspelt.py").write_text(text.replace('"incremental_append"', '"incremental_apend"'))
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "reportMissingTypeStubs": False}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    checker = Path(sys.executable).with_name("basedpyright")
    command = [str(checker), "--pythonpath", str(installed.bin / "python"), "--outputjson", "--project", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(answer.stdout)["generalDiagnostics"]

    assert {Path(one["file"]).name for one in found} == {"misspelt.py"}, found
