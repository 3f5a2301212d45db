"""Jobs as the config API tells of them: attempts, statistics per stream, what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

JobType: TypeAlias = Literal["sync", "reset", "clear", "refresh"]
RefreshMode: TypeAlias = Literal["Merge", "Truncate"]
ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""Statuses that a job keeps; `incomplete` means that an attempt failed and another one follows."""


@dataclass(frozen=True)
class StreamStats:
    """What one attempt did for one stream."""

    name: str
    namespace: str | None
    records_emitted: int
    records_committed: int
    bytes_emitted: int
    bytes_committed: int


@dataclass(frozen=True)
class Attempt:
    """One try of a job. Times are seconds since the epoch."""

    number: int
    status: str
    created_at: int
    updated_at: int
    ended_at: int | None
    records_synced: int
    bytes_synced: int
    streams: tuple[StreamStats, ...] = ()
    failures: tuple[str, ...] = ()
    """What failed, in the connector's or the platform's words."""
    log_lines: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Job:
    """One run of a connection. Times are seconds since the epoch."""

    id: int
    type: str
    status: str
    connection_id: str
    created_at: int
    updated_at: int
    attempts: tuple[Attempt, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    @property
    def failure(self) -> str:
        """Why its last attempt failed; empty if it did not say."""
        return "; ".join(self.attempts[-1].failures) if self.attempts else ""


def job_from_config_api(answer: Mapping[str, Any]) -> Job:
    """A `JobInfoRead`, or one element of `jobs/list`, as a `Job`."""
    job = cast("Mapping[str, Any]", answer["job"])
    attempts = [_attempt(attempt) for attempt in answer.get("attempts") or []]
    return Job(
        id=int(job["id"]),
        type=_public_type(str(job["configType"])),
        status=str(job["status"]),
        connection_id=str(job["configId"]),
        created_at=int(job["createdAt"]),
        updated_at=int(job["updatedAt"]),
        attempts=tuple(sorted(attempts, key=lambda attempt: attempt.number)),
    )


def _public_type(config_type: str) -> str:
    return "reset" if config_type == "reset_connection" else config_type


def _attempt(info: Mapping[str, Any]) -> Attempt:
    attempt = cast("Mapping[str, Any]", info.get("attempt", info))
    summary = cast("Mapping[str, Any]", attempt.get("failureSummary") or {})
    return Attempt(
        number=int(attempt["id"]),
        status=str(attempt["status"]),
        created_at=int(attempt["createdAt"]),
        updated_at=int(attempt["updatedAt"]),
        ended_at=attempt.get("endedAt"),
        records_synced=int(attempt.get("recordsSynced") or 0),
        bytes_synced=int(attempt.get("bytesSynced") or 0),
        streams=tuple(_stream_stats(stats) for stats in attempt.get("streamStats") or []),
        failures=tuple(_failure(reason) for reason in summary.get("failures") or []),
        log_lines=_log_lines(info.get("logs") or {}),
    )


def _log_lines(logs: Mapping[str, Any]) -> tuple[str, ...]:
    events = [str(event.get("message", "")) for event in logs.get("events") or []]
    return (*(logs.get("logLines") or []), *events)


def _failure(reason: Mapping[str, Any]) -> str:
    text = str(reason.get("externalMessage") or reason.get("internalMessage") or "no reason given")
    stream = cast("Mapping[str, Any]", reason.get("streamDescriptor") or {}).get("name")
    origin = reason.get("failureOrigin")
    place = " ".join(part for part in (origin, f'stream "{stream}"' if stream else "") if part)
    return f"{place}: {text}" if place else text


def _stream_stats(answer: Mapping[str, Any]) -> StreamStats:
    stats = cast("Mapping[str, Any]", answer.get("stats") or {})
    return StreamStats(
        name=str(answer["streamName"]),
        namespace=answer.get("streamNamespace"),
        records_emitted=int(stats.get("recordsEmitted") or 0),
        records_committed=int(stats.get("recordsCommitted") or 0),
        bytes_emitted=int(stats.get("bytesEmitted") or 0),
        bytes_committed=int(stats.get("bytesCommitted") or 0),
    )
