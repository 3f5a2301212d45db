"""Where rows land: names, namespaces, and other servers that write to the same place."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

import uuid
from pathlib import Path

from lotus_server.destinations.conformance.subject import Shape, Subject, Sync, case
from lotus_server.destinations.destination import DestinationError, Mode


@case
def hostile_names_stay_in_their_place(subject: Subject, scratch: Path) -> None:
    """Names that climb, quote or smile are streams like others."""
    names = ("../../climb", 'quo"te', "se;mi'colon", "emoji 😀", "a.b", "SELECT", "x" * 100, "per%cent", "brace{}")
    for name in names:
        for exact in (f"{uuid.uuid4().hex[:6]}{name}", f"{name}{uuid.uuid4().hex[:6]}"):
            sync = Sync(subject, scratch, subject.modes()[0], name=exact, exact_name=True)
            sync.sync([1, 2])
            assert sync.ids() == [1, 2], name


@case
def namespaces_do_not_mix(subject: Subject, scratch: Path) -> None:
    """Streams of one name in two namespaces, and in none, have rows of their own, also after an overwrite."""
    unique = uuid.uuid4().hex[:8]
    namespaces = (None, f"eu_{unique}", f"us_{unique}", f'na"me {unique}')
    for mode in subject.modes():
        name = f"spaces_{mode}_{unique}"
        syncs = [
            Sync(subject, scratch, mode, name=name, exact_name=True, shape=Shape(namespace=namespace))
            for namespace in namespaces
        ]
        for number, sync in enumerate(syncs):
            sync.sync([number])
        syncs[1].sync([7], [8])
        syncs[2].sync()
        kept = [] if syncs[1].whole else [1]
        assert [sync.ids() for sync in syncs] == [[0], [*kept, 7, 8], [2] if kept else [], [3]], mode


@case
def long_names_do_not_mix(subject: Subject, scratch: Path) -> None:
    """Names that differ only behind what a server may cut off are two streams, and two columns."""
    unique = uuid.uuid4().hex[:8]
    columns = [f"{'c' * 120}{end}" for end in ("a", "b")]
    properties = {"id": {"type": "integer"}, **{name: {"type": "string"} for name in columns}}
    for mode in subject.modes():
        syncs = [
            Sync(subject, scratch, mode, name=f"{unique}{mode}{'n' * 120}{end}", exact_name=True) for end in ("a", "b")
        ]
        for number, sync in enumerate(syncs):
            sync.properties = properties
            sync.sync([{"id": number, columns[0]: "first", columns[1]: "second"}])
        for number, sync in enumerate(syncs):
            assert sync.ids() == [number], f"{mode}: two streams with long names are in one place"
            assert {"first", "second"} <= {str(value) for value in sync.row(number).values()}, (
                f"{mode}: a column is lost"
            )


@case
def names_that_differ_in_case_do_not_mix(subject: Subject, scratch: Path) -> None:
    """Two streams stay two; a place that cannot tell them apart refuses the second one."""
    for mode in subject.modes():
        name = f"{mode}_case_{uuid.uuid4().hex[:8]}"
        first = Sync(subject, scratch, mode, name=name, exact_name=True)
        second = Sync(subject, scratch, mode, name=name.upper(), exact_name=True)
        first.sync([1])
        try:
            second.sync([2])
        except DestinationError:
            assert first.ids() == [1], mode
        else:
            assert (first.ids(), second.ids()) == ([1], [2]), mode


@case
def two_servers_may_write_to_one_place(subject: Subject, scratch: Path) -> None:
    """Two servers number jobs by themselves: what one has published is not taken for the other's."""
    for mode in subject.modes():
        if mode.startswith("overwrite"):
            continue
        name = f"servers_{mode}_{uuid.uuid4().hex[:8]}"
        first, second = (Sync(subject, scratch / str(n), mode, name=name, exact_name=True) for n in (1, 2))
        first.sync([1])
        second.sync([2])
        assert first.ids() == [1, 2], f"{mode}: the second server's first job"
        # The first server dies before it has heard of its own publication; the second one has gone on meanwhile.
        first.next_job()
        destination = subject.make()
        stream = first.stream(destination)
        receipts = [destination.stage(stream, [first.batch(destination, [3])], first.folder(), lambda _: None)]
        destination.publish(stream, receipts, replace=False)
        for number in (4, 5, 6):
            second.sync([number])
        destination.publish(stream, receipts, replace=False)
        destination.close()
        assert first.ids() == [1, 2, 3, 4, 5, 6], f"{mode}: a publication that is repeated late is shown twice"


@case
def a_new_server_begins_again(subject: Subject, scratch: Path) -> None:
    """A server whose data was wiped counts jobs and generations from one: its overwrites are not taken for old ones."""
    for mode in subject.modes():
        if not mode.startswith("overwrite"):
            continue
        name = f"wiped_{mode}_{uuid.uuid4().hex[:8]}"
        before, after = (Sync(subject, scratch / str(n), mode, name=name, exact_name=True) for n in (1, 2))
        before.sync([1, 2])
        before.sync()
        assert before.ids() == [], mode
        after.sync([5])
        assert after.ids() == [5], mode
        after.sync()
        assert after.ids() == [], f"{mode}: an empty overwrite was taken for the other server's"


@case
def a_place_can_be_used_by_the_next_run(subject: Subject, scratch: Path) -> None:
    """Streams of another connection are not touched by an overwrite."""
    overwriting: list[Mode] = [mode for mode in subject.modes() if mode.startswith("overwrite")]
    other = Sync(subject, scratch, subject.modes()[0], name="neighbour")
    other.sync([1])
    for mode in overwriting[:1]:
        sync = Sync(subject, scratch, mode, name=other.name[:-1])
        sync.sync([2])
        sync.sync()
        assert sync.ids() == [], mode
    assert other.ids() == [1]
