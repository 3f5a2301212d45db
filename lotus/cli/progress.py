"""Live progress of jobs: one line a connection on a terminal, a line at each change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lotus.cli.output import say, size

if TYPE_CHECKING:
    from lotus.operations.sync import Follow, Progress

QUIET_SECONDS = 10  # without a terminal, a running job speaks at most this often


@contextmanager
def following(*, enabled: bool) -> Generator[Follow]:
    """A function to tell progress to, and what shows it until the block ends."""
    if not enabled:
        yield lambda _progress: None
    elif sys.stderr.isatty():
        with _live() as follow:
            yield follow
    else:
        yield _lines()


def _text(progress: Progress) -> str:
    done = f"{progress.rows} rows, {size(progress.bytes)}" if progress.rows else ""
    return f"{progress.connection}: {progress.status} {done}".rstrip()


def _lines() -> Follow:
    told: dict[str, tuple[str, float]] = {}

    def follow(progress: Progress) -> None:
        status, when = told.get(progress.connection, ("", 0.0))
        if progress.status != status or time.monotonic() - when > QUIET_SECONDS:
            told[progress.connection] = (progress.status, time.monotonic())
            say(_text(progress))

    return follow


@contextmanager
def _live() -> Generator[Follow]:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    bars = Bars(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, TaskID] = {}
    with bars:

        def follow(progress: Progress) -> None:
            if progress.connection not in tasks:
                tasks[progress.connection] = bars.add_task(progress.connection, total=1)
            task = tasks[progress.connection]
            bars.update(task, description=_text(progress), completed=1 if progress.ended else 0)

        yield follow
