"""Enums in any case, as Airbyte's servers read them: the value is put into the case that the API documents."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import inspect


def with_enum_case(value: Any, kind: type[Any]) -> Any:
    """The JSON value with the words of its enums in their documented case; the rest as it is."""
    return _cased(value, _type_of(kind))


@cache
def _type_of(kind: type[Any]) -> inspect.Type:
    return inspect.type_info(kind)


def _cased(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        for option in kind.types:
            value = _cased(value, option)
        return value
    if isinstance(value, str) and isinstance(kind, inspect.LiteralType):
        return _documented(value, kind)
    if isinstance(value, list) and isinstance(kind, inspect.ListType):
        return [_cased(item, kind.item_type) for item in value]
    if isinstance(value, dict) and isinstance(kind, inspect.StructType):
        return _cased_fields(value, kind)
    return value


def _cased_fields(values: Any, kind: inspect.StructType) -> Any:
    fields = {field.encode_name: field.type for field in kind.fields}
    return {name: _cased(inner, fields[name]) if name in fields else inner for name, inner in values.items()}


def _documented(text: str, literal: inspect.LiteralType) -> str:
    words = {str(word).lower(): str(word) for word in literal.values}
    return words.get(text.lower(), text)
