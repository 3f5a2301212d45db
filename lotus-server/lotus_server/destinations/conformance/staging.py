"""What a destination leaves behind, what it says when it cannot work, and publications that cannot be finished."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

import unittest
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.conformance.crashes import CRASHES, Faulty
from lotus_server.destinations.conformance.subject import CrashError, Subject, Sync, case
from lotus_server.destinations.destination import DestinationError, Receipt


@case
def a_check_that_cannot_work_fails(subject: Subject, scratch: Path) -> None:
    """With a reason, in one line; it may be the configuration that is refused."""
    if not subject.unusable:
        raise unittest.SkipTest("Subject(unusable=…) is not given: nobody sees the check fail")
    assert scratch.exists()
    for number, make in enumerate(subject.unusable):
        reason = ""
        try:
            make().check()
        except DestinationError as error:
            reason = str(error)
        assert reason, f"the check of unusable destination {number} passes"
        assert "\n" not in reason.strip(), reason
        assert "Traceback" not in reason, reason


@case
def a_sync_leaves_nothing_staged(subject: Subject, scratch: Path) -> None:
    """What was staged is gone when it was published, whether rows came or not."""
    before = subject.left()
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"tidy_{mode}")
        sync.sync([1], [2])
        sync.sync([3], file_bytes=0)
        sync.sync()
        assert subject.left() == before, (mode, subject.left())


@case
def clean_drops_what_was_staged_and_nothing_else(subject: Subject, scratch: Path) -> None:
    """Also a second time; rows that are visible stay, and so does what another stream has staged."""
    before = subject.left()
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"clean_{mode}")
        sync.sync([1])
        destination = subject.make()
        stream = sync.stream(destination)
        noted: list[Receipt] = []
        batch = sync.batch(destination, [2])
        receipts = [destination.stage(stream, [batch], sync.folder(), noted.append) for _ in range(2)]
        assert len(subject.left()) > len(before), f"{mode}: staged rows are not to be found"
        destination.clean(stream, [receipts[0]])
        destination.clean(stream, [receipts[0]])
        destination.publish(stream, [receipts[1]], replace=False)
        destination.clean(stream, noted)
        destination.clean(stream, receipts)
        destination.close()
        assert subject.left() == before, (mode, subject.left())
        assert sync.ids() == [1, 2], (mode, sync.ids())


@case
def a_stage_that_dies_is_cleaned_by_what_it_noted(subject: Subject, scratch: Path) -> None:
    """`note` comes before anything is made, so what was noted is enough to clean up after any crash."""
    before = subject.left()

    def dying(batch: RecordBatch) -> Iterator[RecordBatch]:
        yield batch
        raise CrashError

    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"dying_{mode}")
        sync.next_job()
        destination = subject.make()
        stream = sync.stream(destination)
        noted: list[Receipt] = []
        seen: list[list[object]] = []

        def note(receipt: Receipt, noted: list[Receipt] = noted, seen: list[list[object]] = seen) -> None:
            seen.append(subject.left())
            noted.append(receipt)

        batch = sync.batch(destination, [1])
        with suppress(CrashError):
            destination.stage(stream, dying(batch), sync.folder(), note)
        with suppress(Exception):
            destination.close()
        assert noted or subject.left() == before, f"{mode}: something was staged and nothing was noted"
        assert not seen or seen[0] == before, f"{mode}: something was staged before it was noted"
        destination = subject.make()
        destination.clean(stream, noted)
        destination.close()
        assert subject.left() == before, (mode, subject.left())
        assert sync.ids() == [], mode


@case
def a_crash_leaves_nothing_staged(subject: Subject, scratch: Path) -> None:
    """After the next attempt nothing of the one that died is left."""
    before = subject.left()
    for mode in subject.modes():
        for point in CRASHES:
            sync = Sync(subject, scratch, mode, name=f"litter_{mode}_{CRASHES.index(point)}")
            sync.next_job()
            with suppress(CrashError):
                sync.attempt([[1], [2]], faulty=lambda d, w=point: Faulty(d, w, CrashError()), file_bytes=1)
            sync.attempt([[1], [2]])
            assert subject.left() == before, (mode, point, subject.left())


@case
def a_publication_that_cannot_be_finished_changes_nothing(subject: Subject, scratch: Path) -> None:
    """What was staged is lost: publish fails, and what was visible stays, also with `replace`."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"lost_{mode}", refreshes=True)
        sync.sync([1])
        sync.next_job()
        destination = subject.make()
        stream = sync.stream(destination)
        receipt = destination.stage(stream, [sync.batch(destination, [2])], sync.folder(), lambda _: None)
        destination.clean(stream, [receipt])
        failed = False
        try:
            destination.publish(stream, [receipt], replace=True)
        except Exception:  # noqa: BLE001 - whatever it is, it is no success
            failed = True
        with suppress(Exception):
            destination.close()
        assert failed, f"{mode}: rows that are lost are published as if they were there"
        assert sync.ids() == [1], (mode, sync.ids())
