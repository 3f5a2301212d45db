"""Asking Airbyte to read a stream again: once for each request, whatever is killed in between.

    wait for a running job → intent into the journal → one call → the job's id into the journal

A request that finds its own intent looks for what it may have made: a job of the right kind, newer than the newest one
at the time of the intent, that names the stream. Found: that is the job. Not found, after a call in flight would have
arrived: it was never asked, and is asked now. What cannot be told apart is an error, never a second request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pulumi_airbyte.api import (
    Airbyte,
    AirbyteError,
    ConflictError,
    Job,
    NotFoundError,
    RefreshMode,
    UnauthorizedError,
    UnknownOutcomeError,
)

from lotus.backfill.journal import Entry, Journal, Page, Stage
from lotus.backfill.request import BackfillRequest, key, names
from lotus.errors import ConfigError, LotusError, RemoteError
from lotus.untyped import as_mapping, as_mappings, is_list, is_mapping

REFRESH: Mapping[str, RefreshMode] = {"refresh_and_retain": "Merge", "refresh_and_remove": "Truncate"}
CLEARS = ("reset_connection", "clear")
"""Both words are in use for the job of a clear (docs/airbyte-behaviour.md#clears-and-refreshes)."""
WAIT_SECONDS = 1800.0
"""How long a running job of the connection is waited for before asking."""
SETTLE_SECONDS = 20.0
"""How long after an intent a call that was in flight may still arrive at the server."""
MAX_TRIES = 3
"""Jobs of one request that may fail; then a person has to look."""
_POLL_SECONDS = 0.5
_HISTORY = 200
"""Jobs of a connection that are looked through."""
_NEVER_READ = "this stream was never read, so its first sync reads all of it"


class UndecidedError(LotusError):
    """It cannot be told whether Airbyte was asked already; asking again could repeat the request."""


@dataclass(frozen=True)
class Submission:
    """What a request works with."""

    airbyte: Airbyte
    journal: Journal
    connection_id: str
    title: str
    """The connection's name, for messages."""
    say: Callable[[str], None] = lambda _sentence: None
    wait_seconds: float = WAIT_SECONDS
    settle_seconds: float = SETTLE_SECONDS


async def ask(
    work: Submission, request: BackfillRequest, siblings: Sequence[BackfillRequest] = (), *, again: bool = False
) -> Entry:
    """Makes sure that Airbyte was asked for this request, once; returns what the journal holds of it.

    Args:
        work: server, journal, connection.
        request: the request.
        siblings: other streams' requests of the same connection: those that were never asked go along in the same job,
            because a job of their own would have to wait for this one's end.
        again: the request's job has failed: ask for another one.

    Raises:
        UndecidedError: see above.
        LotusError: it could not be asked; nothing was, and the next run will.
    """
    try:
        page = await _settle(work, work.journal.page(work.connection_id))
        entry = page.entry(request.stream, request.namespace)
        if entry is None or entry.identity != request.identity or (again and entry.stage == "accepted"):
            await _idle(work)
            if request.start is not None:
                page = await _rewind(work, page, request)
            else:
                page = await _together(work, page, request, siblings, again=again)
        return await _follow_up(work, page, request)
    except AirbyteError as error:
        raise _translated(error, request) from error


async def _settle(work: Submission, page: Page) -> Page:
    """Brings every intent that a killed run left to an end: asked, or not asked."""
    for name, entry in page.entries.items():
        if entry.stage != "asking":
            continue
        job_ids = await _jobs_of(work, name, entry)
        while not job_ids and time.time() - entry.asked_at < work.settle_seconds and entry.start is None:
            work.say(f"looking whether an interrupted request for {_stream(name)} reached Airbyte")
            await asyncio.sleep(min(_POLL_SECONDS, work.settle_seconds))
            job_ids = await _jobs_of(work, name, entry)
        if job_ids:
            page = page.having({name: replace(entry, stage="accepted", jobs=(*entry.jobs, job_ids[0]))})
        else:
            page = replace(page, entries={n: e for n, e in page.entries.items() if n != name})
            if entry.jobs:  # a further try of a failed request: the tries before it stay known
                page = page.having({name: replace(entry, stage="accepted")})
        work.journal.write(page)
    return page


async def _jobs_of(work: Submission, name: str, entry: Entry) -> list[int]:
    """Jobs that the entry's request made, the oldest first."""
    jobs = await history(work.airbyte, work.connection_id, after=entry.after_job)
    if entry.start is not None:
        syncs = [job["id"] for job in jobs if job["configType"] == "sync"]
        if syncs:
            raise UndecidedError(
                f"a run was interrupted while it set the cursor of {_stream(name)} back to {entry.start}, and job "
                f"{min(syncs)} has run since: lotus cannot tell whether that job started there",
                where=work.title,
                fix="look at what landed since; then write a new request in the stream's file, or remove it",
            )
        return []
    types = CLEARS if entry.mode == "clear" else ("refresh",)
    job_ids: list[int] = []
    for job in jobs:
        if job["configType"] not in types:
            continue
        streams = _streams(job)
        if streams is None:
            raise UndecidedError(
                f"a run was interrupted while it asked for {_stream(name)}; job {job['id']} may belong to it, but "
                "this Airbyte does not report the streams of a job",
                where=work.title,
                fix="look at that job; then write a new request in the stream's file, or remove it",
            )
        if not streams or name in streams:
            job_ids.append(int(job["id"]))
    return sorted(job_ids)


async def _idle(work: Submission) -> None:
    """Waits until no job of the connection runs: Airbyte would cancel it."""
    end = time.monotonic() + work.wait_seconds
    last_notice = 0.0
    while True:
        running = [job for job in await work.airbyte.jobs(work.connection_id, limit=5) if not job.ended]
        if not running:
            return
        job = running[0]
        if time.monotonic() >= end:
            raise LotusError(
                f"{work.title} still runs job {job.id} ({job.type}) after {work.wait_seconds:.0f} s; a request now "
                "would cancel it, so none was sent",
                where=work.title,
                fix="run pulumi up again later, or set LOTUS_BACKFILL_WAIT=SECONDS to wait longer",
            )
        if time.monotonic() - last_notice > 15:
            work.say(f"{work.title}: waiting for job {job.id} ({job.type}) to end before the request")
            last_notice = time.monotonic()
        await asyncio.sleep(_POLL_SECONDS)


async def _together(
    work: Submission, page: Page, request: BackfillRequest, siblings: Sequence[BackfillRequest], *, again: bool
) -> Page:
    """Asks for this stream and for those of its siblings that were never asked, in one call."""
    group = [request, *_never_asked(page, request, siblings)]
    entries = await _intents(work, page, group, again=request if again else None)
    requested = [each for each in group if entries[each.key].stage == "asking"]
    work.journal.write(page.having(entries))
    if not requested:
        return page.having(entries)
    try:
        job_id = await _call(work, request.mode, requested)
    except UnknownOutcomeError as error:
        # It may have been accepted. The intents stay, and what is found now or by the next run decides.
        settled = await _settle(work, page.having(entries))
        existing = settled.entries.get(request.key)
        if existing is None or (existing.stage == "accepted" and existing.jobs == entries[request.key].jobs):
            work.journal.write(page.having(entries))
            raise UndecidedError(
                f"Airbyte gave no usable answer ({error.cause}), and no job of this request has appeared",
                where=work.title,
                fix="run pulumi up again: it looks for the job, and repeats the request only if there is none",
            ) from None
        return settled
    except AirbyteError:
        work.journal.write(page)  # refused or never sent: as if not asked
        raise
    accepted: dict[str, Entry] = {
        each.key: replace(entries[each.key], stage="accepted", jobs=(*entries[each.key].jobs, job_id))
        for each in requested
    }
    page = page.having({**entries, **accepted})
    work.journal.write(page)
    return page


async def _intents(
    work: Submission, page: Page, group: Sequence[BackfillRequest], *, again: BackfillRequest | None
) -> dict[str, Entry]:
    """What the journal holds of each request before the call; a stream that was never read needs none."""
    jobs = await work.airbyte.jobs(work.connection_id, limit=_HISTORY)
    stream_states = states(await work.airbyte.state(work.connection_id))
    newest = max((job.id for job in jobs), default=0)
    asked_at = time.time()
    entries: dict[str, Entry] = {}
    for each in group:
        before = rows_committed(jobs, each.stream, each.namespace)
        entry = Entry(*each.identity, stage="asking", asked_at=asked_at, after_job=newest, rows_before=before)
        old = page.entry(each.stream, each.namespace)
        if old is not None and each is again:
            entry = replace(entry, jobs=old.jobs, rows_before=old.rows_before)
        elif not before and each.key not in stream_states:
            entry = replace(entry, stage="nothing", note=_NEVER_READ)
        entries[each.key] = entry
    return entries


def _never_asked(page: Page, request: BackfillRequest, siblings: Sequence[BackfillRequest]) -> list[BackfillRequest]:
    """The siblings that one job can serve together with the request."""
    group: list[BackfillRequest] = []
    for sibling in siblings:
        existing = page.entry(sibling.stream, sibling.namespace)
        requested = existing is not None and existing.identity == sibling.identity
        if sibling.key != request.key and sibling.mode == request.mode and sibling.start is None and not requested:
            group.append(sibling)
    return group


async def _call(work: Submission, mode: str, requested: Sequence[BackfillRequest]) -> int:
    """The one call, which is never repeated; the job that comes of it."""
    streams = [{"streamName": each.stream, "streamNamespace": each.namespace} for each in requested]
    names = cast("Any", [{k: v for k, v in stream.items() if v is not None} for stream in streams])
    if mode == "clear":
        return (await work.airbyte.clear(work.connection_id, names)).id
    job = await work.airbyte.refresh(work.connection_id, names, REFRESH[mode])
    if job is None:
        raise UnknownOutcomeError("no job in the answer", where="POST /connections/refresh")
    return job.id


async def _follow_up(work: Submission, page: Page, request: BackfillRequest) -> Entry:
    """After a clear or a set-back cursor: the sync, if one was asked for; also if an earlier run was killed here."""
    entry = page.entries[request.key]
    needed = entry.stage == "rewound" or (entry.stage == "accepted" and entry.mode == "clear" and entry.sync)
    if not needed or entry.sync_job is not None or not request.sync:
        return entry
    after = entry.after_job
    if entry.job is not None:
        job = await _ended(work, entry.job)
        if job.status != "succeeded":
            return entry  # the clear has failed: it is asked for again before anything is synced
        after = job.id
    syncs = [
        int(job["id"])
        for job in await history(work.airbyte, work.connection_id, after=after)
        if job["configType"] == "sync"
    ]
    sync_job = min(syncs) if syncs else await _start_sync(work)
    jobs = entry.jobs if entry.jobs else (sync_job,)
    entry = replace(entry, stage="accepted", sync_job=sync_job, jobs=jobs)
    work.journal.write(page.having({request.key: entry}))
    return entry


async def _start_sync(work: Submission) -> int:
    try:
        return (await work.airbyte.start_job(work.connection_id, "sync")).id
    except ConflictError:
        running = [job for job in await work.airbyte.jobs(work.connection_id, limit=5) if not job.ended]
        if not running:
            raise
        return running[0].id


async def _ended(work: Submission, job_id: int) -> Job:
    """The job when it has ended; a clear takes seconds, but its queue may be long."""
    end = time.monotonic() + work.wait_seconds
    while True:
        job = await work.airbyte.job(job_id)
        if job.ended:
            return job
        if time.monotonic() >= end:
            raise LotusError(
                f"the clear (job {job_id}) has not ended after {work.wait_seconds:.0f} s; its sync was not started",
                where=work.title,
                fix="the next pulumi up starts it",
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _rewind(work: Submission, page: Page, request: BackfillRequest) -> Page:
    """Sets the stream's cursor back, so that the next sync begins there."""
    state = await work.airbyte.state(work.connection_id)
    jobs = await work.airbyte.jobs(work.connection_id, limit=_HISTORY)
    before = rows_committed(jobs, request.stream, request.namespace)
    newest = max((job.id for job in jobs), default=0)
    entry = Entry(*request.identity, stage="asking", asked_at=time.time(), after_job=newest, rows_before=before)
    if not before and request.key not in states(state):
        page = page.having({request.key: replace(entry, stage="nothing", note=_NEVER_READ)})
        work.journal.write(page)
        return page
    changed, note = rewound(state, request)
    work.journal.write(page.having({request.key: entry}))
    await work.airbyte.set_state(work.connection_id, changed)
    stage: Stage = "rewound" if request.sync else "accepted"
    page = page.having({request.key: replace(entry, stage=stage, note=note)})
    work.journal.write(page)
    return page


def rewound(state: Mapping[str, Any], request: BackfillRequest) -> tuple[dict[str, Any], str]:
    """The connection's state with one stream's cursor set back, and what was done in words.

    Raises:
        ConfigError: this state has no place that says where to begin.
    """
    start = request.start or ""
    if state.get("stateType") != "stream":
        reason = {
            "global": "the connector keeps one state for all its streams",
            "legacy": "the connector keeps one state of its own form for all its streams",
        }.get(str(state.get("stateType")), "the connection has no state")
        raise _no_start(request, reason)
    changed = dict(state)
    entries = [dict(each) for each in as_mappings(state.get("streamState"))]
    entry = next((each for each in entries if _descriptor(each) == request.key), None)
    if entry is None:
        raise _no_start(request, "it has no state: it is read whole each time, or was never synced")
    value: Any = entry.get("streamState")
    cursor = request.cursor_field[-1] if request.cursor_field else ""
    position = value.get(cursor) if is_mapping(value) and cursor else None
    if position is None:
        raise _no_start(request, f'its state does not hold the cursor "{cursor}" by itself' if cursor else "no cursor")
    new = _same_form(position, start)
    if new is None:
        raise _no_start(request, f'its cursor "{cursor}" is not a time ({position})')
    if position < new:  # equal: an interrupted run has set it back already
        raise _no_start(request, f'its cursor "{cursor}" stands at {position} already, before that date')
    entry["streamState"] = {**value, cursor: new}
    changed["streamState"] = entries
    return changed, f"cursor {cursor} set back from {position} to {new}"


def _same_form(position: Any, start: str) -> Any:
    """The date in the form that the connector wrote its cursor in; None if that is no time."""
    if isinstance(position, str) and re.match(r"\d{4}-\d{2}-\d{2}", position):
        return start + re.sub(r"\d", "0", position[10:])
    if isinstance(position, int) and not isinstance(position, bool):
        seconds = int(time.mktime(time.strptime(start, "%Y-%m-%d")) - time.timezone)
        if 10**8 < position < 10**11:
            return seconds
        if 10**11 < position < 10**14:
            return seconds * 1000
    return None


def _no_start(request: BackfillRequest, reason: str) -> ConfigError:
    return ConfigError(
        f'stream "{request.stream}" cannot be read again from {request.start}: {reason}',
        where=f'"from" of the backfill of {request.stream}',
        fix='leave "from" out to read it from the start; the source\'s start_date is for all its streams',
    )


# What Airbyte reports, reduced to what a request needs.


async def history(airbyte: Airbyte, connection_id: str, *, after: int = 0) -> list[dict[str, Any]]:
    """The connection's jobs newer than `after` as the config API gives them (`JobRead`), the newest first."""
    jobs: list[dict[str, Any]] = []
    size = 50
    while True:
        body = {
            "configTypes": ["sync", "refresh", *CLEARS],
            "configId": connection_id,
            "pagination": {"pageSize": size, "rowOffset": len(jobs)},
        }
        response = await airbyte.config("/jobs/list", body)
        page = [each["job"] for each in response.get("jobs") or []]
        jobs += page
        if len(page) < size or any(int(job["id"]) <= after for job in page):
            return [job for job in jobs if int(job["id"]) > after]


def _streams(job: Mapping[str, Any]) -> set[str] | None:
    """The streams that a refresh or clear is for; empty: all; None: it does not say."""
    for config, name in (("refreshConfig", "streamsToRefresh"), ("resetConfig", "streamsToReset")):
        details = job.get(config)
        if is_mapping(details):
            listed = details.get(name)
            if is_list(listed):
                return {key(str(stream.get("name")), stream.get("namespace") or None) for stream in as_mappings(listed)}
    return None


def states(state: Mapping[str, Any]) -> dict[str, Any]:
    """Each stream's state, by its name in the journal; what streams share is not in it."""
    by_stream: dict[str, Any] = {}
    shared = as_mapping(state.get("globalState"))
    for each in [*(state.get("streamState") or []), *(shared.get("streamStates") or [])]:
        by_stream[_descriptor(each)] = each.get("streamState")
    return by_stream


def _descriptor(each: Mapping[str, Any]) -> str:
    descriptor = as_mapping(each.get("streamDescriptor"))
    return key(str(descriptor.get("name")), descriptor.get("namespace") or None)


def rows_committed(jobs: Sequence[Job], stream: str, namespace: str | None, *, of: str = "rows") -> int:
    """Rows (or bytes) of a stream that the jobs have landed."""
    return sum(
        stats.records_committed if of == "rows" else stats.bytes_committed
        for job in jobs
        for attempt in job.attempts
        for stats in attempt.streams
        if stats.name == stream and (stats.namespace or None) == namespace
    )


def _stream(name: str) -> str:
    namespace, stream = names(name)
    return f'stream "{namespace}.{stream}"' if namespace else f'stream "{stream}"'


def _translated(error: AirbyteError, request: BackfillRequest) -> LotusError:
    config_api = "/api/v1/" in error.where
    if config_api and isinstance(error, NotFoundError | UnauthorizedError):
        return RemoteError(
            f'stream "{request.stream}" cannot be read again alone: that needs Airbyte\'s config API, which '
            f"refuses this credential ({error.cause})",
            where=error.where,
            fix="Airbyte's public API can only clear a whole connection, with the state and landed data of all its "
            "streams: connection → Settings → Clear data, then a sync",
        )
    return RemoteError(error.cause, where=error.where, fix="nothing was requested; run pulumi up again")
