"""Batches in a file (an Arrow stream), read back as mapped memory: nothing is copied before it is read."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

from lotus_server.destinations.arrow import BatchReader, RecordBatch

PASSING_SECONDS = 0.002
"""How often the pages of large values are released while they are read; 2 ms of copying are a few MB."""


@contextlib.contextmanager
def opened(path: Path, *, large_values: bool) -> Generator[BatchReader]:
    """A reader of the file's batches.

    With `large_values` pages are given back to the system while the reader copies them, so that a value of 100 MB
    is in memory only once; pages that are needed again come from the file.
    """
    import pyarrow as pa

    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    read = threading.Event()

    def release() -> None:
        while not read.wait(PASSING_SECONDS):
            content.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=release, daemon=True)
    if large_values:
        thread.start()
    try:
        yield pa.ipc.open_stream(pa.py_buffer(content))
    finally:
        read.set()
        if large_values:
            thread.join()


def batches(path: Path, *, large_values: bool) -> Iterator[RecordBatch]:
    """The file's batches, one at a time."""
    with opened(path, large_values=large_values) as reader:
        yield from reader
