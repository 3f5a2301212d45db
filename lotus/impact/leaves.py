"""Configurations leaf by leaf, with everything that may be a secret masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lotus.config.references import reference

_SECRET = re.compile(r"passw|secret|token|api_?key|access_key|private_?key|dsn|connection_string", re.IGNORECASE)
_SECRETS = re.compile(r"credential|secrets|auth", re.IGNORECASE)
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
            return f"{self.path}: " + ("another secret" if self.secret else f"changed behind {self.before}")
        return f"{self.path}: {self.before} → {self.after}"


def differing(before: Any, after: Any, specification: Mapping[str, Any] | None = None) -> list[Leaf]:
    """The leaves that differ, in order of their paths."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    found: list[Leaf] = []
    for path in sorted({*old, *new}):
        was, becomes = old.get(path, _ABSENT), new.get(path, _ABSENT)
        if was != becomes:
            secret = is_secret(path, specification)
            found.append(Leaf(".".join(path), shown(was, secret=secret), shown(becomes, secret=secret), secret))
    return found


def shown(value: Any, *, secret: bool) -> str:
    """A value as it may be printed: references by name, literals short, nothing of a secret."""
    found = reference(value)
    if found:
        return f"{found[0]} {found[1]}"
    if value is _ABSENT:
        return "not set"
    if secret:
        return "[secret]"
    text = value if isinstance(value, str) and value and value == value.strip() else json.dumps(value, default=str)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def is_secret(path: tuple[str, ...], specification: Mapping[str, Any] | None) -> bool:
    """By the connector's spec, and by name in case the spec is absent or forgets it (Airbyte itself does both)."""
    if _SECRET.search(path[-1]):
        return True
    if specification is None:
        return any(_SECRETS.search(part) for part in path[:-1])
    return path in set(_marked(specification, ()))


def _marked(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, item in cast("Mapping[str, Any]", schema.get("properties") or {}).items():
        if isinstance(item, dict):
            if item.get("airbyte_secret"):
                yield (*path, key)
            yield from _marked(cast("dict[str, Any]", item), (*path, key))
    for word in ("oneOf", "anyOf", "allOf"):
        for item in cast("list[Any]", schema.get(word) or []):
            if isinstance(item, dict):
                yield from _marked(cast("dict[str, Any]", item), path)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value and reference(value) is None:
        for key, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in cast("list[Any]", value)):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _leaves(item, (*path, str(index)))
    elif path:
        yield path, value
