"""The destination under test, and one stream of it that is synced several times with the framework's writer."""

from __future__ import annotations

import unittest
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.destination import Destination, DestinationStream, Mode
from lotus_server.destinations.writer import Committed, Limits, State, Target, Writer

PROPERTIES: dict[str, Any] = {"id": {"type": "integer"}, "note": {"type": "string"}}
EMITTED_AT = 1_700_000_000_000

Rows = list[dict[str, Any]]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A destination under test.

    `make` gives a new instance each time, all for the same place. `rows` gives what is visible of a stream: each row
    whole, with all its columns, as a reader of that destination sees them (null is None or absent, an object is a dict
    or JSON text, a time is a datetime or ISO text).

    Cases that need more than these two are skipped where it is not given: `staged` lists what is staged at the place
    now (files, tables, uploads), of any stream; `unusable` makes destinations whose check has to fail, such as one with
    a wrong password and one for a place that is not there.
    """

    make: Callable[[], Destination[Any]]
    rows: Callable[[DestinationStream], Rows]
    staged: Callable[[], Sequence[object]] | None = None
    unusable: Sequence[Callable[[], Destination[Any]]] = ()

    def modes(self) -> list[Mode]:
        """The modes that the destination offers."""
        return list(type(self.make()).modes)

    def left(self) -> list[object]:
        """What is staged at the place now; skips the case where the test does not say how to find out."""
        if self.staged is None:
            raise unittest.SkipTest("Subject(staged=…) is not given: nobody sees what the destination leaves behind")
        return list(self.staged())


Case = Callable[[Subject, Path], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Puts a case into the suite, under its function's name."""
    CASES[function.__name__] = function
    return function


class CrashError(BaseException):
    """The process dies here; nothing after it runs."""


@dataclass
class Shape:
    """What a stream looks like: its place, its fields, its key and its cursor."""

    namespace: str | None = None
    properties: Mapping[str, Any] = field(default_factory=lambda: PROPERTIES)
    primary_key: Sequence[str] = ("id",)
    cursor: str = "id"


class Sync:
    """One stream of one connection, synced several times."""

    def __init__(
        self,
        subject: Subject,
        scratch: Path,
        mode: Mode,
        *,
        name: str = "orders",
        exact_name: bool = False,
        shape: Shape | None = None,
        refreshes: bool = False,
    ) -> None:
        """A stream that was never synced.

        Args:
            subject: the destination.
            scratch: a folder.
            mode: how it lands.
            name: its name; a part is added that no other run uses, so that a database may be used again.
            exact_name: the name is unique already.
            shape: its fields and place.
            refreshes: it is read from the beginning each time, whatever the mode.
        """
        self.subject = subject
        self.shape = shape or Shape()
        self.properties: Mapping[str, Any] = self.shape.properties
        self.name = name if exact_name else f"{name}_{uuid.uuid4().hex[:12]}"
        self._scratch = scratch / f"scratch-{uuid.uuid4().hex[:8]}"
        self._mode: Mode = mode
        self.whole = refreshes or mode.startswith("overwrite")
        """Whether the stream is read from the beginning each time."""
        self.generation = 0
        self.job = 0
        self.states: dict[str, str] = {}

    def stream(self, destination: Destination[Any]) -> DestinationStream:
        """The stream of the present sync."""
        return DestinationStream(
            name=self.name,
            namespace=self.shape.namespace,
            mode=self._mode,
            fields=destination.fields({"properties": self.properties}),
            layout=destination.layout(),
            primary_key=tuple((name,) for name in self.shape.primary_key),
            cursor=(self.shape.cursor,),
            sync_id=self.job,
            generation_id=self.generation,
            minimum_generation_id=self.generation if self.whole else 0,
        )

    def writer(self, destination: Destination[Any], *, file_bytes: int = 1 << 30) -> tuple[Writer, set[Any]]:
        """A writer of an attempt, recovered."""
        states = [State("stream", self.name, None, text) for text in self.states.values()]
        writer = Writer(
            destination,
            [Target((self.name, None), self.stream(destination), self.whole)],
            job_id=self.job,
            scratch=self._scratch,
            states=states,
            events=_Events(self),
            limits=Limits(file_bytes=file_bytes, flush_seconds=0.0, retry_seconds=(0.0, 0.0)),
        )
        return writer, writer.recover()

    def next_job(self) -> None:
        """The next job; it raises the generation of streams that are read from the beginning."""
        self.job += 1
        self.generation += self.whole

    def sync(self, *batches: Sequence[int | Record], note: str = "a", **options: Any) -> None:
        """A whole job that succeeds, of a source that sends these batches."""
        self.next_job()
        self.states.clear()
        self.attempt(batches, note, **options)

    def attempt(
        self,
        batches: Sequence[Sequence[int | Record]],
        note: str = "a",
        *,
        faulty: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        """One attempt that reads batches of ids or records, a state after each; goes on after the committed state."""
        destination = self.subject.make()
        target = faulty(destination) if faulty else destination
        try:
            writer, complete = self.writer(target, **options)
            begin = int(self.states.get("stream", "0")) if not self.whole else 0
            for records in [] if complete else batches[begin:]:
                begin += 1
                writer.add((self.name, None), self.batch(target, records, note))
                writer.state(State("stream", self.name, None, str(begin)))
                writer.tick()
            writer.finish(complete)
            writer.discard()
        finally:
            destination.close()

    def batch(
        self, destination: Destination[Any], records: Sequence[int | Record], note: str = "a", at: int = EMITTED_AT
    ) -> RecordBatch:
        """Records as the parser makes them; a number is a record with that id, and the note."""
        import pyarrow as pa

        from lotus_server.destinations.records import RecordParser
        from lotus_server.protocol import line_of

        parser = RecordParser(self.stream(destination))
        lines = b"".join(
            line_of(
                {
                    "type": "RECORD",
                    "record": {
                        "stream": self.name,
                        "data": {"id": record, "note": note} if isinstance(record, int) else dict(record),
                        "emitted_at": at,
                    },
                }
            )
            for record in records
        )
        batches = parser.lines(lines) + parser.batches()
        return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]

    def folder(self) -> Path:
        """A folder for `stage`, where a case calls it itself."""
        folder = self._scratch / "stage"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def rows(self) -> Rows:
        """What is visible."""
        return self.subject.rows(self.stream(self.subject.make()))

    def row(self, identifier: int) -> dict[str, Any]:
        """The one row with that id."""
        rows = [row for row in self.rows() if row["id"] == identifier]
        assert len(rows) == 1, f"{len(rows)} rows have the id {identifier}"  # noqa: S101 - see the package
        return rows[0]

    def ids(self) -> list[int]:
        """The ids that are visible, sorted."""
        return sorted(row["id"] for row in self.rows())


class _Events:
    def __init__(self, sync: Sync) -> None:
        self._sync = sync

    def committed(self, committed: Committed) -> None:
        """Keeps the states, as the server does."""
        for state in committed.states:
            self._sync.states["stream"] = state.text

    def log(self, level: str, message: str) -> None:
        """Nobody reads it."""
