"""A stack's override laid over a file: what differs per stack keeps its place in the stack's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from lotus.config.document import Document
from lotus.config.faults import Fault
from lotus.config.settings import Settings
from lotus.untyped import as_mapping, is_list, is_mapping


class Overlaid(Document):
    """A document with a stack's override laid over: faults inside the override are at the stack's file."""

    __slots__ = ("_key", "_override", "_settings")

    def __init__(self, document: Document, override: Mapping[str, Any], key: str, settings: Settings) -> None:
        super().__init__(document.file, document.text, _merged(document.value, override))
        self._override = override
        self._key = key
        self._settings = settings

    def fault(self, code: str, message: str, pointer: Sequence[str | int] = (), **more: Any) -> Fault:
        """A fault at the override where it decides the value, else in the file."""
        value: Any = self._override
        depth = 0
        for part in pointer:
            children: dict[Any, Any] = dict(enumerate(value)) if is_list(value) else as_mapping(value)
            if part not in children:
                break
            value = children[part]
            depth += 1
        # A list replaces the file's: what is wrong inside it is wrong in the override.
        inside_a_list = any(isinstance(part, int) for part in pointer[:depth])
        leaf = depth == len(pointer) or inside_a_list or not isinstance(value, Mapping)
        if depth and leaf:
            more.pop("key", None)
            return self._settings.fault(code, message, ("overrides", self._key, *pointer[:depth]), **more)
        return super().fault(code, message, pointer, **more)


def _merged(value: Any, override: Any) -> Any:
    """JSON merge patch (RFC 7396): objects merge, null removes, anything else replaces. References are values."""
    if not isinstance(override, Mapping) or not is_mapping(value) or any(k.startswith("$") for k in override):
        return deepcopy(override)
    result = dict(value)
    for key, item in override.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), item)
    return result
