"""Jobs: submitted, cancelled, and looked up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence

from lotus_server.domain.job_types import ConfigType, RefreshMode
from lotus_server.errors import ResourceNotFound, StateConflict, TryAgainLater
from lotus_server.jobs.errors import ConnectionInactiveError, JobNotFoundError, JobNotRunningError, JobRunningError
from lotus_server.protocol import StreamKey
from lotus_server.services.server import Server
from lotus_server.store import job_history
from lotus_server.store.job_history import Attempt, Job, JobFilter, StreamStats

REPLICATION = ("sync", "reset_connection", "refresh", "clear")
"""Config types of the jobs that move data, as the config API calls them."""


async def existing(server: Server, job_id: int) -> Job:
    """The job.

    Raises:
        ResourceNotFound: no job has this id.
    """
    job = await server.store.read(job_history.job, job_id)
    if job is None:
        raise ResourceNotFound("job", job_id)
    return job


async def submit(
    server: Server,
    connection_id: str,
    config_type: ConfigType,
    *,
    streams: Sequence[StreamKey] | None = None,
    refresh_mode: RefreshMode | None = None,
) -> Job:
    """A new job of a connection.

    Raises:
        ResourceNotFound: the connection does not exist.
        TryAgainLater: it has a job already.
        StateConflict: it is not active.
    """
    try:
        job_id = await server.jobs.submit(connection_id, config_type, streams=streams, refresh_mode=refresh_mode)
    except JobRunningError as error:
        raise TryAgainLater(str(error)) from error
    except ConnectionInactiveError as error:
        raise StateConflict(str(error)) from error
    except JobNotFoundError as error:
        raise ResourceNotFound("connection", connection_id) from error
    return await existing(server, job_id)


async def cancel(server: Server, job_id: int) -> Job:
    """Cancels the job.

    Raises:
        ResourceNotFound: it does not exist.
        StateConflict: it has ended.
    """
    await existing(server, job_id)
    try:
        await server.jobs.cancel(job_id)
    except JobNotRunningError as error:
        raise StateConflict(str(error)) from error
    except JobNotFoundError as error:
        raise ResourceNotFound("job", job_id) from error
    return await existing(server, job_id)


async def cancel_active(server: Server, connection_ids: Collection[str]) -> None:
    """Cancels the jobs of these connections that have not ended."""
    for job in await server.store.read(job_history.active, connection_ids):
        with contextlib.suppress(JobNotRunningError, JobNotFoundError):  # it ended by itself meanwhile
            await server.jobs.cancel(job.id)


async def listed(server: Server, criteria: JobFilter, *, limit: int, offset: int) -> Sequence[Job]:
    """One page of the jobs that fit."""
    return await server.store.read(job_history.listed, criteria, limit=limit, offset=offset)


async def count(server: Server, criteria: JobFilter) -> int:
    """How many jobs fit."""
    return await server.store.read(job_history.count_jobs, criteria)


async def latest(server: Server, connection_id: str) -> Job | None:
    """The connection's newest job."""
    jobs = await server.store.read(job_history.latest_jobs, [connection_id], REPLICATION)
    return jobs.get(connection_id)


async def is_active(server: Server, connection_id: str) -> bool:
    """Whether the connection has a job that has not ended."""
    return bool(await server.store.read(job_history.active, [connection_id]))


async def attempts(server: Server, jobs: Sequence[Job]) -> Mapping[int, Sequence[Attempt]]:
    """Attempts by job; none of a job that was read as pending, though one may have begun since."""
    begun = await server.store.read(job_history.attempts_of, [job.id for job in jobs if job.status != "pending"])
    return {job.id: begun.get(job.id, ()) for job in jobs}


async def stream_stats(server: Server, attempts: Sequence[Attempt]) -> Mapping[int, Sequence[StreamStats]]:
    """Statistics of streams by attempt."""
    return await server.store.read(job_history.stream_stats_of, [attempt.id for attempt in attempts])


async def log_lines(server: Server, attempt: Attempt) -> list[str]:
    """The attempt's log, secrets removed."""
    return await asyncio.to_thread(server.jobs.log_lines, attempt.job_id, attempt.number)
