"""Jobs of the config API, and the requests that make them: sync, reset, clear, refresh."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain.job_types import OPEN, ConfigType, RefreshMode
from lotus_server.errors import BadRequest
from lotus_server.protocol import StreamKey
from lotus_server.routes.config import definitions as config_definitions
from lotus_server.routes.config.actors import Pagination, page_bounds
from lotus_server.routes.config.version import version
from lotus_server.routes.operation import Body, Handler, Operation, read_body, reply
from lotus_server.routes.times import as_milliseconds
from lotus_server.services import actors, connections, jobs
from lotus_server.services.server import Server
from lotus_server.store.job_history import Attempt, Job, JobFilter, StreamStats

JobConfigType = Literal[
    "check_connection_source",
    "check_connection_destination",
    "discover_schema",
    "get_spec",
    "sync",
    "reset_connection",
    "refresh",
    "clear",
]
JobStatus = Literal["pending", "queued", "running", "incomplete", "failed", "succeeded", "cancelled"]


class JobId(Body):
    """JobIdRequestBody."""

    id: int


class ConnectionId(Body):
    """ConnectionIdRequestBody."""

    connection_id: uuid.UUID


class StreamName(Body):
    """ConnectionStream."""

    stream_name: str
    stream_namespace: str | None = None


class ConnectionStreams(ConnectionId):
    """ConnectionStreamRequestBody; an empty list means all."""

    streams: list[StreamName]


class Refresh(ConnectionId):
    """ConnectionStreamRefreshRequestBody."""

    refresh_mode: Literal["Truncate", "Merge"]
    streams: list[StreamName] | None = None


class JobList(Body):
    """JobListRequestBody."""

    config_types: list[JobConfigType]
    config_id: str | None = None
    including_job_id: int | None = None
    pagination: Pagination | None = None
    statuses: list[JobStatus] | None = None
    created_at_start: str | None = None
    created_at_end: str | None = None
    updated_at_start: str | None = None
    updated_at_end: str | None = None
    order_by_field: Literal["createdAt", "updatedAt"] | None = None
    order_by_method: Literal["ASC", "DESC"] | None = None


STATS = ("recordsEmitted", "bytesEmitted", "recordsCommitted", "bytesCommitted", "recordsRejected")


def job_read(job: Job, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """JobRead."""
    streams = [{key: value for key, value in stream.items() if value} for stream in job.streams or []]
    response: dict[str, Any] = {
        "id": job.id,
        "configType": job.config_type,
        "configId": job.connection_id,
        "createdAt": job.created_at // 1000,
        "updatedAt": job.updated_at // 1000,
        "status": job.status,
        "aggregatedStats": _sum([_stats_read(attempt) for attempt in attempts]),
    }
    if job.started_at is not None:
        response["startedAt"] = job.started_at // 1000
    if job.config_type in ("reset_connection", "clear"):
        response["resetConfig"] = {"streamsToReset": streams}
    elif job.config_type == "refresh":
        response["refreshConfig"] = {"streamsToRefresh": streams}
    return response


def _sum(stats: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(values[name] for values in stats) for name in STATS}


def _stats_read(stats: Attempt | StreamStats) -> dict[str, int]:
    return {
        "recordsEmitted": stats.records_emitted,
        "bytesEmitted": stats.bytes_emitted,
        "recordsCommitted": stats.records_committed,
        "bytesCommitted": stats.bytes_committed,
        "recordsRejected": stats.records_rejected,
    }


def attempt_read(attempt: Attempt, streams: Sequence[StreamStats]) -> dict[str, Any]:
    """AttemptRead; its id is its number, as Airbyte has it."""
    response: dict[str, Any] = {
        "id": attempt.number,
        "status": attempt.status,
        "createdAt": attempt.created_at // 1000,
        "updatedAt": attempt.updated_at // 1000,
        "bytesSynced": attempt.bytes_committed,
        "recordsSynced": attempt.records_committed,
        "totalStats": _stats_read(attempt),
        "streamStats": [
            {
                "streamName": stream.stream_name,
                **({"streamNamespace": stream.stream_namespace} if stream.stream_namespace else {}),
                "stats": _stats_read(stream),
            }
            for stream in streams
        ],
    }
    if attempt.ended_at is not None:
        response["endedAt"] = attempt.ended_at // 1000
    if attempt.failures:
        partial = attempt.records_committed > 0
        response["failureSummary"] = {"failures": attempt.failures, "partialSuccess": partial}
    return response


async def job_info_read(server: Server, job: Job, *, logs: bool) -> dict[str, Any]:
    """JobInfoRead."""
    attempts = (await jobs.attempts(server, [job]))[job.id]
    streams = await jobs.stream_stats(server, attempts)
    entries: list[dict[str, Any]] = []
    for attempt in attempts:
        lines = await jobs.log_lines(server, attempt) if logs else []
        entry = {"attempt": attempt_read(attempt, streams[attempt.id]), "logType": "formatted"}
        entries.append({**entry, "logs": {"logLines": lines}})
    return {"job": job_read(job, attempts), "attempts": entries}


async def _get(server: Server, request: Request) -> Response:
    job = await jobs.existing(server, checked_job_id((await read_body(request, JobId)).id))
    return reply(await job_info_read(server, job, logs=True))


async def _get_without_logs(server: Server, request: Request) -> Response:
    job = await jobs.existing(server, checked_job_id((await read_body(request, JobId)).id))
    return reply(await job_info_read(server, job, logs=False))


async def _get_light(server: Server, request: Request) -> Response:
    job = await jobs.existing(server, checked_job_id((await read_body(request, JobId)).id))
    attempts = await jobs.attempts(server, [job])
    return reply({"job": job_read(job, attempts[job.id])})


async def _cancel(server: Server, request: Request) -> Response:
    job = await jobs.cancel(server, checked_job_id((await read_body(request, JobId)).id))
    return reply(await job_info_read(server, job, logs=True))


async def _debug(server: Server, request: Request) -> Response:
    job = await jobs.existing(server, checked_job_id((await read_body(request, JobId)).id))
    connection = await connections.existing(server, job.connection_id)
    info = await job_info_read(server, job, logs=True)
    response = {
        "job": {
            "id": job.id,
            "configType": job.config_type,
            "configId": job.connection_id,
            "status": job.status,
            "airbyteVersion": version(),
            "sourceDefinition": config_definitions.definition_read(
                await actors.definition_of(server, connection.source_id)
            ),
            "destinationDefinition": config_definitions.definition_read(
                await actors.definition_of(server, connection.destination_id)
            ),
        },
        "attempts": info["attempts"],
        "workflowState": {"running": job.status in OPEN},
    }
    return reply(response)


async def _list(server: Server, request: Request) -> Response:
    body = await read_body(request, JobList)
    limit, offset = page_bounds(body.pagination, default=20)
    criteria = JobFilter(
        connection_ids=[body.config_id] if body.config_id else (),
        config_types=[*body.config_types, "none of them"],  # an empty list means none here, not all
        statuses=body.statuses or (),
        created_from=_instant(body.created_at_start, "createdAtStart"),
        created_to=_instant(body.created_at_end, "createdAtEnd"),
        updated_from=_instant(body.updated_at_start, "updatedAtStart"),
        updated_to=_instant(body.updated_at_end, "updatedAtEnd"),
        order_by="updated_at" if body.order_by_field == "updatedAt" else "created_at",
        descending=body.order_by_method != "ASC",  # newest first, unlike the public API
    )
    page = await jobs.listed(server, criteria, limit=limit, offset=offset)
    total = await jobs.count(server, criteria)
    attempts = await jobs.attempts(server, page)
    streams = await jobs.stream_stats(server, [attempt for tries in attempts.values() for attempt in tries])
    entries = [
        {
            "job": job_read(job, attempts[job.id]),
            "attempts": [attempt_read(attempt, streams[attempt.id]) for attempt in attempts[job.id]],
        }
        for job in page
    ]
    return reply({"jobs": entries, "totalJobCount": total})


async def _last(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, str((await read_body(request, ConnectionId)).connection_id))
    job = await jobs.latest(server, connection.id)
    if job is None:
        return reply({})
    attempts = await jobs.attempts(server, [job])
    return reply({"job": job_read(job, attempts[job.id])})


def _submit(config_type: ConfigType) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ConnectionId)
        job = await jobs.submit(server, str(body.connection_id), config_type)
        return reply(await job_info_read(server, job, logs=False))

    return handler


async def _submit_streams(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionStreams)
    streams = await _stream_keys(server, str(body.connection_id), body.streams)
    job = await jobs.submit(server, str(body.connection_id), "reset_connection", streams=streams)
    return reply(await job_info_read(server, job, logs=False))


async def _refresh(server: Server, request: Request) -> Response:
    body = await read_body(request, Refresh)
    streams = await _stream_keys(server, str(body.connection_id), body.streams or [])
    mode: RefreshMode = body.refresh_mode
    job = await jobs.submit(server, str(body.connection_id), "refresh", streams=streams, refresh_mode=mode)
    attempts = await jobs.attempts(server, [job])
    return reply({"job": job_read(job, attempts[job.id])})


async def _stream_keys(server: Server, connection_id: str, streams: Sequence[StreamName]) -> list[StreamKey] | None:
    """The streams, which are configured ones; None: all."""
    connection = await connections.existing(server, connection_id)
    configured = {_key(entry["stream"]) for entry in connection.catalog["streams"]}
    keys = [(stream.stream_name, stream.stream_namespace or None) for stream in streams]
    unknown = sorted(key[0] for key in keys if key not in configured)
    if unknown:
        names = ", ".join(sorted(name for name, _ in configured))
        raise BadRequest(f"The connection does not sync {', '.join(unknown)}. Its streams are: {names}")
    return keys or None


def _key(stream: Mapping[str, Any]) -> StreamKey:
    return stream["name"], stream.get("namespace") or None


def _instant(text: str | None, name: str) -> int | None:
    return as_milliseconds(text, name) if text else None


def checked_job_id(job_id: int) -> int:
    """The id, which the store can look up.

    Raises:
        BadRequest: it has more than 64 bits.
    """
    if not -(2**63) <= job_id < 2**63:
        raise BadRequest("id must be a 64-bit number")
    return job_id


OPERATIONS = [
    Operation("POST", "/jobs/get", "getJobInfo", _get),
    Operation("POST", "/jobs/get_without_logs", "getJobInfoWithoutLogs", _get_without_logs),
    Operation("POST", "/jobs/get_light", "getJobInfoLight", _get_light),
    Operation("POST", "/jobs/get_debug_info", "getJobDebugInfo", _debug),
    Operation("POST", "/jobs/cancel", "cancelJob", _cancel),
    Operation("POST", "/jobs/list", "listJobsFor", _list),
    Operation("POST", "/jobs/get_last_replication_job", "getLastReplicationJob", _last),
    Operation("POST", "/connections/sync", "syncConnection", _submit("sync")),
    Operation("POST", "/connections/reset", "resetConnection", _submit("reset_connection")),
    Operation("POST", "/connections/clear", "clearConnection", _submit("reset_connection")),
    Operation("POST", "/connections/reset/stream", "resetConnectionStream", _submit_streams),
    Operation("POST", "/connections/clear/stream", "clearConnectionStream", _submit_streams),
    Operation("POST", "/connections/refresh", "refreshConnectionStream", _refresh),
]
