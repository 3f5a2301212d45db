"""Names in SQL, for every destination that speaks it."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'
