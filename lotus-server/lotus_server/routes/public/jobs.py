"""Jobs of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain.job_types import ConfigType
from lotus_server.errors import BadRequest, UnprocessableEntity
from lotus_server.routes.operation import (
    Body,
    Operation,
    path_number,
    query_choice,
    query_id,
    query_ids,
    read_body,
    reply,
)
from lotus_server.routes.pages import listed, page_of
from lotus_server.routes.times import as_milliseconds
from lotus_server.services import jobs
from lotus_server.services.server import Server
from lotus_server.store.job_history import Attempt, Job, JobFilter

JobType = Literal["sync", "reset", "refresh", "clear"]

CONFIG_TYPES: dict[str, tuple[str, ...]] = {
    "sync": ("sync",),
    "reset": ("reset_connection",),
    "refresh": ("refresh",),
    "clear": ("clear",),
}
JOB_TYPES = {"sync": "sync", "reset_connection": "reset", "refresh": "refresh", "clear": "clear"}
STATUSES = ("pending", "queued", "running", "incomplete", "failed", "succeeded", "cancelled")
TERMINAL = ("failed", "succeeded", "cancelled")


class JobCreate(Body):
    """JobCreateRequest."""

    connection_id: uuid.UUID
    job_type: JobType


def job_response(job: Job, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """JobResponse: the numbers are those of the last attempt."""
    response: dict[str, Any] = {
        "jobId": job.id,
        "status": job.status,
        "jobType": JOB_TYPES[job.config_type],
        "startTime": _instant(job.created_at),
        "connectionId": job.connection_id,
    }
    if job.status in TERMINAL:
        response["lastUpdatedAt"] = _instant(job.updated_at)
    if job.status == "pending":
        return response
    response["duration"] = _duration(job.updated_at // 1000 - job.created_at // 1000)
    if attempts:
        response["bytesSynced"] = sum(attempt.bytes_committed for attempt in attempts)
        response["rowsSynced"] = sum(attempt.records_committed for attempt in attempts)
    return response


def _instant(milliseconds: int) -> str:
    """Such as ``2026-01-01T00:00:05Z``; no seconds when they are zero (docs/airbyte-behaviour.md#times-of-a-job)."""
    instant = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ" if instant.second else "%Y-%m-%dT%H:%MZ")


def _duration(seconds: int) -> str:
    """ISO 8601 as Java writes it: ``PT1H2M3S``, ``PT0S``."""
    hours, rest = divmod(max(seconds, 0), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value]
    return "PT" + ("".join(parts) or "0S")


def _instant_of(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return as_milliseconds(text, name) if text else None


def _filter(request: Request) -> JobFilter:
    connection_id = query_id(request, "connectionId")
    job_type, status = query_choice(request, "jobType", tuple(CONFIG_TYPES)), query_choice(request, "status", STATUSES)
    field, _, method = (request.query_params.get("orderBy") or "createdAt|ASC").partition("|")
    if field not in ("createdAt", "updatedAt") or method.upper() not in ("ASC", "DESC"):
        raise BadRequest("orderBy must be createdAt or updatedAt, a bar, and ASC or DESC, such as createdAt|DESC")
    return JobFilter(
        connection_ids=[connection_id] if connection_id else (),
        workspace_ids=query_ids(request, "workspaceIds"),
        config_types=CONFIG_TYPES[job_type] if job_type else (),
        statuses=[status] if status else (),
        created_from=_instant_of(request, "createdAtStart"),
        created_to=_instant_of(request, "createdAtEnd"),
        updated_from=_instant_of(request, "updatedAtStart"),
        updated_to=_instant_of(request, "updatedAtEnd"),
        order_by="created_at" if field == "createdAt" else "updated_at",
        descending=method.upper() == "DESC",
    )


async def _with_attempts(server: Server, job: Job) -> dict[str, Any]:
    attempts = await jobs.attempts(server, [job])
    return job_response(job, attempts[job.id])


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    rows = await jobs.listed(server, _filter(request), limit=page.limit, offset=page.offset)
    attempts = await jobs.attempts(server, rows)
    return reply(listed(request, page, [job_response(job, attempts[job.id]) for job in rows]))


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, JobCreate)
    if body.job_type == "refresh":
        raise UnprocessableEntity("Refreshes are not supported in the public API")
    config_type: ConfigType = "sync" if body.job_type == "sync" else "reset_connection"
    return reply(await _with_attempts(server, await jobs.submit(server, str(body.connection_id), config_type)))


async def _get(server: Server, request: Request) -> Response:
    return reply(await _with_attempts(server, await jobs.existing(server, path_number(request, "job_id"))))


async def _cancel(server: Server, request: Request) -> Response:
    return reply(await _with_attempts(server, await jobs.cancel(server, path_number(request, "job_id"))))


OPERATIONS = [
    Operation("GET", "/jobs", "listJobs", _list),
    Operation("POST", "/jobs", "createJob", _create),
    Operation("GET", "/jobs/{job_id}", "getJob", _get),
    Operation("DELETE", "/jobs/{job_id}", "cancelJob", _cancel),
]
