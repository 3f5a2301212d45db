"""What landed, by stream and day: files, rows and bytes, of everything that is in the stack's destinations.

Rows are counted from the files and tables themselves (Parquet footers, JSONL lines), not from what a job said it wrote.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lotus.errors import ConfigError, LotusError
from lotus.lake.inventory import Landed, LandedFiles, inventory, key_pattern
from lotus.lake.landings import Landing
from lotus.lake.stores import BucketStore, FileStore, StoredFile
from lotus.session.session import Session

READERS = 8  # footers read at once: each is two small requests


@dataclass(frozen=True)
class LandedDay:
    """One stream's rows of one day (UTC) in one place; `files` and `bytes` as stored, None for a table.

    `note` says what it is, where it is not what the files declare; `rows` is None where a file cannot be read.
    """

    source: str
    stream: str
    day: str
    files: int | None
    rows: int | None
    bytes: int | None
    where: str
    note: str = ""


@dataclass(frozen=True)
class Landings:
    """What landed, and what could not be read."""

    days: list[LandedDay]
    troubles: list[str] = field(default_factory=list[str])


def landing(session: Session, *, sources: Sequence[str] = ()) -> Landings:
    """Files, rows and bytes of every stream and day, in name order.

    Raises:
        ConfigError: a file or a reference is wrong, or nothing of a named source is there.
        UnavailableError: no place can be read.
    """
    content = inventory(session.project)
    troubles = [str(trouble) for trouble in content.troubles]
    days: list[LandedDay] = []
    with ThreadPoolExecutor(READERS) as pool:
        for entry in of_sources(content.landed, sources):
            try:
                days += _days(entry, pool)
            except LotusError as error:
                troubles.append(str(error))
    return Landings(days, troubles)


def _days(entry: Landed, pool: ThreadPoolExecutor) -> Iterable[LandedDay]:
    if isinstance(entry.content, LandedFiles):
        return _days_of_files(entry, entry.content, pool)
    days = entry.content.database.days(entry.content.schema, entry.content.table)
    names = (entry.source, entry.stream)
    return [LandedDay(*names, day, None, rows, None, entry.where, entry.note) for day, rows in days]


def of_sources(entries: Sequence[Landed], sources: Sequence[str]) -> list[Landed]:
    """What is of the named sources; everything without names."""
    names = sorted({each.source for each in entries})
    for name in sources:
        if name not in names:
            raise ConfigError(
                f'no source "{name}" lands anything in this stack',
                where="--source",
                fix=f"use one of: {', '.join(names)}",
            )
    return [each for each in entries if not sources or each.source in sources]


def _days_of_files(entry: Landed, content: LandedFiles, pool: ThreadPoolExecutor) -> Iterator[LandedDay]:
    counts = list(pool.map(functools.partial(_rows, content.store), (dated.file for dated in content.files)))
    by_day: dict[str, list[tuple[StoredFile, int | None]]] = {}
    for dated, count in zip(content.files, counts, strict=True):
        by_day.setdefault(dated.day, []).append((dated.file, count))
    for day, files in sorted(by_day.items()):
        yield LandedDay(
            source=entry.source,
            stream=entry.stream,
            day=day,
            files=len(files),
            rows=_sum([count for _, count in files]),
            bytes=sum(file.bytes for file, _ in files),
            where=entry.where,
            note=entry.note,
        )


def _sum(counts: Sequence[int | None]) -> int | None:
    """The sum; None if one is not known."""
    numbers = [count for count in counts if count is not None]
    return sum(numbers) if len(numbers) == len(counts) else None


def written_since(zone: Landing, moment: float) -> list[int]:
    """The sizes in bytes of the stream's objects that were written at or after `moment` (seconds since the epoch).

    Raises:
        UnavailableError: the bucket cannot be listed.
    """
    pattern = key_pattern(zone.path)
    files = BucketStore(zone.bucket).files(zone.prefix)
    return [file.bytes for file in files if pattern.fullmatch(file.key) and file.written >= int(moment)]


def _rows(store: FileStore, file: StoredFile) -> int | None:
    """The rows of a file; None where it is none of its kind."""
    import pyarrow as pa
    from pyarrow import parquet

    path = store.path(file.key)
    try:
        if ".jsonl" in file.key:
            with store.filesystem.open_input_stream(path, compression="detect") as stream:
                read_block: Callable[[], bytes] = functools.partial(stream.read, 1 << 20)
                return sum(block.count(b"\n") for block in iter(read_block, b""))
        with store.filesystem.open_input_file(path) as opened:
            return parquet.read_metadata(opened).num_rows
    except pa.ArrowInvalid:
        return None
