"""A source that speaks the Airbyte protocol, with any specification: `python spec_source.py <spec file> <command>`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

STREAMS: list[dict[str, Any]] = [
    {
        "name": name,
        "json_schema": {"type": "object", "properties": {field: {"type": "string"} for field in ("id", "at", "total")}},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["at"],
        "source_defined_primary_key": [["id"]],
    }
    for name in ("orders", "customers", "events", "returns")
]
LEDGER = {
    "name": "ledger",
    "json_schema": {"type": "object", "properties": {field: {"type": "string"} for field in ("id", "at", "total")}},
    "supported_sync_modes": ["full_refresh", "incremental"],
}
"""A stream whose key and cursor the source does not define."""


def say(message: dict[str, Any]) -> None:
    """One message of the protocol."""
    print(json.dumps(message), flush=True)


def main(spec_file: str, command: str, *arguments: str) -> None:
    """Answer one command; the check fails for the pin "wrong"."""
    if command == "spec":
        say({"type": "SPEC", "spec": json.loads(Path(spec_file).read_text())})
    elif command == "check":
        configuration = json.loads(Path(arguments[arguments.index("--config") + 1]).read_text())
        failed = {"status": "FAILED", "message": "the shop does not know this pin"}
        wrong = str(configuration.get("pin", "")).startswith("wrong")
        say({"type": "CONNECTION_STATUS", "connectionStatus": failed if wrong else {"status": "SUCCEEDED"}})
    elif command == "discover":
        say({"type": "CATALOG", "catalog": {"streams": [*STREAMS, LEDGER]}})


main(*sys.argv[1:])
