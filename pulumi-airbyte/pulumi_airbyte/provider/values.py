"""Property values on the wire ↔ plain Python values with a note of which paths are secret.

gRPC knows floats only, marks secrets by wrapping them, and an unknown value is a fixed string
(docs/pulumi-behaviour.md#numbers-secrets-and-unknown-values).
`PropertyValue.computed()` cannot be sent back, so that string is used as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

UNKNOWN: str = rpc.UNKNOWN
"""Stands for a value that is known only once something else was created."""
MASK = "**********"
"""What Airbyte shows in place of a secret, and takes for "keep what is stored"."""

Path: TypeAlias = tuple[str | int, ...]
Json: TypeAlias = Any

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (the wire format's own constant)
_OUTPUT_MARK = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True)
class Values:
    """A resource's inputs or outputs: plain data, and the paths below which everything is secret."""

    data: dict[str, Json]
    secrets: frozenset[Path] = field(default_factory=frozenset[Path])

    def secret(self, path: Path) -> bool:
        """Whether the value at this path, or one around it, is secret."""
        return any(path[:length] in self.secrets for length in range(1, len(path) + 1))


def from_wire(struct: struct_pb2.Struct) -> Values:
    """Unwrap secrets and turn whole floats into integers."""
    secrets: set[Path] = set()
    data = {name: _plain(value, (name,), secrets) for name, value in struct.fields.items()}
    return Values(data, frozenset(secrets))


def _plain(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(item, (*path, index), secrets) for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        return _plain_struct(value.struct_value.fields, path, secrets)
    return None


def _plain_struct(fields: Mapping[str, struct_pb2.Value], path: Path, secrets: set[Path]) -> Json:
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else None
    if signature in (_SECRET_MARK, _OUTPUT_MARK):
        if signature == _SECRET_MARK or ("secret" in fields and fields["secret"].bool_value):
            secrets.add(path)
        return _plain(fields["value"], path, secrets) if "value" in fields else UNKNOWN
    # Another signature: an asset, archive or resource reference. No input of ours is one; check names the property.
    return {name: _plain(item, (*path, name), secrets) for name, item in fields.items()}


def to_wire(values: Values) -> struct_pb2.Struct:
    """The reverse of `from_wire`."""
    fields = {name: _wire(value, (name,), values.secrets) for name, value in values.data.items() if value is not None}
    return struct_pb2.Struct(fields=fields)


def _wire(value: Json, path: Path, secrets: frozenset[Path]) -> struct_pb2.Value:  # noqa: PLR0911
    if path in secrets:
        inner = _wire(value, (), frozenset())
        wrapped = {_SIGNATURE: struct_pb2.Value(string_value=_SECRET_MARK), "value": inner}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=wrapped))
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=float(value))
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Json]", value)
        fields = {name: _wire(item, (*path, name) if path else (), secrets) for name, item in items.items()}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    elements = cast("list[Json]", value)
    wired = [_wire(item, (*path, index) if path else (), secrets) for index, item in enumerate(elements)]
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=wired))


def known(value: Json) -> bool:
    """Whether no part of a value is still unknown."""
    if isinstance(value, Mapping):
        return all(known(item) for item in cast("Mapping[str, Json]", value).values())
    if isinstance(value, list):
        return all(known(item) for item in cast("list[Json]", value))
    return value != UNKNOWN


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every leaf with its path; empty objects and lists count as leaves."""
    if isinstance(value, Mapping) and value:
        for name, item in cast("Mapping[str, Json]", value).items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(cast("list[Json]", value)):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def at(value: Json, path: Path, default: Json = None) -> Json:
    """The value at a path, or the default where there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            if step not in value:
                return default
            value = cast("Mapping[str, Json]", value)[step]
        elif isinstance(step, int) and isinstance(value, list):
            items = cast("list[Json]", value)
            if step >= len(items):
                return default
            value = items[step]
        else:
            return default
    return value


def replaced(value: Json, changes: Mapping[Path, Json]) -> Json:
    """The same value with other leaves at some paths; nothing is changed in place."""
    if not changes:
        return value
    if () in changes:
        return changes[()]
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Json]", value)
        return {name: replaced(item, _below(changes, name)) for name, item in items.items()}
    if isinstance(value, list):
        elements = cast("list[Json]", value)
        return [replaced(item, _below(changes, index)) for index, item in enumerate(elements)]
    return value


def _below(changes: Mapping[Path, Json], step: str | int) -> dict[Path, Json]:
    return {path[1:]: item for path, item in changes.items() if path and path[0] == step}


def same_type(one: Json, other: Json) -> bool:
    """False for `1` and `True`, which Python holds for equal and JSON does not."""
    return isinstance(one, bool) == isinstance(other, bool)


def dotted(path: Path) -> str:
    """A path as Pulumi writes it.

    Example:
        >>> dotted(("configurations", "streams", 0, "a.b"))
        'configurations.streams[0]["a.b"]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all(character.isalnum() or character in "_-" for character in step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def secret_words(values: Iterable[Values]) -> list[str]:
    """The texts that must not show up in any message, the longest first; those too short to mean anything are left."""
    words: set[str] = set()
    for one in values:
        for path, leaf in leaves(one.data):
            if isinstance(leaf, str) and len(leaf) >= 4 and leaf not in (MASK, UNKNOWN) and one.secret(path):
                words.add(leaf)
    return sorted(words, key=len, reverse=True)
