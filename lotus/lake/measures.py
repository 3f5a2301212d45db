"""Questions about what landed: days without rows, rows that are missing or twice, and how files and bytes grow."""

# ruff: noqa: S608 - names cannot be parameters; all pass through `quoted`
from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pulumi_airbyte.api import Job

from lotus.config.landing import field_name
from lotus.config.project import Stream
from lotus.errors import LotusError
from lotus.lake.databases import quoted
from lotus.lake.inventory import Inventory, Landed, LandedFiles, inventory
from lotus.lake.landing import landing, of_sources
from lotus.lake.landings import stack_connections
from lotus.lake.queries import query_of
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session

SMALL_FILE_BYTES = 8 * 1000 * 1000
"""Readers of a lake want files of some 100 MB; below this, opening one costs more than reading it."""
GROWTH_DAYS = 7
JOBS = 200
"""How many of a connection's latest jobs are compared."""


@dataclass(frozen=True)
class Gap:
    """Days in a row on which a sync was due and nothing landed; both ends included."""

    source: str
    stream: str
    begin: str
    end: str
    days: int


@dataclass(frozen=True)
class RowComparison:
    """A stream's rows as Airbyte's jobs committed them, and as they are in the lake.

    `missing` is None where a row that was committed need not be there any more. `duplicates` are rows beyond the first
    of each key; None without a key.
    """

    source: str
    stream: str
    committed: int
    landed: int
    missing: int | None
    duplicates: int | None
    note: str = ""


@dataclass(frozen=True)
class Size:
    """A stream's files: how many, how large, how many small ones, and the bytes of the last days."""

    source: str
    stream: str
    files: int
    bytes: int
    mean_bytes: int
    small_files: int
    recent_bytes: int
    note: str = ""


def gaps(session: Session, *, sources: Sequence[str] = (), today: date | None = None) -> list[Gap]:
    """Days without rows since a stream's first day on which its connection's schedule had a run."""
    today = today or datetime.now(UTC).date()
    days: dict[tuple[str, str], set[str]] = {}
    for day in landing(session, sources=sources).days:
        days.setdefault((day.source, day.stream), set()).add(day.day)
    result: list[Gap] = []
    for connection in session.project.connections:
        for stream in connection.streams:
            days_with_rows = days.get((connection.name, stream.name))
            if not days_with_rows or connection.schedule is None:
                continue
            begin = datetime.fromisoformat(min(days_with_rows)).replace(tzinfo=UTC)
            due = _due_days(connection.schedule, begin, today)
            missing = [day for day in due if day.isoformat() not in days_with_rows]
            result += [Gap(connection.name, stream.name, *gap) for gap in _runs_of(missing, due)]
    return result


def _due_days(schedule: Any, begin: datetime, today: date) -> list[date]:
    """The days before today on which a run was due; of an interval of less than a day, each day."""
    days: list[date] = []
    moment = begin
    while moment.date() < today:
        runs: list[datetime] = schedule.runs(moment, 1)
        if not runs:
            break
        due = runs[0]
        if due.date() < today and (not days or due.date() > days[-1]):
            days.append(due.date())
        next_day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)
        moment = max(due, next_day - timedelta(seconds=1)) if due.date() == moment.date() else due
    return days


def _runs_of(missing: Sequence[date], due: Sequence[date]) -> list[tuple[str, str, int]]:
    """Days that follow one another among the due ones, as first, last and number."""
    runs: list[list[date]] = []
    position = {day: number for number, day in enumerate(due)}
    for day in missing:
        if runs and position[day] == position[runs[-1][-1]] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [(run[0].isoformat(), run[-1].isoformat(), len(run)) for run in runs]


def sizes(session: Session, *, sources: Sequence[str] = (), today: date | None = None) -> list[Size]:
    """The files of every stream, the largest streams first."""
    since = ((today or datetime.now(UTC).date()) - timedelta(days=GROWTH_DAYS)).isoformat()
    result: list[Size] = []
    for entry in of_sources(inventory(session.project).landed, sources):
        if not isinstance(entry.content, LandedFiles) or not entry.content.files:
            continue
        files = [dated.file.bytes for dated in entry.content.files]
        recent = [dated.file.bytes for dated in entry.content.files if dated.day > since]
        small = sum(1 for count in files if count < SMALL_FILE_BYTES)
        mean = sum(files) // len(files)
        size = Size(entry.source, entry.stream, len(files), sum(files), mean, small, sum(recent), entry.note)
        result.append(size)
    return sorted(result, key=lambda size: -size.bytes)


def compare_rows(
    session: Session, *, sources: Sequence[str] = (), jobs: Mapping[str, Sequence[Job]] | None = None
) -> list[RowComparison]:
    """Rows landed against rows committed, by job, and duplicates by key, of every stream that the files declare.

    Args:
        session: the stack.
        sources: only these.
        jobs: the connections' latest jobs by folder; absent: Airbyte is asked.

    Raises:
        UnavailableError, RemoteError: Airbyte does not answer, or refuses.
    """
    content = inventory(session.project)
    entries = [each for each in of_sources(content.landed, sources) if each.declared is not None]
    if jobs is None:
        with in_our_words():
            jobs = asyncio.run(_jobs(session, {each.source for each in entries}))
    return [_compared(content, each, jobs) for each in entries]


async def _jobs(session: Session, names: Collection[str]) -> dict[str, list[Job]]:
    """The latest jobs of the connections of these folders, by folder."""
    stack = stack_connections(session.project)
    async with session.airbyte() as airbyte:
        existing = {each["name"]: each["connectionId"] for each in await airbyte.connections([stack.workspace])}
        wanted = {name: existing[title] for name, title in stack.connections.items() if title in existing}
        return {name: await airbyte.jobs(wanted[name], limit=JOBS) for name in wanted if name in names}


def _compared(content: Inventory, entry: Landed, jobs: Mapping[str, Sequence[Job]]) -> RowComparison:
    assert entry.declared is not None  # noqa: S101  the caller chose those that are declared
    mode = entry.declared.modes.destination_sync_mode
    committed = _committed(entry, entry.declared, jobs.get(entry.source, ()))
    total = sum(committed.values())
    table = f"{quoted(entry.source)}.{quoted(entry.stream)}"
    try:
        by_sync = query_of(content, f"SELECT {_SYNC_ID}, count(*) FROM {table} GROUP BY 1").rows
        duplicates = _duplicates(content, table, entry.declared)
    except LotusError as error:
        return RowComparison(entry.source, entry.stream, total, 0, None, None, str(error).splitlines()[0])
    rows = {int(job): int(count) for job, count in by_sync if job}
    missing = None if mode.endswith("dedup") else sum(max(n - rows.get(job, 0), 0) for job, n in committed.items())
    every = sum(int(count) for _, count in by_sync)
    return RowComparison(entry.source, entry.stream, total, every, missing, duplicates, NOTES.get(mode, ""))


NOTES = {
    "append_dedup": "merged by key: it has fewer rows than were committed",
    "overwrite_dedup": "merged by key: it has fewer rows than were committed",
    "overwrite": "the last sync alone",
}

# A database may have the object as text.
_SYNC_ID = """regexp_extract(CAST(to_json(_airbyte_meta) AS VARCHAR), 'sync_id[^0-9]+([0-9]+)', 1)"""


def _committed(entry: Landed, stream: Stream, jobs: Sequence[Job]) -> dict[int, int]:
    """Rows that each job committed; of a stream that is overwritten, the last job's alone."""
    landed_name = entry.connection.landed_name(stream) if entry.connection else stream.name
    counts = {job.id: _committed_by(job, {stream.name, landed_name}) for job in jobs}
    committed = {job: count for job, count in counts.items() if count}
    if committed and stream.modes.destination_sync_mode.startswith("overwrite"):
        newest = max(committed)
        return {newest: committed[newest]}
    return committed


def _committed_by(job: Job, names: set[str]) -> int:
    stats = [each for attempt in job.attempts for each in attempt.streams if each.name in names]
    return sum(each.records_committed for each in stats)


def _duplicates(content: Inventory, table: str, stream: Stream) -> int | None:
    paths = stream.effective_key
    if not paths:
        return None
    keys = ", ".join(quoted(field_name(path[0])) for path in paths)
    sql = f"SELECT COALESCE(sum(copies - 1), 0) FROM (SELECT count(*) AS copies FROM {table} GROUP BY {keys})"
    return int(query_of(content, sql).rows[0][0])
