"""Jobs of the public API."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import connections
from lotus.embedded.errors import BadRequest, ResourceNotFound, StateConflict, TryAgainLater, UnprocessableEntity
from lotus.embedded.jobs.errors import ConnectionInactiveError, JobNotFoundError, JobNotRunningError, JobRunningError
from lotus.embedded.jobs.jobs import ConfigType, RefreshMode, StreamKey
from lotus.embedded.routes.operation import Body, Operation, answer, path_number, query_id, query_ids, read_body
from lotus.embedded.routes.pages import listed, page_of
from lotus.embedded.server import Server
from lotus.embedded.store import job_history
from lotus.embedded.store.job_history import Attempt, Job, JobFilter

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


def shown(job: Job, attempts: Sequence[Attempt]) -> dict[str, Any]:
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
    if job.status != "pending":
        response["duration"] = _duration(job.updated_at // 1000 - job.created_at // 1000)
    if attempts:
        response["bytesSynced"] = sum(attempt.bytes_committed for attempt in attempts)
        response["rowsSynced"] = sum(attempt.records_committed for attempt in attempts)
    return response


def _instant(milliseconds: int) -> str:
    """Such as ``2026-01-01T00:00:05Z``; Java leaves the seconds out when they are zero (section b)."""
    instant = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ" if instant.second else "%Y-%m-%dT%H:%MZ")


def _duration(seconds: int) -> str:
    """ISO 8601 as Java writes it: ``PT1H2M3S``, ``PT0S``."""
    hours, rest = divmod(max(seconds, 0), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value]
    return "PT" + ("".join(parts) or "0S")


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
    connection = await connections.existing(server, connection_id)
    try:
        job_id = await server.jobs.submit(connection.id, config_type, streams=streams, refresh_mode=refresh_mode)
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


async def existing(server: Server, job_id: int) -> Job:
    """The job, which is there.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(job_history.job, job_id)
    if found is None:
        raise ResourceNotFound("job", job_id)
    return found


def as_milliseconds(text: str, name: str) -> int:
    """An ISO 8601 instant (UTC unless it says otherwise).

    Raises:
        BadRequest: it is none.
    """
    try:
        # A plus sign in a query string arrives as a space.
        instant = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} must be a date and time such as 2026-01-01T00:00:00Z") from None


def _instant_of(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return as_milliseconds(text, name) if text else None


def _choice(request: Request, name: str, choices: Sequence[str]) -> str | None:
    text = request.query_params.get(name)
    if text and text not in choices:
        raise BadRequest(f"{name} must be one of {', '.join(choices)}")
    return text or None


def _filter(request: Request) -> JobFilter:
    connection_id = query_id(request, "connectionId")
    job_type, status = _choice(request, "jobType", tuple(CONFIG_TYPES)), _choice(request, "status", STATUSES)
    field, _, method = (request.query_params.get("orderBy") or "createdAt|ASC").partition("|")
    if field not in ("createdAt", "updatedAt") or method not in ("ASC", "DESC"):
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
        descending=method == "DESC",
    )


async def _shown_with_attempts(server: Server, job: Job) -> dict[str, Any]:
    attempts = await server.store.read(job_history.attempts_of, [job.id])
    return shown(job, attempts[job.id])


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    found = await server.store.read(job_history.listed, _filter(request), limit=page.limit, offset=page.offset)
    attempts = await server.store.read(job_history.attempts_of, [job.id for job in found])
    return answer(listed(request, page, [shown(job, attempts[job.id]) for job in found]))


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, JobCreate)
    if body.job_type == "refresh":
        raise UnprocessableEntity("Refreshes are not supported in the public API")
    config_type: ConfigType = "sync" if body.job_type == "sync" else "reset_connection"
    return answer(await _shown_with_attempts(server, await submit(server, str(body.connection_id), config_type)))


async def _get(server: Server, request: Request) -> Response:
    return answer(await _shown_with_attempts(server, await existing(server, path_number(request, "job_id"))))


async def _cancel(server: Server, request: Request) -> Response:
    return answer(await _shown_with_attempts(server, await cancel(server, path_number(request, "job_id"))))


OPERATIONS = [
    Operation("GET", "/jobs", "listJobs", _list),
    Operation("POST", "/jobs", "createJob", _create),
    Operation("GET", "/jobs/{job_id}", "getJob", _get),
    Operation("DELETE", "/jobs/{job_id}", "cancelJob", _cancel),
]
