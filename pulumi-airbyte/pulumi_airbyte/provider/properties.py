"""What a property is, and what follows from that: its check, its differences, its drift, its Pulumi schema.

The three questions that other providers answer wrong are answered here, once, for every kind:
is this input right (`accepted`), would applying it change anything (`differences`), and what should the inputs be so
that they say what the server has and nothing that nobody wrote (`reconciled`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias, cast

from .values import MASK, UNKNOWN, Json, Path, same_type

Kind: TypeAlias = Literal["string", "boolean", "integer", "object", "array", "json"]
DefaultAt: TypeAlias = Callable[[Path], Json]
"""What a connector takes where its configuration says nothing, by path; None where nothing is known."""


@dataclass(frozen=True)
class Comparison:
    """How two descriptions are compared.

    `mask_hides`: a mask on the old side is the server's way of showing any value, so it equals all of them (a read).
    Otherwise it stands for a value that was never written from here (an import), so a real one is a change: written
    once, it is known from then on.
    """

    default_at: DefaultAt | None = None
    mask_hides: bool = False


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of a resource.

    `default` is what the server takes when it is absent. A `computed` one is the server's choice when it is absent, so
    absent never differs. A `write_only` one is never shown by the server. An array with a `key` is a set; what its keys
    leave over is matched by the `loose_key`, where that is clear.
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


@dataclass(frozen=True)
class Fault:
    """An input that cannot be right: where, and what is allowed."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Difference:
    """A leaf (or a whole part that comes or goes) that would change."""

    path: Path
    kind: Literal["add", "delete", "update"]
    replaces: bool = False


def accepted(
    properties: Mapping[str, Property], data: Mapping[str, Json], faults: list[Fault], path: Path = ()
) -> dict[str, Json]:
    """The same data under its proper names, without nulls; what is wrong with it is added to `faults`."""
    names = {alias: name for name, prop in properties.items() for alias in prop.aliases}
    result: dict[str, Json] = {}
    for given, value in data.items():
        name = names.get(given, given)
        if name not in properties:
            if given == "__defaults":
                continue
            close = get_close_matches(given, properties, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"it has {', '.join(sorted(properties))}"
            faults.append(Fault((*path, given), f"there is no such property; {hint}"))
        elif value is not None:
            result[name] = _accepted(properties[name], value, faults, (*path, name))
    for name, prop in properties.items():
        if prop.required and result.get(name) is None:
            faults.append(Fault((*path, name), "is required"))
    return result


def _accepted(prop: Property, value: Json, faults: list[Fault], path: Path) -> Json:
    if value == UNKNOWN or prop.type == "json":
        return value
    if not _has_type(prop.type, value):
        faults.append(Fault(path, f"must be {_article(prop.type)}, not {_article(_type_of(value))}"))
        return value
    if prop.enum and value not in prop.enum:
        close = get_close_matches(str(value), prop.enum, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        faults.append(Fault(path, f'"{value}" is not one of {", ".join(prop.enum)}{hint}'))
    if prop.type == "object" and prop.properties:
        return accepted(prop.properties, value, faults, path)
    if prop.type == "array" and prop.items is not None:
        items = [
            _accepted(prop.items, item, faults, (*path, index)) for index, item in enumerate(cast("list[Json]", value))
        ]
        if prop.key is not None:
            _no_doubles(prop.key, items, faults, path)
        return items
    return value


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


def differences(
    properties: Mapping[str, Property],
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    *,
    default_at: DefaultAt | None = None,
    path: Path = (),
) -> list[Difference]:
    """What applying `new` would change of what `old` says."""
    return _all_differences(properties, old, new, path, Comparison(default_at))


def _all_differences(
    properties: Mapping[str, Property], old: Mapping[str, Json], new: Mapping[str, Json], path: Path, how: Comparison
) -> list[Difference]:
    found: list[Difference] = []
    for name, prop in properties.items():
        found += _differences(prop, old.get(name), new.get(name), (*path, name), how)
    return found


def _differences(  # noqa: PLR0911  (one answer per kind of property reads best in a row)
    prop: Property, old: Json, new: Json, path: Path, how: Comparison
) -> list[Difference]:
    if prop.never_compared or (new is None and prop.computed) or (prop.write_only and old is None):
        return []
    kind: Literal["add", "delete", "update"] = "add" if old is None else "delete" if new is None else "update"
    old = prop.default if old is None else old
    new = prop.default if new is None else new
    if prop.normal is not None and UNKNOWN not in (old, new):
        before, after = prop.normal(old), prop.normal(new)
        if before == after:
            return []
    if prop.replaces:
        return [] if old == new else [Difference(path, kind, replaces=True)]
    if UNKNOWN in (old, new):
        return [] if old == new else [Difference(path, kind)]
    if prop.type == "json":
        return _json_differences(old, new, path, how)
    if prop.type == "object" and prop.properties:
        before, after = cast("Mapping[str, Json]", old or {}), cast("Mapping[str, Json]", new or {})
        return _all_differences(prop.properties, before, after, path, how)
    if prop.type == "array" and prop.items is not None:
        return _array_differences(prop, prop.items, old or [], new or [], path, how)
    return [] if old == new else [Difference(path, kind)]


def _array_differences(
    prop: Property, items: Property, old: list[Json], new: list[Json], path: Path, how: Comparison
) -> list[Difference]:
    found: list[Difference] = []
    pairs, gone, come = paired(prop, old, new)
    for before, after in pairs:
        found += _differences(items, old[before], new[after], (*path, after), how)
    found += [Difference((*path, index), "delete") for index in gone]
    found += [Difference((*path, index), "add") for index in come]
    return found


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


def _json_differences(old: Json, new: Json, path: Path, how: Comparison) -> list[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Json]", old), cast("dict[str, Json]", new)
        found: list[Difference] = []
        for name in {**before, **after}:
            found += _json_differences(before.get(name), after.get(name), (*path, name), how)
        return found
    if isinstance(old, list) and isinstance(new, list):
        one, other = cast("list[Json]", old), cast("list[Json]", new)
        found = []
        for index in range(max(len(one), len(other))):
            before = one[index] if index < len(one) else None
            after = other[index] if index < len(other) else None
            found += _json_differences(before, after, (*path, index), how)
        return found
    if alike(old, new):
        return []
    if old is not None and (new == MASK or (old == MASK and how.mask_hides and new is not None)):
        # A mask in the program means "keep what is stored".
        return []
    if how.default_at is not None and (old is None or new is None):
        default = how.default_at(path)
        if default is not None and alike(default, new if old is None else old):
            return []
    return [Difference(path, "add" if old is None else "delete" if new is None else "update")]


def alike(one: Json, other: Json) -> bool:
    """Equal as JSON."""
    return one == other and same_type(one, other)


def reconciled(
    properties: Mapping[str, Property],
    declared: Mapping[str, Json],
    actual: Mapping[str, Json],
    *,
    importing: bool,
    default_at: DefaultAt | None = None,
    path: Path = (),
) -> dict[str, Json]:
    """The inputs that say what the server has.

    Where the server has what was declared, the words of the declaration stay (its spelling of a cron expression, the
    order of its streams, its secrets behind a mask); what nobody declared shows up only if it is not the server's own
    default; after an import it is all that is not a default.
    """
    how = Comparison(default_at, mask_hides=True)
    return _all_reconciled(properties, declared, actual, path, how, importing=importing)


def _all_reconciled(
    properties: Mapping[str, Property],
    declared: Mapping[str, Json],
    actual: Mapping[str, Json],
    path: Path,
    how: Comparison,
    *,
    importing: bool,
) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for name, prop in properties.items():
        value = _reconciled(prop, declared.get(name), actual.get(name), (*path, name), how, importing=importing)
        if value is not None:
            result[name] = value
    return result


def _reconciled(  # noqa: PLR0911
    prop: Property, declared: Json, actual: Json, path: Path, how: Comparison, *, importing: bool
) -> Json:
    if prop.never_compared or (prop.write_only and actual is None):
        return declared
    if declared is None:
        if prop.computed and not importing:
            return None
        if actual is None or not _differences(_uncomputed(prop), actual, None, path, how):
            return None
        if prop.type == "object" and prop.properties:
            found = _all_reconciled(prop.properties, {}, actual, path, how, importing=True)
            return found or None
        if prop.type == "array" and prop.items is not None:
            return [
                _reconciled(prop.items, None, item, (*path, index), how, importing=True) or item
                for index, item in enumerate(cast("list[Json]", actual))
            ]
        return _reconciled_json({}, actual, path, how) if isinstance(actual, dict) else actual
    if not _differences(prop, actual, declared, path, how):
        return declared
    if prop.type == "json":
        return _reconciled_json(declared, actual, path, how)
    if actual is None:
        return prop.default
    if prop.type == "object" and prop.properties:
        return _all_reconciled(prop.properties, declared, actual, path, how, importing=importing)
    if prop.type == "array" and prop.items is not None:
        pairs, _, _ = paired(prop, cast("list[Json]", declared), cast("list[Json]", actual))
        of = {there: here for here, there in pairs}
        order = [there for _, there in sorted(pairs)] + [at for at in range(len(actual)) if at not in of]
        merged: list[Json] = []
        for at in order:
            mine = declared[of[at]] if at in of else None
            value = _reconciled(prop.items, mine, actual[at], (*path, at), how, importing=importing or mine is None)
            merged.append(actual[at] if value is None else value)
        return merged
    return actual


def _uncomputed(prop: Property) -> Property:
    from dataclasses import replace

    return replace(prop, computed=False, replaces=False, write_only=False)


def _reconciled_json(declared: Json, actual: Json, path: Path, how: Comparison) -> Json:
    if actual == MASK:
        return declared if isinstance(declared, str) else actual
    if isinstance(declared, dict) and isinstance(actual, dict):
        mine, theirs = cast("dict[str, Json]", declared), cast("dict[str, Json]", actual)
        result: dict[str, Json] = {}
        for name, value in mine.items():
            if name in theirs:
                result[name] = _reconciled_json(value, theirs[name], (*path, name), how)
            elif value is None or not _json_differences(None, value, (*path, name), how):
                result[name] = value
        for name, value in theirs.items():
            if name not in mine and _json_differences(value, None, (*path, name), how):
                empty: Json = {} if isinstance(value, dict) else None
                result[name] = _reconciled_json(empty, value, (*path, name), how)
        return result
    if isinstance(declared, list) and isinstance(actual, list):
        one, other = cast("list[Json]", declared), cast("list[Json]", actual)
        return [
            _reconciled_json(one[index] if index < len(one) else None, value, (*path, index), how)
            for index, value in enumerate(other)
        ]
    return declared if alike(declared, actual) else actual
