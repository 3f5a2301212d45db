"""Lines of progress on stderr, in order, with the seconds since the start; never ten seconds without one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

QUIET_SECONDS = 8
_started = time.monotonic()
_lock = threading.Lock()
_last = _started
_steps: dict[str, tuple[str, float]] = {}
_ended = threading.Event()


def say(line: str) -> None:
    """One line, at once."""
    with _lock:
        _print(line)


@contextmanager
def step(name: str, doing: str) -> Generator[None]:
    """While the block runs, `name: doing, 24 s` is repeated whenever nothing else was said for a while."""
    say(f"{name}: {doing}")
    with _lock:
        _steps[name] = (doing, time.monotonic())
    try:
        yield
    finally:
        with _lock:
            _steps.pop(name, None)


def update(name: str, doing: str) -> None:
    """What a running step does by now, for its next line."""
    with _lock:
        if name in _steps:
            _steps[name] = (doing, _steps[name][1])


@contextmanager
def reporting() -> Generator[None]:
    """Repeats the running steps until the block ends."""
    _ended.clear()
    reporter = threading.Thread(target=_report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        _ended.set()
        reporter.join()


def _report() -> None:
    while not _ended.wait(1):
        with _lock:
            now = time.monotonic()
            if now - _last < QUIET_SECONDS:
                continue
            for name, (doing, since) in list(_steps.items()):
                _print(f"{name}: {doing}, {now - since:.0f} s")


def _print(line: str) -> None:
    global _last  # noqa: PLW0603  one terminal, one moment of its last line
    _last = time.monotonic()
    print(f"[{_last - _started:4.0f} s] {line}", file=sys.stderr, flush=True)
