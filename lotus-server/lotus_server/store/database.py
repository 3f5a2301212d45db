"""The SQLite file: one writer, several readers, nothing acknowledged before it is on disk."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, TypeVar

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from lotus_server import transient
from lotus_server.errors import StartError
from lotus_server.store import sealing
from lotus_server.store.encryption import cipher_for
from lotus_server.store.integrity import check_integrity, check_presence, damaged
from lotus_server.store.migration import migrate

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3
"""Threads that read at the same time; more gain nothing under the interpreter's lock."""


LOCK_SECONDS = 5
"""How long to wait for a lock that another program holds; then the request is answered to be tried again."""


def now() -> int:
    """Epoch milliseconds, the unit of every time in the store."""
    return time.time_ns() // 1_000_000


class Store:
    """Everything that the server remembers.

    The functions that read and write live beside this file, by subject (``actors.py``, ``connections.py``,
    ``jobs.py``, …); each takes a SQLAlchemy connection first. ``await store.write(function, …)`` runs one in a
    transaction of its own, on the one writing thread; ``await store.read(function, …)`` gives it a consistent
    snapshot. Transactions are durable when ``write`` returns: WAL with ``synchronous=FULL``.
    """

    def __init__(self, data: Path, *, environment: Mapping[str, str] | None = None) -> None:
        """Opens the store of a data folder, or makes one.

        Raises:
            StartError: it cannot be used; the sentence says why and what to do.
        """
        self.data = data
        self.path = data / "store.sqlite"
        self.writes = 0
        """How many transactions changed the store since it was opened."""
        with _start_errors(data):
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(data / "lock")
            try:
                self._open(os.environ if environment is None else environment)
            except BaseException:
                self._lock.close()
                raise

    def _open(self, environment: Mapping[str, str]) -> None:
        check_presence(self.data, self.path)
        if not self.path.exists():
            self.path.touch(mode=0o600)
        self._engine = _engine(self.path)
        try:
            check_integrity(self._engine, self.path)
            self.backup = migrate(self._engine, self.path)
            self._writing = self._engine.execution_options(writing=True)
            sealed = self.read_now(sealing.values_to_check)
            self.cipher = cipher_for(self.data, environment, may_create=not sealed)
            self.write_now(sealing.check_key, self.cipher, sealed)
        except BaseException:
            self._engine.dispose()
            raise
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function(db, …)`` returns, from one snapshot."""
        work = partial(self.read_now, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def write(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function(db, …)`` returns, once its changes are on disk; an exception undoes them all."""
        work = partial(self.write_now, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def read_now(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like ``read``, on this thread."""
        with self._engine.begin() as db:
            return function(db, *args, **kwargs)

    def write_now(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like ``write``, on this thread."""
        with self._writing.begin() as db:
            result = function(db, *args, **kwargs)
        self.writes += 1
        return result

    def close(self) -> None:
        """Waits for what runs and closes the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()
        self._lock.close()


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False},
        json_serializer=lambda value: orjson.dumps(value).decode(),  # pyright: ignore[reportUnknownLambdaType]
        json_deserializer=orjson.loads,
        pool_size=READERS + 2,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions by itself: its own BEGIN is deferred, and a reader that turns writer
    # in the middle fails with SQLITE_BUSY. See SQLAlchemy's SQLite dialect, "Serializable isolation".
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _start_errors(data: Path) -> Generator[None]:
    """Says in one sentence why the data folder cannot be used."""
    try:
        yield
    except OSError as error:
        path = error.filename or data
        reason = transient.cause(error) or (error.strerror or type(error).__name__).lower()
        raise StartError(
            f"{path} cannot be used: {reason}; make room or give access to {data}, or use another --data"
        ) from error
    except DBAPIError as error:
        if reason := transient.cause(error):
            fix = f"close the other program, make room or give access to {data}, or use another --data"
            raise StartError(f"{data / 'store.sqlite'} cannot be used: {reason}; {fix}") from error
        raise StartError(damaged(data, data / "store.sqlite")) from error


def _locked(path: Path) -> IO[str]:
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StartError(
            f"{path.parent} is used by another lotus-server: stop that one, or use another --data"
        ) from None
    return lock
