"""How much a change is about: rows and bytes that past jobs landed of the streams it touches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pulumi_airbyte.api import Airbyte, Job

from lotus.impact import Action, Change, Comparison
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session
from lotus.words import counted

_HISTORY = 50
"""Jobs of a connection that are counted, the newest."""


def with_past_rows(comparison: Comparison, session: Session) -> Comparison:
    """The comparison whose changes say what past jobs landed of their streams; what is new has no past.

    Raises:
        ConfigError: the stack does not say where its Airbyte or its workspace is.
        UnavailableError, RemoteError: Airbyte cannot be asked.
    """
    if not any(_has_past(change) for change in comparison.changes):
        return comparison
    files = session.files
    titles = {connection.name: files.title_of(connection) for connection in files.connections}
    with in_our_words():
        changes = asyncio.run(_counted(comparison, session, titles))
    return replace(comparison, changes=changes)


def _has_past(change: Change) -> bool:
    return bool(change.streams) and change.action is not Action.CREATE


async def _counted(
    comparison: Comparison,
    session: Session,
    titles: Mapping[str, str],
) -> tuple[Change, ...]:
    async with session.airbyte() as airbyte:
        ids = {
            str(connection["name"]): str(connection["connectionId"])
            for connection in await airbyte.connections([session.workspace])
        }
        jobs: dict[str, list[Job]] = {}
        return tuple([await _with_rows(change, airbyte, ids, titles, jobs) for change in comparison.changes])


async def _with_rows(
    change: Change, airbyte: Airbyte, ids: Mapping[str, str], titles: Mapping[str, str], jobs: dict[str, list[Job]]
) -> Change:
    if not _has_past(change):
        return change
    rows = size = 0
    synced = False
    for subject in change.streams:
        source, _, stream = subject.partition("/")
        connection_id = ids.get(change.title if change.kind == "connection" else titles.get(source, ""))
        if connection_id is None:
            continue  # it has another name there, or is not there at all
        synced = True
        if connection_id not in jobs:
            jobs[connection_id] = await airbyte.jobs(connection_id, types=("sync", "refresh"), limit=_HISTORY)
        stream_rows, stream_size = _committed(jobs[connection_id], stream)
        rows += stream_rows
        size += stream_size
    if not synced:
        return change
    return replace(change, data=(*change.data, _landed_text(rows, size, len(change.streams))))


def _committed(jobs: Sequence[Job], stream: str) -> tuple[int, int]:
    """The rows and bytes of a stream that jobs committed."""
    stats = [entry for job in jobs for attempt in job.attempts for entry in attempt.streams if entry.name == stream]
    return sum(entry.records_committed for entry in stats), sum(entry.bytes_committed for entry in stats)


def _landed_text(rows: int, size: int, streams: int) -> str:
    whose = "its stream" if streams == 1 else f"its {streams} streams"
    if not rows:
        return f"nothing of {whose} has landed yet"
    return f"past jobs landed {counted(rows, 'row')} of {whose}, {counted(size, 'byte')}"
