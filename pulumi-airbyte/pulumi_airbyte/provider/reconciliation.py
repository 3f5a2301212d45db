"""What is stored after a read: the declared inputs as Airbyte has them, and beside them what nobody declared."""

from __future__ import annotations

from collections.abc import Iterator

from .differences import Comparison, DefaultAt, differences_of
from .ownership import JSON, Data, Properties, is_leaf, label, restricted_value
from .properties import Property, paired
from .values import MASK, UNKNOWN, Json, Path


def reconciled(
    properties: Properties, declared: Data, actual: Data, *, default_at: DefaultAt | None = None
) -> dict[str, Json]:
    """The declared inputs, as the server has them.

    Where the server has what was declared, the words of the declaration stay (its spelling of a cron expression, the
    order of its streams, its secrets behind a mask). What nobody declared is not there: it belongs to the outputs.
    """
    comparison = Comparison(default_at, mask_hides=True)
    result: dict[str, Json] = {}
    for name, prop in properties.items():
        value = _reconciled(prop, declared.get(name), actual.get(name), (name,), comparison)
        if value is not None:
            result[name] = value
    return result


def _reconciled(  # noqa: PLR0911  (one answer per kind of property)
    prop: Property, declared: Json, actual: Json, path: Path, comparison: Comparison
) -> Json:
    if declared is None or prop.never_compared or (prop.write_only and actual is None):
        return declared
    actual = restricted_value(prop, actual, declared)
    if not differences_of(prop, actual, declared, path, comparison):
        return declared
    if prop.type == "json":
        return _reconciled_json(declared, actual, path, comparison)
    if actual is None:
        return prop.default
    if is_leaf(prop):
        return actual
    if prop.items is not None:
        return _reconciled_array(prop, prop.items, declared, actual, path, comparison)
    result: dict[str, Json] = {}
    for name, below in prop.properties.items():
        value = _reconciled(below, declared.get(name), actual.get(name), (*path, name), comparison)
        if value is not None:
            result[name] = value
    return result


def _reconciled_array(
    prop: Property, items: Property, declared: list[Json], actual: list[Json], path: Path, comparison: Comparison
) -> list[Json]:
    if prop.key is None and len(declared) != len(actual):
        return actual
    pairs, _, _ = paired(prop, declared, actual)
    return [_reconciled(items, declared[at], actual[other], (*path, at), comparison) for at, other in sorted(pairs)]


def _reconciled_json(declared: Json, actual: Json, path: Path, comparison: Comparison) -> Json:
    if actual == MASK:
        return declared if isinstance(declared, str) else actual
    if isinstance(declared, dict) and isinstance(actual, dict):
        result: dict[str, Json] = {}
        for name, value in declared.items():
            if name in actual:
                result[name] = _reconciled_json(value, actual[name], (*path, name), comparison)
            elif value is None or not differences_of(JSON, None, value, (*path, name), comparison):
                result[name] = value
        return result
    if isinstance(declared, list) and isinstance(actual, list):
        return [
            _reconciled_json(declared[at], value, (*path, at), comparison) if at < len(declared) else value
            for at, value in enumerate(actual)
        ]
    return actual if differences_of(JSON, actual, declared, path, comparison) else declared


def shown(properties: Properties, declared: Data, actual: Data) -> dict[str, Json]:
    """All that is known of the object: the declared inputs in their words, and what Airbyte has beside them."""
    result: dict[str, Json] = {}
    for name, prop in properties.items():
        value = _shown(prop, declared.get(name), actual.get(name))
        if value is not None:
            result[name] = value
    return result


def _shown(prop: Property, declared: Json, actual: Json) -> Json:
    if declared is None or actual is None:
        return actual if declared is None else declared
    if is_leaf(prop) or UNKNOWN in (declared, actual):
        return declared
    if prop.type == "json":
        return _shown_json(declared, actual)
    if prop.items is not None:
        return _shown_array(prop, prop.items, declared, actual)
    return shown(prop.properties, declared, actual)


def _shown_array(prop: Property, items: Property, declared: list[Json], actual: list[Json]) -> list[Json]:
    if prop.key is None and len(declared) != len(actual):
        return declared
    pairs, _, added = paired(prop, declared, actual)
    result = list(declared)
    for at, other in pairs:
        result[at] = _shown(items, declared[at], actual[other])
    return result + [actual[at] for at in added]


def _shown_json(declared: Json, actual: Json) -> Json:
    if isinstance(declared, dict) and isinstance(actual, dict):
        both = {name: _shown_json(value, actual[name]) for name, value in declared.items() if name in actual}
        return {**declared, **actual, **both}
    if isinstance(declared, list) and isinstance(actual, list) and len(declared) == len(actual):
        return [_shown_json(value, actual[at]) for at, value in enumerate(declared)]
    return declared


def unmanaged(
    properties: Properties, declared: Data, actual: Data, *, default_at: DefaultAt | None = None
) -> list[Path]:
    """Settings that exist only in Airbyte, and differ from its defaults; an element of a set by its name."""
    comparison = Comparison(default_at)
    return [
        path
        for name, prop in properties.items()
        for path in _unmanaged(prop, declared.get(name), actual.get(name), (name,), comparison)
    ]


def _unmanaged(prop: Property, declared: Json, actual: Json, path: Path, comparison: Comparison) -> Iterator[Path]:
    if actual is None or prop.never_compared or prop.replaces:
        return
    if declared is None:
        if prop.type == "json" or not prop.computed:
            yield from [path] if differences_of(prop, actual, prop.default, path, comparison) or prop.computed else []
    elif is_leaf(prop) or UNKNOWN in (declared, actual):
        return
    elif prop.type == "json":
        yield from _unmanaged_json(declared, actual, path, comparison)
    elif prop.items is None:
        for name, below in prop.properties.items():
            yield from _unmanaged(below, declared.get(name), actual.get(name), (*path, name), comparison)
    elif prop.key is not None:
        yield from _unmanaged_elements(prop, prop.items, declared, actual, path, comparison)


def _unmanaged_elements(
    prop: Property, items: Property, declared: list[Json], actual: list[Json], path: Path, comparison: Comparison
) -> Iterator[Path]:
    """What of a set, and of its elements, exists only in Airbyte."""
    pairs, _, added = paired(prop, declared, actual)
    for at, other in pairs:
        yield from _unmanaged(items, declared[at], actual[other], (*path, label(actual[other])), comparison)
    for at in added:
        yield (*path, label(actual[at]))


def _unmanaged_json(declared: Json, actual: Json, path: Path, comparison: Comparison) -> Iterator[Path]:
    if isinstance(declared, dict) and isinstance(actual, dict):
        for name, value in actual.items():
            if name in declared:
                yield from _unmanaged_json(declared[name], value, (*path, name), comparison)
            elif differences_of(JSON, value, None, (*path, name), comparison):
                yield (*path, name)
    elif isinstance(declared, list) and isinstance(actual, list):
        for at, (value, other) in enumerate(zip(declared, actual, strict=False)):
            yield from _unmanaged_json(value, other, (*path, at), comparison)
