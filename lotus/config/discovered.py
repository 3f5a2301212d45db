"""What a connector's `discover` says of a stream, in the words of `_discovered/<stream>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lotus.config.models import FIELD_TYPES


def discovered_file(stream: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a discovered file for one stream of an AirbyteCatalog (snake_case or camelCase keys).

    Fields stay in the source's order: it is the order of the columns that land. Descriptions are left out; they change
    with every release of a connector, and would hide what matters in a diff.
    """

    def of(snake: str, camel: str) -> Any:
        return stream.get(snake, stream.get(camel))

    schema = cast("dict[str, Any]", of("json_schema", "jsonSchema") or {})
    found: dict[str, Any] = {"stream": stream["name"]}
    if stream.get("namespace"):
        found["namespace"] = stream["namespace"]
    found["options"] = {"sync_modes": sorted(of("supported_sync_modes", "supportedSyncModes") or ["full_refresh"])}
    defaults: dict[str, Any] = {
        "primary_key": of("source_defined_primary_key", "sourceDefinedPrimaryKey") or [],
        "cursor_field": of("default_cursor_field", "defaultCursorField") or [],
    }
    if "incremental" in found["options"]["sync_modes"]:
        defaults["source_defined_cursor"] = bool(of("source_defined_cursor", "sourceDefinedCursor"))
    found["defaults"] = defaults
    found["fields"] = _fields(schema)
    return found


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = cast("dict[str, Any]", schema.get("properties") or {})
    return {name: field(value) for name, value in properties.items()}


def field(schema: Any) -> dict[str, Any]:
    """One property of a JSON schema as a field: one word for the type, `null` removed, `unknown` where none holds."""
    if not isinstance(schema, dict):
        return {"type": "unknown"}
    entries = cast("dict[str, Any]", schema)
    variants = entries.get("oneOf") or entries.get("anyOf")
    if variants and "type" not in entries:
        fields = [f for f in (field(v) for v in variants) if f["type"] != "null"]
        return fields[0] if fields and all(f == fields[0] for f in fields) else {"type": "unknown"}
    found: dict[str, Any] = {"type": _type(entries)}
    for key in ("format", "airbyte_type"):
        if isinstance(entries.get(key), str):
            found[key] = entries[key]
    if found["type"] == "object" and entries.get("properties"):
        found["properties"] = _fields(entries)
    if found["type"] == "array" and isinstance(entries.get("items"), dict):
        items = cast("dict[str, Any]", entries["items"])
        inner = field(items)
        # lotus-lake's format: a map of fields for arrays of objects, one field for arrays of anything else.
        found["items"] = inner["properties"] if inner.get("properties") else inner
    return found


def _type(entries: Mapping[str, Any]) -> str:
    declared: Any = entries.get("type")
    words = cast("list[Any]", declared if isinstance(declared, list) else [declared] if declared else [])
    words = [w for w in words if w != "null"]
    if set(words) == {"integer", "number"}:
        return "number"
    if len(words) == 1 and words[0] in FIELD_TYPES:
        return str(words[0])
    if not words and entries.get("properties"):
        return "object"
    return "null" if declared == "null" else "unknown"
