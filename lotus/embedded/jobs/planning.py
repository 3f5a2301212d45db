"""A connection and a job → the assignment of an attempt, in one transaction (airbyte-api.md, section d)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lotus.embedded.jobs.assignment import AssignedStream
from lotus.embedded.jobs.mapping import MapperError, mapped_path, mapped_schema
from lotus.embedded.store import jobs as stored
from lotus.embedded.store.jobs import StreamKey


@dataclass(frozen=True)
class Plan:
    """What an attempt reads and writes."""

    streams: list[AssignedStream]
    catalog: dict[str, Any]
    states: list[dict[str, Any]]
    source_states: list[dict[str, Any]]
    done: list[StreamKey]


class UnsupportedStreamError(Exception):
    """A stream asks for something that the embedded Airbyte cannot do."""


def plan(db: Connection, connection: Mapping[str, Any], job: Mapping[str, Any]) -> Plan:
    """The plan of the next attempt; raises generations, once a job.

    States are not deleted here: a stream that is read anew just does not get its old one, which stays until the new
    data is there. So a refresh that fails or is cancelled leaves everything as it was.

    Raises:
        UnsupportedStreamError: a stream has mappers that cannot be run here.
    """
    config_type: str = job["config_type"]
    chosen = None if job["streams"] is None else {(each["name"], each["namespace"]) for each in job["streams"]}
    clearing = config_type in ("reset_connection", "clear")
    assigned: list[AssignedStream] = []
    catalog: list[dict[str, Any]] = []
    anew: set[StreamKey] = set()
    for configured in connection["catalog"]["streams"]:
        key: StreamKey = (configured["stream"]["name"], configured["stream"].get("namespace"))
        is_chosen = chosen is None or key in chosen
        if (clearing and not is_chosen) or (not clearing and not configured.get("selected", True)):
            continue
        full = configured["sync_mode"] == "full_refresh"
        refreshed = config_type == "refresh" and is_chosen
        truncates = clearing or (refreshed and job["refresh_mode"] == "Truncate")
        overwrites = full and configured["destination_sync_mode"] in ("overwrite", "overwrite_dedup")
        if clearing or full or refreshed:
            number, _ = stored.raise_generation(db, connection["id"], key, job["id"])
        else:
            row = stored.generation(db, connection["id"], key)
            number = row["generation_id"] if row else 0
        whole = clearing or full or truncates
        if whole or refreshed:
            anew.add(key)
        schema, selected = _selection(configured)
        mappers: list[dict[str, Any]] = configured.get("mappers") or []
        try:
            target_schema = mapped_schema(schema, mappers)
        except MapperError as error:
            raise UnsupportedStreamError(f'stream "{key[0]}" cannot be mapped: {error}') from error
        assigned.append(
            AssignedStream(
                name=key[0],
                namespace=key[1],
                target_name=f"{connection['prefix']}{key[0]}",
                target_namespace=_namespace(connection, key[1]),
                mode=configured["destination_sync_mode"],
                json_schema=target_schema,
                selected=selected,
                primary_key=[mapped_path(path, mappers) for path in configured.get("primary_key") or [] if path],
                cursor_field=mapped_path(cursor, mappers) if (cursor := configured.get("cursor_field")) else [],
                generation_id=number,
                minimum_generation_id=number if truncates or overwrites else 0,
                whole=whole,
                mappers=mappers,
            )
        )
        catalog.append(_protocol_stream(configured, schema, job["id"], assigned[-1]))
    states = stored.committed_states(db, connection["id"])
    source_states = _source_states(states, anew, assigned, db, connection, job)
    return Plan(assigned, {"streams": catalog}, states, source_states, stored.completed_streams(db, job["id"]))


def _source_states(
    states: Sequence[dict[str, Any]],
    anew: set[StreamKey],
    streams: Sequence[AssignedStream],
    db: Connection,
    connection: Mapping[str, Any],
    job: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """What the source is told: nothing about streams read anew, unless this job itself got some way already."""
    whole = {(each.name, each.namespace) for each in streams if each.whole}
    resumed = {
        key
        for key in anew - whole
        if job["started_at"] is not None and stored.state_changed_at(db, connection["id"], key) >= job["started_at"]
    }
    without = anew - resumed
    if not without:
        return list(states)
    if all((each.name, each.namespace) in without for each in streams):
        return []
    kept: list[dict[str, Any]] = []
    for state in states:
        if state["kind"] == "stream" and (state["name"], state["namespace"]) in without:
            continue
        kept.append(stored.without_streams(state, without) if state["kind"] == "global" else state)
    return kept


def _selection(configured: Mapping[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """The schema with the selected top-level fields only, and their names (None: all)."""
    schema: dict[str, Any] = configured["stream"].get("json_schema") or {}
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


def _namespace(connection: Mapping[str, Any], source: str | None) -> str | None:
    match connection["namespace_definition"]:
        case "source":
            return source
        case "custom_format":
            text = str(connection["namespace_format"] or "")
            return text.replace("${SOURCE_NAMESPACE}", source or "") or None
        case _:
            return None
