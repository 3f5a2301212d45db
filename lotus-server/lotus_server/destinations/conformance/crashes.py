"""Crashes and troubles at each point of an attempt: no row is lost, none is shown twice."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.columns import Field
from lotus_server.destinations.conformance.subject import CrashError, Subject, Sync, case
from lotus_server.destinations.destination import (
    Destination,
    DestinationError,
    DestinationStream,
    Layout,
    Note,
    Receipt,
    TransientDestinationError,
)


class Faulty(Destination[Any]):
    """A destination that fails at one call of `stage` or `publish`, before or after the work is done."""

    def __init__(self, inner: Destination[Any], point: str, error: BaseException, *, times: int = 1) -> None:
        super().__init__(inner.configuration)
        self._inner = inner
        self._point = point
        self._error = error
        self._times = times

    def layout(self) -> Layout:
        """The inner one's."""
        return self._inner.layout()

    def fields(self, json_schema: Mapping[str, Any]) -> tuple[Field, ...]:
        """The inner one's."""
        return self._inner.fields(json_schema)

    def storable(self, stream: DestinationStream, batch: RecordBatch) -> RecordBatch:
        """The inner one's."""
        return self._inner.storable(stream, batch)

    def check(self) -> None:
        """The inner one's."""
        self._inner.check()

    def alterations(self, stream: DestinationStream) -> Sequence[object]:
        """The inner one's."""
        return self._inner.alterations(stream)

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Stages, or fails."""
        self._fail("before stage")
        receipt = self._inner.stage(stream, batches, scratch, note)
        self._fail("after stage")
        return receipt

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Publishes, or fails, also in the middle of several receipts."""
        self._fail("before publish")
        if self._point == "in publish" and self._times > 0 and len(receipts) > 1 and not self._inner.atomic:
            self._inner.publish(stream, receipts[:1], replace=False)
            self._fail("in publish")
        self._inner.publish(stream, receipts, replace=replace)
        self._fail("after publish")

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """The inner one's."""
        self._inner.clean(stream, receipts)

    def _fail(self, point: str) -> None:
        if point == self._point and self._times > 0:
            self._times -= 1
            raise self._error


CRASHES = ("before stage", "after stage", "before publish", "in publish", "after publish")


@case
def spec_and_check(subject: Subject, scratch: Path) -> None:
    """The specification is complete, and the check passes."""
    destination = subject.make()
    spec = type(destination).spec()
    assert spec["connectionSpecification"]["type"] == "object"
    assert set(spec["supported_destination_sync_modes"]) == set(type(destination).modes)
    assert scratch.exists()
    destination.check()


@case
def every_mode_shows_what_it_says(subject: Subject, scratch: Path) -> None:
    """Two syncs: append adds, overwrite replaces, dedup keeps one row a key."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"twice_{mode}")
        for note in ("old", "new"):
            sync.sync([1, 2], [2, 3], note=note)
        expected = {"append": [1, 1, 2, 2, 2, 2, 3, 3], "overwrite": [1, 2, 2, 3]}.get(mode, [1, 2, 3])
        assert sync.ids() == expected, (mode, sync.ids())
        if mode != "append":
            assert {row["note"] for row in sync.rows()} == {"new"}, mode


@case
def every_batch_of_a_stage_lands(subject: Subject, scratch: Path) -> None:
    """A stage gets many batches, and some have many rows."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"batches_{mode}")
        destination = subject.make()
        sync.next_job()
        writer, _ = sync.writer(destination)
        for start in (0, 1, 3001):
            writer.add((sync.name, None), sync.batch(destination, range(start, 1 if start == 0 else start + 3000)))
        writer.finish()
        writer.discard()
        destination.close()
        assert sync.ids() == list(range(6001)), mode


@case
def an_empty_sync_is_fine(subject: Subject, scratch: Path) -> None:
    """Nothing at a first run; an overwrite without records leaves nothing, an append leaves what is there."""
    for mode in subject.modes():
        sync = Sync(subject, scratch / mode, mode, name=f"empty_{mode}")
        for batches in ([], [[1]], []):
            sync.next_job()
            sync.states.clear()
            sync.attempt(batches)
        assert sync.ids() == ([] if sync.whole else [1]), mode


@case
def a_crash_loses_and_repeats_nothing(subject: Subject, scratch: Path) -> None:
    """The process dies at each point of an attempt; the next attempt ends the job, each row once."""
    for mode in subject.modes():
        for number, point in enumerate(CRASHES):
            sync = Sync(subject, scratch / f"{mode}{number}", mode, name=f"crash_{mode}_{number}")
            sync.next_job()
            sync.attempt([[1, 2]], "old")
            sync.next_job()
            sync.states.clear()
            with suppress(CrashError):
                sync.attempt([[3], [4]], "new", faulty=lambda d, w=point: Faulty(d, w, CrashError()), file_bytes=1)
            visible = sync.ids()
            if mode == "overwrite" and point in ("before stage", "after stage", "before publish"):
                assert visible == [1, 2], (mode, point, visible)
            sync.attempt([[3], [4]], "new")
            expected = [3, 4] if sync.whole else [1, 2, 3, 4]
            assert sync.ids() == expected, (mode, point, sync.ids())


@case
def a_crashed_run_leaves_nothing_to_publish(subject: Subject, scratch: Path) -> None:
    """Rows that were staged by a run that died are not published by the next one."""
    for mode in subject.modes():
        sync = Sync(subject, scratch / mode, mode, name=f"left_{mode}")
        sync.next_job()
        with suppress(CrashError):
            sync.attempt([[7, 8]], "left", faulty=lambda d: Faulty(d, "after stage", CrashError()), file_bytes=1)
        sync.next_job()
        sync.attempt([[1]])
        assert sync.ids() == [1], mode


@case
def publishing_twice_shows_once(subject: Subject, scratch: Path) -> None:
    """The same receipts again change nothing."""
    for mode in subject.modes():
        sync = Sync(subject, scratch / mode, mode, name=f"again_{mode}")
        sync.next_job()
        destination = subject.make()
        stream = sync.stream(destination)
        scratch_folder = scratch / mode / "stage"
        scratch_folder.mkdir(parents=True)
        batch = sync.batch(destination, [1, 2], "a")
        receipt = destination.stage(stream, [batch], scratch_folder, lambda _receipt: None)
        assert sync.ids() == [], f"{mode}: staged rows are visible"
        for _ in range(2):
            destination.publish(stream, [receipt], replace=stream.replaces)
        destination.clean(stream, [receipt])
        destination.close()
        assert sync.ids() == [1, 2], mode


@case
def a_failing_flush_fails_the_attempt(subject: Subject, scratch: Path) -> None:
    """An error that stays is the attempt's end, in the middle and at the last flush: no success, no state."""
    for mode in subject.modes():
        for point in ("before stage", "before publish"):
            name = f"failing_{mode}_{point.split()[1]}"
            sync = Sync(subject, scratch / name, mode, name=name)
            sync.next_job()
            failed = False
            try:
                sync.attempt([[1], [2]], faulty=lambda d, w=point: Faulty(d, w, DestinationError("full"), times=9))
            except DestinationError:
                failed = True
            assert failed, (mode, point)
            assert sync.states == {}, (mode, point)
            sync.attempt([[1], [2]])
            assert sync.ids() == [1, 2], (mode, point, sync.ids())


@case
def a_passing_trouble_is_tried_again(subject: Subject, scratch: Path) -> None:
    """A destination that cannot be reached for a moment costs a pause, nothing else."""
    for mode in subject.modes():
        for point in ("before stage", "after stage", "before publish", "after publish"):
            name = f"passing_{mode}_{point.replace(' ', '_')}"
            sync = Sync(subject, scratch / name, mode, name=name)
            sync.next_job()
            trouble = TransientDestinationError("away")
            sync.attempt([[1], [2]], faulty=lambda d, w=point, t=trouble: Faulty(d, w, t, times=2))
            assert sync.ids() == [1, 2], (mode, point, sync.ids())


@case
def a_buffer_of_nothing_still_publishes(subject: Subject, scratch: Path) -> None:
    """A file for every batch is many files, and all of them are seen."""
    for mode in subject.modes():
        sync = Sync(subject, scratch / mode, mode, name=f"small_{mode}")
        sync.next_job()
        sync.attempt([[1], [2], [3], [4]], file_bytes=0)
        assert sync.ids() == [1, 2, 3, 4], mode
