"""What a property is, and whether an input is right for it.

What would change is in `differences.py`, who owns which leaf in `ownership.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from .values import UNKNOWN, Json, Path

Kind: TypeAlias = Literal["string", "boolean", "integer", "object", "array", "json"]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of a resource.

    `default` is what the server takes when it is absent. A `computed` one is the server's choice when it is absent, so
    absent never differs. A `write_only` one is never shown by the server. An array with a `key` is a set; what its keys
    leave over is matched by the `loose_key`, where that is clear. `empty_is_all`: an empty set stands for everything. A
    `whole` one is managed as one leaf.

    `taken_away` says in words what happens when a program stops declaring it (a template with `{default}`), `consent`
    which consent that needs (one with `{name}` and `{stream}`), `harmless` for which old value and default it needs
    none. `spelled` turns another form of a value into the one that is stored.
    """

    type: Kind
    description: str
    required: bool = False
    enum: tuple[str, ...] = ()
    default: Json = None
    computed: bool = False
    replaces: bool = False
    write_only: bool = False
    never_compared: bool = False
    secret: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict[str, "Property"])
    items: Property | None = None
    key: Callable[[Any], Hashable] | None = None
    loose_key: Callable[[Any], Hashable] | None = None
    normal: Callable[[Any], Json] | None = None
    aliases: tuple[str, ...] = ()
    type_name: str = ""
    empty_is_all: bool = False
    whole: bool = False
    taken_away: str = ""
    consent: str = ""
    harmless: Callable[[Json, Json], bool] | None = None
    spelled: Callable[[Json], Json] | None = None


@dataclass(frozen=True)
class Fault:
    """An input that cannot be right: where, and what is allowed."""

    path: Path
    reason: str


def accepted(
    properties: Mapping[str, Property], data: Mapping[str, Json], faults: list[Fault], path: Path = ()
) -> dict[str, Json]:
    """The same data under its proper names, without nulls; what is wrong with it is added to `faults`."""
    names = {alias: name for name, prop in properties.items() for alias in prop.aliases}
    result: dict[str, Json] = {}
    for written_name, value in data.items():
        name = names.get(written_name, written_name)
        if name not in properties:
            if written_name != "__defaults":
                faults.append(_no_such_property(properties, written_name, path))
        elif value is not None:
            result[name] = _accepted(properties[name], value, faults, (*path, name))
    for name, prop in properties.items():
        if prop.required and result.get(name) is None:
            faults.append(Fault((*path, name), "is required"))
    return result


def _no_such_property(properties: Mapping[str, Property], name: str, path: Path) -> Fault:
    close = get_close_matches(name, properties, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"it has {', '.join(sorted(properties))}"
    return Fault((*path, name), f"there is no such property; {hint}")


def _accepted(prop: Property, value: Json, faults: list[Fault], path: Path) -> Json:
    if prop.spelled is not None:
        value = prop.spelled(value)
    if value == UNKNOWN or prop.type == "json":
        return value
    if not _has_type(prop.type, value):
        faults.append(Fault(path, f"must be {_article(prop.type)}, not {_article(_type_of(value))}"))
        return value
    if prop.enum and value not in prop.enum:
        faults.append(_not_in_enum(prop.enum, value, path))
    if prop.type == "object" and prop.properties:
        return accepted(prop.properties, value, faults, path)
    if prop.type == "array" and prop.items is not None:
        return _accepted_items(prop, prop.items, value, faults, path)
    return value


def _not_in_enum(enum: Sequence[str], value: Json, path: Path) -> Fault:
    close = get_close_matches(str(value), enum, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return Fault(path, f'"{value}" is not one of {", ".join(enum)}{hint}')


def _accepted_items(prop: Property, kind: Property, values: list[Json], faults: list[Fault], path: Path) -> list[Json]:
    items = [_accepted(kind, value, faults, (*path, index)) for index, value in enumerate(values)]
    if prop.key is not None:
        _no_doubles(prop.key, items, faults, path)
    return items


def _no_doubles(key: Callable[[Any], Hashable], items: list[Json], faults: list[Fault], path: Path) -> None:
    seen: set[Hashable] = set()
    for index, item in enumerate(items):
        if item == UNKNOWN or not isinstance(item, dict | list):
            continue
        try:
            this = key(item)
        except (KeyError, TypeError):
            continue
        if this in seen:
            faults.append(Fault((*path, index), "is there twice"))
        seen.add(this)


def _has_type(kind: Kind, value: Json) -> bool:
    types: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "object": (dict,),
        "array": (list,),
    }
    return isinstance(value, types[kind]) and not (kind == "integer" and isinstance(value, bool))


def _type_of(value: Json) -> str:
    names: list[tuple[type, str]] = [(bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")]
    names += [(dict, "object"), (list, "array")]
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def paired(
    prop: Property, old: Sequence[Json], new: Sequence[Json]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Which elements of two arrays are the same one, which went, which came; by key in a set, else by position."""
    key = prop.key
    if key is None:
        shared = min(len(old), len(new))
        return (
            [(index, index) for index in range(shared)],
            list(range(shared, len(old))),
            list(range(shared, len(new))),
        )
    places: dict[Hashable, list[int]] = {}
    for index, item in enumerate(old):
        places.setdefault(_key(key, item), []).append(index)
    pairs: list[tuple[int, int]] = []
    come: list[int] = []
    for index, item in enumerate(new):
        at = places.get(_key(key, item))
        if at:
            pairs.append((at.pop(0), index))
        else:
            come.append(index)
    gone = sorted(index for left in places.values() for index in left)
    if prop.loose_key is not None and gone and come:
        for before, after in _loosely_paired(prop.loose_key, old, gone, new, come):
            pairs.append((before, after))
            gone.remove(before)
            come.remove(after)
    return pairs, gone, come


def _loosely_paired(
    key: Callable[[Any], Hashable], old: Sequence[Json], gone: list[int], new: Sequence[Json], come: list[int]
) -> list[tuple[int, int]]:
    """Leftovers that share a key which nothing else left over has."""
    before, after = [_key(key, old[index]) for index in gone], [_key(key, new[index]) for index in come]
    return [
        (gone[before.index(one)], come[at])
        for at, one in enumerate(after)
        if before.count(one) == 1 and after.count(one) == 1
    ]


def _key(key: Callable[[Any], Hashable], item: Json) -> Hashable:
    return UNKNOWN if item == UNKNOWN else key(item)
