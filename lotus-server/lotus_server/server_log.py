"""The server's own log: a file that rotates, and warnings on stderr; the same line is not repeated without end."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from lotus_server.errors import ServerError

FILE_BYTES = 5 * 1024 * 1024
FILES = 3
"""Older files that are kept beside the newest."""

REPEAT_SECONDS = 10.0
REPEATS = 5
"""How often one place may log the same within that time; the rest is counted."""

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class FramesFormatter(logging.Formatter):
    """Writes where an error happened and of which type it is, not its message, which may quote a secret.

    A message is one line without an effect on a terminal: names of connections and words of connectors are in it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of the class above
        """The line, with what is no letter, sign or space spelled out."""
        line = super().formatMessage(record)
        return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        """Frames and types of the error and its causes."""
        parts: list[str] = []
        error = ei[1]
        while error is not None:
            frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            parts.append(f"{frames}\n{_described(error)}".lstrip("\n"))
            error = error.__cause__ or error.__context__
        return "\ncaused by\n".join(parts)

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """As it is: frames only."""
        return stack_info


def _described(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, ServerError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


class RepetitionFilter(logging.Filter):
    """Lets one place log a few times in ten seconds; says afterwards how often it was silenced."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[Any, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        kind = record.exc_info[0] if record.exc_info else None
        # asyncio gives its whole description as the message: its first line names what happened.
        key = (record.name, record.pathname, record.lineno, record.msg.partition("\n")[0], kind)
        since, count = self._seen.get(key, (0.0, 0))
        now = time.monotonic()
        if now - since > REPEAT_SECONDS:
            silenced = count - REPEATS
            if silenced > 0:
                record.msg = f"{record.msg} (and {silenced} times more before)"
            self._seen = {other: value for other, value in self._seen.items() if now - value[0] < 60 * REPEAT_SECONDS}
            self._seen[key] = (now, 1)
            return True
        self._seen[key] = (since, count + 1)
        return count < REPEATS


class _PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating log that only this user reads."""

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="replace")


def write_to(folder: Path) -> None:
    """Sends all logging of the process to `server.log` in the folder, and warnings to stderr too."""
    logging.raiseExceptions = False  # a full disk must not fill stderr with the log's own troubles
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setLevel(logging.WARNING)
    handlers: list[logging.Handler] = [stderr]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handlers.append(_PrivateRotatingFile(folder / "server.log", maxBytes=FILE_BYTES, backupCount=FILES))
    except OSError as error:
        print(f"lotus-server: there is no log in {folder}: {error.strerror}", file=sys.stderr, flush=True)
    for handler in handlers:
        handler.setFormatter(FramesFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handler.addFilter(RepetitionFilter())
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
