"""Landed values in a form that can be compared with what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def without_nulls(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """The value without members that are null, each leaf as `leaf` gives it: a column has all members for every row."""
    if isinstance(value, Mapping):
        return {key: without_nulls(member, leaf) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(item, leaf) for item in value]
    return leaf(value)
