"""What a source offers now against what it offered when a connection last looked, and what follows from it.

The rules are Airbyte's own (airbyte-platform, ``CatalogDiffHelpers`` and ``ApplySchemaChangeHelper``): a change breaks
a connection when it takes away a cursor or a key that the connection uses; such a change makes it inactive whatever it
prefers. Any other change is ignored, makes it inactive, or is taken over, as ``nonBreakingSchemaUpdatesBehavior`` says.
Changes are kept in the shape of the config API's ``StreamTransform``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from lotus.embedded.catalog import configured_by_default, field_paths
from lotus.embedded.store import connections as stored
from lotus.embedded.store.connections import DiscoveredCatalog

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
        what = "in a way that breaks this connection" if self.breaking else "and it is set to stop at any change"
        return (
            f"the source's schema changed {what}, so it is inactive now: {described(self.changes)}. "
            "Change its streams to fit and set it active again"
        )


def look(
    db: Connection, connection_id: str, offered: DiscoveredCatalog, destination_modes: Sequence[str], *, propagate: bool
) -> Findings:
    """Compares what the source offers with what the connection knows, and changes the connection accordingly.

    Args:
        db: a transaction that writes.
        connection_id: the connection, which is there.
        offered: what the source offers now.
        destination_modes: the destination's sync modes, for streams that are added.
        propagate: whether changes may be taken over (before a sync); else they can only stop the connection, as
            when somebody looks at the schema.
    """
    connection = stored.connection(db, connection_id)
    if connection is None or connection.discovered_catalog_id in (None, offered.id):
        status = "deprecated" if connection is None else connection.status
        return Findings(breaking=connection is not None and connection.breaking_change, status=status)
    known = stored.discovered_with_id(db, connection.discovered_catalog_id)
    found = [] if known is None else changes(known.catalog, offered.catalog, connection.catalog)
    breaking = any(_breaks(change) for change in found)
    behavior = connection.non_breaking_schema_updates
    values: dict[str, Any] = {}
    if breaking != connection.breaking_change:
        values["breaking_change"] = breaking
    stops = breaking or (bool(found) and behavior == "disable_connection")
    if stops:
        if connection.status == "active":
            values["status"] = "inactive"
    elif propagate and (not found or behavior in ("propagate_columns", "propagate_fully")):
        values["discovered_catalog_id"] = offered.id
        if found:
            fully = behavior == "propagate_fully"
            values["catalog"] = propagated(connection.catalog, offered.catalog, found, destination_modes, fully=fully)
    if values:
        stored.change(db, connection_id, **values)
    return Findings(found, breaking, stops, values.get("status", connection.status))


def changes(before: Mapping[str, Any], after: Mapping[str, Any], configured: Mapping[str, Any]) -> list[Change]:
    """Streams that came and went, and how the schemas of those that a connection has changed."""
    old, new = _by_key(before["streams"]), _by_key(after["streams"])
    used = {_key(entry["stream"]): entry for entry in configured["streams"]}
    found = [_change("remove_stream", key) for key in old if key not in new]
    found += [_change("add_stream", key) for key in new if key not in old]
    for key in old:
        if key in new and key in used and old[key] != new[key]:
            update = _updates(old[key], new[key], used[key])
            if update["fieldTransforms"] or update["streamAttributeTransforms"]:
                found.append({**_change("update_stream", key), "updateStream": update})
    return found


def propagated(
    catalog: Mapping[str, Any],
    offered: Mapping[str, Any],
    found: Sequence[Change],
    destination_modes: Sequence[str],
    *,
    fully: bool,
) -> dict[str, Any]:
    """The configured catalog with changes taken over: columns, and with `fully` streams as well."""
    entries = {_key(entry["stream"]): entry for entry in catalog["streams"]}
    new = _by_key(offered["streams"])
    for change in found:
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


def described(found: Sequence[Change]) -> str:
    """The changes as one line of text."""
    return "; ".join(_described(change) for change in found)


def _described(change: Change) -> str:
    descriptor = change["streamDescriptor"]
    name = ".".join(filter(None, [descriptor.get("namespace"), descriptor["name"]]))
    if change["transformType"] != "update_stream":
        return f'stream "{name}" was {"added" if change["transformType"] == "add_stream" else "removed"}'
    parts: list[str] = []
    transforms: list[Change] = change["updateStream"]["fieldTransforms"]
    for kind, word in (("add_field", "added"), ("remove_field", "removed"), ("update_field_schema", "altered")):
        if fields := [".".join(each["fieldName"]) for each in transforms if each["transformType"] == kind]:
            parts.append(f"{', '.join(fields)} {word}")
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
    used = {tuple(path) for path in entry.get("primary_key") or []}
    keyed = entry["destination_sync_mode"] in _KEYED
    breaking = bool(after) and keyed and used != {tuple(path) for path in after}
    update = {"oldPrimaryKey": before, "newPrimaryKey": after}
    return [{"transformType": "update_primary_key", "breaking": breaking, "updatePrimaryKey": update}]


def _needs(entry: Mapping[str, Any], path: list[str]) -> bool:
    """Whether the connection uses a field as the stream's cursor or in its key."""
    if entry["sync_mode"] == "incremental" and (entry.get("cursor_field") or []) == path:
        return True
    return entry["destination_sync_mode"] in _KEYED and path in (entry.get("primary_key") or [])


def _breaks(change: Change) -> bool:
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
    found: dict[tuple[str, ...], Any] = {}
    for path in field_paths(schema):
        inner = schema
        for name in path:
            inner = inner["properties"][name]
        found[tuple(path)] = inner if isinstance(inner, dict) else {}  # `true`: anything
    return found


def _change(kind: str, key: Key) -> Change:
    descriptor = {"name": key[0]} if key[1] is None else {"name": key[0], "namespace": key[1]}
    return {"transformType": kind, "streamDescriptor": descriptor}


def _by_key(streams: Sequence[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    return {_key(stream): stream for stream in streams}


def _key(stream: Mapping[str, Any]) -> Key:
    return stream["name"], stream.get("namespace") or None
