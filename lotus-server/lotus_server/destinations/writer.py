"""The framework: buffers records, stages and publishes them, and commits states only after their records.

A *publication* is a set of staged receipts of one or more streams with the states that follow from them. It is written
to disk before it happens; after a crash it is done again (publish is idempotent), and its states are committed if the
committed state is still the one that it started from. So a crash neither loses nor repeats a row on our side.

Streams that are read from the beginning (full refresh, truncating refresh) are published once, at the end of a
successful attempt. Incremental ones are published at the last state seen, whenever a file is full or `flush_seconds`
have passed.

Files are staged in a thread of their own, one at a time, while the next records are read. Two calls of a destination
never overlap.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.buffers import Parcel, StreamBuffer, Target, WaitingRecords
from lotus_server.destinations.destination import (
    Destination,
    DestinationError,
    DestinationStream,
    Receipt,
    TransientDestinationError,
)
from lotus_server.destinations.notes import Notes
from lotus_server.destinations.publications import (
    Committed,
    Item,
    Publication,
    Staged,
    State,
    canonical,
    stream_state_key,
)
from lotus_server.protocol import StreamKey

__all__ = ["Committed", "Events", "Limits", "State", "Target", "Writer"]

T = TypeVar("T")

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between tries of a destination that cannot be reached; after the last one the attempt fails."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one sync: `memory_bytes` of buffered records, about `file_bytes` a file (measured in Arrow's size)."""

    memory_bytes: int = 48 * 1024 * 1024
    file_bytes: int = 200 * 1024 * 1024
    flush_seconds: float = 300.0
    retry_seconds: tuple[float, ...] = RETRY_SECONDS


class Events(Protocol):
    """Receives the writer's commits and log lines."""

    def committed(self, committed: Committed) -> None:
        """Records are durable and visible, their states may be stored."""
        ...

    def log(self, level: str, message: str) -> None:
        """Something for the attempt's log."""
        ...


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
            events: gets every commit.
            limits: bounds on memory, files and time.
        """
        self._limits = limits or Limits()
        self._destination = destination
        self._buffers = {target.source: StreamBuffer(target, scratch / "work") for target in targets}
        self._publisher = _Publisher(destination, self._buffers, job_id, scratch, states, events, self._limits)
        self._pending: dict[str, State] = {}
        self._memory_bytes = 0
        self._full: set[StreamKey] = set()
        self._last_flush = time.monotonic()

    def acknowledge(self, number: int) -> None:
        """The commit of that number is stored: its publication will not have to be done again. Any thread."""
        self._publisher.acknowledge(number)

    @property
    def acknowledged(self) -> bool:
        """Whether everything that was committed is stored."""
        return self._publisher.acknowledged

    def recover(self) -> set[StreamKey]:
        """Finishes what a crash left half done; returns the streams that are complete with that, for this job."""
        return self._publisher.recover()

    def attach(self, source: StreamKey, waiting: WaitingRecords) -> None:
        """Lets the writer take records of a stream from where they wait, when it needs them."""
        self._buffers[source].waiting = waiting

    def add(self, source: StreamKey, batch: RecordBatch) -> None:
        """Takes records of a stream."""
        buffer = self._buffers[source]
        before = buffer.memory_bytes
        buffer.add(self._destination.storable(buffer.target.stream, batch))
        self._memory_bytes += buffer.memory_bytes - before
        if buffer.bytes >= self._limits.file_bytes:
            self._full.add(source)
        if self._memory_bytes > self._limits.memory_bytes:
            self._spill()

    def pull(self, source: StreamKey) -> None:
        """Takes the records of a stream that wait."""
        waiting = self._buffers[source].waiting
        if waiting is not None:
            for batch in waiting.batches():
                self.add(source, batch)

    def state(self, state: State) -> None:
        """Takes a state: it is committed when all records that came before it are, those that wait included."""
        self._pending[state.key] = state
        if state.kind == "stream":
            buffers = [self._buffers[state.name, state.namespace]]
        else:
            buffers = list(self._buffers.values())
        for buffer in buffers:
            buffer.boundary = buffer.arrived + buffer.waiting_rows

    def tick(self) -> None:
        """Stages full files, publishes what is ready or has waited long enough. Called regularly."""
        full, self._full = [self._buffers[source] for source in self._full], set()
        for buffer in full:
            ready = min(buffer.boundary, buffer.arrived) - buffer.taken
            self._stage(buffer, ready if ready > 0 else buffer.rows)
        waited = self._pending and time.monotonic() - self._last_flush >= self._limits.flush_seconds
        if waited or any(not buffer.target.whole for buffer in full):
            self._publish_boundaries()

    def finish(self, complete: Iterable[StreamKey] = ()) -> None:
        """Publishes everything: the attempt read all there was. Streams in `complete` were published before."""
        skip = set(complete)
        sources = [source for source in self._buffers if source not in skip]
        for source in sources:
            self.pull(source)
            self._stage(self._buffers[source], self._buffers[source].rows)
        self._publisher.publish(sources, list(self._pending.values()), complete=True)
        self._pending.clear()

    def abandon(self) -> None:
        """After a failure: publishes records that a state covers, with that state; drops the rest."""
        self._publish_boundaries()

    def discard(self) -> None:
        """Drops everything that was staged and not published, and the scratch files."""
        self._publisher.discard()

    def _spill(self) -> None:
        """Moves the largest buffers to disk, until half of the memory is free."""
        for buffer in sorted(self._buffers.values(), key=lambda each: each.memory_bytes, reverse=True):
            if self._memory_bytes <= self._limits.memory_bytes // 2:
                return
            self._memory_bytes -= buffer.memory_bytes
            buffer.spill()

    def _stage(self, buffer: StreamBuffer, rows: int) -> None:
        if rows <= 0:
            return
        before = buffer.memory_bytes
        parcel = buffer.take(rows)
        self._memory_bytes += buffer.memory_bytes - before
        self._publisher.stage(buffer, parcel)

    def _publish_boundaries(self) -> None:
        """Publishes incremental streams up to their last state, with the states that then hold."""
        self._last_flush = time.monotonic()
        shared = [state for state in self._pending.values() if state.kind != "stream"]
        ready: list[StreamKey] = []
        for source, buffer in self._buffers.items():
            if buffer.target.whole or not (shared or self._state_of(source)):
                continue
            self.pull(source)
            # Rows before the state that could not be read never come: then it does not hold.
            if buffer.taken <= buffer.boundary <= buffer.arrived:
                self._stage(buffer, buffer.boundary - buffer.taken)
                ready.append(source)
        if shared and len(ready) < len(self._buffers):
            # A shared state holds only when every stream is there, so whole streams keep it back to the end.
            shared = []
            ready = [source for source in ready if self._state_of(source)]
        states = [state for source in ready if (state := self._state_of(source))] + shared
        if ready and states:
            self._publisher.publish(ready, states, complete=False)
            for state in states:
                self._pending.pop(state.key, None)

    def _state_of(self, source: StreamKey) -> State | None:
        return self._pending.get(stream_state_key(source))


class _Publisher:
    """Stages parcels, publishes what is staged, and does after a crash what was about to be done."""

    def __init__(
        self,
        destination: Destination[Any],
        buffers: dict[StreamKey, StreamBuffer],
        job_id: int,
        scratch: Path,
        states: Iterable[State],
        events: Events,
        limits: Limits,
    ) -> None:
        self._destination = destination
        self._buffers = buffers
        self._job_id = job_id
        self._events = events
        self._limits = limits
        scratch.mkdir(parents=True, exist_ok=True)
        self._work = scratch / "work"
        self._publication = scratch / "publication.json"
        self._notes = Notes(scratch / "staged.jsonl")
        self._committed = {state.key: state.canonical for state in states}
        self._published: set[str] = set()
        self._staging: dict[StreamKey, list[Future[Staged]]] = {}
        self._last: Future[Staged] | None = None
        self._stager = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._lock = threading.Lock()
        self._calling = threading.Lock()  # a destination may have one connection, with one transaction
        self._number = 0
        self._awaited: int | None = None

    def acknowledge(self, number: int) -> None:
        with self._lock:
            if number == self._awaited:
                self._awaited = None
            if number == self._number:  # else another publication is written down already
                self._publication.unlink(missing_ok=True)

    @property
    def acknowledged(self) -> bool:
        return self._awaited is None

    def recover(self) -> set[StreamKey]:
        shutil.rmtree(self._work, ignore_errors=True)
        complete: set[StreamKey] = set()
        if self._publication.exists():
            publication = Publication.loaded(self._publication)
            try:
                complete = self._redo(publication)
            except TransientDestinationError:
                raise
            except DestinationError as error:
                # What was staged is lost, but no state went ahead of it: the source is read again from there.
                self._events.log("WARN", f"an interrupted publication cannot be finished: {error}")
                self._drop(publication)
                self._publication.unlink()
        self._clean_noted()
        for source, buffer in self._buffers.items():
            if source not in complete:
                self._check_columns(buffer.target.stream)
        return complete

    def _check_columns(self, stream: DestinationStream) -> None:
        """Stops before anything is read if a table cannot take the stream's fields; says what will be changed."""
        if stream.replaces:
            return
        for alteration in self._retried(lambda: self._destination.alterations(stream)):
            self._events.log("INFO", f"stream {stream.name}: {alteration}")

    def stage(self, buffer: StreamBuffer, parcel: Parcel) -> None:
        """Stages a parcel in the background; waits for the one before, so that only one is in memory."""
        if self._last is not None:
            self._last.result()
        self._last = self._stager.submit(self._staged, buffer, parcel)
        self._staging.setdefault(buffer.target.source, []).append(self._last)
        if parcel.large_values:
            self._last.result()  # values of megabytes must not be in memory beside the next ones

    def _staged(self, buffer: StreamBuffer, parcel: Parcel) -> Staged:
        stream = replaced(buffer.target.stream, largest_value=buffer.largest_value)
        noted: list[Receipt] = []

        def note(receipt: Receipt) -> None:
            noted.append(receipt)
            self._notes.add(buffer.target.source, receipt)

        def attempt() -> Receipt:
            noted.clear()  # what a failed try left is not part of the publication: it is cleaned
            return self._destination.stage(stream, parcel.batches(), self._work, note)

        self._work.mkdir(parents=True, exist_ok=True)
        receipt = self._retried(attempt)
        parcel.close()
        return Staged(receipt, noted, parcel.rows)

    def publish(self, sources: list[StreamKey], states: list[State], *, complete: bool) -> None:
        staged = {source: [each.result() for each in self._staging.pop(source, [])] for source in sources}
        items = [
            Item.of(source, self._buffers[source].target.stream, staged[source], complete=complete)
            for source in sources
            if staged[source] or complete
        ]
        if not items and not states:
            return
        before = {state.key: self._committed.get(state.key) for state in states}
        with self._lock:
            self._number += 1
            publication = Publication(self._job_id, items, states, before)
            publication.write(self._publication)
        for item in items:
            stream = replaced(self._buffers[item.source].target.stream, publication=publication.id)
            self._publish_item(stream, item)
        finished = [item.source for item in items] if complete else []
        self._commit(Committed([item.counts for item in items], states, finished))

    def discard(self) -> None:
        self._stager.shutdown(cancel_futures=True)
        for buffer in self._buffers.values():
            buffer.close()
        self._clean_noted()
        shutil.rmtree(self._work, ignore_errors=True)

    def _redo(self, publication: Publication) -> set[StreamKey]:
        # A stream that is no longer part of the connection: what was staged for it is never shown.
        items = [item for item in publication.items if item.source in self._buffers]
        for item in items:
            self._publish_item(item.restored(self._buffers[item.source].target.stream, publication.id), item)
        complete = [item.source for item in items if item.complete and publication.job_id == self._job_id]
        states = publication.states
        unchanged = all(self._committed.get(key) == text for key, text in publication.before.items())
        already = all(self._committed.get(state.key) == state.canonical for state in states)
        if (states and unchanged and not already) or (complete and not states):
            self._events.log("INFO", "finished a publication that was interrupted")
            self._commit(Committed([item.counts for item in items], states, complete, recovered=True))
        else:
            self._publication.unlink()
        return set(complete)

    def _publish_item(self, stream: DestinationStream, item: Item) -> None:
        self._retried(lambda: self._destination.publish(stream, item.receipts, replace=item.replace))
        self._published |= {canonical(receipt) for receipt in item.noted}

    def _commit(self, committed: Committed) -> None:
        for state in committed.states:
            self._committed[state.key] = state.canonical
        committed.number = self._awaited = self._number
        self._events.committed(committed)

    def _drop(self, publication: Publication) -> None:
        """Cleans what a publication would have shown; what of it was shown stays."""
        for item in publication.items:
            for receipt in item.noted:
                self._clean(item.source, receipt)

    def _clean_noted(self) -> None:
        """Drops what was staged and not published, except what an open publication still wants to publish."""
        published = set(self._published)
        with self._lock:
            if self._publication.exists():
                publication = Publication.loaded(self._publication)
                published |= {canonical(receipt) for item in publication.items for receipt in item.noted}
        for source, receipt in self._notes:
            if canonical(receipt) not in published:
                self._clean(source, receipt)
        self._notes.clear()

    def _clean(self, source: StreamKey, receipt: Receipt) -> None:
        buffer = self._buffers.get(source) or next(iter(self._buffers.values()))
        self._retried(lambda: self._destination.clean(buffer.target.stream, [receipt]))

    def _retried(self, work: Callable[[], T]) -> T:
        for pause in self._limits.retry_seconds:
            try:
                with self._calling:
                    return work()
            except TransientDestinationError as error:
                self._events.log("WARN", f"{error}; trying again in {pause:g} s")
                time.sleep(pause)
        with self._calling:
            return work()
