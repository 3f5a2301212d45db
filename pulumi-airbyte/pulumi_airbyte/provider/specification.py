"""A connector's specification: which parts of its configuration are secret, what it takes by default, what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from ..secret_names import is_secret_name
from .properties import Fault
from .values import MASK, UNKNOWN, Json, Path, at, leaves

if TYPE_CHECKING:
    from jsonschema import ValidationError

Schema = Mapping[str, Any]


def secrets_by_name(configuration: Json) -> set[Path]:
    """The leaves whose name alone says that they are secret, whatever a specification says, or where there is none.

    Masking by the specification alone leaks where a connector forgot a mark (the platform keeps such a list too).
    """
    return {
        path
        for path, leaf in leaves(configuration)
        if isinstance(leaf, str) and leaf and any(isinstance(step, str) and is_secret_name(step) for step in path[-1:])
    }


class Specification:
    """One connector's `connectionSpecification`: JSON Schema with `airbyte_secret` marks."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def secrets(self, configuration: Json) -> set[Path]:
        """The paths in this configuration whose values are secret, in every variant that could be meant."""
        return {
            path
            for path, schema in _nodes(self._schema, configuration, ())
            if schema.get("airbyte_secret") and at(configuration, path) is not None
        }

    def typed(self, configuration: Json, secrets: set[Path]) -> dict[Path, Json]:
        """Secrets that are text where the specification asks for a number or a truth value, in the type it asks for."""
        found: dict[Path, Json] = {}
        for path, schema in _nodes(self._schema, configuration, ()):
            leaf = at(configuration, path)
            if path in secrets and isinstance(leaf, str) and leaf not in (MASK, UNKNOWN):
                value = _as_type(leaf, schema.get("type"))
                if value is not None:
                    found[path] = value
        return found

    def default(self, configuration: Json, path: Path) -> Json:
        """What the connector takes where this configuration has nothing at this path; None if it does not say."""
        if not path:
            return None
        parent = at(configuration, path[:-1])
        for schema in _schemas_at(self._schema, configuration, path[:-1]):
            for variant in _variants(schema, parent):
                known = cast("Mapping[str, Schema]", variant.get("properties") or {}).get(str(path[-1]))
                if known is not None and "default" in known:
                    return known["default"]
        return None

    def faults(self, configuration: Json) -> list[Fault]:
        """What the connector would refuse. Values that are not known yet, or kept to itself by Airbyte, pass."""
        found: dict[tuple[Path, str], Fault] = {}
        for error in self._validator.iter_errors(configuration):
            for fault in _faults(error):
                found.setdefault((fault.path, fault.reason), fault)
        return list(found.values())

    def unknown_names(self, configuration: Json) -> list[Fault]:
        """Names that the specification does not have though it does not forbid them: most often a typing slip."""
        found: list[Fault] = []
        for path, leaf_parent in _objects(configuration):
            names: set[str] = set()
            closed = False
            for schema in _schemas_at(self._schema, configuration, path):
                for variant in _variants(schema, leaf_parent):
                    names |= set(cast("Mapping[str, Schema]", variant.get("properties") or {}))
                    closed = closed or bool(variant.get("properties"))
            if not closed:
                continue
            for name in leaf_parent:
                if name not in names:
                    close = get_close_matches(name, names, n=1)
                    hint = f'did you mean "{close[0]}"?' if close else f"it has {', '.join(sorted(names))}"
                    found.append(Fault((*path, name), f"the connector's specification has no such name; {hint}"))
        return found

    @cached_property
    def _validator(self) -> Any:
        # Loaded on first use: 70 ms that a run without configurations need not pay.
        from jsonschema import Draft7Validator

        return Draft7Validator(self._schema)


def _as_type(text: str, kind: Json) -> Json:
    """The value that a text stands for, if the type is another one than text; None if it stands for none."""
    kinds = cast("list[str]", kind) if isinstance(kind, list) else [kind]
    if "string" in kinds:
        return None
    try:
        value: Json = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, bool):
        return value if "boolean" in kinds else None
    if isinstance(value, int):
        return value if "integer" in kinds or "number" in kinds else None
    return value if isinstance(value, float) and "number" in kinds else None


def _objects(value: Json, path: Path = ()) -> Iterator[tuple[Path, dict[str, Json]]]:
    if isinstance(value, dict):
        items = cast("dict[str, Json]", value)
        yield path, items
        for name, item in items.items():
            yield from _objects(item, (*path, name))


def _variants(schema: Schema, value: Json) -> Iterator[Schema]:
    """The schema itself, and those of its alternatives that the value's constants select; all if none does."""
    yield schema
    for word in ("oneOf", "anyOf"):
        alternatives = cast("list[Schema]", schema.get(word) or [])
        chosen = [one for one in alternatives if _selected(one, value)]
        for one in chosen or alternatives:
            yield from _variants(one, value)
    for one in cast("list[Schema]", schema.get("allOf") or []):
        yield from _variants(one, value)


def _selected(schema: Schema, value: Json) -> bool:
    """Whether every constant of an alternative is what the value has; False if it has none to tell by."""
    constants = _constants(schema)
    if not constants or not isinstance(value, dict):
        return False
    items = cast("dict[str, Json]", value)
    return all(items.get(name) in allowed for name, allowed in constants.items())


def _constants(schema: Schema) -> dict[str, list[Json]]:
    constants: dict[str, list[Json]] = {}
    for name, prop in cast("Mapping[str, Schema]", schema.get("properties") or {}).items():
        if "const" in prop:
            constants[name] = [prop["const"]]
        elif len(cast("list[Json]", prop.get("enum") or [])) == 1:
            constants[name] = list(prop["enum"])
    return constants


def _constants_of_any(alternatives: Sequence[Schema]) -> dict[str, list[Json]]:
    constants: dict[str, list[Json]] = {}
    for alternative in alternatives:
        for name, allowed in _constants(alternative).items():
            constants.setdefault(name, []).extend(allowed)
    return constants


def _nodes(schema: Schema, value: Json, path: Path) -> Iterator[tuple[Path, Schema]]:
    for variant in _variants(schema, value):
        yield path, variant
        if isinstance(value, dict):
            for name, item in cast("dict[str, Json]", value).items():
                below = cast("Mapping[str, Schema]", variant.get("properties") or {}).get(name)
                if below is not None:
                    yield from _nodes(below, item, (*path, name))
        elif isinstance(value, list) and isinstance(variant.get("items"), Mapping):
            for index, item in enumerate(cast("list[Json]", value)):
                yield from _nodes(variant["items"], item, (*path, index))


def _schemas_at(schema: Schema, value: Json, path: Path) -> Iterator[Schema]:
    if not path:
        yield schema
        return
    step, rest = path[0], path[1:]
    for variant in _variants(schema, value):
        if isinstance(step, int):
            below = variant.get("items")
        else:
            below = cast("Mapping[str, Schema]", variant.get("properties") or {}).get(step)
        if isinstance(below, Mapping):
            yield from _schemas_at(cast("Schema", below), at(value, (step,)), rest)


def _faults(error: ValidationError) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    instance: Json = error.instance
    if instance in (UNKNOWN, MASK):
        return
    if error.validator in ("oneOf", "anyOf") and error.context:
        yield from _variant_faults(error, path, instance)
        return
    yield Fault(path, _reason(error, instance))


def _variant_faults(error: ValidationError, path: Path, instance: Json) -> Iterator[Fault]:
    alternatives = cast("list[Schema]", error.validator_value)
    for index, one in enumerate(alternatives):
        if _selected(one, instance):
            for below in error.context or []:
                if next(iter(below.schema_path), None) == index:
                    yield from _faults(below)
            return
    if isinstance(instance, dict):
        for name, allowed in _constants_of_any(alternatives).items():
            if instance.get(name) in (UNKNOWN, MASK):
                return
            if instance.get(name) not in allowed:
                words = ", ".join(str(constant) for constant in allowed)
                problem = f'"{instance[name]}" is not one of' if name in instance else "is required; one of"
                yield Fault((*path, name), f"{problem} {words}")
                return
    titles = ", ".join(str(one.get("title") or one.get("type") or "?") for one in alternatives)
    yield Fault(path, f"fits none of the alternatives: {titles}")


def _listed(allowed: list[Json]) -> str:
    """The allowed values; of many, the first dozen."""
    words = [str(one) for one in allowed if one != ""]
    return ", ".join(words[:12]) + (f" … ({len(words)} in all)" if len(words) > 12 else "")


def _not_allowed(instance: Json, allowed: list[Json]) -> str:
    text = str(instance)
    close = get_close_matches(text, [str(value) for value in allowed], n=1) if len(text) < 60 else []
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f"must be one of {_listed(allowed)}{hint}"


def _unknown_names(instance: Mapping[str, Json], properties: Mapping[str, Schema]) -> str:
    hints: list[str] = []
    for name in instance:
        if name not in properties:
            close = get_close_matches(name, properties, n=1)
            hints.append(f'"{name}"' + (f' (did you mean "{close[0]}"?)' if close else ""))
    return f"has no {', '.join(hints)}"


def _reason(error: ValidationError, instance: Json) -> str:
    """One clause without the value itself, which may be a secret."""
    limit: Any = error.validator_value
    if error.validator == "required":
        return f"lacks {', '.join(name for name in limit if name not in instance)}"
    if error.validator == "type":
        return f"must be of type {limit if isinstance(limit, str) else ' or '.join(limit)}"
    if error.validator in ("enum", "const"):
        return _not_allowed(instance, limit if isinstance(limit, list) else [limit])
    schema = cast("Schema", error.schema)
    if error.validator == "pattern":
        return f"must look like {schema.get('pattern_descriptor') or limit}"
    if error.validator == "additionalProperties":
        return _unknown_names(instance, schema.get("properties") or {})
    return f"breaks the rule {error.validator} {limit}"
