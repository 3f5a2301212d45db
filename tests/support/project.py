"""A Pulumi project in a folder of its own, and `pulumi` as a person runs it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotus.local.dev import path as path_with_tools
from tests.support.airbyte import REPOSITORY

PLUGIN = REPOSITORY / "pulumi-airbyte" / "plugin"
INHERITED = ("AIRBYTE_", "PULUMI_", "AWS_", "LOTUS_S")
"""What a project of a test takes over from the shell of whoever runs the tests: nothing that begins so."""


@dataclass
class Project:
    """A project whose state is in files in its folder, unless `environment` says otherwise."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def write(self, name: str, content: Any) -> Path:
        """Write a file: text as it is, anything else as JSON; None removes it."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.unlink()
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
        return file

    def read(self, name: str) -> Any:
        """A file's JSON."""
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def create(self, name: str, program: str, stack: str = "", **settings: str) -> None:
        """Write the project's files; with a stack, create it with these settings."""
        for folder in ("state", "home"):
            (self.folder / folder).mkdir()
        self.write(
            "Pulumi.yaml",
            f"name: {name}\nruntime: python\nplugins:\n  providers:\n    - name: airbyte\n      path: {PLUGIN}\n",
        )
        self.write("__main__.py", program)
        if stack:
            self.pulumi("stack", "init", stack)
            for setting, value in settings.items():
                self.pulumi("config", "set", f"airbyte:{setting}", value)

    def variables(self) -> dict[str, str]:
        """The environment of `pulumi`, and of the processes that it starts."""
        shell = {name: value for name, value in os.environ.items() if not name.startswith(INHERITED)}
        shell.pop("VIRTUAL_ENV", None)
        return {
            **shell,
            "PATH": path_with_tools(REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.environment,
        }

    def pulumi(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """`pulumi …`."""
        return self._run(["pulumi", *arguments, "--non-interactive"], self.folder, check, environment)

    def lotus(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """`lotus …`."""
        command = [sys.executable, "-c", "from lotus.cli import main; main()", "--project", str(self.folder)]
        return self._run([*command, *arguments], REPOSITORY, check, environment)

    def _run(
        self, command: list[str], folder: Path, check: bool, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            command, cwd=folder, env={**self.variables(), **environment}, capture_output=True, text=True, check=False
        )
        assert not check or answer.returncode == 0, f"{command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def up(self, *more: str, check: bool = True, **environment: str) -> str:
        """`pulumi up`; what it printed."""
        answer = self.pulumi("up", "--yes", "--skip-preview", "--diff", *more, check=check, **environment)
        return answer.stdout + answer.stderr

    def preview(self, *more: str, **environment: str) -> tuple[int, str]:
        """The exit code of a preview that expects no change (7: there is one), and what it printed."""
        answer = self.pulumi("preview", "--diff", "--expect-no-changes", *more, check=False, **environment)
        return answer.returncode, answer.stdout + answer.stderr

    def drift(self) -> tuple[int, str]:
        """The exit code of a refresh that expects no change and changes nothing, and what it printed."""
        answer = self.pulumi("refresh", "--preview-only", "--diff", "--expect-no-changes", check=False)
        return answer.returncode, answer.stdout + answer.stderr

    def exported(self) -> list[dict[str, Any]]:
        """The resources of the state."""
        return json.loads(self.pulumi("stack", "export").stdout)["deployment"].get("resources", [])

    def resources(self) -> dict[str, dict[str, Any]]:
        """What the state has, by type and name; without what the next run deletes, its replacement being there."""
        return {
            each["urn"].split("::", 2)[2]: each
            for each in self.exported()
            if each["type"].startswith("airbyte:") and not each.get("delete")
        }
