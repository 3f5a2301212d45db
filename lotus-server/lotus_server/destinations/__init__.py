"""The server's destinations. A new one is a file and a line here, or an entry point `lotus.destinations`."""

from __future__ import annotations

from typing import Any

from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    TransientDestinationError,
)
from lotus_server.destinations.dev_null import DevNull
from lotus_server.destinations.duckdb import DuckDB
from lotus_server.destinations.local import Local
from lotus_server.destinations.postgres import Postgres
from lotus_server.destinations.s3 import S3
from lotus_server.domain.destination_plugins import destination_plugins

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
    "dev-null": DevNull,
    "duckdb": DuckDB,
    "local": Local,
    "postgres": Postgres,
    "s3": S3,
}


def destination_class(name: str) -> type[Destination[Any]] | None:
    """The destination of that name: ours, or one that another distribution offers."""
    if name in DESTINATIONS:
        return DESTINATIONS[name]
    for entry in destination_plugins():
        if entry.name == name:
            return entry.load()
    return None
