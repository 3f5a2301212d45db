"""Who owns a leaf: what the program declares is managed, what it does not declare is left as Airbyte has it.

Four questions follow from that, answered once for every kind: what was there before a change (`before`), what is sent
(`writing.py`), what is stored after a read (`reconciliation.py`), and what is not managed any more (`releases.py`).

`MARK` among the inputs says who wrote them. A program's are exact: a leaf that was there and is not there now was
taken away. Those of an import, and of states that versions before the mark wrote, hold leaves that no program
declared, so a leaf that the program does not have is unmanaged. The next `up` writes the program's inputs, and the
mark with them, also where nothing changes. (Outputs would not do: an `up` without a change keeps them.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from .properties import Property, paired
from .values import UNKNOWN, Json

MARK = "__managed"
BY_PROGRAM = "program"
BY_IMPORT = "import"

Properties: TypeAlias = Mapping[str, Property]
Data: TypeAlias = Mapping[str, Json]
JSON = Property(type="json", description="")
"""A part of a blob that belongs to a connector."""


def respelled(properties: Properties, data: Data) -> dict[str, Json]:
    """The same data as this version spells it; states of older ones have other forms."""
    result = dict(data)
    for name, prop in properties.items():
        if result.get(name) is not None:
            result[name] = _respelled(prop, result[name])
    return result


def _respelled(prop: Property, value: Json) -> Json:
    if prop.spelled is not None:
        return prop.spelled(value)
    if prop.properties and isinstance(value, dict):
        return respelled(prop.properties, cast("Data", value))
    if prop.items is not None and prop.items.properties and isinstance(value, list):
        return [_respelled(prop.items, item) for item in cast("list[Json]", value)]
    return value


# What of one description another one declares.


def restricted(properties: Properties, data: Data, to: Data) -> dict[str, Json]:
    """What `data` says of the leaves and elements that `to` declares."""
    result: dict[str, Json] = {}
    for name, prop in properties.items():
        value = restricted_value(prop, data.get(name), to.get(name))
        if value is not None:
            result[name] = value
    return result


def restricted_value(prop: Property, value: Json, to: Json) -> Json:
    """The same for one property."""
    if value is None or to is None:
        return None
    if UNKNOWN in (value, to) or is_leaf(prop):
        return value
    if prop.type == "json":
        return _restricted_json(value, to)
    if prop.items is not None:
        pairs, _, _ = paired(prop, value, to)
        if prop.key is None and len(value) != len(to):
            return value
        return [restricted_value(prop.items, value[mine], to[other]) for mine, other in sorted(pairs)]
    return restricted(prop.properties, value, to)


def _restricted_json(value: Json, to: Json) -> Json:
    if isinstance(value, dict) and isinstance(to, dict):
        items, names = cast("dict[str, Json]", value), cast("dict[str, Json]", to)
        return {name: _restricted_json(item, names[name]) for name, item in items.items() if name in names}
    if isinstance(value, list) and isinstance(to, list):
        elements, others = cast("list[Json]", value), cast("list[Json]", to)
        shared = [_restricted_json(item, other) for item, other in zip(elements, others, strict=False)]
        return shared + elements[len(shared) :]
    return value


def is_leaf(prop: Property) -> bool:
    """Whether it is managed whole: nobody owns a part of it."""
    if prop.whole or prop.normal is not None:
        return True
    return prop.type != "json" and not prop.properties and prop.items is None


# What was there before a change.


def before(properties: Properties, old: Data, seen: Data, new: Data) -> dict[str, Json]:
    """The old inputs, and for leaves that are declared for the first time what Airbyte was last seen to have."""
    result = dict(old)
    for name, prop in properties.items():
        value = _before(prop, old.get(name), seen.get(name), new.get(name))
        if value is not None:
            result[name] = value
    return result


def _before(prop: Property, old: Json, seen: Json, new: Json) -> Json:
    if new is None or seen is None or UNKNOWN in (old, new) or prop.never_compared:
        return old
    if old is None:
        return restricted_value(prop, seen, new)
    if is_leaf(prop):
        return old
    if prop.type == "json":
        return _before_json(old, seen, new)
    if prop.items is not None:
        return old if prop.key is None else _before_set(prop, prop.items, old, seen, new)
    return before(prop.properties, old, seen, new)


def _before_json(old: Json, seen: Json, new: Json) -> Json:
    if not (isinstance(old, dict) and isinstance(seen, dict) and isinstance(new, dict)):
        return old
    mine, theirs, later = (cast("dict[str, Json]", one) for one in (old, seen, new))
    result = dict(mine)
    for name, value in later.items():
        if name in theirs:
            declared = mine.get(name)
            result[name] = (
                _restricted_json(theirs[name], value)
                if declared is None
                else _before_json(declared, theirs[name], value)
            )
    return result


def _before_set(prop: Property, items: Property, old: list[Json], seen: list[Json], new: list[Json]) -> list[Json]:
    of_old, of_seen = partners(prop, new, old), partners(prop, new, seen)
    by_place = {place: index for index, place in of_old.items()}
    result: list[Json] = []
    for place, item in enumerate(old):
        index = by_place.get(place)
        other = None if index is None or index not in of_seen else seen[of_seen[index]]
        result.append(item if index is None or other is None else _before(items, item, other, new[index]))
    for index, item in enumerate(new):
        if index not in of_old and index in of_seen:
            result.append(restricted_value(items, seen[of_seen[index]], item))
    return result


def partners(prop: Property, one: Sequence[Json], other: Sequence[Json]) -> dict[int, int]:
    """By place in `one`: the place of the same element in `other`."""
    pairs, _, _ = paired(prop, one, other)
    return dict(pairs)


def label(element: Json) -> str:
    """What a person calls an element of a set."""
    if not isinstance(element, dict):
        return str(element)
    items = cast("dict[str, Json]", element)
    name = str(items.get("name") or items.get("tagId"))
    return f"{items['namespace']}.{name}" if items.get("namespace") else name
