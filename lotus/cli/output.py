"""Tables for people, JSON for machines, progress lines on stderr."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lotus.untrusted import Untrusted, json_text, terminal_text

UNITS = ("B", "kB", "MB", "GB", "TB")

GAP = 3
"""Cells between two columns."""

WIDE = 10_000
"""The width of a table that no terminal shows."""


def say(line: str) -> None:
    """One line of talk on stderr, whatever stands in it."""
    print(Untrusted(line).terminal(), file=sys.stderr, flush=True)


def print_line(line: str = "") -> None:
    """One line of data on stdout, whatever stands in it."""
    print(Untrusted(line).terminal())


def print_text(text: str) -> None:
    """A text of several lines on stdout, made by one of lotus's own renderers."""
    print(terminal_text(text))


def print_json(data: Any) -> None:
    """`data` (dataclasses, lists, dicts) as indented JSON on stdout."""
    print(json_text(json.dumps(data, default=_plain, indent=2, ensure_ascii=False)))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout; the columns named in `right` are numbers. Without a terminal it is as wide as it needs."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    sys.stdout.write(table_text(titles, rows, right=right, width=width))


def table_text(
    titles: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = (), width: int = WIDE
) -> str:
    """A table that fits the width: text goes on in the next line between words, never inside one.

    Where the words of a row are wider than that, each row is a block of lines `title  value`.
    """
    cells = [["" if cell is None else _cell(cell) for cell in row] for row in rows]
    narrowest = [
        max(_narrowest(text, whole=title in right) for text in (title, *(row[number] for row in cells)))
        for number, title in enumerate(titles)
    ]
    if sum(narrowest) + GAP * (len(titles) - 1) > width:
        return _blocks(titles, cells, width)
    widths = _widths([titles, *cells], narrowest, width)
    lines = [["\n".join(_wrapped(text, room)) for text, room in zip(row, widths, strict=True)] for row in cells]
    return _drawn(titles, lines, right, width)


def _drawn(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], width: int) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), highlight=False, markup=False, width=width, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _widths(rows: Sequence[Sequence[str]], narrowest: Sequence[int], width: int) -> list[int]:
    """The columns' widths: what they need, or less for the widest, none below its longest word."""
    from rich.cells import cell_len

    widths = [
        max(cell_len(line) for row in rows for line in (row[number].splitlines() or [""]))
        for number in range(len(narrowest))
    ]
    while sum(widths) + GAP * (len(widths) - 1) > width:
        shrinkable = [number for number, least in enumerate(narrowest) if widths[number] > least]
        widths[max(shrinkable, key=lambda number: widths[number])] -= 1
    return widths


def _narrowest(text: str, *, whole: bool) -> int:
    """The width that a column needs for a text: its longest word, or the longest line of a number."""
    from rich.cells import cell_len

    return max((cell_len(part) for part in (text.splitlines() if whole else text.split())), default=0)


def _blocks(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    from rich.cells import cell_len

    margin = max(cell_len(title) for title in titles) + GAP
    blocks: list[str] = []
    for row in rows:
        lines: list[str] = []
        for title, text in zip(titles, row, strict=True):
            values = _wrapped(text, width - margin) if text else []
            heads = [title + " " * (margin - cell_len(title)), *[" " * margin] * len(values)]
            lines += [head + value for head, value in zip(heads, values, strict=False)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def _wrapped(text: str, room: int) -> list[str]:
    """The text in lines of that width, broken between words; a word that is wider has a line of its own, whole."""
    from rich.cells import cell_len

    lines: list[str] = []
    for line in text.splitlines() or [""]:
        if cell_len(line) <= room:
            lines.append(line)
            continue
        words = line.split()
        lines.append(words[0])
        for word in words[1:]:
            if cell_len(f"{lines[-1]} {word}") <= room:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return lines


def _cell(value: Any) -> str:
    # A cell of lotus's own may have several lines, such as the users of a secret; each is one.
    if isinstance(value, tuple):
        return "\n".join(Untrusted(str(line)).terminal() for line in value)
    return Untrusted(str(value)).terminal()


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
