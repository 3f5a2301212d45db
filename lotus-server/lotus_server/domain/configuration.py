"""Connector configurations: validated against the connector's spec, masked on the way out, unmasked on the way in.

Airbyte masks every value at a path that the spec marks ``airbyte_secret``; because an incomplete spec would leak
values, strings whose name means a secret are masked too (``secret_names.py``;
docs/airbyte-behaviour.md#secrets-in-configurations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lotus_server.domain.secret_names import is_secret_name

MASK = "**********"
"""What a client sees instead of a secret, and may send back to keep it."""

COORDINATE_PREFIX = "secret_coordinate::"

Path = tuple[str, ...]
Leaf = Callable[[Path, Any], Any]
"""From the path and value of a secret to what takes its place."""


def masked(configuration: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every secret string replaced by the mask.

    Example:
        >>> masked({"host": "db", "password": "x"}, {"properties": {"password": {"airbyte_secret": True}}})
        {'host': 'db', 'password': '**********'}
    """
    return _with_secrets(configuration, schema, lambda _path, value: MASK if value else value)


def wholly_masked(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every string masked, for when nothing says which ones are secrets."""
    return _all_replaced(configuration, (), lambda _path, value: MASK if isinstance(value, str) and value else value)


def secret_values(configuration: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    """The secret strings of a configuration, for a log that must not have them."""
    values: set[str] = set()

    def collect(_path: Path, value: Any) -> Any:
        if isinstance(value, str) and value:
            values.add(value)
        return value

    _with_secrets(configuration, schema, collect)
    return values


def with_coordinates(configuration: Mapping[str, Any], schema: Mapping[str, Any], actor_id: str) -> dict[str, Any]:
    """The configuration with every secret replaced by a coordinate that names it and nothing more."""

    def coordinate(path: Path, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(COORDINATE_PREFIX):
            return value
        return f"{COORDINATE_PREFIX}lotus_embedded_{actor_id}_secret_{'.'.join(path)}"

    return _with_secrets(configuration, schema, coordinate)


def with_kept_secrets(
    configuration: Mapping[str, Any], stored: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration with masks, and coordinates as given out, replaced by what is stored at the same path."""

    def keep(path: Path, value: Any) -> Any:
        if value == MASK or (isinstance(value, str) and value.startswith(f"{COORDINATE_PREFIX}lotus_embedded_")):
            secret = _at(stored, path)
            return value if secret is None else secret
        return value

    return _with_secrets(configuration, schema, keep)


def merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with a PATCH laid over it: objects are merged, anything else is replaced."""
    result = dict(stored)
    for name, value in changes.items():
        current = result.get(name)
        if isinstance(value, Mapping) and isinstance(current, Mapping):
            result[name] = merged(current, value)
        else:
            result[name] = value
    return result


def faults(configuration: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """What the connector's spec refuses about a configuration, one sentence each; no value is ever quoted.

    Example:
        >>> faults({"count": "x"}, {"type": "object", "properties": {"count": {"type": "integer"}}})
        ['$.count: does not match: expected type integer, got string']
    """
    from jsonschema import Draft7Validator  # costs 0.15 s, and a server that only reads never needs it
    from jsonschema.exceptions import SchemaError

    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        return [f"$: the connector's own spec is not a valid JSON Schema ({error.message[:200]})"]
    sentences: list[str] = []
    for error in Draft7Validator(schema).iter_errors(configuration):
        sentences += _sentences(error)
    return sorted(dict.fromkeys(sentences))


def _sentences(error: Any) -> list[str]:
    path = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    if error.validator == "required":
        return _missing(path, error)
    if error.validator in ("oneOf", "anyOf"):
        return _unmatched(path, error)
    return [f"{path}: {_mismatch(error)}"]


def _missing(path: str, error: Any) -> list[str]:
    names = [name for name in error.validator_value if isinstance(error.instance, dict) and name not in error.instance]
    return [f"{path}.{name}: is missing but it is required" for name in names]


def _unmatched(path: str, error: Any) -> list[str]:
    closest = _closest_branch(error)
    if not closest:
        return [f"{path}: must match exactly one of the {len(error.validator_value)} allowed forms"]
    return [text for inner in closest for text in _sentences(inner)]


_EXPECTING = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "format", "uniqueItems")


def _mismatch(error: Any) -> str:
    expected = error.validator_value
    sentences: dict[str, Callable[[], str]] = {
        "type": lambda: f"does not match: expected type {expected}, got {_type_name(error.instance)}",
        "enum": lambda: f"does not have a value in the enumeration {list(expected)}",
        "const": lambda: f"must be the constant value {expected!r}",
        "pattern": lambda: f"does not match the pattern {expected}",
        "additionalProperties": lambda: f"has properties that the spec does not know: {', '.join(_extra(error))}",
    }
    if error.validator in sentences:
        return sentences[error.validator]()
    return f"does not satisfy {error.validator}" + (f" {expected}" if error.validator in _EXPECTING else "")


def _extra(error: Any) -> list[str]:
    return sorted(name for name in error.instance if name not in error.schema.get("properties", {}))


def _closest_branch(error: Any) -> list[Any]:
    """The errors of the branch whose constants fit, else of the one with the fewest errors."""
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [errors for errors in branches.values() if all(e.validator != "const" for e in errors)]
    return min(fitting or branches.values(), key=len, default=[])


def _type_name(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _with_secrets(configuration: Mapping[str, Any], schema: Mapping[str, Any], replace: Leaf) -> dict[str, Any]:
    return {name: _replaced(value, _below([schema], name), (name,), replace) for name, value in configuration.items()}


def _replaced(value: Any, schemas: Sequence[Mapping[str, Any]], path: Path, replace: Leaf) -> Any:
    if any(schema.get("airbyte_secret") is True for schema in schemas):
        return _all_replaced(value, path, replace)  # also an object that is a secret as a whole, such as a key file
    if isinstance(value, Mapping):
        return {name: _replaced(inner, _below(schemas, name), (*path, name), replace) for name, inner in value.items()}
    if isinstance(value, list):
        items = _below_items(schemas)
        return [_replaced(inner, items, (*path, str(index)), replace) for index, inner in enumerate(value)]
    if isinstance(value, str) and _names_secret(path):
        return replace(path, value)
    return value


def _below(schemas: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [part for schema in schemas for part in _properties(schema, name)]


def _below_items(schemas: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [part for schema in schemas for part in _items(schema)]


def _all_replaced(value: Any, path: Path, replace: Leaf) -> Any:
    if isinstance(value, Mapping):
        return {name: _all_replaced(inner, (*path, name), replace) for name, inner in value.items()}
    if isinstance(value, list):
        return [_all_replaced(inner, (*path, str(index)), replace) for index, inner in enumerate(value)]
    return replace(path, value)


def _names_secret(path: Path) -> bool:
    """Whether the property is secret by its name; items of a list have the name of the list."""
    return is_secret_name(next((part for part in reversed(path) if not part.isdigit()), ""))


def _properties(schema: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Every schema that the spec gives for a property, in whichever branch: a secret in one is a secret in all."""
    schemas: list[Mapping[str, Any]] = []
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and isinstance(properties.get(name), Mapping):
        schemas.append(properties[name])
    additional = schema.get("additionalProperties")
    if not schemas and isinstance(additional, Mapping):
        schemas.append(additional)
    for branch in _branches(schema):
        schemas += _properties(branch, name)
    return schemas


def _items(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    schemas: list[Mapping[str, Any]] = []
    items = schema.get("items")
    if isinstance(items, Mapping):
        schemas.append(items)
    elif isinstance(items, list):
        schemas += [item for item in items if isinstance(item, Mapping)]
    for branch in _branches(schema):
        schemas += _items(branch)
    return schemas


def _branches(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for keyword in ("oneOf", "anyOf", "allOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list):
            yield from (branch for branch in branches if isinstance(branch, Mapping))
    for keyword in ("if", "then", "else"):
        branch = schema.get(keyword)
        if isinstance(branch, Mapping):
            yield branch


def _at(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
