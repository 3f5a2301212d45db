"""Configurations leaf by leaf, with everything that may be a secret masked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_airbyte.secret_names import is_secret_name

from lotus.config.references import reference
from lotus.untyped import as_list, as_mapping, is_list, is_mapping

_WIDTH = 60
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf that differs; the texts are safe to show."""

    path: str
    before: str
    after: str
    secret: bool

    @property
    def text(self) -> str:
        """`start_date: 2025-01-01 → 2026-01-01`."""
        if self.before == self.after:
            return f"{self.path}: " + (
                "another secret" if self.secret else f"changed, but is still shown as {self.before}"
            )
        return f"{self.path}: {self.before} → {self.after}"


def differing(before: Any, after: Any, specification: Mapping[str, Any] | None = None) -> list[Leaf]:
    """The leaves that differ, in order of their paths."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    leaves: list[Leaf] = []
    for path in sorted({*old, *new}):
        was, becomes = old.get(path, _ABSENT), new.get(path, _ABSENT)
        if was != becomes:
            secret = is_secret(path, specification)
            leaves.append(
                Leaf(".".join(path), printable(was, secret=secret), printable(becomes, secret=secret), secret)
            )
    return leaves


def printable(value: Any, *, secret: bool) -> str:
    """A value as it may be printed: references by name, literals short, nothing of a secret."""
    ref = reference(value)
    if ref:
        return f"{ref[0]} {ref[1]}"
    if value is _ABSENT:
        return "not set"
    if secret:
        return "[secret]"
    text = value if isinstance(value, str) and value and value == value.strip() else json.dumps(value, default=str)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def is_secret(path: tuple[str, ...], specification: Mapping[str, Any] | None) -> bool:
    """By the connector's spec, and by name in case the spec is absent or forgets it (Airbyte itself does both)."""
    if is_secret_name(path[-1]):
        return True
    if specification is None:
        return any(is_secret_name(part) or part.lower().startswith("auth") for part in path[:-1])
    return path in set(_marked(specification, ()))


def _marked(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, item in as_mapping(schema.get("properties")).items():
        if is_mapping(item):
            if item.get("airbyte_secret"):
                yield (*path, key)
            yield from _marked(item, (*path, key))
    for keyword in ("oneOf", "anyOf", "allOf"):
        for item in as_list(schema.get(keyword)):
            if is_mapping(item):
                yield from _marked(item, path)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if is_mapping(value) and value and reference(value) is None:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif is_list(value) and any(isinstance(item, (dict, list)) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, str(index)))
    elif path:
        yield path, value
