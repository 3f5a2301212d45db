"""From an empty folder to landed rows, with lotus from built wheels, as somebody who never saw this checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clone import PROJECT, Clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
UV = Path(sys.executable).parent / "uv"


def _uv(*arguments: str | Path, cwd: Path | None = None) -> None:
    answer = subprocess.run([UV, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def _environment(folder: Path, requirements: list[str]) -> Path:
    _uv("venv", "--quiet", "--seed", "--python", sys.executable, folder / ".venv")
    python = folder / ".venv" / "bin" / "python"
    _uv("pip", "install", "--quiet", "--python", python, *requirements, cwd=folder)
    return folder / ".venv" / "bin" / "lotus"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the three distributions, as a release has them."""
    folder = tmp_path_factory.mktemp("wheels")
    for checkout in (PROJECT, PROJECT / "pulumi-airbyte", PROJECT / "lotus-server"):
        _uv("build", "--quiet", "--wheel", "--out-dir", folder, checkout)
    return folder


def test_an_empty_folder_becomes_a_lake_with_rows(wheels: Path, tmp_path: Path):
    """init → sources add faker → streams add → preview → up → sync → landing, each by its command."""
    tools = tmp_path / "tools"
    tools.mkdir()
    others = [str(next(wheels.glob(f"{name}-*"))) for name in ("pulumi_airbyte", "lotus_server")]
    installed = [*others, f"{next(wheels.glob('lotus_lake-*'))}[cli,embedded]"]
    lotus = _environment(tools, installed)
    lake = Clone(tmp_path / "my-lake")
    made = subprocess.run([lotus, "init", lake.path, "--json"], capture_output=True, text=True, check=True)
    assert f"./wheels/{next(wheels.glob('lotus_lake-*')).name}" in json.loads(made.stdout)["pinned"]
    _environment(lake.path, ["-r", "requirements-dev.txt"])
    assert "0 faults" in lake.lotus("validate", "--stack", "dev").stderr
    lake.lotus("fmt", "--check")
    try:
        lake.lotus("dev", "up")
        lake.pulumi("preview")
        added = lake.lotus("sources", "add", "source-faker", "--set", "count=60", "--set", "records_per_slice=20")
        assert "check: succeeded" in added.stderr
        assert "to create" in added.stderr
        lake.lotus("streams", "add", "faker", "users", "--fields", "name,email")
        lake.lotus("streams", "add", "faker", "products")
        assert "0 faults" in lake.lotus("validate", "--stack", "dev").stderr
        assert "Connection" in lake.pulumi("preview").stdout
        lake.pulumi("up", "--yes", "--skip-preview")
        lake.pulumi("preview", "--expect-no-changes")
        lake.lotus("sync", "--all", "--wait")

        assert lake.landing() == {("faker", "users"): 60, ("faker", "products"): 60}
        assert json.loads(lake.lotus("sources", "--json").stdout)["lines"][0]["state"] == "both"
        assert lake.lotus("check", "faker").stdout.startswith("source Faker: succeeded")
        assert lake.lotus("discover", "--all", "--check").stdout == ""
    finally:
        lake.lotus("dev", "down", check=False)
