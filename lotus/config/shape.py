"""Values against models: pydantic's complaints become faults at their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.models import FIELD_KEYS, FIELD_TYPES
from lotus.config.references import ways_to_set
from lotus.untyped import as_mapping, is_list, is_mapping

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
    if not is_mapping(content):
        message = f"the file holds {kind(content)} where an object is expected"
        faults.append(document.fault("LOT011", message, fix="write {…}"))
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        unions: set[Pointer] = set()
        for item in error.errors(include_url=False, include_context=True):
            fault = _fault(document, model, content, item, unions)
            if fault:
                faults.append(fault)
        return None


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One of pydantic's complaints, with the part of its location that is in the file."""

    document: Document
    model: type[BaseModel]
    content: Any
    type: str
    pointer: Pointer
    value: Any
    missing: str
    """The last part of the location, which a missing key is."""
    context: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The key that it is about."""
        return next((str(part) for part in reversed(self.pointer) if isinstance(part, str)), "")

    @property
    def discriminator(self) -> str:
        """The key that tells the forms of an object apart."""
        return str(self.context["discriminator"]).strip("'")


def _fault(
    document: Document, model: type[BaseModel], content: Any, error: Mapping[str, Any], unions: set[Pointer]
) -> Fault | None:
    pointer, value = _existing(content, error["loc"])
    missing = str(error["loc"][-1]) if error["loc"] else ""
    complaint = _Complaint(document, model, content, error["type"], pointer, value, missing, error.get("ctx") or {})
    worded = _WORDED.get(complaint.type)
    if worded is not None:
        return worded(complaint)
    if pointer in unions:
        return None
    unions.add(pointer)
    return _mistyped(complaint)


def _unknown_key(it: _Complaint) -> Fault:
    fix, allowed, near = choose(str(it.pointer[-1]), known_keys(it.model, it.pointer[:-1], it.content))
    message = f'unknown key "{it.pointer[-1]}"'
    return it.document.fault("LOT010", message, it.pointer, key=True, fix=fix, allowed=allowed, nearest=near)


def _not_allowed(it: _Complaint) -> Fault:
    return _choice(it.document, it.pointer, it.name, it.value, _literals(it.model, it.pointer, it.content))


def _unknown_form(it: _Complaint) -> Fault:
    allowed = tuple(tag.strip(" '") for tag in str(it.context["expected_tags"]).split(","))
    key = it.discriminator
    return _choice(it.document, (*it.pointer, key), key, as_mapping(it.value).get(key), allowed)


def _choice(document: Document, pointer: Pointer, name: str, value: Any, allowed: tuple[str, ...]) -> Fault:
    if isinstance(value, str):
        fix, allowed, near = choose(value, allowed)
        message = f'"{name}" cannot be "{value}"'
        return document.fault("LOT012", message, pointer, fix=fix, allowed=allowed, nearest=near)
    message = f'"{name}" must be one of: {", ".join(allowed)}; it is {kind(value)}'
    return document.fault("LOT011", message, pointer, fix="use one of them, in double quotes", allowed=allowed)


def _missing(it: _Complaint) -> Fault:
    key = it.missing if it.type == "missing" else it.discriminator
    return it.document.fault("LOT013", f'key "{key}" is missing', it.pointer, fix=f'add "{key}": …')


def _malformed(it: _Complaint) -> Fault:
    if it.name == "python":
        message = f'"python" is not a version: {kind(it.value)}'
        return it.document.fault("LOT012", message, it.pointer, fix='write "3.11"')
    if it.name == "from":
        message = f'"from" is not a date: {kind(it.value)}'
        return it.document.fault("LOT012", message, it.pointer, fix='write "2025-01-31"')
    message = f'"{it.name}" is not a name: letters, digits and underscores, a letter first'
    return it.document.fault("LOT049", message, it.pointer, fix='write {"$secret": "shop_mapper_key"}')


def _empty(it: _Complaint) -> Fault:
    fix = "write a name, or leave the key out" if it.type == "string_too_short" else "write at least one"
    return it.document.fault("LOT012", f'"{it.name}" is empty', it.pointer, fix=fix)


def _too_small(it: _Complaint) -> Fault:
    least = it.context["ge"]
    message = f'"{it.name}" must be at least {least}; it is {kind(it.value)}'
    return it.document.fault("LOT012", message, it.pointer, fix=f'write "{it.name}": {least}, or more')


def _not_an_object(it: _Complaint) -> Fault:
    if it.name != "key" or not isinstance(it.value, str):
        return _mistyped(it)
    # The key of a mapper that encrypts is a secret.
    name = f"{it.document.file.rsplit('/', 2)[-2]}_mapper_key".replace("-", "_").lower()
    message = '"key" is a secret, and is in the file in plain text'
    fix = f'write {{"$secret": "{name}"}}; then {ways_to_set("$secret", name)}. Rotate it if it was pushed'
    # The line holds the secret: it must not be printed again.
    return it.document.fault("LOT045", message, it.pointer, key=True, fix=fix).without_excerpt()


def _mistyped(it: _Complaint) -> Fault:
    expected = _FORMS.get(it.name, _WORDS.get(it.type, "something else"))
    subject = f'"{it.name}"' + ("" if not it.pointer or isinstance(it.pointer[-1], str) else " (inside the list)")
    message = f"{subject} must be {expected}; it is {kind(it.value)}"
    return it.document.fault("LOT011", message, it.pointer, fix=_example(it.name, it.type))


_WORDED: Mapping[str, Callable[[_Complaint], Fault]] = {
    "extra_forbidden": _unknown_key,
    "literal_error": _not_allowed,
    "union_tag_invalid": _unknown_form,
    "union_tag_not_found": _missing,
    "missing": _missing,
    "string_pattern_mismatch": _malformed,
    "string_too_short": _empty,
    "too_short": _empty,
    "greater_than_equal": _too_small,
    "model_type": _not_an_object,
    "model_attributes_type": _not_an_object,
}
"""Pydantic's kinds of complaints that have words of their own; all others are values of the wrong kind."""
_FORMS = {
    "backfill": "true, false, a text or an object",
    "schedule": "a text or an object",
}
"""What keys of several forms take."""


_EXAMPLES = {
    "primary_key": 'write [["id"]]: a list of paths, each a list',
    "cursor_field": 'write ["updated_at"]',
    "fields": 'write {"id": {"type": "integer"}}, or leave the key out for all fields',
    "selected": "write true or false without quotes",
    "backfill": 'write true, false, or a token such as "2026-11-20 ids were null"',
    "configuration": "write the connector's settings as {…}",
    "schedule": 'write "0 0 6 * * ?", {"units": 6, "timeUnit": "hours"} or "manual"',
    "mappers": 'write [{"type": "hashing", …}]: a list of objects',
    "tags": 'write ["finance"]',
}


def _example(name: str, kind_of: str) -> str:
    return _EXAMPLES.get(name, f'"{name}": "…"' if kind_of == "string_type" and name else "")


def _existing(content: Any, location: tuple[Any, ...]) -> tuple[Pointer, Any]:
    """The part of pydantic's location that is in the file (it adds the names of union members)."""
    pointer: list[str | int] = []
    value = content
    for part in location:
        children: dict[Any, Any] = dict(enumerate(value)) if is_list(value) else as_mapping(value)
        if part in children:
            value = children[part]
            pointer.append(part)
    return tuple(pointer), value


def known_keys(model: type[BaseModel], pointer: Pointer = (), content: Any = None) -> tuple[str, ...]:
    """The keys a model knows at a pointer inside it, in the order of the docs; `content` tells its forms apart."""
    inner = _model_at(model, pointer, content)
    if inner is None:
        return ()
    return tuple(field.alias or name for name, field in inner.model_fields.items() if name != "schema_")


def _model_at(model: type[BaseModel], pointer: Pointer, content: Any) -> type[BaseModel] | None:
    """The model of the object at a pointer."""
    forms: list[type[BaseModel]] = [model]
    for part in pointer:
        if isinstance(part, str):
            field = _field(_fitting(forms, content), part)
            if field is None:
                return None
            forms = _models(field.annotation)
        content = _child(content, part)
    return _fitting(forms, content) if forms else None


def _child(content: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return content[part] if is_list(content) and part < len(content) else None
    return as_mapping(content).get(part)


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in (name, field.alias)), None)


def _fitting(forms: Sequence[type[BaseModel]], content: Any) -> type[BaseModel]:
    """The form whose fixed values the content has; else the first."""
    entries = as_mapping(content)
    for form in forms:
        fixed = {name: _flat_literals(field.annotation) for name, field in form.model_fields.items()}
        if all(entries.get(name) == values[0] for name, values in fixed.items() if len(values) == 1):
            return form
    return forms[0]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field holds, alone, in a list or as one of several forms."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _literals(model: type[BaseModel], pointer: Pointer, content: Any) -> tuple[str, ...]:
    while isinstance(pointer[-1], int):
        pointer = pointer[:-1]
    inner = _model_at(model, pointer[:-1], content)
    field = _field(inner, str(pointer[-1])) if inner else None
    return tuple(_flat_literals(field.annotation)) if field else ()


def _flat_literals(annotation: Any) -> list[str]:
    """The words that a field takes."""
    literals: list[str] = []
    for argument in get_args(annotation):
        if isinstance(argument, str):
            literals.append(argument)
        else:
            literals += _flat_literals(argument)
    return literals


_PLAIN = frozenset(FIELD_TYPES) - {"object", "array"}


def check_fields(
    document: Document, fields: dict[str, Any], faults: list[Fault], pointer: Pointer = ("fields",)
) -> None:
    """Faults of a map of fields; written as one loop, because it runs over every field of every file."""
    field: Any
    for name, field in fields.items():
        # No cast() here: half a million calls of it are a tenth of a second.
        if type(field) is dict and len(field) == 1 and "type" in field:
            field_type = field["type"]
            if type(field_type) is str and field_type in _PLAIN:
                continue
        _check_field(document, field, faults, (*pointer, name))


def _check_field(document: Document, field: Any, faults: list[Fault], pointer: Pointer) -> None:
    if not is_mapping(field):
        message = f'field "{pointer[-1]}" must be an object; it is {kind(field)}'
        faults.append(document.fault("LOT011", message, pointer, fix='write {"type": "string"}'))
        return
    for key, value in field.items():
        if key not in FIELD_KEYS:
            fix, allowed, near = choose(key, FIELD_KEYS)
            message = f'unknown key "{key}" in a field'
            faults.append(
                document.fault("LOT010", message, (*pointer, key), key=True, fix=fix, allowed=allowed, nearest=near)
            )
        elif key == "type":
            _check_type(document, value, faults, (*pointer, key))
        elif key in ("properties", "items"):
            if not is_mapping(value):
                message = f'"{key}" must be an object; it is {kind(value)}'
                faults.append(
                    document.fault("LOT011", message, (*pointer, key), fix='write {"id": {"type": "integer"}}')
                )
            elif key == "properties" or all(is_mapping(v) for v in value.values()):
                check_fields(document, value, faults, (*pointer, key))
            else:
                # A map of fields for arrays of objects, else one field: docs/files.md#files-of-lotus-lake.
                _check_field(document, value, faults, (*pointer, key))
        elif not isinstance(value, str):
            message = f'"{key}" must be text in double quotes; it is {kind(value)}'
            faults.append(document.fault("LOT011", message, (*pointer, key)))


def _check_type(document: Document, value: Any, faults: list[Fault], pointer: Pointer) -> None:
    if isinstance(value, str) and value in FIELD_TYPES:
        return
    if isinstance(value, str):
        fix, allowed, near = choose(value, FIELD_TYPES)
        faults.append(
            document.fault("LOT012", f'"type" cannot be "{value}"', pointer, fix=fix, allowed=allowed, nearest=near)
        )
        return
    message = f'"type" must be one word; it is {kind(value)}'
    fix = 'write the one that is not "null": "string"' if is_list(value) else f"one of: {', '.join(FIELD_TYPES)}"
    faults.append(document.fault("LOT011", message, pointer, fix=fix, allowed=FIELD_TYPES))


def compact(fields: Mapping[str, Any]) -> dict[str, str]:
    """Field names with their type as one word (`string`, `string:date-time`), which is all that checks need.

    Whole schemas of thousands of streams would not fit into the memory that a validation may take.
    """
    field: Any
    types: dict[str, str] = {}
    for name, field in fields.items():
        plain = type(field) is dict and len(field) == 1 and type(field.get("type")) is str
        types[intern(name)] = intern(field["type"]) if plain else _type_word(field)
    return types


def _type_word(field: Any) -> str:
    if type(field) is not dict:
        return "unknown"
    field_type, form = field.get("type", "unknown"), field.get("format")
    return intern(f"{field_type}:{form}") if form else intern(str(field_type))
