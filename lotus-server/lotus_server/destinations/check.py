"""`python -m lotus_server.destinations.check NAME --config FILE`: a destination's check, in a process of its own.

Prints one CONNECTION_STATUS message, as a connector would.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from lotus_server.destinations import DestinationError, destination_class
from lotus_server.protocol import line_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks and prints; the exit code is 0 whenever there is an answer."""
    parser = argparse.ArgumentParser(prog="lotus_server.destinations.check", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args(arguments)
    destination_type = destination_class(options.name)
    try:
        if destination_type is None:
            raise DestinationError(f"there is no destination {options.name}")
        destination = destination_type.configured(orjson.loads(options.config.read_bytes()))
        destination.check()
    except DestinationError as error:
        status = {"status": "FAILED", "message": str(error)}
    else:
        status = {"status": "SUCCEEDED"}
    sys.stdout.buffer.write(line_of({"type": "CONNECTION_STATUS", "connectionStatus": status}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
