"""The stream of a discovered catalog that a sample reads, as a source is asked to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lotus_server.connectors.errors import ConnectorError

MOST_NAMES = 500
"""Characters of the list of streams in an error."""


def sampled_stream(streams: Sequence[Mapping[str, Any]], name: str, namespace: str | None) -> dict[str, Any]:
    """The configured stream for a sample: read in full where the source can.

    Raises:
        ConnectorError: the source has no such stream.
    """
    stream = _discovered(streams, name, namespace)
    if stream is None:
        names = ", ".join(sorted(each["name"] for each in streams))
        raise ConnectorError(f'the source has no stream "{name}"', fix=f"it offers {names[:MOST_NAMES]}")
    full = "full_refresh" in (stream.get("supported_sync_modes") or ["full_refresh"])
    return {
        "stream": stream,
        "sync_mode": "full_refresh" if full else "incremental",
        "destination_sync_mode": "append",
        "cursor_field": stream.get("default_cursor_field") or [],
        "primary_key": stream.get("source_defined_primary_key") or [],
    }


def _discovered(streams: Sequence[Mapping[str, Any]], name: str, namespace: str | None) -> Mapping[str, Any] | None:
    """The stream of this name; without a namespace the one that has none goes first."""
    matches = [each for each in streams if each["name"] == name]
    exact = [each for each in matches if each.get("namespace") == namespace]
    if exact:
        return exact[-1]
    return matches[0] if matches and namespace is None else None
