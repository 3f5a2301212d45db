"""One line of what `pulumi preview` would say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lotus.errors import ToolError
from lotus.tools import find

_WORDS = {"create": "to create", "update": "to update", "delete": "to delete", "replace": "to replace"}
_SECONDS = 300


def preview_line(project: Path, stack: str, environment: Mapping[str, str]) -> str:
    """Such as `2 to create, 7 unchanged`, by a real preview; nothing is changed.

    Raises:
        ToolError: pulumi is not there, or the preview failed; the message has its own words.
    """
    program = find("pulumi")
    if program is None:
        raise ToolError("pulumi is not installed", fix="make setup (or: python3 -m lotus.tools ensure pulumi)")
    command = [program, "preview", "--json", "--non-interactive", "--stack", stack]
    try:
        answer = subprocess.run(
            command, cwd=project, env=dict(environment), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"pulumi preview did not end within {_SECONDS} s", fix="run it yourself") from None
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        report = {}
    if answer.returncode or not report:
        said = [d["message"].strip() for d in report.get("diagnostics", ()) if d.get("severity") == "error"]
        words = "\n".join(said) or (answer.stderr or answer.stdout).strip()[-600:]
        raise ToolError(
            f"pulumi preview failed: {words}", where=f"pulumi preview --stack {stack}", fix="mend the cause"
        )
    counts: dict[str, int] = report.get("changeSummary") or {}
    found = [f"{counts[key]} {word}" for key, word in _WORDS.items() if counts.get(key)]
    same = counts.get("same", 0)
    return ", ".join([*(found or ["no change"]), *([f"{same} unchanged"] if same else [])])
