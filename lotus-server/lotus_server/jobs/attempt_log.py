"""What an attempt leaves for people and for the server: its log file, and how far it has come."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lotus_server.connectors.scrubber import Scrubber
from lotus_server.protocol import StreamKey

MAX_LOG_BYTES = 64 * 1024 * 1024
"""A connector that floods its log loses the rest of it, not the disk."""


class Log:
    """The attempt's log file, without secrets and bounded; a disk without room for it must not end the sync."""

    def __init__(self, path: Path, scrubber: Scrubber) -> None:
        self._path = path
        self._scrubber = scrubber
        self._left = MAX_LOG_BYTES
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def write(self, origin: str, level: str, message: str) -> None:
        """One line (or several, each with the same head)."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        text = self._scrubber.scrub(message[:20_000])
        with self._lock, contextlib.suppress(OSError):  # why the attempt failed reaches the server as an event
            file = self._opened()
            for line in text.splitlines() or [""]:
                if self._left <= 0:
                    return
                entry = f"{now} {origin} {level} {line}\n".encode(errors="replace")
                self._left -= len(entry)
                file.write(entry)
                if self._left <= 0:
                    file.write(b"the log is full: what follows is not kept\n")
            file.flush()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
        return self._file


@dataclass
class StreamProgress:
    """What was read of a stream so far; `status` is the source's word."""

    name: str
    namespace: str | None
    records: int = 0
    bytes: int = 0
    status: str | None = None


class Progress:
    """What was read so far, by stream."""

    def __init__(self, streams: Iterable[StreamKey]) -> None:
        self._streams = {key: StreamProgress(*key) for key in streams}

    def add(self, name: StreamKey, records: int, size: int) -> None:
        """So many records of a stream, with so many bytes."""
        stream = self._streams[name]
        stream.records += records
        stream.bytes += size

    def status(self, name: StreamKey, status: str) -> None:
        """The source says how a stream goes; of streams that are not read it may say anything."""
        if name in self._streams:
            self._streams[name].status = status

    def as_event(self) -> list[StreamProgress]:
        """For the server."""
        return list(self._streams.values())
