"""Destinations of the embedded Airbyte. A new one is a file and a line here, or an entry point `lotus.destinations`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from lotus.embedded.connectors.registry import DESTINATION_GROUP
from lotus.embedded.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    TransientDestinationError,
)
from lotus.embedded.destinations.duckdb import DuckDB
from lotus.embedded.destinations.local import Local
from lotus.embedded.destinations.s3 import S3

__all__ = [
    "DESTINATIONS",
    "Destination",
    "DestinationConfiguration",
    "DestinationError",
    "DestinationStream",
    "TransientDestinationError",
    "destination_class",
]

DESTINATIONS: dict[str, type[Destination[Any]]] = {
    "duckdb": DuckDB,
    "local": Local,
    "s3": S3,
}


def destination_class(name: str) -> type[Destination[Any]] | None:
    """The destination of that name: ours, or one that another distribution offers."""
    if name in DESTINATIONS:
        return DESTINATIONS[name]
    for entry in entry_points(group=DESTINATION_GROUP, name=name):
        return entry.load()
    return None
