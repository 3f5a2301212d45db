"""JSON schemas of streams: references followed, and the parts of a schema that is put together merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

Schema = Mapping[str, Any]

MAX_REFERENCES = 10_000
"""Further ones are not followed: a few definitions that name each other twice would be millions of fields."""

_COMBINED = ("$ref", "allOf", "anyOf", "oneOf")


class References:
    """Follows `$ref` inside of one schema; a schema that contains itself ends at the second time."""

    def __init__(self, root: Schema) -> None:
        """References into `root`."""
        self._root = root
        self._open: frozenset[str] = frozenset()
        self._left = [MAX_REFERENCES]

    def resolved(self, schema: Schema) -> tuple[Schema, References]:
        """The schema without `$ref` and `allOf`, and the references for what is in it."""
        references = self
        while isinstance(reference := schema.get("$ref"), str):
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            target = None if reference in references._open else self._target(reference)
            references = references._with(reference)
            if target is None:
                return rest, references
            schema = {**target, **rest}
        parts = _schemas(schema.get("allOf"))
        if not parts:
            return schema, references
        whole: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            resolved, references = references.resolved(part)
            whole = _both(whole, resolved)
        return whole, references

    def _with(self, reference: str) -> References:
        """References in the place that this one leads to; all count together."""
        inner = References(self._root)
        inner._open, inner._left = self._open | {reference}, self._left
        return inner

    def _target(self, reference: str) -> Schema | None:
        self._left[0] -= 1
        if self._left[0] < 0:
            return None
        node: Any = self._root
        for part in reference.removeprefix("#").split("/")[1:] if reference.startswith("#") else ["", ""]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            node = next(iter(_schemas([node])), {}).get(name)
        return next(iter(_schemas([node])), None)


def alternatives(schema: Schema) -> list[Schema]:
    """What a schema allows by `anyOf` and `oneOf`: each with the type and the properties that are beside it."""
    listed = [*_schemas(schema.get("oneOf")), *_schemas(schema.get("anyOf"))]
    shared = {key: schema[key] for key in ("type", "properties") if key in schema}
    return [_both(shared, each) for each in listed]


def properties_of(schema: Schema, references: References | None = None) -> dict[str, Any]:
    """The properties of a record: those of every part of its schema, in the order in which they are written."""
    schema, references = (references or References(schema)).resolved(schema)
    properties: dict[str, Any] = dict(schema.get("properties") or {})
    for alternative in alternatives({**schema, "properties": {}}):
        for name, inner in properties_of(alternative, references).items():
            before = properties.get(name)
            properties[name] = inner if before in (None, inner) else {"anyOf": [before, inner]}
    return properties


def spread(schema: Schema) -> dict[str, Any]:
    """The schema of a record with all its properties at the top."""
    if not any(key in schema for key in _COMBINED):
        return dict(schema)
    rest = {key: value for key, value in schema.items() if key not in _COMBINED}
    return {**rest, "type": "object", "properties": properties_of(schema)}


def type_names(schema: Schema) -> list[str]:
    """The JSON types that a schema allows by itself, in its words."""
    types = schema.get("type")
    if types:
        return [types] if isinstance(types, str) else list(types)
    if "properties" in schema:
        return ["object"]
    if "items" in schema:
        return ["array"]
    if "const" in schema:
        return [_type_name(schema["const"])]
    return list(dict.fromkeys(map(_type_name, schema.get("enum") or ())))


def _schemas(value: Any) -> list[Schema]:
    """The schemas in a list; a connector may have written anything."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [each for each in items if isinstance(each, Mapping)]


_TYPE_NAMES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


def _type_name(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "object")


def _both(first: Schema, second: Schema) -> Schema:
    """Two parts that hold together; properties of both, the second's word where both have one."""
    both = {**first, **second}
    if first.get("properties") or second.get("properties"):
        both["properties"] = {**(first.get("properties") or {}), **(second.get("properties") or {})}
    return both
