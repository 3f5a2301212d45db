"""A clone of this checkout on disk, and the commands that a person types in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
WITHOUT = {"VIRTUAL_ENV", "S3_ENDPOINT", "PULUMI_STACK", "PULUMI_BACKEND_URL", "AIRBYTE_SERVER_URL"}


@dataclass(frozen=True)
class Clone:
    """A clone on disk and the commands a person types in it."""

    path: Path

    def environment(self) -> dict[str, str]:
        """The environment of a fresh shell: without what another clone or stack left in this one."""
        return {name: value for name, value in os.environ.items() if name not in WITHOUT}

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command in the clone's folder, with its output as text."""
        answer = subprocess.run(
            command,
            cwd=self.path,
            env={**self.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or answer.returncode == 0, f"{command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def lotus(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`lotus …` of this clone's own environment."""
        return self.run(str(self.path / ".venv" / "bin" / "lotus"), *arguments, check=check)

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`pulumi …` as a person runs it: after eval "$(lotus env)"."""
        return self.run("pulumi", *arguments, "--non-interactive", check=check, **self.pulumi_environment())

    def pulumi_environment(self) -> dict[str, str]:
        """What `lotus env` says."""
        return json.loads(self.lotus("env", "--json").stdout)

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
