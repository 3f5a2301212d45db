"""Faults of the machine that pass by themselves: whether an error is one, and what people call it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping

RETRY_AFTER_SECONDS = 5
"""What clients are told to wait for."""

STORE_LOCKED = "another program has locked the store"

_BY_ERRNO: Mapping[int, str] = {
    errno.EMFILE: "the server has too many open files",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk has an input/output error",
    errno.EROFS: "the disk is read-only",
    errno.ENOMEM: "the machine has no memory left",
    errno.EAGAIN: "the machine has no resources left for another process",
}

_BY_SQLITE_CODE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: STORE_LOCKED,
    sqlite3.SQLITE_LOCKED: STORE_LOCKED,
    sqlite3.SQLITE_CANTOPEN: "the store cannot be opened (too many open files, or no access to its folder)",
    sqlite3.SQLITE_FULL: _BY_ERRNO[errno.ENOSPC],
    sqlite3.SQLITE_IOERR: _BY_ERRNO[errno.EIO],
    sqlite3.SQLITE_READONLY: "the store cannot be written (read-only)",
    sqlite3.SQLITE_NOMEM: _BY_ERRNO[errno.ENOMEM],
    sqlite3.SQLITE_PROTOCOL: STORE_LOCKED,
}


def cause(error: BaseException) -> str | None:
    """What is wrong with the machine, such as "the disk is full"; None if the error is no such fault.

    Example:
        >>> cause(OSError(28, "No space left on device"))
        'the disk is full'
    """
    for link in _chain(error):
        if isinstance(link, OSError) and (words := _BY_ERRNO.get(link.errno or 0)):
            return words
        if isinstance(link, sqlite3.Error):
            code = getattr(link, "sqlite_errorcode", None)
            if isinstance(code, int) and code & 0xFF in _BY_SQLITE_CODE:
                return _BY_SQLITE_CODE[code & 0xFF]
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
