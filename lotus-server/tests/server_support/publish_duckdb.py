"""Publishes a staged receipt to a DuckDB file, in a process that can be killed: `publish_duckdb.py FILE RECEIPT`."""

from __future__ import annotations

import json
import sys

from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.duckdb import DuckDB

STREAM = DestinationStream("orders", None, "append", fields_of({"properties": {"note": {"type": "string"}}}))


def main(path: str, receipt: str) -> None:
    """Says on stdout when the publish begins."""
    database = DuckDB.configured({"destination_path": path})
    print("ready", flush=True)
    database.publish(STREAM, [json.loads(receipt)], replace=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
