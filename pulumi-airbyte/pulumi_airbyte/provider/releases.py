"""What a program declared and does not declare any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .differences import Comparison, DefaultAt, differences_of
from .ownership import JSON, Data, Properties, is_leaf, label
from .properties import Property, paired
from .values import UNKNOWN, Json, Path


@dataclass(frozen=True)
class Release:
    """A leaf or element that the program declared and does not declare any more."""

    path: Path
    prop: Property
    old: Json
    stays: bool
    """Whether it stays as Airbyte has it, since there is no default to go back to."""


def releases(
    properties: Properties, old: Data, new: Data, *, default_at: DefaultAt | None = None, path: Path = ()
) -> list[Release]:
    """What was taken away, elements of sets by their name."""
    comparison = Comparison(default_at)
    return [
        release
        for name, prop in properties.items()
        for release in _releases(prop, old.get(name), new.get(name), (*path, name), comparison)
    ]


def _releases(prop: Property, old: Json, new: Json, path: Path, comparison: Comparison) -> Iterator[Release]:
    if old is None or prop.never_compared or prop.write_only or prop.replaces:
        return
    if new is None:
        if prop.computed or differences_of(prop, old, None, path, comparison):
            yield Release(path, prop, old, stays=prop.computed)
    elif is_leaf(prop) or UNKNOWN in (old, new):
        return
    elif prop.type == "json":
        yield from _released_json(prop, old, new, path, comparison)
    elif prop.items is None:
        for name, below in prop.properties.items():
            yield from _releases(below, old.get(name), new.get(name), (*path, name), comparison)
    elif prop.key is None:
        if len(new) < len(old):
            yield Release(path, prop, old, stays=False)
    else:
        yield from _released_elements(prop, prop.items, old, new, path, comparison)


def _released_elements(
    prop: Property, items: Property, old: list[Json], new: list[Json], path: Path, comparison: Comparison
) -> Iterator[Release]:
    """What was taken away from a set and from its elements."""
    pairs, removed, _ = paired(prop, old, new)
    for was, at in pairs:
        yield from _releases(items, old[was], new[at], (*path, label(old[was])), comparison)
    for at in removed if items.properties else []:
        yield Release((*path, label(old[at])), items, old[at], stays=False)


def _released_json(prop: Property, old: Json, new: Json, path: Path, comparison: Comparison) -> Iterator[Release]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return
    for name, value in old.items():
        if name in new:
            yield from _released_json(prop, value, new[name], (*path, name), comparison)
        elif differences_of(JSON, value, None, (*path, name), comparison):
            yield Release((*path, name), prop, value, stays=False)
