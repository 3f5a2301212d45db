"""`lotus:adopt`: the ids of objects that are in Airbyte, by the names that the files give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from lotus.config.document import Pointer
from lotus.config.faults import choose
from lotus.config.shape import kind
from lotus.untyped import is_mapping

KINDS = ("sources", "destinations", "connections", "definitions", "tags")
"""What a stack can take over."""
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class FaultReport(Protocol):
    """Takes a fault at a place of the stack's settings."""

    def __call__(self, code: str, message: str, pointer: Pointer, *, fix: str = "", **more: Any) -> None:
        """Keep it."""
        ...


def adopted_ids(value: Mapping[str, Any], report: FaultReport) -> dict[str, Mapping[str, str]]:
    """The ids by kind and name; what cannot be is reported and left out."""
    ids_by_kind: dict[str, Mapping[str, str]] = {}
    for kind_name, ids in value.items():
        at: Pointer = ("adopt", kind_name)
        if kind_name not in KINDS:
            fix, allowed, near = choose(kind_name, KINDS)
            message = f'lotus:adopt has no kind "{kind_name}"'
            report("LOT070", message, at, fix=fix, allowed=allowed, nearest=near)
        elif not is_mapping(ids):
            report("LOT071", f"lotus:adopt.{kind_name} must be an object of names and ids; it is {kind(ids)}", at)
        else:
            ids_by_kind[kind_name] = _usable(ids, at, report)
    return ids_by_kind


def _usable(ids: Mapping[str, Any], at: Pointer, report: FaultReport) -> dict[str, str]:
    """The names whose ids are ids, and no other name's."""
    names: dict[str, str] = {}
    for name, value in ids.items():
        if not isinstance(value, str) or not UUID.fullmatch(value):
            expected = "an id such as 00000000-0000-4000-8000-000000000001"
            setting = ".".join(map(str, (*at, name)))
            report("LOT071", f"lotus:{setting} must be {expected}; it is {kind(value)}", (*at, name))
        elif value.lower() in names:
            other = names[value.lower()]
            message = f'"{other}" and "{name}" cannot be one object: lotus:adopt gives both the id {value}'
            report("LOT014", message, (*at, name), fix="keep the line of the one that it is")
        else:
            names[value.lower()] = name
    return {name: resource_id for resource_id, name in names.items()}
