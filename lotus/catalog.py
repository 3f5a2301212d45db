"""Streams and what their sources offer → the inputs of a connection. Pure: no files, no network, no Pulumi."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NotRequired, TypedDict

from lotus.config import Stream


class SelectedField(TypedDict):
    """A top-level field that is synced."""

    field_path: list[str]


class ConfiguredStream(TypedDict):
    """How one stream is synced, as `configurations.streams[]` of Airbyte's public API wants it."""

    name: str
    sync_mode: str
    namespace: NotRequired[str]
    cursor_field: NotRequired[list[str]]
    primary_key: NotRequired[list[list[str]]]
    selected_fields: NotRequired[list[SelectedField]]


def configured_streams(streams: Iterable[Stream]) -> list[ConfiguredStream]:
    """The streams of a connection, in name order so that diffs stay small.

    Keys and cursors that the source defines are left out: Airbyte refuses them in some versions, and answers with its
    own in all (airbyte-api.md (c)).
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
        configured["selected_fields"] = [_selected(name) for name in sorted(stream.fields)]
    return configured


@cache
def _selected(name: str) -> SelectedField:
    """A field; the same of many streams is one object, since half a million of them take half a second to make."""
    return {"field_path": [name]}


def _cursor(stream: Stream) -> list[str] | None:
    """The cursor that must be said: only for incremental streams, and only if it is not the source's default."""
    if stream.modes.sync_mode != "incremental" or stream.cursor_field is None:
        return None
    known = stream.discovered
    if known and (known.source_defined_cursor or known.cursor_field == stream.cursor_field):
        return None
    return list(stream.cursor_field)


def _primary_key(stream: Stream) -> list[list[str]] | None:
    """The key that must be said: none where the source has its own."""
    if stream.primary_key is None or (stream.discovered and stream.discovered.primary_key):
        return None
    return [list(path) for path in stream.primary_key]
