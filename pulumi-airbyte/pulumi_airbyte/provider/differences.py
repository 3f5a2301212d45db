"""What applying one description in place of another would change, leaf by leaf. Equal in meaning is equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypeAlias

from .properties import Property, paired
from .values import MASK, UNKNOWN, Json, Path, same_type

ChangeKind: TypeAlias = Literal["add", "delete", "update"]
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


@dataclass(frozen=True)
class Difference:
    """A leaf (or a whole part that comes or goes) that would change."""

    path: Path
    kind: ChangeKind
    replaces: bool = False


def differences(
    properties: Mapping[str, Property],
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    *,
    default_at: DefaultAt | None = None,
    mask_hides: bool = False,
) -> list[Difference]:
    """What applying `new` would change of what `old` says."""
    return _all_differences(properties, old, new, (), Comparison(default_at, mask_hides))


def _all_differences(
    properties: Mapping[str, Property],
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    path: Path,
    comparison: Comparison,
) -> list[Difference]:
    result: list[Difference] = []
    for name, prop in properties.items():
        result += differences_of(prop, old.get(name), new.get(name), (*path, name), comparison)
    return result


def differences_of(  # noqa: PLR0911  (one answer per kind of property reads best in a row)
    prop: Property, old: Json, new: Json, path: Path, comparison: Comparison
) -> list[Difference]:
    """The same for one property."""
    if prop.never_compared or (new is None and prop.computed) or (prop.write_only and old is None):
        return []
    kind = _kind(old, new)
    old = prop.default if old is None else old
    new = prop.default if new is None else new
    if _same_normally(prop, old, new):
        return []
    if prop.replaces or UNKNOWN in (old, new) or not _is_compared_in_parts(prop):
        return [] if old == new else [Difference(path, kind, replaces=prop.replaces)]
    if prop.type == "json":
        return _json_differences(old, new, path, comparison)
    if prop.items is None:
        return _all_differences(prop.properties, old or {}, new or {}, path, comparison)
    if bool(old) != bool(new):
        return [Difference(path, kind)]
    return _array_differences(prop, prop.items, old or [], new or [], path, comparison)


def _kind(old: Json, new: Json) -> ChangeKind:
    if old is None:
        return "add"
    return "delete" if new is None else "update"


def _same_normally(prop: Property, old: Json, new: Json) -> bool:
    """Whether both are one value in the property's normal form."""
    return prop.normal is not None and UNKNOWN not in (old, new) and prop.normal(old) == prop.normal(new)


def _is_compared_in_parts(prop: Property) -> bool:
    if prop.type == "object":
        return bool(prop.properties)
    return prop.type == "json" or (prop.type == "array" and prop.items is not None)


def _array_differences(
    prop: Property, items: Property, old: list[Json], new: list[Json], path: Path, comparison: Comparison
) -> list[Difference]:
    result: list[Difference] = []
    pairs, removed, added = paired(prop, old, new)
    for before, after in pairs:
        below = differences_of(items, old[before], new[after], (*path, after), comparison)
        if before == after:
            result += below
        elif below:
            # A path means one place on both sides: an element that moved and changed is shown whole.
            removed, added = [*removed, before], [*added, after]
    kinds: dict[int, ChangeKind] = {**dict.fromkeys(removed, "delete"), **dict.fromkeys(added, "add")}
    kinds |= dict.fromkeys({*removed} & {*added}, "update")
    return result + [Difference((*path, index), kinds[index]) for index in sorted(kinds)]


def _json_differences(old: Json, new: Json, path: Path, comparison: Comparison) -> list[Difference]:
    result: list[Difference] = []
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            result += _json_differences(old.get(name), new.get(name), (*path, name), comparison)
        return result
    if isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip_longest(old, new)):
            result += _json_differences(before, after, (*path, index), comparison)
        return result
    if alike(old, new) or _is_masked(old, new, comparison) or _is_default(old, new, path, comparison):
        return []
    return [Difference(path, _kind(old, new))]


def _is_masked(old: Json, new: Json, comparison: Comparison) -> bool:
    """Whether a mask hides the difference; one in the program means "keep what is stored"."""
    if old is None:
        return False
    return new == MASK or (old == MASK and comparison.mask_hides and new is not None)


def _is_default(old: Json, new: Json, path: Path, comparison: Comparison) -> bool:
    """Whether one side says nothing and the other one what the connector takes then."""
    if comparison.default_at is None or (old is not None and new is not None):
        return False
    default = comparison.default_at(path)
    return default is not None and alike(default, new if old is None else old)


def alike(one: Json, other: Json) -> bool:
    """Equal as JSON."""
    return one == other and same_type(one, other)
