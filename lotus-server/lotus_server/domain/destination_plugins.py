"""Destinations of other distributions, by their entry points."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

DESTINATION_GROUP = "lotus.destinations"
"""Entry points of this group are destinations that other distributions offer."""


def destination_plugins() -> Sequence[EntryPoint]:
    """The entry points by name; nothing is imported, so a broken one breaks only its own use."""
    return sorted(entry_points(group=DESTINATION_GROUP), key=lambda entry: entry.name)
