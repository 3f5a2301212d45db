"""Streams and what their sources offer → the inputs of a connection. Pure: no files, no network, no Pulumi.

A setting that the files do not declare is no input: it is unmanaged (docs/ownership.md). What lotus gives it at
creation is among the defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NotRequired, TypedDict

from lotus.config import Connection, Stream
from lotus.config.mappers import configuration_of
from lotus.config.schedule import BasicSchedule, Manual, Schedule

if TYPE_CHECKING:
    from pulumi_airbyte import ConnectionDefaultsArgs, ConnectionScheduleArgs


class ConfiguredMapper(TypedDict):
    """One step of a stream's mappers; the name of a secret stays a reference."""

    type: str
    mapper_configuration: dict[str, Any]


class ConfiguredStream(TypedDict):
    """How one stream is synced, as `configurations.streams[]` of Airbyte's public API wants it."""

    name: str
    sync_mode: str
    namespace: NotRequired[str]
    cursor_field: NotRequired[list[str]]
    primary_key: NotRequired[list[list[str]]]
    selected_fields: NotRequired[list[str]]
    mappers: NotRequired[list[ConfiguredMapper]]
    include_files: NotRequired[bool]


def schedule_args(schedule: Schedule) -> ConnectionScheduleArgs:
    """A schedule as the provider takes it."""
    match schedule:
        case Manual():
            return {"schedule_type": "manual"}
        case BasicSchedule():
            return {"schedule_type": "basic", "basic_timing": schedule.basic_timing}
        case _:
            return {"schedule_type": "cron", "cron_expression": str(schedule)}


_COLORS = ("1F77B4", "2CA02C", "9467BD", "8C564B", "E377C2", "7F7F7F", "BCBD22", "17BECF")


def tag_color(name: str) -> str:
    """The colour that a new tag gets: any, but the same wherever the lake is made again."""
    return _COLORS[sum(name.encode()) % len(_COLORS)]


class Namespace(NamedTuple):
    """Where the namespace of landed rows comes from."""

    definition: Literal["source", "destination", "custom_format"]
    format: str | None = None


def declared_namespace(connection: Connection) -> Namespace | None:
    """The namespace that the files declare; None where they say nothing of it."""
    options = connection.settings
    if options.namespace_definition is None and options.namespace_format is None:
        return None
    if options.namespace_definition in (None, "custom_format"):
        return Namespace("custom_format", options.namespace_format or connection.first_name)
    return Namespace(options.namespace_definition)


def defaults(connection: Connection) -> ConnectionDefaultsArgs:
    """What a new connection gets: rows land in `raw/<folder>/<stream>/…`, and new columns come along."""
    return {
        "namespace_definition": "custom_format",
        "namespace_format": connection.first_name,
        "non_breaking_schema_updates_behavior": "propagate_columns",
    }


def configured_streams(streams: Iterable[Stream]) -> list[ConfiguredStream]:
    """The streams of a connection, in name order so that diffs stay small.

    Keys and cursors that the source defines are left out: Airbyte refuses them in some versions, and answers with its
    own in all (docs/airbyte-behaviour.md#keys-and-cursors).
    """
    return [configured_stream(stream) for stream in sorted(streams, key=lambda s: (s.name, s.namespace or ""))]


def configured_stream(stream: Stream) -> ConfiguredStream:
    """One stream of a connection.

    Raises:
        ValueError: the two modes make none of Airbyte's; `lotus.config` refuses such a stream before.
    """
    mode = stream.modes.connection_sync_mode
    if mode is None:
        raise ValueError(f"stream {stream.name}: no mode {stream.modes}")
    configured = ConfiguredStream(name=stream.name, sync_mode=mode)
    if stream.namespace:
        configured["namespace"] = stream.namespace
    cursor = _cursor(stream)
    if cursor:
        configured["cursor_field"] = cursor
    key = _primary_key(stream)
    if key:
        configured["primary_key"] = key
    if stream.fields is not None:
        configured["selected_fields"] = sorted(stream.fields)
    if stream.mappers is not None:
        configured["mappers"] = [
            ConfiguredMapper(type=mapper.type, mapper_configuration=configuration_of(mapper))
            for mapper in stream.mappers
        ]
    if stream.include_files is not None:
        configured["include_files"] = stream.include_files
    return configured


def _cursor(stream: Stream) -> list[str] | None:
    """The cursor that must be said: only for incremental streams, and only if it is not the source's default."""
    if stream.modes.sync_mode != "incremental" or stream.cursor_field is None:
        return None
    discovered = stream.discovered
    if discovered and (discovered.source_defined_cursor or discovered.cursor_field == stream.cursor_field):
        return None
    return list(stream.cursor_field)


def _primary_key(stream: Stream) -> list[list[str]] | None:
    """The key that must be said: none where the source has its own."""
    if stream.primary_key is None or (stream.discovered and stream.discovered.primary_key):
        return None
    return [list(path) for path in stream.primary_key]
