"""Tables for people, JSON for machines, progress lines on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

UNITS = ("B", "kB", "MB", "GB", "TB")


def say(line: str) -> None:
    """A line of talk on stderr."""
    print(line, file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    """`data` (dataclasses, lists, dicts) as indented JSON on stdout."""
    print(json.dumps(data, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout; the columns named in `right` are numbers. Without a terminal it is as wide as it needs."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    width = None if sys.stdout.isatty() else 10_000
    Console(highlight=False, markup=False, width=width).print(table)


def size(count: int | None) -> str:
    """Bytes as people read them: 812 B, 1.4 MB."""
    if count is None:
        return ""
    number = float(count)
    for unit in UNITS:
        if number < 1000 or unit == UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("unreachable")
