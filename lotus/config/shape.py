"""Values against models: pydantic's complaints become faults at their place."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.models import FIELD_KEYS, FIELD_TYPES, OBJECT_FORM

M = TypeVar("M", bound=BaseModel)

_WORDS = {
    "string_type": "text in double quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "dict_type": "an object {…}",
    "model_type": "an object {…}",
    "model_attributes_type": "an object {…}",
    "tuple_type": "a list […]",
    "list_type": "a list […]",
}


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{value[:40]}"'
        case int() | float():
            return f"the number {str(value)[:40]}"
        case list():
            return "a list"
        case _:
            return "an object"


def checked(document: Document, model: type[M], faults: list[Fault], value: Any = None) -> M | None:
    """The document as a model, or None with all its faults added."""
    content = document.value if value is None else value
    if not isinstance(content, dict):
        what = f"the file holds {kind(content)} where an object is expected"
        faults.append(document.fault("LOT011", what, fix="write {…}"))
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        unions: set[Pointer] = set()
        for item in error.errors(include_url=False, include_context=True):
            fault = _fault(document, model, content, cast("dict[str, Any]", item), unions)
            if fault:
                faults.append(fault)
        return None


def _fault(  # noqa: PLR0911 - one return per kind of complaint
    document: Document, model: type[BaseModel], content: Any, error: Mapping[str, Any], unions: set[Pointer]
) -> Fault | None:
    pointer, value = _existing(content, error["loc"])
    name = next((str(part) for part in reversed(pointer) if isinstance(part, str)), "")
    match error["type"]:
        case "extra_forbidden":
            fix, allowed, near = choose(str(pointer[-1]), known_keys(model, pointer[:-1]))
            what = f'unknown key "{pointer[-1]}"'
            return document.fault("LOT010", what, pointer, key=True, fix=fix, allowed=allowed, nearest=near)
        case "literal_error":
            allowed = _literals(model, pointer)
            if isinstance(value, str):
                fix, allowed, near = choose(value, allowed)
                what = f'"{name}" cannot be "{value}"'
                return document.fault("LOT012", what, pointer, fix=fix, allowed=allowed, nearest=near)
            what = f'"{name}" must be one of: {", ".join(allowed)}; here stands {kind(value)}'
            return document.fault("LOT011", what, pointer, fix="use one of them, in double quotes", allowed=allowed)
        case "missing":
            missing = str(error["loc"][-1])
            return document.fault("LOT013", f'key "{missing}" is missing', pointer, fix=f'add "{missing}": …')
        case "string_pattern_mismatch" if name == "from":
            return document.fault("LOT012", f'"from" is not a date: {kind(value)}', pointer, fix='write "2025-01-31"')
        case "string_too_short":
            return document.fault("LOT012", f'"{name}" is empty', pointer, fix="write a name, or leave the key out")
        case other:
            if pointer in unions:
                return None
            unions.add(pointer)
            expected = _WORDS.get(other, "something else")
            if name == "backfill":
                expected = "true, false, a text or an object"
            place = f'"{name}"' + ("" if not pointer or isinstance(pointer[-1], str) else " (inside the list)")
            what = f"{place} must be {expected}; here stands {kind(value)}"
            return document.fault("LOT011", what, pointer, fix=_example(name, other))


_EXAMPLES = {
    "primary_key": 'write [["id"]]: a list of paths, each a list',
    "cursor_field": 'write ["updated_at"]',
    "fields": 'write {"id": {"type": "integer"}}, or leave the key out for all fields',
    "selected": "write true or false without quotes",
    "backfill": 'write true, false, or a token such as "2026-11-20 ids were null"',
    "configuration": "write the connector's settings as {…}",
}


def _example(name: str, kind_of: str) -> str:
    return _EXAMPLES.get(name, f'"{name}": "…"' if kind_of == "string_type" and name else "")


def _existing(content: Any, location: tuple[Any, ...]) -> tuple[Pointer, Any]:
    """The part of pydantic's location that is in the file (it adds the names of union members)."""
    pointer: list[str | int] = []
    value = content
    for part in location:
        if part == OBJECT_FORM:
            continue
        if isinstance(value, dict) and part in value:
            value = cast("dict[str, Any]", value)[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[part]
        else:
            break
        pointer.append(part)
    return tuple(pointer), value


def known_keys(model: type[BaseModel], pointer: Pointer = ()) -> tuple[str, ...]:
    """The keys a model knows at a pointer inside it, in the order of the docs."""
    for part in pointer:
        nested = _nested(model.model_fields[str(part)].annotation) if str(part) in model.model_fields else None
        if nested is None:
            return ()
        model = nested
    return tuple(
        field.alias or name for name, field in model.model_fields.items() if name != "schema_" and not field.exclude
    )


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone or as one of several forms."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_nested, get_args(annotation)) if found), None)


def _literals(model: type[BaseModel], pointer: Pointer) -> tuple[str, ...]:
    for index, part in enumerate(pointer):
        if not isinstance(part, str) or part not in model.model_fields:
            continue
        annotation = model.model_fields[part].annotation
        nested = _nested(annotation) if index + 1 < len(pointer) else None
        if nested is not None:
            model = nested
            continue
        return tuple(_flat_literals(annotation))
    return ()


def _flat_literals(annotation: Any) -> list[str]:
    found: list[str] = []
    for argument in get_args(annotation):
        if isinstance(argument, str):
            found.append(argument)
        else:
            found += _flat_literals(argument)
    return found


_PLAIN = frozenset(FIELD_TYPES) - {"object", "array"}


def check_fields(
    document: Document, fields: dict[str, Any], faults: list[Fault], pointer: Pointer = ("fields",)
) -> None:
    """Faults of a map of fields; written as one loop, because it runs over every field of every file."""
    field: Any
    for name, field in fields.items():
        # No cast() here: half a million calls of it are a tenth of a second.
        if type(field) is dict and len(field) == 1 and "type" in field:
            word = field["type"]
            if type(word) is str and word in _PLAIN:
                continue
        _check_field(document, field, faults, (*pointer, name))


def _check_field(document: Document, field: Any, faults: list[Fault], pointer: Pointer) -> None:
    if not isinstance(field, dict):
        what = f'field "{pointer[-1]}" must be an object; here stands {kind(field)}'
        faults.append(document.fault("LOT011", what, pointer, fix='write {"type": "string"}'))
        return
    entries = cast("dict[str, Any]", field)
    for key, value in entries.items():
        if key not in FIELD_KEYS:
            fix, allowed, near = choose(key, FIELD_KEYS)
            what = f'unknown key "{key}" in a field'
            faults.append(
                document.fault("LOT010", what, (*pointer, key), key=True, fix=fix, allowed=allowed, nearest=near)
            )
        elif key == "type":
            _check_type(document, value, faults, (*pointer, key))
        elif key in ("properties", "items"):
            if not isinstance(value, dict):
                what = f'"{key}" must be an object; here stands {kind(value)}'
                faults.append(document.fault("LOT011", what, (*pointer, key), fix='write {"id": {"type": "integer"}}'))
            elif key == "properties" or all(isinstance(v, dict) for v in cast("dict[str, Any]", value).values()):
                check_fields(document, cast("dict[str, Any]", value), faults, (*pointer, key))
            else:
                # lotus-lake's format: a map of fields for arrays of objects, one field for arrays of scalars.
                _check_field(document, value, faults, (*pointer, key))
        elif not isinstance(value, str):
            what = f'"{key}" must be text in double quotes; here stands {kind(value)}'
            faults.append(document.fault("LOT011", what, (*pointer, key)))


def _check_type(document: Document, value: Any, faults: list[Fault], pointer: Pointer) -> None:
    if isinstance(value, str) and value in FIELD_TYPES:
        return
    if isinstance(value, str):
        fix, allowed, near = choose(value, FIELD_TYPES)
        faults.append(
            document.fault("LOT012", f'"type" cannot be "{value}"', pointer, fix=fix, allowed=allowed, nearest=near)
        )
        return
    what = f'"type" must be one word; here stands {kind(value)}'
    fix = (
        'write the one that is not "null": "string"' if isinstance(value, list) else f"one of: {', '.join(FIELD_TYPES)}"
    )
    faults.append(document.fault("LOT011", what, pointer, fix=fix, allowed=FIELD_TYPES))


def compact(fields: Mapping[str, Any]) -> dict[str, str]:
    """Field names with their type as one word (`string`, `string:date-time`), which is all that checks need.

    Whole schemas of thousands of streams would not fit into the memory that a validation may take.
    """
    field: Any
    found: dict[str, str] = {}
    for name, field in fields.items():
        plain = type(field) is dict and len(field) == 1 and type(field.get("type")) is str
        found[intern(name)] = intern(field["type"]) if plain else _type_word(field)
    return found


def _type_word(field: Any) -> str:
    if type(field) is not dict:
        return "unknown"
    word, form = field.get("type", "unknown"), field.get("format")
    return intern(f"{word}:{form}") if form else intern(str(word))
