"""The names of connectors, by where they run: on PyPI (so on the local server), or only in an Airbyte.

The names alone are kept; versions, licence and Pythons are looked up when a connector is asked for. A name that is in
no list may still be one: an Airbyte has connectors of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from typing import Literal

Role = Literal["source", "destination"]

_OWN_DESTINATIONS = ("local", "duckdb", "s3", "postgres", "dev-null")
"""What the local server lands records in."""

_ALIKE = 0.8
"""How alike two names are before the one is taken for a misspelt other: real neighbours (github, gitlab) are below."""


@functools.cache
def _names(file: str) -> tuple[str, ...]:
    return tuple((files("lotus.config") / "names" / f"{file}.txt").read_text(encoding="utf-8").split())


def on_pypi() -> tuple[str, ...]:
    """Sources with a package `airbyte-source-<name>`."""
    return _names("sources_on_pypi")


def elsewhere() -> tuple[str, ...]:
    """Sources that Airbyte has as a low-code manifest or a container image only."""
    return _names("sources_elsewhere")


def local_destinations() -> tuple[str, ...]:
    """Destinations of the local server, those of installed packages too."""
    from importlib.metadata import entry_points

    return tuple(sorted({*_OWN_DESTINATIONS, *(entry.name for entry in entry_points(group="lotus.destinations"))}))


def destination_names() -> tuple[str, ...]:
    """Destinations of Airbyte and of the local server."""
    return tuple(sorted({*_names("destinations"), *local_destinations()}))


def nearest(name: str, role: Role) -> str:
    """The connector that a misspelt name probably means, such as `github` for `githbu`; empty if the name is one."""
    names = (*on_pypi(), *elsewhere()) if role == "source" else destination_names()
    if name in names:
        return ""
    # People misspell the first letter least: `mail` is no `gmail`.
    close = get_close_matches(name, [each for each in names if each[0] == name[:1]], n=1, cutoff=_ALIKE)
    return close[0] if close else ""


def matching(word: str) -> Iterator[tuple[Role, str, str]]:
    """Role, name and where it runs, of every connector whose name contains a word."""
    local = local_destinations()
    for name in sorted({*on_pypi(), *elsewhere()}):
        if word in name:
            yield "source", name, "here and in Airbyte" if name in on_pypi() else "in Airbyte: an image or a manifest"
    for name in destination_names():
        if word in name:
            yield "destination", name, "here and in Airbyte" if name in local else "in Airbyte"
