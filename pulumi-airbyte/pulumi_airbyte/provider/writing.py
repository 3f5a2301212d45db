"""What an update sends: what Airbyte has, with the reviewed change made to it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from .differences import Comparison, DefaultAt, differences_of
from .ownership import JSON, Data, Properties, before, is_leaf, partners
from .properties import Property
from .values import UNKNOWN, Json, Path


@dataclass(frozen=True)
class Change:
    """The reviewed change of one description into another."""

    old: Data
    new: Data
    default_at: DefaultAt | None = None

    def written(self, properties: Properties, actual: Data) -> dict[str, Json]:
        """What Airbyte has, with this change made to it and nothing else; a name for each property that it touches."""
        comparison = Comparison(self.default_at)
        # A leaf that is declared for the first time is compared with what is there, not with the default.
        base = before(properties, self.old, actual, self.new)
        result: dict[str, Json] = {}
        for name, prop in properties.items():
            old, new = base.get(name), self.new.get(name)
            if differences_of(prop, old, new, (name,), comparison):
                result[name] = _written(prop, actual.get(name), old, new, (name,), comparison)
        return result


def _written(prop: Property, actual: Json, old: Json, new: Json, path: Path, comparison: Comparison) -> Json:
    if old is not None and not differences_of(prop, old, new, path, comparison):
        return actual
    if new is None and (prop.key is None or prop.empty_is_all):
        return actual if prop.computed else prop.default
    if is_leaf(prop) or actual is None or UNKNOWN in (old, new):
        return new
    if prop.type == "json":
        return _written_json(actual, old, new, path, comparison)
    if prop.items is not None:
        return _written_array(prop, prop.items, actual, old, new or [], path, comparison)
    earlier, later = old or {}, new or {}
    result = dict(actual)
    for name, below in prop.properties.items():
        was, now = earlier.get(name), later.get(name)
        if was is not None or now is not None:
            result[name] = _written(below, result.get(name), was, now, (*path, name), comparison)
    return result


def _written_array(
    prop: Property, items: Property, actual: list[Json], old: Json, new: list[Json], path: Path, comparison: Comparison
) -> list[Json]:
    earlier: list[Json] = old or []
    if prop.key is None:
        if not len(actual) == len(new) == len(earlier):
            return new
        return [_written(items, actual[at], earlier[at], new[at], (*path, at), comparison) for at in range(len(new))]
    if prop.empty_is_all and (not actual or not new):
        return new
    to_new, to_old = partners(prop, actual, new), partners(prop, actual, earlier)
    of_old = partners(prop, new, earlier)
    result: list[Json] = []
    for place, item in enumerate(actual):
        at = to_new.get(place)
        if at is not None:
            was = earlier[of_old[at]] if at in of_old else None
            result.append(_written(items, item, was, new[at], (*path, at), comparison))
        elif place not in to_old:
            result.append(item)  # somebody else's: kept
    present = set(to_new.values())
    for at, item in enumerate(new):
        was = earlier[of_old[at]] if at in of_old else None
        unchanged = was is not None and not differences_of(items, was, item, (*path, at), comparison)
        if at not in present and not unchanged:
            result.append(item)
    return result


def _written_json(actual: Json, old: Json, new: Json, path: Path, comparison: Comparison) -> Json:
    if old is not None and not differences_of(JSON, old, new, path, comparison):
        return actual
    if isinstance(actual, dict) and isinstance(new, dict):
        return _written_object(actual, old if isinstance(old, dict) else {}, new, path, comparison)
    if isinstance(actual, list) and isinstance(old, list) and isinstance(new, list):
        if not len(actual) == len(old) == len(new):
            return new
        return [_written_json(actual[at], old[at], new[at], (*path, at), comparison) for at in range(len(new))]
    return new


def _written_object(
    actual: dict[str, Json], old: dict[str, Json], new: dict[str, Json], path: Path, comparison: Comparison
) -> dict[str, Json]:
    result = dict(actual)
    for name in {**old, **new}:
        if name not in new:
            result.pop(name, None)
            continue
        value = _written_json(actual.get(name), old.get(name), new[name], (*path, name), comparison)
        if value is not None or name in actual:
            result[name] = value
    return result
