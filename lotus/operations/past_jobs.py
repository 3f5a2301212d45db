"""How much a change is about: rows and bytes that past jobs landed of the streams it touches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pulumi_airbyte.api import Airbyte, Job

from lotus.impact import Action, Change, Comparison
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.connectors import workspace_of
from lotus.operations.discover import everything, settings_of

_HISTORY = 50
"""Jobs of a connection that are counted, the newest."""


def with_past_rows(comparison: Comparison, project: Path, stack: str, environment: Mapping[str, str]) -> Comparison:
    """The comparison whose changes say what past jobs landed of their streams; what is new has no past.

    Raises:
        ConfigError: the stack does not say where its Airbyte or its workspace is.
        UnavailableError, RemoteError: Airbyte cannot be asked.
    """
    if not any(_has_past(change) for change in comparison.changes):
        return comparison
    settings = settings_of(project, stack, environment)
    files = everything(project, settings)
    titles = {source.name: source.connection_to(files.destination(source.destination)) for source in files.sources}
    with in_our_words():
        changes = asyncio.run(_counted(comparison, project, stack, environment, workspace_of(settings), titles))
    return replace(comparison, changes=changes)


def _has_past(change: Change) -> bool:
    return bool(change.streams) and change.action is not Action.CREATE


async def _counted(
    comparison: Comparison,
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    workspace: str,
    titles: Mapping[str, str],
) -> tuple[Change, ...]:
    async with client(project, stack, environment) as airbyte:
        ids = {str(one["name"]): str(one["connectionId"]) for one in await airbyte.connections([workspace])}
        jobs: dict[str, list[Job]] = {}
        return tuple([await _with_rows(change, airbyte, ids, titles, jobs) for change in comparison.changes])


async def _with_rows(
    change: Change, airbyte: Airbyte, ids: Mapping[str, str], titles: Mapping[str, str], jobs: dict[str, list[Job]]
) -> Change:
    if not _has_past(change):
        return change
    rows = size = 0
    asked = False
    for subject in change.streams:
        source, _, stream = subject.partition("/")
        own = ids.get(change.title if change.kind == "connection" else titles.get(source, ""))
        if own is None:
            continue  # it has another name there, or is not there at all
        asked = True
        if own not in jobs:
            jobs[own] = await airbyte.jobs(own, types=("sync", "refresh"), limit=_HISTORY)
        found = [s for job in jobs[own] for attempt in job.attempts for s in attempt.streams if s.name == stream]
        rows += sum(stats.records_committed for stats in found)
        size += sum(stats.bytes_committed for stats in found)
    if not asked:
        return change
    number = len(change.streams)
    whose = "its stream" if number == 1 else f"its {number} streams"
    line = f"past jobs landed {rows:,} rows of {whose}, {size:,} bytes" if rows else f"nothing landed of {whose} yet"
    return replace(change, data=(*change.data, line))
