"""The framework: buffers records, decides when to stage and to publish, and keeps the order of truth.

A *publication* is a set of staged receipts of one or more streams with the states that follow from them. It is written
to disk before it happens; after a crash it is done again (publish is idempotent), and its states are committed if the
committed state is still the one that it started from. So a crash neither loses nor repeats a row on our side.

Streams that read everything anew (full refresh, truncating refresh) are published once, at the end of a successful
attempt. Incremental ones are published at the last state seen, whenever a file is full or `flush_seconds` have passed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import orjson

from lotus.embedded.destinations.arrow import RecordBatch
from lotus.embedded.destinations.batch_files import batches
from lotus.embedded.destinations.destination import (
    LARGE_VALUE_BYTES,
    Destination,
    DestinationError,
    DestinationStream,
    Receipt,
    TransientDestinationError,
)

T = TypeVar("T")

StreamName = tuple[str, str | None]
"""Name and namespace of the stream as the source knows it."""

State = dict[str, Any]
"""A committed state: `kind` (stream, global, legacy), `name`, `namespace`, and `text`, the connector's own JSON."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between tries of a destination that cannot be reached; after the last one the attempt fails."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one sync: `memory_bytes` of buffered records, about `file_bytes` a file (measured in Arrow's size)."""

    memory_bytes: int = 48 * 1024 * 1024
    file_bytes: int = 200 * 1024 * 1024
    flush_seconds: float = 300.0
    retry_seconds: tuple[float, ...] = RETRY_SECONDS


@dataclass(frozen=True)
class Target:
    """One stream of a sync; `whole`: published once, at the end."""

    source: StreamName
    stream: DestinationStream
    whole: bool


@dataclass
class Committed:
    """What a publication did: rows and bytes by stream, states, and streams that are complete with it.

    Whoever has stored it durably calls `Writer.acknowledge(number)`; until then a crash would do it again.
    """

    streams: list[dict[str, Any]]
    states: list[State]
    complete: list[StreamName]
    number: int = 0
    recovered: bool = False


class Events(Protocol):
    """Who is told what the writer does."""

    def committed(self, committed: Committed) -> None:
        """Records are durable and visible, their states may be stored."""
        ...

    def log(self, level: str, message: str) -> None:
        """Something for the attempt's log."""
        ...


@dataclass
class _Buffer:
    """Records of one stream between arrival and stage: some on disk (an Arrow stream), the newest in memory."""

    target: Target
    folder: Path
    disk_rows: int = 0
    disk_bytes: int = 0
    memory: deque[RecordBatch] = field(default_factory=deque[RecordBatch])
    memory_bytes: int = 0
    arrived: int = 0
    staged: int = 0
    boundary: int = 0
    largest_value: int = 0
    receipts: list[tuple[Receipt, int]] = field(default_factory=list[tuple[Receipt, int]])
    _sink: Any = None
    _files: list[Path] = field(default_factory=list[Path])

    @property
    def rows(self) -> int:
        """Rows that are not staged yet."""
        return self.arrived - self.staged

    @property
    def bytes(self) -> int:
        """About the Arrow bytes that are not staged yet."""
        return self.disk_bytes + self.memory_bytes

    def add(self, batch: RecordBatch) -> None:
        """Takes a batch."""
        self.memory.append(batch)
        self.memory_bytes += batch.nbytes
        self.arrived += batch.num_rows
        self.largest_value = max(self.largest_value, _largest_value(batch))

    def spill(self) -> None:
        """Moves what is in memory to disk."""
        import pyarrow as pa

        if not self.memory:
            return
        if self._sink is None:
            path = self.folder / f"spill-{time.monotonic_ns()}.arrow"
            self._files.append(path)
            self._sink = pa.ipc.new_stream(str(path), self.target.stream.schema)
        for batch in self.memory:
            self._sink.write_batch(batch)
            self.disk_rows += batch.num_rows
            self.disk_bytes += batch.nbytes
        self.memory.clear()
        self.memory_bytes = 0

    def peek(self, rows: int) -> Iterator[RecordBatch]:
        """The first so many rows; can be called again until `drop`."""
        left = rows
        for batch in self._all():
            if left <= 0:
                return
            yield batch.slice(0, left) if batch.num_rows > left else batch
            left -= batch.num_rows

    def drop(self, rows: int) -> None:
        """Forgets the first so many rows; the rest stays."""
        rest: list[RecordBatch] = []
        left = rows
        files, self._files = self._files, []
        for batch in self._all(files):
            if left >= batch.num_rows:
                left -= batch.num_rows
                continue
            rest.append(batch.slice(left) if left else batch)
            left = 0
        for path in files:
            path.unlink(missing_ok=True)
        self._sink = None
        self.disk_rows = self.disk_bytes = 0
        self.memory = deque(rest)
        self.memory_bytes = sum(batch.nbytes for batch in rest)
        self.staged += rows

    def close(self) -> None:
        """Removes the files."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        for path in self._files:
            path.unlink(missing_ok=True)

    def _all(self, files: list[Path] | None = None) -> Iterator[RecordBatch]:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        for path in self._files if files is None else files:
            yield from batches(path, large_values=self.largest_value > LARGE_VALUE_BYTES)
        yield from list(self.memory)


class Writer:
    """Takes the batches and states of one attempt to a destination."""

    def __init__(
        self,
        destination: Destination[Any],
        targets: Iterable[Target],
        *,
        job_id: int,
        scratch: Path,
        states: Iterable[State],
        events: Events,
        limits: Limits | None = None,
    ) -> None:
        """A writer for one attempt.

        Args:
            destination: where the records go.
            targets: the streams; what arrives for any other is the caller's mistake.
            job_id: a publication of the same job that is done again makes its streams complete.
            scratch: a folder of the connection's own, kept between attempts.
            states: what is committed now.
            events: told of every commit.
            limits: bounds on memory, files and time.
        """
        self._destination = destination
        self._job_id = job_id
        self._scratch = scratch
        self._events = events
        self._limits = limits or Limits()
        scratch.mkdir(parents=True, exist_ok=True)
        self._publication = scratch / "publication.json"
        self._notes = scratch / "staged.jsonl"
        self._work = scratch / "work"
        self._committed: dict[str, str] = {_state_key(state): _canonical(state["text"]) for state in states}
        self._pending: dict[str, State] = {}
        self._buffers: dict[StreamName, _Buffer] = {}
        for number, target in enumerate(targets):
            folder = self._work / str(number)
            self._buffers[target.source] = _Buffer(target, folder)
        self._last_flush = time.monotonic()
        self._published: set[str] = set()
        self.flush: Callable[[], None] = _nothing
        """Called before a publication: hands over the records that were counted as waiting in `state`."""
        self._lock = threading.Lock()
        self._number = 0

    def acknowledge(self, number: int) -> None:
        """The commit of that number is stored: its publication will not have to be done again. Any thread."""
        with self._lock:
            if number == self._number:
                self._publication.unlink(missing_ok=True)

    @property
    def acknowledged(self) -> bool:
        """Whether everything that was committed is stored."""
        return not self._publication.exists()

    def recover(self) -> set[StreamName]:
        """Finishes what a crash left half done; returns the streams that are complete with that, for this job."""
        shutil.rmtree(self._work, ignore_errors=True)
        for buffer in self._buffers.values():
            buffer.folder.mkdir(parents=True, exist_ok=True)
        complete: set[StreamName] = set()
        if self._publication.exists():
            publication: dict[str, Any] = orjson.loads(self._publication.read_bytes())
            try:
                complete = self._redo(publication)
            except TransientDestinationError:
                raise
            except DestinationError as error:
                # What was staged is lost, but no state went ahead of it: the source is read again from there.
                self._events.log("WARN", f"an interrupted publication cannot be finished: {error}")
                self._publication.unlink()
        self._clean_noted()
        return complete

    def _redo(self, publication: dict[str, Any]) -> set[StreamName]:
        same_job = publication["job_id"] == self._job_id
        done: list[dict[str, Any]] = []
        complete: list[StreamName] = []
        for item in publication["items"]:
            name: StreamName = (item["name"], item["namespace"])
            buffer = self._buffers.get(name)
            if buffer is None:
                # The stream is no longer part of the connection: what was staged for it is never shown.
                continue
            stream = _restored(buffer.target.stream, item)
            self._retried(lambda s=stream, i=item: self._destination.publish(s, i["receipts"], replace=i["replace"]))
            self._published |= {_canonical(receipt) for receipt in item["noted"]}
            done.append({key: item[key] for key in ("name", "namespace", "records", "bytes", "files")})
            if item["complete"] and same_job:
                complete.append(name)
        states: list[State] = publication["states"]
        before: Mapping[str, str | None] = publication["before"]
        unchanged = all(self._committed.get(key) == text for key, text in before.items())
        already = all(self._committed.get(_state_key(state)) == _canonical(state["text"]) for state in states)
        if (states and unchanged and not already) or (complete and not states):
            self._events.log("INFO", "finished a publication that was interrupted")
            self._commit(Committed(done, states, complete, recovered=True))
        else:
            self._publication.unlink()
        return set(complete)

    def add(self, source: StreamName, batch: RecordBatch) -> None:
        """Takes records of a stream."""
        self._buffers[source].add(batch)
        while sum(each.memory_bytes for each in self._buffers.values()) > self._limits.memory_bytes:
            max(self._buffers.values(), key=lambda each: each.memory_bytes).spill()

    def state(self, state: State, waiting: Mapping[StreamName, int] = MappingProxyType({})) -> None:
        """Takes a state: it is committed when all records that came before it are.

        `waiting` counts records, by stream, that came before the state and will only be added by `flush`: batches
        stay large although states come often.
        """
        self._pending[_state_key(state)] = state
        shared = state["kind"] != "stream"
        for name, buffer in self._buffers.items():
            if shared or name == (state["name"], state["namespace"]):
                buffer.boundary = buffer.arrived + waiting.get(name, 0)

    def tick(self) -> None:
        """Stages full files, publishes what is ready or has waited long enough.

        Called every now and then, by somebody who holds on to no records: theirs would be in memory too.
        """
        full = [buffer for buffer in self._buffers.values() if buffer.bytes >= self._limits.file_bytes]
        for buffer in full:
            ready = min(buffer.boundary, buffer.arrived) - buffer.staged
            self._stage(buffer, ready if ready > 0 else buffer.rows)
        waited = self._pending and time.monotonic() - self._last_flush >= self._limits.flush_seconds
        if waited or any(not buffer.target.whole for buffer in full):
            self._publish_boundaries()

    def finish(self, done: Iterable[StreamName] = ()) -> None:
        """Publishes everything: the attempt read all there was. Streams in `done` were complete before."""
        skip = set(done)
        buffers = [buffer for name, buffer in self._buffers.items() if name not in skip]
        for buffer in buffers:
            if buffer.rows:
                self._stage(buffer, buffer.rows)
        self._publish(buffers, list(self._pending.values()), complete=True)
        self._pending.clear()

    def abandon(self) -> None:
        """After a failure: what is before a state is published and its state kept, the rest goes."""
        self._publish_boundaries()

    def discard(self) -> None:
        """Drops everything that was staged and not published, and the scratch files."""
        for buffer in self._buffers.values():
            buffer.close()
        self._clean_noted()
        shutil.rmtree(self._work, ignore_errors=True)

    def _publish_boundaries(self) -> None:
        """Publishes incremental streams up to their last state, with the states that then hold."""
        self.flush()
        self._last_flush = time.monotonic()
        ready: list[_Buffer] = []
        states: list[State] = []
        shared = [state for state in self._pending.values() if state["kind"] != "stream"]
        for name, buffer in self._buffers.items():
            own = self._pending.get(_key("stream", *name))
            if buffer.target.whole or (own is None and not shared) or buffer.staged > buffer.boundary:
                continue
            if buffer.boundary > buffer.staged:
                self._stage(buffer, buffer.boundary - buffer.staged)
            ready.append(buffer)
            if own is not None:
                states.append(own)
        # A shared state holds only when every stream is there, so whole streams keep it back to the end.
        if shared and len(ready) == len(self._buffers):
            states += shared
        elif shared:
            ready = [buffer for buffer in ready if self._pending.get(_key("stream", *buffer.target.source))]
        if ready and states:
            self._publish(ready, states, complete=False)
            for state in states:
                self._pending.pop(_state_key(state), None)

    def _stage(self, buffer: _Buffer, rows: int) -> None:
        if rows <= 0:
            return
        stream = replaced(buffer.target.stream, largest_value=buffer.largest_value)
        noted: list[Receipt] = []

        def note(receipt: Receipt) -> None:
            noted.append(receipt)
            with self._notes.open("ab") as notes:
                entry = {"name": buffer.target.source[0], "namespace": buffer.target.source[1], "receipt": receipt}
                notes.write(orjson.dumps(entry) + b"\n")
                notes.flush()
                os.fsync(notes.fileno())

        receipt = self._retried(
            lambda: self._destination.stage(stream, buffer.peek(rows), buffer.folder, note), after_failure=noted.clear
        )
        buffer.receipts.append(({"receipt": receipt, "noted": list(noted)}, rows))
        buffer.drop(rows)

    def _publish(self, buffers: list[_Buffer], states: list[State], *, complete: bool) -> None:
        items: list[dict[str, Any]] = []
        for buffer in buffers:
            stream = buffer.target.stream
            replace = complete and stream.replaces
            if not buffer.receipts and not replace and not complete:
                continue
            receipts = [entry["receipt"] for entry, _ in buffer.receipts]
            items.append(
                {
                    "name": buffer.target.source[0],
                    "namespace": buffer.target.source[1],
                    "generation": stream.generation_id,
                    "minimum": stream.minimum_generation_id,
                    "sync_id": stream.sync_id,
                    "replace": replace,
                    "complete": complete,
                    "receipts": receipts,
                    "noted": [noted for entry, _ in buffer.receipts for noted in entry["noted"]],
                    "records": sum(rows for _, rows in buffer.receipts),
                    "bytes": sum(int(receipt.get("bytes", 0)) for receipt in receipts),
                    "files": len(receipts),
                }
            )
        if not items and not states:
            return
        publication = {
            "job_id": self._job_id,
            "items": items,
            "states": states,
            "before": {_state_key(state): self._committed.get(_state_key(state)) for state in states},
        }
        with self._lock:
            self._number += 1
            _write_durably(self._publication, orjson.dumps(publication))
        by_source = {buffer.target.source: buffer for buffer in buffers}
        for item in items:
            buffer = by_source[(item["name"], item["namespace"])]
            stream = buffer.target.stream
            self._retried(lambda s=stream, i=item: self._destination.publish(s, i["receipts"], replace=i["replace"]))
            self._published |= {_canonical(receipt) for receipt in item["noted"]}
            buffer.receipts.clear()
        done = [{key: item[key] for key in ("name", "namespace", "records", "bytes", "files")} for item in items]
        finished = [(item["name"], item["namespace"]) for item in items] if complete else []
        self._commit(Committed(done, states, finished))

    def _commit(self, committed: Committed) -> None:
        for state in committed.states:
            self._committed[_state_key(state)] = _canonical(state["text"])
        committed.number = self._number
        self._events.committed(committed)

    def _clean_noted(self) -> None:
        """Drops what was staged and not published, except what an open publication still wants to publish."""
        if not self._notes.exists():
            return
        kept = set(self._published)
        with self._lock:
            if self._publication.exists():
                publication: dict[str, Any] = orjson.loads(self._publication.read_bytes())
                kept |= {_canonical(receipt) for item in publication["items"] for receipt in item["noted"]}
        for line in self._notes.read_bytes().splitlines():
            # A last line cut by a crash was noted before anything else happened: there is nothing to clean.
            with contextlib.suppress(orjson.JSONDecodeError):
                entry = orjson.loads(line)
                buffer = self._buffers.get((entry["name"], entry["namespace"]))
                stream = buffer.target.stream if buffer else next(iter(self._buffers.values())).target.stream
                if _canonical(entry["receipt"]) not in kept:
                    self._retried(lambda s=stream, r=entry["receipt"]: self._destination.clean(s, [r]))
        self._notes.unlink()

    def _retried(self, work: Callable[[], T], after_failure: Callable[[], None] | None = None) -> T:
        for pause in self._limits.retry_seconds:
            try:
                return work()
            except TransientDestinationError as error:
                if after_failure is not None:
                    after_failure()
                self._events.log("WARN", f"{error}; trying again in {pause:g} s")
                time.sleep(pause)
        return work()


def _largest_value(batch: RecordBatch) -> int:
    """About the bytes of the batch's largest value; 0 if none can be larger than `LARGE_VALUE_BYTES`."""
    import pyarrow as pa
    from pyarrow.compute import call_function

    if batch.nbytes <= LARGE_VALUE_BYTES:
        return 0
    largest = 0
    for column in batch.columns:
        if pa.types.is_string(column.type):
            largest = max(largest, call_function("max", [call_function("binary_length", [column])]).as_py() or 0)
        elif pa.types.is_nested(column.type):
            largest = max(largest, column.nbytes // max(1, len(column) // 100))
    return largest


def _nothing() -> None:
    """There is nothing to hand over."""


def _restored(stream: DestinationStream, item: Mapping[str, Any]) -> DestinationStream:
    """The stream as it was when the publication was written down."""
    return replaced(
        stream,
        generation_id=item["generation"],
        minimum_generation_id=item["minimum"],
        sync_id=item["sync_id"],
    )


def _key(kind: str, name: str, namespace: str | None) -> str:
    return orjson.dumps([kind, name, namespace]).decode()


def _state_key(state: State) -> str:
    if state["kind"] != "stream":
        return _key("shared", "", None)
    return _key("stream", state["name"], state["namespace"])


def _canonical(value: Any) -> str:
    """JSON in one spelling, so that equal states compare equal whichever way they were stored."""
    parsed = orjson.loads(value) if isinstance(value, str) else value
    return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS).decode()


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
