"""What a connector's `discover` says of a stream, in the words of `_discovered/<stream>.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lotus.config.models import FIELD_TYPES
from lotus.untyped import as_list, as_mapping, is_list, is_mapping


def discovered_file(stream: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a discovered file for one stream of an AirbyteCatalog (snake_case or camelCase keys).

    Fields stay in the source's order: it is the order of the columns that land. Descriptions are left out; they change
    with every release of a connector, and would hide what matters in a diff.
    """

    def of(snake: str, camel: str) -> Any:
        return stream.get(snake, stream.get(camel))

    schema = as_mapping(of("json_schema", "jsonSchema"))
    content: dict[str, Any] = {"stream": stream["name"]}
    if stream.get("namespace"):
        content["namespace"] = stream["namespace"]
    content["options"] = {"sync_modes": sorted(of("supported_sync_modes", "supportedSyncModes") or ["full_refresh"])}
    defaults: dict[str, Any] = {
        "primary_key": of("source_defined_primary_key", "sourceDefinedPrimaryKey") or [],
        "cursor_field": of("default_cursor_field", "defaultCursorField") or [],
    }
    if "incremental" in content["options"]["sync_modes"]:
        defaults["source_defined_cursor"] = bool(of("source_defined_cursor", "sourceDefinedCursor"))
    content["defaults"] = defaults
    content["fields"] = {name: field(value) for name, value in record_properties(schema).items()}
    return content


def record_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a stream's records: those of every part that its schema is put together of."""
    return _properties(schema, schema, frozenset())


def _properties(schema: Mapping[str, Any], root: Mapping[str, Any], followed: frozenset[str]) -> dict[str, Any]:
    properties = dict(as_mapping(schema.get("properties")))
    reference: Any = schema.get("$ref")
    parts: list[Mapping[str, Any]] = [
        part for key in ("allOf", "oneOf", "anyOf") for part in as_list(schema.get(key)) if is_mapping(part)
    ]
    if isinstance(reference, str) and reference not in followed:
        followed |= {reference}
        parts.append(_target(root, reference))
    for part in parts:
        for name, inner in _properties(part, root, followed).items():
            before = properties.get(name, inner)
            properties[name] = inner if before == inner else {"anyOf": [before, inner]}
    return properties


def _target(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """What a reference inside of the schema leads to; nothing for one to elsewhere."""
    if not reference.startswith("#"):
        return {}
    node: Mapping[str, Any] = root
    for part in reference.split("/")[1:]:
        node = as_mapping(node.get(part.replace("~1", "/").replace("~0", "~")))
    return node


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = as_mapping(schema.get("properties"))
    return {name: field(value) for name, value in properties.items()}


def field(schema: Any) -> dict[str, Any]:
    """One property of a JSON schema as a field: one word for the type, `null` removed, `unknown` where none holds."""
    if not is_mapping(schema):
        return {"type": "unknown"}
    variants = schema.get("oneOf") or schema.get("anyOf")
    if variants and "type" not in schema:
        return _shared_field(variants)
    entry: dict[str, Any] = {"type": _type(schema)}
    for key in ("format", "airbyte_type"):
        if isinstance(schema.get(key), str):
            entry[key] = schema[key]
    if entry["type"] == "object" and schema.get("properties"):
        entry["properties"] = _fields(schema)
    if entry["type"] == "array" and is_mapping(schema.get("items")):
        item = field(schema["items"])
        # A map of fields for arrays of objects, else one field (docs/files.md#files-of-lotus-lake).
        entry["items"] = item.get("properties") or item
    return entry


def _shared_field(variants: Iterable[Any]) -> dict[str, Any]:
    """The field that all variants describe, `unknown` where they differ."""
    fields = [entry for entry in map(field, variants) if entry["type"] != "null"]
    if fields and all(entry == fields[0] for entry in fields):
        return fields[0]
    return {"type": "unknown"}


def _type(schema: Mapping[str, Any]) -> str:
    declared_type: Any = schema.get("type")
    types = declared_type if is_list(declared_type) else [declared_type]
    types = [name for name in types if name and name != "null"]
    if set(types) == {"integer", "number"}:
        return "number"
    if len(types) == 1 and types[0] in FIELD_TYPES:
        return str(types[0])
    if not types and schema.get("properties"):
        return "object"
    return "null" if declared_type == "null" else "unknown"
