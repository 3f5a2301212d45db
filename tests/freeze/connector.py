"""A source that speaks the Airbyte protocol: every type, no network, the same rows at each read.

Part of the recordings: an edit changes what they hold.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

EMITTED_AT = 1735689600000
SPEC: dict[str, Any] = {
    "documentationUrl": "https://example.com/shop",
    "connectionSpecification": {
        "type": "object",
        "required": ["shop"],
        "properties": {
            "shop": {"type": "string"},
            "count": {"type": "integer", "minimum": 0},
            "fault": {"type": "string", "enum": ["check", "discover", "read"]},
            "pause": {"type": "number", "description": "Seconds before a read says anything."},
            "api_password": {"type": "string", "airbyte_secret": True},
            "credentials": {
                "type": "object",
                "oneOf": [
                    {
                        "properties": {
                            "kind": {"const": "oauth"},
                            "refresh": {"type": "string", "airbyte_secret": True},
                        },
                        "required": ["kind", "refresh"],
                    },
                    {
                        "properties": {"kind": {"const": "login"}, "user": {"type": "string"}},
                        "required": ["kind", "user"],
                    },
                ],
            },
        },
    },
}
TEXT = {"type": ["null", "string"]}
TYPES: dict[str, Any] = {
    "id": {"type": "integer"},
    "text": TEXT,
    "flag": {"type": ["null", "boolean"]},
    "whole": {"type": ["null", "integer"]},
    "real": {"type": ["null", "number"]},
    "day": {"type": ["null", "string"], "format": "date"},
    "time": {"type": ["null", "string"], "format": "time"},
    "time_with_zone": {"type": ["null", "string"], "format": "time", "airbyte_type": "time_with_timezone"},
    "time_without_zone": {"type": ["null", "string"], "format": "time", "airbyte_type": "time_without_timezone"},
    "moment": {"type": ["null", "string"], "format": "date-time"},
    "moment_with_zone": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"},
    "moment_without_zone": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
    "anything": {"type": "object"},
    "untyped": {},
    "address": {"type": ["null", "object"], "properties": {"city": TEXT, "zip": {"type": "integer"}}},
    "list": {"type": ["null", "array"], "items": {"type": ["null", "string"]}},
    "lines": {
        "type": ["null", "array"],
        "items": {
            "type": "object",
            "properties": {"sku": TEXT, "prices": {"type": "array", "items": {"type": "number"}}},
        },
    },
    "array": {"type": ["null", "array"]},
    "choice": {"type": ["null", "string", "integer", "object"], "properties": {"k": {"type": "string"}}},
    "either": {"oneOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "integer"}}]},
    "a.b": TEXT,
    "a_b": TEXT,
    "1st": {"type": "integer"},
    "Prénom (été)": TEXT,
    "😀": TEXT,
}
ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "text": "plain",
        "flag": True,
        "whole": -(2**63),
        "real": 2.5,
        "day": "2024-02-29",
        "time": "05:04:05",
        "time_with_zone": "05:04:05.123456+02:00",
        "time_without_zone": "23:59:59",
        "moment": "2024-03-01T10:00:00.5Z",
        "moment_with_zone": "2024-03-01T10:00:00+05:30",
        "moment_without_zone": "2024-03-01T10:00:00",
        "anything": {"b": [True, None, {"c.d": "😀"}], "n": 12345678901234567890123},
        "untyped": {"a": 1},
        "address": {"city": "Oslo", "zip": 150},
        "list": ["a", None, ""],
        "lines": [{"sku": "M1", "prices": [1, 2.5]}, {"sku": None}],
        "array": [1, "a", {"x": None}],
        "choice": "text",
        "either": [1, 2],
        "a.b": "dot",
        "a_b": "line",
        "1st": 1,
        "Prénom (été)": "é",
        "😀": "smile",
    },
    {
        "id": 2,
        "text": '\n\\"\u0000 e\u0301',
        "flag": False,
        "whole": "12",
        "real": 3,
        "day": "1969-12-31",
        "moment": "1960-01-01T00:00:00Z",
        "untyped": "text",
        "choice": 5,
        "either": True,
        "address": {"city": None, "undeclared": 1},
        "list": [],
        "lines": [],
        "array": [],
        "undeclared": "column",
    },
    {
        "id": 3,
        "text": 17,
        "flag": "yes",
        "whole": 2**63,
        "real": "frog",
        "day": "2026-13-45",
        "time": "25:00:00",
        "moment": "yesterday",
        "moment_with_zone": "+12026-01-01T00:00:00Z",
        "address": "no object",
        "list": "no list",
        "lines": [5],
        "choice": {"k": "v"},
        "anything": "text",
        "untyped": 5,
    },
    {"id": 4},
    {
        "id": 5, "text": None, "flag": None, "whole": None, "real": None, "day": None, "time": None, "address": None,
        "list": None, "lines": None, "choice": None, "either": None, "anything": None, "moment": None,
    },
]  # fmt: skip


def _stream(name: str, properties: dict[str, Any], *modes: str, **values: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"name": name, "json_schema": schema, "supported_sync_modes": ["full_refresh", *modes], **values}


ORDERS = {"id": TEXT, "updated_at": TEXT, "total": {"type": "number"}}
CUSTOMERS = {
    "id": {"type": "integer"},
    "seen_at": {"type": "string"},
    "address": {"type": "object", "properties": {"city": {"type": "string"}}},
}
STREAMS = [
    _stream(
        "orders",
        ORDERS,
        "incremental",
        source_defined_cursor=True,
        default_cursor_field=["updated_at"],
        source_defined_primary_key=[["id"]],
    ),
    _stream("customers", CUSTOMERS, "incremental"),
    _stream("twins", {"id": TEXT}, namespace="left"),
    _stream("twins", {"id": TEXT}, namespace="right"),
    _stream("types", TYPES, "incremental"),
]


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _rows(name: str) -> list[dict[str, Any]]:
    if name == "types":
        return ROWS
    days = [f"2024-01-0{number}" for number in range(1, 4)]
    return [{"id": str(number), "updated_at": day, "seen_at": day, "total": 1.5} for number, day in enumerate(days)]


def _read(stream: dict[str, Any]) -> None:
    name, namespace = stream["name"], stream.get("namespace")
    descriptor = {"name": name, **({"namespace": namespace} if namespace else {})}
    for data in _rows(name):
        record = {"stream": name, "data": data, "emitted_at": EMITTED_AT, "namespace": namespace}
        _say({"type": "RECORD", "record": record})
    state = {"stream_descriptor": descriptor, "stream_state": {"updated_at": "2024-01-03"}}
    _say({"type": "STATE", "state": {"type": "STREAM", "stream": state}})
    status = {"stream_descriptor": descriptor, "status": "COMPLETE"}
    _say({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status}})


def _fail(message: str) -> None:
    error = {"message": message, "failure_type": "config_error"}
    _say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": error}})
    sys.exit(1)


def main() -> None:
    """Answers one command."""
    command, options = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
    configuration = json.loads(Path(options["--config"]).read_text()) if "--config" in options else {}
    fault = configuration.get("fault")
    if command == "spec":
        _say({"type": "SPEC", "spec": SPEC})
    elif command == "check":
        failed = {"status": "FAILED", "message": "the shop is closed"}
        _say({"type": "CONNECTION_STATUS", "connectionStatus": failed if fault == "check" else {"status": "SUCCEEDED"}})
    elif command == fault == "discover":
        _fail("no such shop")
    elif command == "discover":
        _say({"type": "CATALOG", "catalog": {"streams": STREAMS}})
    elif fault == "read":
        _fail("sold out")
    else:
        time.sleep(configuration.get("pause", 0))
        for entry in json.loads(Path(options["--catalog"]).read_text())["streams"]:
            _read(entry["stream"])


if __name__ == "__main__":
    main()
