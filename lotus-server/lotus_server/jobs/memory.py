"""How the worker's memory goes back to the system, and what it does not import."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from importlib.abc import MetaPathFinder

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 1024 * 1024
_KEPT_BLOCK_BYTES = 32 * 1024 * 1024
"""The most that the allocator takes for this."""


def keep_blocks() -> None:
    """Blocks of records are used again and again: mapped anew each time, their pages would cost a fifth of a sync."""
    # Arrow's own pools would keep memory after a large record.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    _set(_M_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES)
    _set(_M_TRIM_THRESHOLD, _KEPT_BLOCK_BYTES)


def return_large_blocks() -> None:
    """From the first large record on, blocks of a megabyte go back as soon as they are free."""
    _set(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
    _set(_M_TRIM_THRESHOLD, _LARGE_BLOCK_BYTES)
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class _WithoutPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Nothing for others, which the next finder looks for."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def leave_pandas_out() -> None:
    """Lets pyarrow ask once, and in vain, whether pandas is installed: its import takes 0.2 s and 32 MB."""
    import pyarrow as pa

    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


def _set(parameter: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # musl's allocator gives large blocks back anyway
            ctypes.CDLL(None).mallopt(parameter, value)
