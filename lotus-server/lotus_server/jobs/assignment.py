"""The assignment of a worker (JSON on its stdin), and failure reasons in its events (JSON lines on its stdout)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:  # the server, which starts in less than a second, runs no destination itself
    from lotus_server.destinations.destination import Mode


@dataclass(frozen=True)
class AssignedStream:
    """One stream of a job.

    `name` and `namespace` are the source's; `target_name` and `target_namespace` have prefix and namespace applied.
    `whole` streams are read from the beginning and published once, at the end; `json_schema` has the selected fields
    only, as the mappers make them.
    """

    name: str
    namespace: str | None
    target_name: str
    target_namespace: str | None
    mode: Mode
    json_schema: dict[str, Any]
    selected: list[str] | None
    primary_key: list[list[str]]
    cursor_field: list[str]
    generation_id: int
    minimum_generation_id: int
    whole: bool
    mappers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True)
class Assignment:
    """A job's attempt, complete: the worker needs nothing else."""

    job_id: int
    attempt_number: int
    connection_id: str
    started_at: int
    """Start of the sync (epoch milliseconds), the same for all attempts: it names paths."""
    streams: list[AssignedStream]
    destination: str
    destination_configuration: dict[str, Any]
    scratch: str
    private: str
    """A folder of this attempt alone, which the server removes: what the connector is given, works in and leaves."""
    log_file: str
    owner: str
    secrets: list[str]
    command: list[str] | None = None
    """The source's program; None for a job that only clears."""
    source_configuration: dict[str, Any] = field(default_factory=dict[str, Any])
    catalog: dict[str, Any] = field(default_factory=dict[str, Any])
    states: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Committed states: `kind`, `name`, `namespace`, `text` (for global ones the whole message's `global`)."""
    source_states: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The states that the source gets: none of streams that are read from the beginning."""
    done: list[list[str | None]] = field(default_factory=list[list[str | None]])
    """Streams (name, namespace) that an earlier attempt of this job has published to the end."""
    silence_seconds: float = 3600.0
    flush_seconds: float = 300.0

    def dumped(self) -> bytes:
        """As one line."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def loaded(cls, line: bytes) -> Assignment:
        """From a line."""
        values: dict[str, Any] = orjson.loads(line)
        values["streams"] = [AssignedStream(**each) for each in values["streams"]]
        return cls(**values)


FailureOrigin = Literal["source", "destination", "airbyte_platform"]


def failure(
    origin: FailureOrigin,
    message: str,
    *,
    kind: str | None = None,
    internal: str | None = None,
    stack_trace: str | None = None,
    timestamp: int = 0,
) -> dict[str, Any]:
    """A FailureReason as the config API gives it; a `config_error` is not tried again."""
    return {
        "failureOrigin": origin,
        "failureType": kind or "system_error",
        "externalMessage": message,
        "internalMessage": internal or message,
        "stacktrace": stack_trace or "",
        "retryable": kind != "config_error",
        "timestamp": timestamp,
    }
