"""PyAirbyte into its DuckDB cache, from a program that prints the file: `pyairbyte_duckdb.py SOURCE FOLDER SCHEMAS`."""

import json
import os
import sys
from pathlib import Path

os.environ |= {"DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}

import airbyte
from airbyte.caches import DuckDBCache

source, folder, schemas = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
streams = [
    {
        "name": name,
        "json_schema": {"type": "object", "properties": properties},
        "supported_sync_modes": ["full_refresh"],
    }
    for name, properties in schemas.items()
]
messages = {
    "spec": {"type": "SPEC", "spec": {"connectionSpecification": {"type": "object", "properties": {}}}},
    "check": {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}},
    "discover": {"type": "CATALOG", "catalog": {"streams": streams}},
}
for name, message in messages.items():
    (folder / name).write_text(json.dumps(message) + "\n")
program = folder / "source-bench"
program.write_text(f'#!/bin/sh\ncase "$1" in read) exec cat "{source}";; *) exec cat "{folder}/$1";; esac\n')
program.chmod(0o755)
connector = airbyte.get_source("source-bench", local_executable=program, config={}, install_if_missing=False)
connector.select_all_streams()
connector.read(cache=DuckDBCache(db_path=folder / "cache.duckdb"), force_full_refresh=True)
