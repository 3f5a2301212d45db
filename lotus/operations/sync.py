"""Syncs on demand: ask, follow, say what landed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from pulumi_airbyte.api import Airbyte, ConflictError, Job

from lotus.errors import ConfigError
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.lake import Landing, declared, landings, project_of
from lotus.operations.landing import written_since

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """How far one connection's job is; bytes as the source emitted them."""

    connection: str
    status: str
    rows: int
    bytes: int
    ended: bool


Follow: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True)
class SyncedStream:
    """One stream of a finished job: rows that the destination committed; files and bytes as they lie in the bucket."""

    stream: str
    rows: int
    files: int | None = None
    bytes: int | None = None
    where: str = ""


@dataclass(frozen=True)
class SyncResult:
    """What became of one connection's sync."""

    connection: str
    job_id: int
    status: str
    seconds: float | None = None
    failure: str = ""
    streams: list[SyncedStream] = field(default_factory=list[SyncedStream])


def sync(
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    names: Sequence[str],
    *,
    wait: bool,
    follow: Follow = lambda _progress: None,
) -> list[SyncResult]:
    """Starts a sync of each named connection of the stack (of all, if none is named); with `wait`, follows them.

    A connection whose sync runs already is followed, not started again.

    Raises:
        ConfigError: a name fits no connection, or the stack's files are wrong.
        UnavailableError, RemoteError: Airbyte does not answer, or refuses.
    """
    with in_our_words():
        return asyncio.run(_sync(project, stack, environment, names, wait, follow))


async def _sync(
    project: Path, stack: str, environment: Mapping[str, str], names: Sequence[str], wait: bool, follow: Follow
) -> list[SyncResult]:
    files = project_of(project, stack, environment)
    lake = declared(files)
    async with client(project, stack, environment) as airbyte:
        there = {found["name"]: found for found in await airbyte.connections([lake.workspace])}
        chosen = _chosen(lake.connections, there, names)
        zones = landings(files) if wait else []
        return list(await asyncio.gather(*(_one(airbyte, there[name], zones, wait, follow) for name in chosen)))


def _chosen(declared: Mapping[str, str], there: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Names in Airbyte of the connections that are meant; `declared` maps source folders to connection names."""
    missing = [name for name in declared.values() if name not in there]
    if not names:
        if missing:
            raise ConfigError(
                f'Airbyte has no connection "{missing[0]}", which the files declare', fix="pulumi up makes it"
            )
        return list(declared.values())
    chosen: list[str] = []
    for name in names:
        wanted = declared.get(name, name)
        if wanted not in there:
            close = get_close_matches(name, [*declared, *there], n=1)
            known = f"use one of: {', '.join([*declared, *sorted(set(there) - set(declared.values()))])}"
            fix = "pulumi up makes it" if wanted in missing else f'did you mean "{close[0]}"?' if close else known
            raise ConfigError(f'Airbyte has no connection "{wanted}"', where=name, fix=fix)
        chosen.append(wanted)
    return list(dict.fromkeys(chosen))


async def _one(
    airbyte: Airbyte, connection: Mapping[str, Any], zones: Sequence[Landing], wait: bool, follow: Follow
) -> SyncResult:
    name, connection_id = connection["name"], connection["connectionId"]
    try:
        job = await airbyte.start_job(connection_id, "sync")
    except ConflictError:
        running = [job for job in await airbyte.jobs(connection_id, limit=1) if not job.ended]
        if not running:
            raise
        job = running[0]
    if not wait:
        return SyncResult(name, job.id, job.status)

    def told(job: Job) -> None:
        attempt = job.attempts[-1] if job.attempts else None
        rows, size = (attempt.records_synced, attempt.bytes_synced) if attempt else (0, 0)
        follow(Progress(name, job.status, rows, size, job.ended))

    began = time.time()
    done = await airbyte.wait(job, every=POLL_SECONDS, on_change=told)
    since = min(float(done.created_at), began)
    own = [zone for zone in zones if zone.connection == name]
    synced = [await asyncio.to_thread(_landed, stream, done, own, since) for stream in _streams(connection)]
    return SyncResult(name, done.id, done.status, time.time() - since, done.failure, synced)


def _streams(connection: Mapping[str, Any]) -> list[str]:
    configurations: Mapping[str, Any] = connection.get("configurations") or {}
    return sorted(stream["name"] for stream in configurations.get("streams") or [])


def _landed(stream: str, job: Job, zones: Sequence[Landing], since: float) -> SyncedStream:
    rows = sum(stats.records_committed for attempt in job.attempts for stats in attempt.streams if stats.name == stream)
    zone = next((zone for zone in zones if zone.stream == stream), None)
    if zone is None:
        return SyncedStream(stream, rows)
    sizes = written_since(zone, since)
    return SyncedStream(stream, rows, len(sizes), sum(sizes), zone.where)
