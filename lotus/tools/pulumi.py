"""Pulumi as a command: found, run, and its preview as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lotus.errors import ToolError
from lotus.example_values import refuse_example
from lotus.tools.catalog import find
from lotus.untyped import as_mapping


def program() -> Path:
    """The `pulumi` to run.

    Raises:
        ToolError: there is none.
    """
    path = find("pulumi")
    if path is None:
        raise ToolError("pulumi is not installed", where="PATH", fix="make setup, or put pulumi on PATH")
    return path


def run(
    project: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    seconds: float | None = None,
    show: bool = False,
) -> subprocess.CompletedProcess[str]:
    """One command of pulumi's in the project's folder, whatever its exit code; never one that asks.

    Args:
        environment: the whole environment.
        seconds: how long it may take.
        show: its output goes straight to the terminal.

    Raises:
        ToolError: pulumi is not installed, or the command took longer.
        ConfigError: the state's address is an example's.
    """
    refuse_example(environment.get("PULUMI_BACKEND_URL"), "the state's address", where="lotus:gitops.state")
    command = [str(program()), *arguments]
    try:
        return subprocess.run(
            command,
            cwd=project,
            env=dict(environment),
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.PIPE,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"pulumi {arguments[0]} did not end within {seconds:.0f} s",
            where=f"pulumi {' '.join(arguments)}",
            fix="run it in a terminal to see what it waits for",
        ) from None


def preview_json(
    project: Path, stack: str, options: Sequence[str], environment: Mapping[str, str], *, seconds: float | None = None
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """What `pulumi preview --json` answers, and the process; the answer is empty where it printed none.

    Raises:
        ToolError: pulumi is not installed, or the preview took longer.
    """
    arguments = ["preview", *options, "--json", "--non-interactive", "--stack", stack]
    process = run(project, arguments, {**environment, "NO_COLOR": "1"}, seconds=seconds)
    # What a program prints itself can come before the JSON.
    _, brace, rest = process.stdout.partition("{")
    try:
        content: Any = json.loads(brace + rest)
    except ValueError:
        content = None
    return as_mapping(content), process
