"""Jobs of the config API, and the requests that make them: sync, reset, clear, refresh."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import connections
from lotus.embedded.errors import BadRequest, ResourceNotFound
from lotus.embedded.jobs.jobs import ConfigType, RefreshMode, StreamKey
from lotus.embedded.routes.config import definitions as config_definitions
from lotus.embedded.routes.config.actors import Pagination, page_bounds
from lotus.embedded.routes.config.version import version
from lotus.embedded.routes.operation import Body, Handler, Operation, answer, read_body
from lotus.embedded.routes.public.jobs import as_milliseconds, cancel, existing, submit
from lotus.embedded.server import Server
from lotus.embedded.store import actors as stored_actors
from lotus.embedded.store import definitions as stored_definitions
from lotus.embedded.store import job_history
from lotus.embedded.store.definitions import StoredDefinition
from lotus.embedded.store.job_history import Attempt, Job, JobFilter, StreamStats

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
REPLICATION = ("sync", "reset_connection", "refresh", "clear")


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


def shown_job(job: Job, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """JobRead."""
    streams = [{key: value for key, value in stream.items() if value} for stream in job.streams or []]
    response: dict[str, Any] = {
        "id": job.id,
        "configType": job.config_type,
        "configId": job.connection_id,
        "createdAt": job.created_at // 1000,
        "updatedAt": job.updated_at // 1000,
        "status": job.status,
        "aggregatedStats": {
            "recordsEmitted": sum(attempt.records_emitted for attempt in attempts),
            "bytesEmitted": sum(attempt.bytes_emitted for attempt in attempts),
            "recordsCommitted": sum(attempt.records_committed for attempt in attempts),
            "bytesCommitted": sum(attempt.bytes_committed for attempt in attempts),
            "recordsRejected": sum(attempt.records_rejected for attempt in attempts),
        },
    }
    if job.started_at is not None:
        response["startedAt"] = job.started_at // 1000
    if job.config_type in ("reset_connection", "clear"):
        response["resetConfig"] = {"streamsToReset": streams}
    elif job.config_type == "refresh":
        response["refreshConfig"] = {"streamsToRefresh": streams}
    return response


def _shown_stats(stats: Attempt | StreamStats) -> dict[str, Any]:
    return {
        "recordsEmitted": stats.records_emitted,
        "bytesEmitted": stats.bytes_emitted,
        "recordsCommitted": stats.records_committed,
        "bytesCommitted": stats.bytes_committed,
        "recordsRejected": stats.records_rejected,
    }


def shown_attempt(attempt: Attempt, streams: Sequence[StreamStats]) -> dict[str, Any]:
    """AttemptRead; its id is its number, as Airbyte has it."""
    response: dict[str, Any] = {
        "id": attempt.number,
        "status": attempt.status,
        "createdAt": attempt.created_at // 1000,
        "updatedAt": attempt.updated_at // 1000,
        "bytesSynced": attempt.bytes_committed,
        "recordsSynced": attempt.records_committed,
        "totalStats": _shown_stats(attempt),
        "streamStats": [
            {
                "streamName": stream.stream_name,
                **({"streamNamespace": stream.stream_namespace} if stream.stream_namespace else {}),
                "stats": _shown_stats(stream),
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


async def shown_with_attempts(server: Server, job: Job, *, logs: bool) -> dict[str, Any]:
    """JobInfoRead."""
    attempts = (await server.store.read(job_history.attempts_of, [job.id]))[job.id]
    streams = await server.store.read(job_history.stream_stats_of, [attempt.id for attempt in attempts])
    shown: list[dict[str, Any]] = []
    for attempt in attempts:
        lines = await asyncio.to_thread(server.jobs.log_lines, job.id, attempt.number) if logs else []
        entry = {"attempt": shown_attempt(attempt, streams[attempt.id]), "logType": "formatted"}
        shown.append({**entry, "logs": {"logLines": lines}})
    return {"job": shown_job(job, attempts), "attempts": shown}


async def _get(server: Server, request: Request) -> Response:
    job = await existing(server, _checked((await read_body(request, JobId)).id))
    return answer(await shown_with_attempts(server, job, logs=True))


async def _get_without_logs(server: Server, request: Request) -> Response:
    job = await existing(server, _checked((await read_body(request, JobId)).id))
    return answer(await shown_with_attempts(server, job, logs=False))


async def _get_light(server: Server, request: Request) -> Response:
    job = await existing(server, _checked((await read_body(request, JobId)).id))
    attempts = await server.store.read(job_history.attempts_of, [job.id])
    return answer({"job": shown_job(job, attempts[job.id])})


async def _cancel(server: Server, request: Request) -> Response:
    job = await cancel(server, _checked((await read_body(request, JobId)).id))
    return answer(await shown_with_attempts(server, job, logs=True))


async def _debug(server: Server, request: Request) -> Response:
    job = await existing(server, _checked((await read_body(request, JobId)).id))
    connection = await connections.existing(server, job.connection_id)
    info = await shown_with_attempts(server, job, logs=True)
    response = {
        "job": {
            "id": job.id,
            "configType": job.config_type,
            "configId": job.connection_id,
            "status": job.status,
            "airbyteVersion": version(),
            "sourceDefinition": config_definitions.shown(await _definition(server, connection.source_id)),
            "destinationDefinition": config_definitions.shown(await _definition(server, connection.destination_id)),
        },
        "attempts": info["attempts"],
        "workflowState": {"running": job.status in job_history.RUNNING},
    }
    return answer(response)


async def _definition(server: Server, actor_id: str) -> StoredDefinition:
    actor = await server.store.read(stored_actors.actor, server.store.cipher, actor_id)
    found = await server.store.read(stored_definitions.definition, actor.definition_id) if actor else None
    if found is None:
        raise ResourceNotFound("definition of actor", actor_id)
    return found


async def _list(server: Server, request: Request) -> Response:
    body = await read_body(request, JobList)
    limit, offset = page_bounds(body.pagination, default=20)
    which = JobFilter(
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
    found = await server.store.read(job_history.listed, which, limit=limit, offset=offset)
    total = await server.store.read(job_history.count, which)
    attempts = await server.store.read(job_history.attempts_of, [job.id for job in found])
    ids = [attempt.id for tries in attempts.values() for attempt in tries]
    streams = await server.store.read(job_history.stream_stats_of, ids)
    jobs = [
        {
            "job": shown_job(job, attempts[job.id]),
            "attempts": [shown_attempt(attempt, streams[attempt.id]) for attempt in attempts[job.id]],
        }
        for job in found
    ]
    return answer({"jobs": jobs, "totalJobCount": total})


async def _last(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, str((await read_body(request, ConnectionId)).connection_id))
    newest = await server.store.read(job_history.latest, [connection.id], REPLICATION)
    if connection.id not in newest:
        return answer({})
    job = newest[connection.id]
    attempts = await server.store.read(job_history.attempts_of, [job.id])
    return answer({"job": shown_job(job, attempts[job.id])})


def _submit(config_type: ConfigType) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ConnectionId)
        job = await submit(server, str(body.connection_id), config_type)
        return answer(await shown_with_attempts(server, job, logs=False))

    return handler


async def _submit_streams(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionStreams)
    streams = await _stream_keys(server, str(body.connection_id), body.streams)
    job = await submit(server, str(body.connection_id), "reset_connection", streams=streams)
    return answer(await shown_with_attempts(server, job, logs=False))


async def _refresh(server: Server, request: Request) -> Response:
    body = await read_body(request, Refresh)
    streams = await _stream_keys(server, str(body.connection_id), body.streams or [])
    mode: RefreshMode = body.refresh_mode
    job = await submit(server, str(body.connection_id), "refresh", streams=streams, refresh_mode=mode)
    attempts = await server.store.read(job_history.attempts_of, [job.id])
    return answer({"job": shown_job(job, attempts[job.id])})


async def _stream_keys(server: Server, connection_id: str, streams: Sequence[StreamName]) -> list[StreamKey] | None:
    """The streams, which are configured ones; None: all."""
    connection = await connections.existing(server, connection_id)
    known = {
        (entry["stream"]["name"], entry["stream"].get("namespace") or None) for entry in connection.catalog["streams"]
    }
    keys = [StreamKey(stream.stream_name, stream.stream_namespace or None) for stream in streams]
    unknown = sorted(key.name for key in keys if (key.name, key.namespace) not in known)
    if unknown:
        names = ", ".join(sorted(name for name, _ in known))
        raise BadRequest(f"The connection does not sync {', '.join(unknown)}. Its streams are: {names}")
    return keys or None


def _instant(text: str | None, name: str) -> int | None:
    return as_milliseconds(text, name) if text else None


def _checked(job_id: int) -> int:
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
