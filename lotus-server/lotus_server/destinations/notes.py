"""What was staged, noted on disk before the work goes on: after a crash it is known what has to be cleaned."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from lotus_server.destinations.destination import Receipt
from lotus_server.protocol import StreamKey


class Notes:
    """The notes of one attempt."""

    def __init__(self, path: Path) -> None:
        """Notes in a file."""
        self._path = path

    def add(self, source: StreamKey, receipt: Receipt) -> None:
        """Notes a receipt of a stream, durably."""
        entry = orjson.dumps({"name": source[0], "namespace": source[1], "receipt": receipt})
        with self._path.open("ab") as notes:
            notes.write(entry + b"\n")
            notes.flush()
            os.fsync(notes.fileno())

    def __iter__(self) -> Iterator[tuple[StreamKey, Receipt]]:
        """Each receipt with its stream."""
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            # A last line cut by a crash was noted before anything else happened: there is nothing to clean.
            with contextlib.suppress(orjson.JSONDecodeError):
                entry = orjson.loads(line)
                yield (entry["name"], entry["namespace"]), entry["receipt"]

    def clear(self) -> None:
        """Forgets them."""
        self._path.unlink(missing_ok=True)
