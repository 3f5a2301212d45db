"""What a source offers now against what it offered when a connection last looked, and what follows from it.

The rules are Airbyte's own (docs/airbyte-behaviour.md#schema-changes): a change breaks
a connection when it takes away a cursor or a key that the connection uses; such a change makes it inactive whatever it
prefers. Any other change is ignored, makes it inactive, or is taken over, as ``nonBreakingSchemaUpdatesBehavior`` says.
Changes are kept in the shape of the config API's ``StreamTransform``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lotus_server.domain.catalog import configured_by_default, field_paths

Change = dict[str, Any]
Key = tuple[str, str | None]

_KEYED = ("append_dedup", "overwrite_dedup")


@dataclass(frozen=True)
class Findings:
    """What changed for a connection, whether that stops it, and its status now."""

    changes: list[Change] = field(default_factory=list[Change])
    breaking: bool = False
    stops: bool = False
    status: str = "active"

    @property
    def reason(self) -> str:
        """Why the connection was made inactive."""
        consequence = "in a way that breaks this connection" if self.breaking else "and it is set to stop at any change"
        return (
            f"the source's schema changed {consequence}, so it is inactive now: {description(self.changes)}. "
            "Change its streams to fit and set it active again"
        )


def changes(before: Mapping[str, Any], after: Mapping[str, Any], configured: Mapping[str, Any]) -> list[Change]:
    """Streams that came and went, and how the schemas of those that a connection has changed."""
    old, new = _by_key(before["streams"]), _by_key(after["streams"])
    entries = {_key(entry["stream"]): entry for entry in configured["streams"]}
    result = [_change("remove_stream", key) for key in old if key not in new]
    result += [_change("add_stream", key) for key in new if key not in old]
    for key in old:
        if key in new and key in entries and old[key] != new[key]:
            result += _stream_updates(key, old[key], new[key], entries[key])
    return result


def _stream_updates(
    key: Key, old: Mapping[str, Any], new: Mapping[str, Any], entry: Mapping[str, Any]
) -> Sequence[Change]:
    update = _updates(old, new, entry)
    if not update["fieldTransforms"] and not update["streamAttributeTransforms"]:
        return []
    return [{**_change("update_stream", key), "updateStream": update}]


def propagated(
    catalog: Mapping[str, Any],
    discovered: Mapping[str, Any],
    changes: Sequence[Change],
    destination_modes: Sequence[str],
    *,
    fully: bool,
) -> dict[str, Any]:
    """The configured catalog with changes taken over: columns, and with `fully` streams as well."""
    entries = {_key(entry["stream"]): entry for entry in catalog["streams"]}
    new = _by_key(discovered["streams"])
    for change in changes:
        descriptor = change["streamDescriptor"]
        key: Key = (descriptor["name"], descriptor.get("namespace"))
        match change["transformType"]:
            case "update_stream":
                entries[key] = _with_columns(entries[key], new[key], change["updateStream"]["fieldTransforms"])
            case "add_stream" if fully:
                entries[key] = configured_by_default(new[key], destination_modes)
            case "remove_stream" if fully:
                entries.pop(key, None)
            case _:
                pass
    return {**catalog, "streams": list(entries.values())}


def description(changes: Sequence[Change]) -> str:
    """The changes as one line of text."""
    return "; ".join(_described(change) for change in changes)


def _described(change: Change) -> str:
    descriptor = change["streamDescriptor"]
    name = ".".join(filter(None, [descriptor.get("namespace"), descriptor["name"]]))
    if change["transformType"] != "update_stream":
        return f'stream "{name}" was {"added" if change["transformType"] == "add_stream" else "removed"}'
    parts: list[str] = []
    transforms: list[Change] = change["updateStream"]["fieldTransforms"]
    for kind, verb in (("add_field", "added"), ("remove_field", "removed"), ("update_field_schema", "altered")):
        if fields := [".".join(each["fieldName"]) for each in transforms if each["transformType"] == kind]:
            parts.append(f"{', '.join(fields)} {verb}")
    if change["updateStream"]["streamAttributeTransforms"]:
        parts.append("another primary key")
    return f'stream "{name}": {", ".join(parts)}'


def _updates(old: Mapping[str, Any], new: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    before, after = _fields(old.get("json_schema")), _fields(new.get("json_schema"))
    fields: list[Change] = []
    for path, schema in before.items():
        if path not in after:
            removed = {"transformType": "remove_field", "fieldName": list(path), "removeField": {"schema": schema}}
            fields.append({**removed, "breaking": _needs(entry, list(path))})
        elif schema != after[path]:
            update = {"oldSchema": schema, "newSchema": after[path]}
            altered = {"transformType": "update_field_schema", "fieldName": list(path), "updateFieldSchema": update}
            fields.append({**altered, "breaking": False})
    for path, schema in after.items():
        if path not in before:
            added = {"transformType": "add_field", "fieldName": list(path), "addField": {"schema": schema}}
            fields.append({**added, "breaking": False})
    return {"fieldTransforms": fields, "streamAttributeTransforms": _key_updates(old, new, entry)}


def _key_updates(old: Mapping[str, Any], new: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Change]:
    before: list[list[str]] = old.get("source_defined_primary_key") or []
    after: list[list[str]] = new.get("source_defined_primary_key") or []
    if before == after:
        return []
    current = {tuple(path) for path in entry.get("primary_key") or []}
    keyed = entry["destination_sync_mode"] in _KEYED
    breaking = bool(after) and keyed and current != {tuple(path) for path in after}
    update = {"oldPrimaryKey": before, "newPrimaryKey": after}
    return [{"transformType": "update_primary_key", "breaking": breaking, "updatePrimaryKey": update}]


def _needs(entry: Mapping[str, Any], path: list[str]) -> bool:
    """Whether the connection uses a field as the stream's cursor or in its key."""
    if entry["sync_mode"] == "incremental" and (entry.get("cursor_field") or []) == path:
        return True
    return entry["destination_sync_mode"] in _KEYED and path in (entry.get("primary_key") or [])


def breaks(change: Change) -> bool:
    """Whether the change takes away a cursor or a key that the connection uses."""
    update = change.get("updateStream") or {"fieldTransforms": [], "streamAttributeTransforms": []}
    return any(each["breaking"] for each in (*update["fieldTransforms"], *update["streamAttributeTransforms"]))


def _with_columns(entry: Mapping[str, Any], stream: Mapping[str, Any], transforms: Sequence[Change]) -> dict[str, Any]:
    selected: list[list[str]] | None = entry["selected_fields"]
    if selected is not None:
        # Airbyte selects columns that are new, and leaves the ones that are gone in the list.
        added = [each["fieldName"] for each in transforms if each["transformType"] == "add_field"]
        selected = [*selected, *(path for path in added if len(path) == 1 and path not in selected)]
    return {**entry, "stream": dict(stream), "selected_fields": selected}


def _fields(schema: Any) -> dict[tuple[str, ...], Any]:
    """The schema of every property, by its path."""
    fields: dict[tuple[str, ...], Any] = {}
    for path in field_paths(schema):
        inner = schema
        for name in path:
            inner = inner["properties"][name]
        fields[tuple(path)] = inner if isinstance(inner, dict) else {}  # `true`: anything
    return fields


def _change(kind: str, key: Key) -> Change:
    descriptor = {"name": key[0]} if key[1] is None else {"name": key[0], "namespace": key[1]}
    return {"transformType": kind, "streamDescriptor": descriptor}


def _by_key(streams: Sequence[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    return {_key(stream): stream for stream in streams}


def _key(stream: Mapping[str, Any]) -> Key:
    return stream["name"], stream.get("namespace") or None
