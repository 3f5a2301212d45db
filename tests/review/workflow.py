"""Runs the steps of a workflow one by one, without GitHub: expressions, checkouts, environment files, shells."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class Context(dict[str, Any]):
    """A context whose missing members are empty, as they are there."""

    def __getattr__(self, name: str) -> Any:
        value = self.get(name, "")
        return Context(value) if isinstance(value, dict) else value


def evaluated(expression: str, contexts: Mapping[str, Any]) -> Any:
    """An expression of the few kinds that our workflows have."""
    text = expression.strip().replace("!cancelled()", "True").replace("&&", " and ").replace("||", " or ")
    names = {name: Context(value) for name, value in contexts.items()}
    return eval(text, {"__builtins__": {}}, names)  # noqa: S307  the text is in this repository


def filled(text: Any, contexts: Mapping[str, Any]) -> str:
    """A text with its expressions' values."""
    return _EXPRESSION.sub(lambda match: str(evaluated(match.group(1), contexts)), str(text))


@dataclass
class Runner:
    """A machine with a workspace; `environment` is what every shell on it has."""

    workspace: Path
    repository: Path
    contexts: dict[str, Any]
    environment: dict[str, str]
    ran: list[str] = field(default_factory=list[str])
    seen: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Each step's own variables, by its name."""

    @property
    def summary(self) -> str:
        """What the steps wrote for people."""
        return (self.workspace / ".summary").read_text(encoding="utf-8")

    def run(self, workflow: Path, job: str) -> dict[str, int | None]:
        """Every step of a job: its exit code, None for one that its condition left out. A fault stops what follows."""
        document = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        asked = document["jobs"][job]
        if not self._wanted(asked.get("if")):
            return {}
        for name in (".path", ".summary"):
            (self.workspace / name).touch()
        common = {name: filled(value, self.contexts) for name, value in (document.get("env") or {}).items()}
        codes: dict[str, int | None] = {}
        failed = False
        for step in asked["steps"]:
            name = step.get("name") or step["uses"].partition("@")[0]
            always = "cancelled()" in str(step.get("if", ""))
            if (failed and not always) or not self._wanted(step.get("if")):
                codes[name] = None
                continue
            codes[name] = self._checkout(step) if "uses" in step else self._shell(name, step, common)
            failed = failed or codes[name] != 0
        return codes

    def _wanted(self, condition: str | None) -> bool:
        text = str(condition or "True").strip()
        match = _EXPRESSION.fullmatch(text)
        return bool(evaluated(match.group(1) if match else text, self.contexts))

    def _checkout(self, step: Mapping[str, Any]) -> int:
        if not step["uses"].startswith("actions/checkout@"):
            return 0  # Python is on this machine
        given = step.get("with") or {}
        target = self.workspace / filled(given.get("path", "."), self.contexts)
        subprocess.run(["git", "clone", "-q", "--no-local", self.repository, target], check=True)
        if ref := filled(given.get("ref", ""), self.contexts):
            subprocess.run(["git", "checkout", "-q", "--detach", ref], cwd=target, check=True)
        return 0

    def _shell(self, name: str, step: Mapping[str, Any], common: Mapping[str, str]) -> int:
        own = {key: filled(value, self.contexts) for key, value in (step.get("env") or {}).items()}
        self.seen[name] = own
        added = [line for line in (self.workspace / ".path").read_text().splitlines() if line]
        answer = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"], self.contexts)],
            cwd=self.workspace,
            env={
                **self.environment,
                **common,
                **own,
                "PATH": os.pathsep.join([*reversed(added), self.environment["PATH"]]),
                "GITHUB_PATH": str(self.workspace / ".path"),
                "GITHUB_STEP_SUMMARY": str(self.workspace / ".summary"),
                "RUNNER_TEMP": str(self.workspace / ".temp"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.ran.append(f"{name}: {answer.returncode}\n{answer.stdout}{answer.stderr}")
        return answer.returncode
