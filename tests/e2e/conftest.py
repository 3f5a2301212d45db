"""A fresh clone of what is in this checkout, brought from nothing to Parquet once for all tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
WITHOUT = {"VIRTUAL_ENV", "S3_ENDPOINT", "PULUMI_STACK", "PULUMI_BACKEND_URL", "AIRBYTE_SERVER_URL"}


@dataclass(frozen=True)
class Clone:
    """A clone on disk and the commands a person types in it."""

    path: Path

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command in the clone's folder, with its output as text."""
        inherited = {name: value for name, value in os.environ.items() if name not in WITHOUT}
        answer = subprocess.run(
            command, cwd=self.path, env={**inherited, **environment}, capture_output=True, text=True, check=False
        )
        assert not check or answer.returncode == 0, f"{command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def lotus(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`lotus …` of this clone's own environment."""
        return self.run(str(self.path / ".venv" / "bin" / "lotus"), *arguments, check=check)

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`pulumi …` as a person runs it: after eval "$(lotus env)"."""
        variables: dict[str, str] = json.loads(self.lotus("env", "--json").stdout)
        return self.run("pulumi", *arguments, "--non-interactive", check=check, **variables)

    def landing(self) -> dict[tuple[str, str], int]:
        """Rows by (source, stream), as `lotus landing --json` counts them."""
        rows: dict[tuple[str, str], int] = {}
        found: list[dict[str, Any]] = json.loads(self.lotus("landing", "--json").stdout)
        for day in found:
            key = (day["source"], day["stream"])
            rows[key] = rows.get(key, 0) + day["rows"]
        return rows


def copy_of_checkout(target: Path) -> Path:
    """The files that git tracks or would track, as they are now, committed in a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = PROJECT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "the checkout as it is"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    return target


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone in which `make run` has run once; its servers are ended afterwards."""
    made = Clone(copy_of_checkout(tmp_path_factory.mktemp("clone")))
    try:
        made.run("make", "run")
        yield made
    finally:
        made.run("make", "stop", check=False)
