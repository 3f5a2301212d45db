"""The recordings on disk: what bb0f71e answered, and where a later change intends another answer."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

COMMIT = "bb0f71e"
DATA = Path(__file__).with_name("data")
ORIGINAL = DATA / COMMIT
INTENDED = DATA / "intended"
NOTES = Path(__file__).with_name("INTENDED.md")
PARTS = ("api", "commands", "landing", "live")

Recording = dict[str, Any]
"""JSON values by the name of the file that keeps them."""


def names(part: str) -> list[str]:
    """The files of a part, such as `api/jobs.json`."""
    return sorted(path.relative_to(ORIGINAL).as_posix() for path in (ORIGINAL / part).rglob("*.json"))


def frozen(name: str) -> Any:
    """What the code should answer: the intended answer where there is one, else that of bb0f71e."""
    path = INTENDED / name
    return json.loads((path if path.exists() else ORIGINAL / name).read_text(encoding="utf-8"))


def difference(name: str, content: Any) -> str:
    """How an answer of today differs from the frozen one, as a unified diff; empty where it does not."""
    before, after = _text(frozen(name)).splitlines(), _text(content).splitlines()
    return "\n".join(difflib.unified_diff(before, after, f"frozen {name}", "today", lineterm=""))


def keep(folder: Path, name: str, content: Any) -> None:
    """Writes one recording."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(content), encoding="utf-8")


def _text(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
