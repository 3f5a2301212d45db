"""See `lotus.embedded`."""

from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Layout,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
    inlined,
)

__all__ = [
    "Destination",
    "DestinationConfiguration",
    "DestinationError",
    "DestinationStream",
    "Layout",
    "Mode",
    "Note",
    "Receipt",
    "TransientDestinationError",
    "inlined",
]
