"""Connector configurations: validated against the connector's spec, masked on the way out, unmasked on the way in.

Airbyte masks every string at a path that the spec marks ``airbyte_secret``; because an incomplete spec would leak
values, names that always mean a secret are masked too (airbyte-api.md, section a, "Secrets").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MASK = "**********"
"""What a client sees instead of a secret, and may send back to keep it."""

COORDINATE_PREFIX = "secret_coordinate::"

SECRET_NAMES = frozenset(
    {
        "access_key",
        "access_token",
        "api_key",
        "api_password",
        "api_secret",
        "api_token",
        "auth_token",
        "aws_secret_access_key",
        "bearer_token",
        "client_secret",
        "connection_string",
        "consumer_secret",
        "credentials_json",
        "developer_token",
        "id_token",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "private_key_password",
        "refresh_token",
        "sas_token",
        "secret",
        "secret_access_key",
        "secret_key",
        "security_token",
        "service_account_info",
        "service_account_json",
        "session_token",
        "ssh_key",
        "token",
        "tunnel_user_password",
        "webhook_secret",
    }
)
"""Property names whose strings are masked whatever the spec says."""

Leaf = Callable[[tuple[str, ...], Any], Any]


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


def with_coordinates(configuration: Mapping[str, Any], schema: Mapping[str, Any], actor_id: str) -> dict[str, Any]:
    """The configuration with every secret replaced by a coordinate that names it and nothing more."""

    def coordinate(path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, str) and value.startswith(COORDINATE_PREFIX):
            return value
        return f"{COORDINATE_PREFIX}lotus_embedded_{actor_id}_secret_{'.'.join(path)}"

    return _with_secrets(configuration, schema, coordinate)


def with_kept_secrets(
    configuration: Mapping[str, Any], stored: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration with masks, and coordinates as given out, replaced by what is stored at the same path."""

    def keep(path: tuple[str, ...], value: Any) -> Any:
        if value == MASK or (isinstance(value, str) and value.startswith(f"{COORDINATE_PREFIX}lotus_embedded_")):
            found = _at(stored, path)
            return value if found is None else found
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
        return [f"$: the connector's own spec is no valid JSON Schema ({error.message[:200]})"]
    found: list[str] = []
    for error in Draft7Validator(schema).iter_errors(configuration):
        found += _sentences(error)
    return sorted(dict.fromkeys(found))


def _sentences(error: Any) -> Iterator[str]:
    path = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    expected = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in expected if isinstance(error.instance, dict) and name not in error.instance]
            yield from (f"{path}.{name}: is missing but it is required" for name in missing)
        case "type":
            yield f"{path}: does not match: expected type {expected}, got {_type_name(error.instance)}"
        case "enum":
            yield f"{path}: does not have a value in the enumeration {list(expected)}"
        case "const":
            yield f"{path}: must be the constant value {expected!r}"
        case "pattern":
            yield f"{path}: does not match the pattern {expected}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            extra = sorted(name for name in error.instance if name not in known)
            yield f"{path}: has properties that the spec does not know: {', '.join(extra)}"
        case "oneOf" | "anyOf":
            closest = _closest_branch(error)
            if closest:
                for inner in closest:
                    yield from _sentences(inner)
            else:
                yield f"{path}: must match exactly one of the {len(expected)} allowed forms"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" | "format" | "uniqueItems":
            yield f"{path}: does not satisfy {error.validator} {expected}"
        case other:
            yield f"{path}: does not satisfy {other}"


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
    return {
        name: _replaced(value, _properties(schema, name), (name,), replace) for name, value in configuration.items()
    }


def _replaced(value: Any, schemas: Sequence[Mapping[str, Any]], path: tuple[str, ...], replace: Leaf) -> Any:
    secret = any(schema.get("airbyte_secret") is True for schema in schemas)
    if isinstance(value, Mapping):
        if secret:  # an object that is a secret as a whole, such as a service account's key
            return {name: _all_replaced(inner, (*path, name), replace) for name, inner in value.items()}
        return {
            name: _replaced(
                inner, [found for schema in schemas for found in _properties(schema, name)], (*path, name), replace
            )
            for name, inner in value.items()
        }
    if isinstance(value, list):
        items = [found for schema in schemas for found in _items(schema)]
        if secret:
            return [_all_replaced(inner, (*path, str(index)), replace) for index, inner in enumerate(value)]
        return [_replaced(inner, items, (*path, str(index)), replace) for index, inner in enumerate(value)]
    if secret or (isinstance(value, str) and _names_secret(path)):
        return replace(path, value)
    return value


def _all_replaced(value: Any, path: tuple[str, ...], replace: Leaf) -> Any:
    if isinstance(value, Mapping):
        return {name: _all_replaced(inner, (*path, name), replace) for name, inner in value.items()}
    if isinstance(value, list):
        return [_all_replaced(inner, (*path, str(index)), replace) for index, inner in enumerate(value)]
    return replace(path, value)


def _names_secret(path: tuple[str, ...]) -> bool:
    named = next((part for part in reversed(path) if not part.isdigit()), "")
    return named.lower() in SECRET_NAMES


def _properties(schema: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Every schema that the spec gives for a property, in whichever branch: a secret in one is a secret in all."""
    found: list[Mapping[str, Any]] = []
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and isinstance(properties.get(name), Mapping):
        found.append(properties[name])
    additional = schema.get("additionalProperties")
    if not found and isinstance(additional, Mapping):
        found.append(additional)
    for branch in _branches(schema):
        found += _properties(branch, name)
    return found


def _items(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    items = schema.get("items")
    if isinstance(items, Mapping):
        found.append(items)
    elif isinstance(items, list):
        found += [item for item in items if isinstance(item, Mapping)]
    for branch in _branches(schema):
        found += _items(branch)
    return found


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
