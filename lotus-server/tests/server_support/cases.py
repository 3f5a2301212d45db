"""Tables of cases for rules that clients of this server have too: what both sides say is compared with one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("cases")


def cases(name: str) -> list[tuple[Any, ...]]:
    """The rows of a table."""
    return [tuple(row) for row in json.loads((_FOLDER / f"{name}.json").read_text())]
