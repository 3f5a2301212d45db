"""A connection and a job → the assignment of an attempt, in one transaction (docs/airbyte-behaviour.md#generations)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lotus_server.domain.json_schema import spread
from lotus_server.domain.mapping import MapperError, mapped_path, mapped_schema
from lotus_server.jobs.assignment import AssignedStream
from lotus_server.protocol import StreamKey
from lotus_server.store import attempt_stats, generations, sync_states
from lotus_server.store.connections import StoredConnection
from lotus_server.store.job_history import Job


@dataclass(frozen=True)
class Plan:
    """What an attempt reads and writes."""

    streams: list[AssignedStream]
    catalog: dict[str, Any]
    states: list[dict[str, Any]]
    source_states: list[dict[str, Any]]
    done: list[StreamKey]


class UnsupportedStreamError(Exception):
    """A stream asks for something that this server cannot do."""


@dataclass(frozen=True)
class _Scope:
    """How much of a stream an attempt reads and replaces."""

    from_start: bool
    """It is read from the beginning, as a new generation."""
    whole: bool
    """It is published once, at the end."""
    replaces: bool
    """Its older generations are deleted then."""


def plan(db: Connection, connection: StoredConnection, configured_catalog: Mapping[str, Any], job: Job) -> Plan:
    """The plan of the next attempt; raises generations, once a job.

    States are not deleted here: a stream that is read from the beginning does not get its old one, which stays until
    the new data is published. So a refresh that fails or is cancelled leaves everything as it was.

    Raises:
        UnsupportedStreamError: a stream has mappers that cannot be run here.
    """
    assigned: list[AssignedStream] = []
    catalog: list[dict[str, Any]] = []
    from_start: set[StreamKey] = set()
    for configured in configured_catalog["streams"]:
        if not _takes_part(configured, job):
            continue
        key, scope = _key(configured), _scope(configured, job)
        if scope.from_start:
            from_start.add(key)
        schema, selected = _selection(configured)
        generation = _generation(db, connection, key, scope, job)
        stream = _assigned(connection, configured, scope, generation, schema, selected)
        assigned.append(stream)
        catalog.append(_protocol_stream(configured, schema, job.id, stream))
    states = sync_states.committed_states(db, connection.id)
    source_states = _source_states(states, from_start, assigned, db, connection, job)
    return Plan(assigned, {"streams": catalog}, states, source_states, attempt_stats.completed_streams(db, job.id))


def _key(configured: Mapping[str, Any]) -> StreamKey:
    return configured["stream"]["name"], configured["stream"].get("namespace")


def _clears(job: Job) -> bool:
    return job.config_type in ("reset_connection", "clear")


def _is_chosen(key: StreamKey, job: Job) -> bool:
    """Whether the job is about this stream; a job that names none is about all."""
    return job.streams is None or key in {(stream["name"], stream["namespace"]) for stream in job.streams}


def _takes_part(configured: Mapping[str, Any], job: Job) -> bool:
    return _is_chosen(_key(configured), job) if _clears(job) else configured.get("selected", True)


def _scope(configured: Mapping[str, Any], job: Job) -> _Scope:
    full = configured["sync_mode"] == "full_refresh"
    refreshed = job.config_type == "refresh" and _is_chosen(_key(configured), job)
    truncates = _clears(job) or (refreshed and job.refresh_mode == "Truncate")
    overwrites = full and configured["destination_sync_mode"] in ("overwrite", "overwrite_dedup")
    return _Scope(
        from_start=_clears(job) or full or refreshed,
        whole=full or truncates,
        replaces=truncates or overwrites,
    )


def _generation(db: Connection, connection: StoredConnection, key: StreamKey, scope: _Scope, job: Job) -> int:
    if scope.from_start:
        return generations.raise_generation(db, connection.id, key, job.id)
    current = generations.generation(db, connection.id, key)
    return current.generation_id if current else 0


def _assigned(
    connection: StoredConnection,
    configured: Mapping[str, Any],
    scope: _Scope,
    generation: int,
    schema: Mapping[str, Any],
    selected: list[str] | None,
) -> AssignedStream:
    name, namespace = _key(configured)
    mappers: list[dict[str, Any]] = configured.get("mappers") or []
    try:
        target_schema = mapped_schema(schema, mappers)
    except MapperError as error:
        raise UnsupportedStreamError(f'stream "{name}" cannot be mapped: {error}') from error
    cursor = configured.get("cursor_field")
    return AssignedStream(
        name=name,
        namespace=namespace,
        target_name=f"{connection.prefix}{name}",
        target_namespace=_namespace(connection, namespace),
        mode=configured["destination_sync_mode"],
        json_schema=target_schema,
        selected=selected,
        primary_key=[mapped_path(path, mappers) for path in configured.get("primary_key") or [] if path],
        cursor_field=mapped_path(cursor, mappers) if cursor else [],
        generation_id=generation,
        minimum_generation_id=generation if scope.replaces else 0,
        whole=scope.whole,
        mappers=mappers,
    )


def _source_states(
    states: Sequence[dict[str, Any]],
    from_start: set[StreamKey],
    streams: Sequence[AssignedStream],
    db: Connection,
    connection: StoredConnection,
    job: Job,
) -> list[dict[str, Any]]:
    """The states that the source gets: none of streams read from the beginning, unless this job has read a part."""
    published_once = {(stream.name, stream.namespace) for stream in streams if stream.whole}
    resumed = {key for key in from_start - published_once if _has_read(db, connection, job, key)}
    without = from_start - resumed
    if not without:
        return list(states)
    if all((stream.name, stream.namespace) in without for stream in streams):
        return []
    return [
        sync_states.without_streams(state, without) if state["kind"] == "global" else state
        for state in states
        if state["kind"] != "stream" or (state["name"], state["namespace"]) not in without
    ]


def _has_read(db: Connection, connection: StoredConnection, job: Job, key: StreamKey) -> bool:
    """Whether an earlier attempt of this job has committed a state of the stream."""
    return job.started_at is not None and sync_states.state_changed_at(db, connection.id, key) >= job.started_at


def _selection(configured: Mapping[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """The schema with the selected top-level fields only, and their names (None: all)."""
    schema = spread(configured["stream"].get("json_schema") or {})
    if configured.get("selected_fields") is None:
        return schema, None
    names = [path[0] for path in configured["selected_fields"] if path]
    properties = {name: value for name, value in (schema.get("properties") or {}).items() if name in names}
    return {**schema, "properties": properties}, names


def _protocol_stream(
    configured: Mapping[str, Any], schema: Mapping[str, Any], job_id: int, stream: AssignedStream
) -> dict[str, Any]:
    inner = {key: value for key, value in configured["stream"].items() if value is not None}
    return {
        "stream": {**inner, "json_schema": schema},
        "sync_mode": configured["sync_mode"],
        "destination_sync_mode": configured["destination_sync_mode"],
        "cursor_field": configured.get("cursor_field") or [],
        "primary_key": configured.get("primary_key") or [],
        "generation_id": stream.generation_id,
        "minimum_generation_id": stream.minimum_generation_id,
        "sync_id": job_id,
    }


def _namespace(connection: StoredConnection, source: str | None) -> str | None:
    match connection.namespace_definition:
        case "source":
            return source
        case "custom_format":
            text = str(connection.namespace_format or "")
            return text.replace("${SOURCE_NAMESPACE}", source or "") or None
        case _:
            return None
