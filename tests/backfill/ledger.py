"""A source of two streams with a time cursor: `python ledger.py <control file> <command> …`.

The control file is JSON: `rows` of each stream, `fail` (the read fails at once), `seconds` (the read takes that long).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

STREAMS = ("customers", "orders")
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "updated_at": {"type": "string", "format": "date-time"}},
}


def say(message: dict[str, Any]) -> None:
    """One message of the protocol."""
    print(json.dumps(message), flush=True)


def moment(number: int) -> str:
    """When row `number` was changed: one a day."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1735689600 + number * 86400))


def read(control: dict[str, Any], options: dict[str, str]) -> None:
    """Rows after the state's cursor, and the new state."""
    if control.get("fail"):
        error = {"message": "the ledger is closed", "failure_type": "config_error"}
        say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": error}})
        sys.exit(1)
    time.sleep(control.get("seconds", 0))
    states: list[Any] = json.loads(Path(options["--state"]).read_text()) if "--state" in options else []
    known = {each["stream"]["stream_descriptor"]["name"]: each["stream"]["stream_state"] for each in states}
    catalog = json.loads(Path(options["--catalog"]).read_text())
    for name in sorted(each["stream"]["name"] for each in catalog["streams"]):
        since = known.get(name, {}).get("updated_at", "")
        last = since
        for number in range(control["rows"]):
            if moment(number) > since:
                last = moment(number)
                data = {"id": number, "updated_at": last}
                say({"type": "RECORD", "record": {"stream": name, "data": data, "emitted_at": 1700000000000}})
        state = {"stream_descriptor": {"name": name}, "stream_state": {"updated_at": last}}
        say({"type": "STATE", "state": {"type": "STREAM", "stream": state}})


def main() -> None:
    """Answer one command."""
    control, command = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
    if command == "spec":
        say({"type": "SPEC", "spec": {"connectionSpecification": {"type": "object", "properties": {}}}})
    elif command == "check":
        say({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}})
    elif command == "discover":
        streams = [
            {
                "name": name,
                "json_schema": SCHEMA,
                "supported_sync_modes": ["full_refresh", "incremental"],
                "default_cursor_field": ["updated_at"],
                "source_defined_primary_key": [["id"]],
            }
            for name in STREAMS
        ]
        say({"type": "CATALOG", "catalog": {"streams": streams}})
    else:
        read(control, dict(zip(sys.argv[3::2], sys.argv[4::2], strict=False)))


main()
