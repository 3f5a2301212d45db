"""Live progress of jobs: one line a connection on a terminal, a line at each change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lotus.cli.output import say, size
from lotus.words import counted

if TYPE_CHECKING:
    from lotus.lake.sync import Follow, Progress

QUIET_SECONDS = 10  # without a terminal, a running job is printed at most this often


@contextmanager
def continues_after_ctrl_c(message: str) -> Generator[None]:
    """Says what goes on, and how to stop or follow it, when a person stops waiting for it."""
    try:
        yield
    except KeyboardInterrupt:
        say(message)
        raise


@contextmanager
def following(*, enabled: bool) -> Generator[Follow]:
    """A function that shows progress until the block ends."""
    if not enabled:
        yield lambda _progress: None
    elif sys.stderr.isatty():
        with _live() as follow:
            yield follow
    else:
        yield _lines()


def _text(progress: Progress) -> str:
    amount = f"{counted(progress.rows, 'row')}, {size(progress.bytes)}" if progress.rows else ""
    return f"{progress.connection}: {progress.status} {amount}".rstrip()


def _lines() -> Follow:
    reported: dict[str, tuple[str, float]] = {}

    def follow(progress: Progress) -> None:
        status, when = reported.get(progress.connection, ("", 0.0))
        if progress.status != status or time.monotonic() - when > QUIET_SECONDS:
            reported[progress.connection] = (progress.status, time.monotonic())
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
