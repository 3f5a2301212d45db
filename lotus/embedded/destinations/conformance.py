"""What every destination has to do, as functions that fail with an AssertionError: modes, crash points, odd input.

For a destination of one's own, with pytest:

    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    def test_conformance(case, tmp_path):
        case(Subject(make=lambda: Mine.configured({...}), rows=read_back), tmp_path)
"""
# ruff: noqa: S101 - assertions are what this module is for

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.embedded.destinations.arrow import RecordBatch
from lotus.embedded.destinations.columns import fields_of
from lotus.embedded.destinations.destination import (
    Destination,
    DestinationError,
    DestinationStream,
    Layout,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
)
from lotus.embedded.destinations.writer import Committed, Limits, State, Target, Writer

PROPERTIES = {"id": {"type": "integer"}, "note": {"type": "string"}}

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Subject:
    """A destination under test: `make` gives a new instance each time, all for the same place; `rows` what is visible.

    A row has at least `id`, `note` (as a reader of that destination sees them; absent or None for null) and
    `_airbyte_generation_id`.
    """

    make: Callable[[], Destination[Any]]
    rows: Callable[[DestinationStream], Rows]


Case = Callable[[Subject, Path], None]
CASES: dict[str, Case] = {}


def _case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


class CrashError(BaseException):
    """The process dies here; nothing after it runs."""


class Faulty(Destination[Any]):
    """A destination that fails at one call of `stage` or `publish`, before or after the work is done."""

    def __init__(self, inner: Destination[Any], where: str, error: BaseException, *, times: int = 1) -> None:
        super().__init__(inner.configuration)
        self._inner = inner
        self._where = where
        self._error = error
        self._times = times

    def layout(self) -> Layout:
        """The inner one's."""
        return self._inner.layout()

    def check(self) -> None:
        """The inner one's."""
        self._inner.check()

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Stages, or fails."""
        self._fail("before stage")
        receipt = self._inner.stage(stream, batches, scratch, note)
        self._fail("after stage")
        return receipt

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Publishes, or fails, also in the middle of several receipts."""
        self._fail("before publish")
        if self._where == "in publish" and self._times > 0 and len(receipts) > 1 and not self._inner.atomic:
            self._inner.publish(stream, receipts[:1], replace=False)
            self._fail("in publish")
        self._inner.publish(stream, receipts, replace=replace)
        self._fail("after publish")

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """The inner one's."""
        self._inner.clean(stream, receipts)

    def _fail(self, where: str) -> None:
        if where == self._where and self._times > 0:
            self._times -= 1
            raise self._error


class Sync:
    """One stream of one connection, synced several times with the framework's writer."""

    def __init__(self, subject: Subject, scratch: Path, mode: Mode, *, name: str = "orders") -> None:
        self.subject = subject
        self._scratch = scratch / "scratch"
        self._mode: Mode = mode
        self._name = name
        self.generation = 0
        self.job = 0
        self.states: dict[str, str] = {}
        self.properties: dict[str, Any] = PROPERTIES

    @property
    def whole(self) -> bool:
        """Whether the stream is read anew each time."""
        return self._mode.startswith("overwrite")

    def stream(self, destination: Destination[Any]) -> DestinationStream:
        """The stream of the present sync."""
        return DestinationStream(
            name=self._name,
            namespace=None,
            mode=self._mode,
            fields=fields_of({"properties": self.properties}),
            layout=destination.layout(),
            primary_key=(("id",),),
            cursor=("id",),
            sync_id=self.job,
            generation_id=self.generation,
            minimum_generation_id=self.generation if self.whole else 0,
        )

    def writer(self, destination: Destination[Any], *, file_bytes: int = 1 << 30) -> tuple[Writer, set[Any]]:
        """A writer of an attempt, recovered."""
        states: list[State] = [
            {"kind": "stream", "name": self._name, "namespace": None, "text": text} for text in self.states.values()
        ]
        writer = Writer(
            destination,
            [Target((self._name, None), self.stream(destination), self.whole)],
            job_id=self.job,
            scratch=self._scratch,
            states=states,
            events=_Events(self),
            limits=Limits(file_bytes=file_bytes, flush_seconds=0.0, retry_seconds=(0.0, 0.0)),
        )
        return writer, writer.recover()

    def next_job(self) -> None:
        """The next job; it raises the generation of streams that are read anew."""
        self.job += 1
        self.generation += self.whole

    def attempt(
        self,
        batches: Sequence[Sequence[int]],
        note: str = "a",
        *,
        faulty: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        """One attempt that reads batches of ids, a state after each; goes on after the committed state."""
        destination = self.subject.make()
        used = faulty(destination) if faulty else destination
        try:
            writer, done = self.writer(used, **options)
            begin = int(self.states.get("stream", "0")) if not self.whole else 0
            for ids in [] if done else batches[begin:]:
                begin += 1
                writer.add((self._name, None), self.batch(used, ids, note))
                writer.state({"kind": "stream", "name": self._name, "namespace": None, "text": str(begin)})
                writer.tick()
            writer.finish(done)
            writer.discard()
        finally:
            destination.close()

    def batch(self, destination: Destination[Any], ids: Sequence[int], note: str) -> RecordBatch:
        """Records as the parser makes them."""
        from lotus.embedded.jobs.records import RecordParser
        from lotus.embedded.protocol import line_of

        parser = RecordParser(self.stream(destination))
        lines = b"".join(
            line_of(
                {
                    "type": "RECORD",
                    "record": {
                        "stream": self._name,
                        "data": {"id": id_, "note": note},
                        "emitted_at": 1_700_000_000_000,
                    },
                }
            )
            for id_ in ids
        )
        (batch,) = parser.lines(lines) + parser.batches()
        return batch

    def rows(self) -> Rows:
        """What is visible."""
        return self.subject.rows(self.stream(self.subject.make()))

    def ids(self) -> list[int]:
        """The ids that are visible, sorted."""
        return sorted(row["id"] for row in self.rows())


class _Events:
    def __init__(self, sync: Sync) -> None:
        self._sync = sync

    def committed(self, committed: Committed) -> None:
        """Keeps the states, as the server does."""
        for state in committed.states:
            self._sync.states["stream"] = state["text"]

    def log(self, level: str, message: str) -> None:
        """Nobody reads it."""


CRASHES = ("before stage", "after stage", "before publish", "in publish", "after publish")


def _modes(subject: Subject) -> list[Mode]:
    return list(type(subject.make()).modes)


@_case
def spec_and_check(subject: Subject, scratch: Path) -> None:
    """The specification is complete, and the check passes."""
    destination = subject.make()
    spec = type(destination).spec()
    assert spec["connectionSpecification"]["type"] == "object"
    assert set(spec["supported_destination_sync_modes"]) == set(type(destination).modes)
    assert scratch.exists()
    destination.check()


@_case
def every_mode_shows_what_it_says(subject: Subject, scratch: Path) -> None:
    """Two syncs: append adds, overwrite replaces, dedup keeps one row a key."""
    for mode in _modes(subject):
        sync = Sync(subject, scratch / mode, mode, name=f"twice_{mode}")
        for note in ("old", "new"):
            sync.next_job()
            sync.states.clear()
            sync.attempt([[1, 2], [2, 3]], note)
        expected = {"append": [1, 1, 2, 2, 2, 2, 3, 3], "overwrite": [1, 2, 2, 3]}.get(mode, [1, 2, 3])
        assert sync.ids() == expected, (mode, sync.ids())
        if mode != "append":
            assert {row["note"] for row in sync.rows()} == {"new"}, mode


@_case
def an_empty_sync_is_fine(subject: Subject, scratch: Path) -> None:
    """Nothing at a first run; an overwrite without records leaves nothing, an append leaves what is there."""
    for mode in _modes(subject):
        sync = Sync(subject, scratch / mode, mode, name=f"empty_{mode}")
        for batches in ([], [[1]], []):
            sync.next_job()
            sync.states.clear()
            sync.attempt(batches)
        assert sync.ids() == ([] if sync.whole else [1]), mode


@_case
def a_crash_loses_and_repeats_nothing(subject: Subject, scratch: Path) -> None:
    """The process dies at each point of an attempt; the next attempt ends the job, each row once."""
    for mode in _modes(subject):
        for number, where in enumerate(CRASHES):
            sync = Sync(subject, scratch / f"{mode}{number}", mode, name=f"crash_{mode}_{number}")
            sync.next_job()
            sync.attempt([[1, 2]], "old")
            sync.next_job()
            sync.states.clear()
            with suppress(CrashError):
                sync.attempt([[3], [4]], "new", faulty=lambda d, w=where: Faulty(d, w, CrashError()), file_bytes=1)
            visible = sync.ids()
            if mode == "overwrite" and where in ("before stage", "after stage", "before publish"):
                assert visible == [1, 2], (mode, where, visible)
            sync.attempt([[3], [4]], "new")
            expected = [3, 4] if sync.whole else [1, 2, 3, 4]
            assert sync.ids() == expected, (mode, where, sync.ids())


@_case
def a_crashed_run_leaves_nothing_to_publish(subject: Subject, scratch: Path) -> None:
    """Rows that were staged by a run that died are not published by the next one."""
    for mode in _modes(subject):
        sync = Sync(subject, scratch / mode, mode, name=f"left_{mode}")
        sync.next_job()
        destination = subject.make()
        writer, _ = sync.writer(destination, file_bytes=1)
        writer.add((f"left_{mode}", None), sync.batch(destination, [7, 8], "left"))
        writer.tick()
        destination.close()
        sync.next_job()
        sync.attempt([[1]])
        assert sync.ids() == [1], mode


@_case
def publishing_twice_shows_once(subject: Subject, scratch: Path) -> None:
    """The same receipts again change nothing."""
    for mode in _modes(subject):
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


@_case
def a_failing_flush_fails_the_attempt(subject: Subject, scratch: Path) -> None:
    """An error that stays is the attempt's end, in the middle and at the last flush: no success, no state."""
    for mode in _modes(subject):
        for where in ("before stage", "before publish"):
            name = f"failing_{mode}_{where.split()[1]}"
            sync = Sync(subject, scratch / name, mode, name=name)
            sync.next_job()
            failed = False
            try:
                sync.attempt([[1], [2]], faulty=lambda d, w=where: Faulty(d, w, DestinationError("full"), times=9))
            except DestinationError:
                failed = True
            assert failed, (mode, where)
            assert sync.states == {}, (mode, where)
            sync.attempt([[1], [2]])
            assert sync.ids() == [1, 2], (mode, where, sync.ids())


@_case
def a_passing_trouble_is_tried_again(subject: Subject, scratch: Path) -> None:
    """A destination that cannot be reached for a moment costs a pause, nothing else."""
    for mode in _modes(subject):
        for where in ("before stage", "after stage", "before publish", "after publish"):
            name = f"passing_{mode}_{where.replace(' ', '_')}"
            sync = Sync(subject, scratch / name, mode, name=name)
            sync.next_job()
            trouble = TransientDestinationError("away")
            sync.attempt([[1], [2]], faulty=lambda d, w=where, t=trouble: Faulty(d, w, t, times=2))
            assert sync.ids() == [1, 2], (mode, where, sync.ids())


@_case
def a_buffer_of_nothing_still_publishes(subject: Subject, scratch: Path) -> None:
    """A file for every batch is many files, and all of them are seen."""
    for mode in _modes(subject):
        sync = Sync(subject, scratch / mode, mode, name=f"small_{mode}")
        sync.next_job()
        sync.attempt([[1], [2], [3], [4]], file_bytes=0)
        assert sync.ids() == [1, 2, 3, 4], mode


@_case
def columns_may_come_and_go(subject: Subject, scratch: Path) -> None:
    """A new column is there for new rows and null for old ones; a dropped one stays for old rows."""
    for mode in _modes(subject):
        sync = Sync(subject, scratch / mode, mode, name=f"columns_{mode}")
        for number, properties in enumerate(({"id": PROPERTIES["id"]}, PROPERTIES, {"id": PROPERTIES["id"]})):
            sync.next_job()
            sync.states.clear()
            sync.properties = properties
            sync.attempt([[number]], "note")
        expected = [2] if sync.whole else [0, 1, 2]
        assert sync.ids() == expected, (mode, sync.ids())


@_case
def hostile_names_stay_in_their_place(subject: Subject, scratch: Path) -> None:
    """Names that climb, quote or smile are streams like others."""
    names = ("../../climb", 'quo"te', "se;mi'colon", "emoji 😀", "a.b", "SELECT", "x" * 100)
    for number, name in enumerate(names):
        sync = Sync(subject, scratch / str(number), _modes(subject)[0], name=name)
        sync.next_job()
        sync.attempt([[1, 2]])
        assert sync.ids() == [1, 2], name
