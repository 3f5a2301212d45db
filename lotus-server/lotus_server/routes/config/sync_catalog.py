"""The config API's ``syncCatalog`` to and from the catalog that a connection keeps (see ``store/schema.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import orjson

from lotus_server.domain.catalog import stream_key, with_mapper_ids
from lotus_server.domain.mappers import masked_mappers
from lotus_server.errors import BadRequest
from lotus_server.protocol import present
from lotus_server.routes.operation import Body
from lotus_server.routes.streams import Mapper, SelectedField

SyncMode = Literal["full_refresh", "incremental"]
DestinationSyncMode = Literal["append", "overwrite", "append_dedup", "overwrite_dedup", "update", "soft_delete"]

_STREAM_KEYS = {
    "jsonSchema": "json_schema",
    "supportedSyncModes": "supported_sync_modes",
    "sourceDefinedCursor": "source_defined_cursor",
    "defaultCursorField": "default_cursor_field",
    "sourceDefinedPrimaryKey": "source_defined_primary_key",
    "isResumable": "is_resumable",
    "isFileBased": "is_file_based",
}
"""AirbyteStream's keys in the config API and in the protocol."""


class AirbyteStream(Body):
    """AirbyteStream."""

    name: str
    namespace: str | None = None
    json_schema: dict[str, Any] | None = None
    supported_sync_modes: list[SyncMode] | None = None
    source_defined_cursor: bool | None = None
    default_cursor_field: list[str] | None = None
    source_defined_primary_key: list[list[str]] | None = None
    is_resumable: bool | None = None
    is_file_based: bool | None = None


class StreamConfiguration(Body):
    """AirbyteStreamConfiguration."""

    sync_mode: SyncMode
    destination_sync_mode: DestinationSyncMode
    cursor_field: list[str] | None = None
    primary_key: list[list[str]] | None = None
    alias_name: str | None = None
    selected: bool | None = None
    field_selection_enabled: bool | None = None
    selected_fields: list[SelectedField] | None = None
    mappers: list[Mapper] | None = None
    include_files: bool | None = None
    destination_object_name: str | None = None


class StreamAndConfiguration(Body):
    """AirbyteStreamAndConfiguration."""

    stream: AirbyteStream | None = None
    config: StreamConfiguration | None = None


class SyncCatalog(Body):
    """AirbyteCatalog."""

    streams: list[StreamAndConfiguration]


def catalog_to_store(sync_catalog: SyncCatalog, destination_modes: Sequence[str]) -> dict[str, Any]:
    """The catalog to keep: the selected streams, as the client describes them.

    Raises:
        BadRequest: a stream is doubled, lacks a part, or has a mode that the destination does not support.
    """
    chosen: list[dict[str, Any]] = []
    for entry in sync_catalog.streams:
        stream, config = entry.stream, entry.config
        if stream is None or config is None:
            raise BadRequest("Every entry of syncCatalog.streams needs a stream and a config")
        if config.selected is False:
            continue
        if config.destination_sync_mode not in destination_modes:
            raise BadRequest(
                f"Cannot set destination sync mode to {config.destination_sync_mode} for stream {stream.name}. "
                f"The destination supports: [{', '.join(destination_modes)}]"
            )
        chosen.append(_entry(stream, config))
    keys = [stream_key(stream) for stream in chosen]
    doubled = sorted({name for (name, namespace) in keys if keys.count((name, namespace)) > 1})
    if doubled:
        raise BadRequest(f"Duplicate stream found in configuration for: {', '.join(doubled)}.")
    return {"streams": chosen}


def _entry(stream: AirbyteStream, config: StreamConfiguration) -> dict[str, Any]:
    protocol = {
        _STREAM_KEYS.get(name, name): value for name, value in msgspec.to_builtins(stream).items() if value is not None
    }
    return {
        "stream": {"json_schema": {}, "supported_sync_modes": ["full_refresh"], **protocol},
        "sync_mode": config.sync_mode,
        "destination_sync_mode": config.destination_sync_mode,
        "cursor_field": config.cursor_field or [],
        "primary_key": config.primary_key or [],
        "selected": True,
        "selected_fields": _selected_fields(stream, config),
        "mappers": with_mapper_ids(msgspec.to_builtins(config.mappers or [])),
        "include_files": bool(config.include_files),
        "destination_object_name": config.destination_object_name,
    }


def _selected_fields(stream: AirbyteStream, config: StreamConfiguration) -> list[list[str]] | None:
    if not config.field_selection_enabled:
        return None
    fields = [field.field_path for field in config.selected_fields or [] if field.field_path]
    if not fields:
        raise BadRequest(f"No fields selected for stream {stream.name}.")
    return fields


class _StoredStream(msgspec.Struct, gc=False):
    """The stream of an entry of ``store/schema.py``; its schema, by far the largest part, is passed on as it is."""

    name: str
    namespace: str | None = None
    json_schema: msgspec.Raw = msgspec.Raw(b"null")
    supported_sync_modes: Any = None
    source_defined_cursor: Any = None
    default_cursor_field: Any = None
    source_defined_primary_key: Any = None
    is_resumable: Any = None
    is_file_based: Any = None


class _StoredEntry(msgspec.Struct, gc=False):
    """An entry of ``store/schema.py``."""

    stream: _StoredStream
    sync_mode: str
    destination_sync_mode: str
    cursor_field: Any
    primary_key: Any
    selected: bool
    selected_fields: list[list[str]] | None
    mappers: list[dict[str, Any]]
    include_files: bool = False
    destination_object_name: str | None = None


class _StoredCatalog(msgspec.Struct, gc=False):
    """The catalog of ``store/schema.py``."""

    streams: list[_StoredEntry]


class _StreamRead(msgspec.Struct, gc=False, rename="camel", omit_defaults=True):
    """AirbyteStream."""

    name: str
    namespace: str | None = None
    json_schema: msgspec.Raw | None = None
    supported_sync_modes: Any = None
    source_defined_cursor: Any = None
    default_cursor_field: Any = None
    source_defined_primary_key: Any = None
    is_resumable: Any = None
    is_file_based: Any = None


_STORED = msgspec.json.Decoder(_StoredCatalog)


def configured_read(catalog: str) -> orjson.Fragment:
    """AirbyteCatalog of a connection, from the text that the store keeps.

    Decoded no further than needed: a list of a thousand connections has some thousands of schemas.
    """
    return _fragment([_entry_read(entry) for entry in _STORED.decode(catalog).streams])


def discovered_read(discovered: Mapping[str, Any], *, selected: bool = True) -> dict[str, Any]:
    """AirbyteCatalog of a source, with the configuration that Airbyte proposes."""
    return {"streams": [_proposed(stream, selected=selected) for stream in discovered["streams"]]}


def read_with_unselected(catalog: str, discovered: Mapping[str, Any]) -> orjson.Fragment:
    """AirbyteCatalog of a connection, with the source's other streams as not selected."""
    configured = _STORED.decode(catalog).streams
    keys = {(entry.stream.name, entry.stream.namespace or "") for entry in configured}
    others = [stream for stream in discovered["streams"] if stream_key({"stream": stream}) not in keys]
    return _fragment([*map(_entry_read, configured), *(_proposed(stream, selected=False) for stream in others)])


def _fragment(streams: Sequence[Any]) -> orjson.Fragment:
    return orjson.Fragment(msgspec.json.encode({"streams": streams}))


def _entry_read(entry: _StoredEntry) -> dict[str, Any]:
    configured = entry.stream
    stream = _StreamRead(
        configured.name,
        configured.namespace or None,
        configured.json_schema if present(configured.json_schema) else None,
        configured.supported_sync_modes,
        configured.source_defined_cursor,
        configured.default_cursor_field,
        configured.source_defined_primary_key,
        configured.is_resumable,
        configured.is_file_based,
    )
    config: dict[str, Any] = {
        "syncMode": entry.sync_mode,
        "destinationSyncMode": entry.destination_sync_mode,
        "cursorField": entry.cursor_field,
        "primaryKey": entry.primary_key,
        "aliasName": configured.name,
        "selected": entry.selected,
        "suggested": entry.selected,
        "fieldSelectionEnabled": entry.selected_fields is not None,
        "selectedFields": [{"fieldPath": path} for path in entry.selected_fields or []],
        "hashedFields": [],
        "mappers": masked_mappers(entry.mappers),
        "includeFiles": entry.include_files,
    }
    if entry.destination_object_name:
        config["destinationObjectName"] = entry.destination_object_name
    return {"stream": stream, "config": config}


def stream_read(stream: Mapping[str, Any]) -> dict[str, Any]:
    """AirbyteStream."""
    response: dict[str, Any] = {"name": stream["name"]}
    if stream.get("namespace"):
        response["namespace"] = stream["namespace"]
    response |= {name: stream[key] for name, key in _STREAM_KEYS.items() if stream.get(key) is not None}
    return response


def _proposed(stream: Mapping[str, Any], *, selected: bool) -> dict[str, Any]:
    modes = stream.get("supported_sync_modes") or ["full_refresh"]
    return {
        "stream": stream_read(stream),
        "config": {
            "syncMode": modes[0],
            "destinationSyncMode": "append",
            "cursorField": stream.get("default_cursor_field") or [],
            "primaryKey": stream.get("source_defined_primary_key") or [],
            "aliasName": stream["name"],
            "selected": selected,
            "suggested": selected,
            "fieldSelectionEnabled": False,
            "selectedFields": [],
            "hashedFields": [],
            "mappers": [],
            "includeFiles": False,
        },
    }
