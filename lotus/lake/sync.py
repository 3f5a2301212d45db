"""Syncs on demand: ask, follow, say what landed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

from pulumi_airbyte.api import Airbyte, ConflictError, Job

from lotus.errors import ConfigError
from lotus.lake.landing import written_since
from lotus.lake.landings import Landing, landings, stack_connections
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session

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
    session: Session,
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
        return asyncio.run(_sync(session, names, wait, follow))


async def _sync(session: Session, names: Sequence[str], wait: bool, follow: Follow) -> list[SyncResult]:
    lake = stack_connections(session.project)
    async with session.airbyte() as airbyte:
        existing = {connection["name"]: connection for connection in await airbyte.connections([lake.workspace])}
        chosen = _chosen(lake.connections, existing, names)
        zones = landings(session.project) if wait else []
        return list(
            await asyncio.gather(*(_sync_connection(airbyte, existing[name], zones, wait, follow) for name in chosen))
        )


def _chosen(stack_connections: Mapping[str, str], existing: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Names in Airbyte of the chosen connections; `stack_connections` maps source folders to connection names."""
    missing = [name for name in stack_connections.values() if name not in existing]
    if not names:
        if missing:
            raise ConfigError(
                f'Airbyte has no connection "{missing[0]}", which the files declare', fix="pulumi up creates it"
            )
        return list(stack_connections.values())
    chosen: list[str] = []
    for name in names:
        connection = stack_connections.get(name, name)
        if connection not in existing:
            fix = _nearest(name, stack_connections, existing)
            if connection in missing:
                fix = "pulumi up creates it"
            raise ConfigError(f'Airbyte has no connection "{connection}"', where=name, fix=fix)
        chosen.append(connection)
    return list(dict.fromkeys(chosen))


def _nearest(name: str, stack_connections: Mapping[str, str], existing: Mapping[str, Any]) -> str:
    close = get_close_matches(name, [*stack_connections, *existing], n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    unmanaged = sorted(set(existing) - set(stack_connections.values()))
    return f"use one of: {', '.join([*stack_connections, *unmanaged])}"


async def _sync_connection(
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

    def report(job: Job) -> None:
        attempt = job.attempts[-1] if job.attempts else None
        rows, size = (attempt.records_synced, attempt.bytes_synced) if attempt else (0, 0)
        follow(Progress(name, job.status, rows, size, job.ended))

    began = time.time()
    ended = await airbyte.wait(job, every=POLL_SECONDS, on_change=report)
    since = min(float(ended.created_at), began)
    targets = [zone for zone in zones if zone.connection == name]
    synced = [await asyncio.to_thread(_synced_stream, stream, ended, targets, since) for stream in _streams(connection)]
    return SyncResult(name, ended.id, ended.status, time.time() - since, ended.failure, synced)


def _streams(connection: Mapping[str, Any]) -> list[str]:
    configurations: Mapping[str, Any] = connection.get("configurations") or {}
    return sorted(stream["name"] for stream in configurations.get("streams") or [])


def _synced_stream(stream: str, job: Job, zones: Sequence[Landing], since: float) -> SyncedStream:
    rows = sum(stats.records_committed for attempt in job.attempts for stats in attempt.streams if stats.name == stream)
    zone = next((zone for zone in zones if zone.stream == stream), None)
    if zone is None:
        return SyncedStream(stream, rows)
    sizes = written_since(zone, since)
    return SyncedStream(stream, rows, len(sizes), sum(sizes), zone.url)
