"""From what a source offers and a client asks for to the configured catalog that a connection keeps.

The refusals and their words are Airbyte's (docs/airbyte-behaviour.md#streams-of-a-connection).
Streams here are the dictionaries described at
the head of ``store/schema.py``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lotus_server.errors import BadRequest

Path = list[str]

SYNC_MODES: Mapping[str, tuple[str, str]] = {
    "full_refresh_overwrite": ("full_refresh", "overwrite"),
    "full_refresh_append": ("full_refresh", "append"),
    "full_refresh_overwrite_deduped": ("full_refresh", "overwrite_dedup"),
    "full_refresh_update": ("full_refresh", "update"),
    "full_refresh_soft_delete": ("full_refresh", "soft_delete"),
    "incremental_append": ("incremental", "append"),
    "incremental_deduped_history": ("incremental", "append_dedup"),
    "incremental_update": ("incremental", "update"),
    "incremental_soft_delete": ("incremental", "soft_delete"),
}
"""The public API's sync modes as (source's mode, destination's mode)."""

_COMBINED: Mapping[tuple[str, str], str] = {modes: name for name, modes in SYNC_MODES.items()}
_KEYED = ("overwrite_dedup", "append_dedup", "update")


@dataclass(frozen=True)
class StreamRequest:
    """One stream as a client asks for it; None means that it did not say."""

    name: str
    namespace: str | None = None
    sync_mode: str | None = None
    cursor_field: Path | None = None
    primary_key: list[Path] | None = None
    selected_fields: list[Path | None] | None = None
    mappers: list[Mapping[str, Any]] | None = None
    include_files: bool | None = None
    destination_object_name: str | None = None


def combined_mode(sync_mode: str, destination_sync_mode: str) -> str | None:
    """The public API's word for a pair of modes, None where it has none."""
    return _COMBINED.get((sync_mode, destination_sync_mode))


def valid_modes(stream: Mapping[str, Any], destination_modes: Iterable[str]) -> list[str]:
    """Every mode that the stream and the destination both support; full refresh with overwrite always is."""
    modes = {
        mode
        for source_mode in stream.get("supported_sync_modes") or ["full_refresh"]
        for destination_mode in destination_modes
        if (mode := combined_mode(source_mode, destination_mode))
    }
    return sorted(modes | {"full_refresh_overwrite"})


def everything(discovered: Mapping[str, Any]) -> dict[str, Any]:
    """All streams as full refresh with overwrite: what a connection gets that names no streams."""
    return {"streams": [_configured(stream, StreamRequest(stream["name"])) for stream in discovered["streams"]]}


def configured(
    discovered: Mapping[str, Any], requests: Sequence[StreamRequest], destination_modes: Sequence[str]
) -> dict[str, Any]:
    """The catalog that the requests ask for.

    Raises:
        BadRequest: a stream is unknown or doubled, or a mode, cursor, key or field selection is not possible.
    """
    chosen: list[dict[str, Any]] = []
    seen: set[tuple[str, str | None]] = set()
    for request in requests:
        stream = _find(discovered, request)
        key = (stream["name"], stream.get("namespace"))
        if key in seen:
            raise BadRequest(f"Duplicate stream found in configuration for: {request.name}.")
        seen.add(key)
        _check_selected_fields(stream, request)
        _check_modes(stream, request, destination_modes)
        chosen.append(_configured(stream, request))
    return {"streams": chosen}


def configured_by_default(stream: Mapping[str, Any], destination_modes: Sequence[str]) -> dict[str, Any]:
    """A stream as Airbyte adds it to a connection by itself: incremental where the source defines what that needs."""
    modes = stream.get("supported_sync_modes") or ["full_refresh"]
    keyed = bool(stream.get("source_defined_primary_key"))
    if stream.get("source_defined_cursor") and keyed and "append_dedup" in destination_modes:
        sync_mode = "incremental_deduped_history"
    elif "full_refresh" in modes:
        sync_mode = "full_refresh_overwrite"
    else:
        sync_mode = "incremental_append"
    return _configured(stream, StreamRequest(stream["name"], sync_mode=sync_mode))


def field_paths(schema: Any) -> list[Path]:
    """All property paths of a JSON schema, outer ones before what is in them."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping):
        return []
    return [path for name, inner in properties.items() for path in ([name], *([name, *p] for p in field_paths(inner)))]


def with_mapper_ids(mappers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mappers, each with an id: the server assigns the ones that are missing."""
    return [{**mapper, "id": mapper.get("id") or str(uuid.uuid4())} for mapper in mappers]


def changed_source_modes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Streams whose source sync mode differs: their state is void (docs/airbyte-behaviour.md#state-of-a-connection)."""
    before = {stream_key(stream): stream["sync_mode"] for stream in old["streams"]}
    return [
        key for stream in new["streams"] if (key := stream_key(stream)) in before and before[key] != stream["sync_mode"]
    ]


def stream_key(configured_stream: Mapping[str, Any]) -> tuple[str, str]:
    """Name and namespace ("" for none), as the store's tables key streams."""
    stream = configured_stream["stream"]
    return stream["name"], stream.get("namespace") or ""


def _find(discovered: Mapping[str, Any], request: StreamRequest) -> Mapping[str, Any]:
    matches = [stream for stream in discovered["streams"] if stream["name"] == request.name]
    if len(matches) > 1:  # a namespace only counts where the name alone does not tell
        matches = [stream for stream in matches if (stream.get("namespace") or None) == (request.namespace or None)]
    if len(matches) != 1:
        names = [stream["name"] for stream in discovered["streams"]]
        raise BadRequest(f"Invalid stream found. The list of valid streams include: {_listed(names)}.")
    return matches[0]


def _check_modes(stream: Mapping[str, Any], request: StreamRequest, destination_modes: Sequence[str]) -> None:
    if request.sync_mode is None:
        return
    valid = valid_modes(stream, destination_modes)
    if request.sync_mode not in valid:
        raise BadRequest(
            f"Cannot set sync mode to {request.sync_mode} for stream {request.name}. "
            f"Valid sync modes are: {_listed(valid)}"
        )
    source_mode, destination_mode = SYNC_MODES[request.sync_mode]
    if source_mode == "incremental":
        _check_cursor(stream, request)
    if destination_mode in _KEYED:
        _check_primary_key(stream, request)


def _check_cursor(stream: Mapping[str, Any], request: StreamRequest) -> None:
    default = stream.get("default_cursor_field") or []
    if stream.get("source_defined_cursor"):
        if request.cursor_field and list(request.cursor_field) != list(default):
            raise BadRequest(
                f"Cursor Field {_listed(request.cursor_field)} is already defined by source for stream: "
                f"{stream['name']}. Do not include a cursor field configuration for this stream."
            )
    elif request.cursor_field:
        valid = field_paths(stream.get("json_schema"))
        if request.cursor_field not in valid:
            raise BadRequest(
                f"Invalid cursor field for stream: {stream['name']}. "
                f"The list of valid cursor fields include: {_listed_paths(valid)}."
            )
    elif not default:
        raise BadRequest(
            f"No default cursor field for stream: {stream['name']}. "
            "Please include a cursor field configuration for this stream."
        )


def _check_primary_key(stream: Mapping[str, Any], request: StreamRequest) -> None:
    defined = stream.get("source_defined_primary_key") or []
    requested = request.primary_key or []
    if defined and requested and sorted(defined) != sorted(requested):
        raise BadRequest(
            f"Primary key for stream: {stream['name']} is already pre-defined. "
            f"Please remove the primaryKey or provide the value as {_listed_paths(defined)}."
        )
    if not defined and not requested:
        raise BadRequest(
            f"No default primary key for stream: {stream['name']}. "
            "Please include a primary key configuration for this stream."
        )
    _check_key_fields(stream, requested)


def _check_key_fields(stream: Mapping[str, Any], requested: Sequence[Path]) -> None:
    valid = field_paths(stream.get("json_schema"))
    for key in requested:
        if key not in valid:
            raise BadRequest(
                f"Invalid primary key for stream: {stream['name']}. "
                f"The list of valid primary keys fields: {_listed_paths(valid)}."
            )
    if len({tuple(key) for key in requested}) != len(requested):
        raise BadRequest(
            f"Duplicate primary key detected for stream: {stream['name']}, "
            f"please don't provide the same column more than once. Key: {_listed_paths(requested)}"
        )


def _check_selected_fields(stream: Mapping[str, Any], request: StreamRequest) -> None:
    if request.selected_fields is None:
        return
    selected = _selected_names(stream, request.selected_fields)
    name = stream["name"]
    source_mode, destination_mode = SYNC_MODES[request.sync_mode or "full_refresh_overwrite"]
    if destination_mode in _KEYED and not _key_fields(stream, request) <= set(selected):
        raise BadRequest(
            f"Primary key fields are not selected properly for stream: {name}. "
            "Please include primary key(s) in the configuration for this stream."
        )
    cursor = _cursor(stream, request)
    if source_mode == "incremental" and cursor and cursor[0] not in selected:
        raise BadRequest(
            f"Cursor field is not selected properly for stream: {name}. "
            "Please include the cursor field in selected fields for this stream."
        )


def _key_fields(stream: Mapping[str, Any], request: StreamRequest) -> set[str]:
    """The top-level fields that the primary key is made of."""
    key = stream.get("source_defined_primary_key") or request.primary_key or []
    return {path[0] for path in key if path}


def _selected_names(stream: Mapping[str, Any], paths: Sequence[Path | None]) -> list[str]:
    """The names of the selected fields: top-level ones of the stream, each once."""
    name = stream["name"]
    valid = [path[0] for path in field_paths(stream.get("json_schema")) if len(path) == 1]
    if not paths:
        raise BadRequest(
            f"No fields selected for stream {name}. The list of valid field names includes: {_listed(valid)}."
        )
    selected = [_selected_name(path, name) for path in paths]
    if len(set(selected)) != len(selected):
        raise BadRequest(f"Duplicate fields selected in configuration for stream: {name}.")
    if not set(selected) <= set(valid):
        raise BadRequest(
            f"Invalid fields selected for stream {name}. The list of valid field names includes: {_listed(valid)}."
        )
    return selected


def _selected_name(path: Path | None, stream_name: str) -> str:
    if not path:
        raise BadRequest(f"Selected field path cannot be empty for stream: {stream_name}.")
    if len(path) > 1:
        raise BadRequest(f"Nested field selection not supported for stream {stream_name}.")
    return path[0]


def _configured(stream: Mapping[str, Any], request: StreamRequest) -> dict[str, Any]:
    sync_mode, destination_sync_mode = SYNC_MODES[request.sync_mode or "full_refresh_overwrite"]
    defined_key = stream.get("source_defined_primary_key") or []
    return {
        "stream": dict(stream),
        "sync_mode": sync_mode,
        "destination_sync_mode": destination_sync_mode,
        "cursor_field": _cursor(stream, request),
        "primary_key": defined_key or request.primary_key or [],
        "selected": True,
        "selected_fields": request.selected_fields,
        "mappers": with_mapper_ids(request.mappers or []),
        "include_files": bool(request.include_files),
        "destination_object_name": request.destination_object_name,
    }


def _cursor(stream: Mapping[str, Any], request: StreamRequest) -> Path:
    default = stream.get("default_cursor_field") or []
    return default if stream.get("source_defined_cursor") else request.cursor_field or default


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"


def _listed_paths(paths: Iterable[Path]) -> str:
    return _listed(_listed(path) for path in paths)
