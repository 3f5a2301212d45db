"""A source that speaks the Airbyte protocol: the streams that the facts about connections need, no network."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

SPEC = {
    "documentationUrl": "https://example.com/shop",
    "connectionSpecification": {
        "type": "object",
        "required": ["shop"],
        "properties": {
            "shop": {"type": "string"},
            "count": {"type": "integer", "minimum": 0},
            "fault": {"type": "string", "enum": ["check", "discover", "read"]},
            "offers": {"type": "string", "description": "A file of the streams that are offered, if it is there."},
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


def _schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": ["null", "string"]} for name in names}}


STREAMS: list[dict[str, Any]] = [
    {
        "name": "orders",
        "json_schema": _schema("id", "updated_at", "total"),
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["updated_at"],
        "source_defined_primary_key": [["id"]],
    },
    {
        "name": "customers",
        "json_schema": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "seen_at": {"type": "string"},
                "address": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        },
        "supported_sync_modes": ["full_refresh", "incremental"],
    },
    {"name": "events", "json_schema": _schema("id"), "supported_sync_modes": ["full_refresh"]},
    {"name": "twins", "namespace": "left", "json_schema": _schema("id"), "supported_sync_modes": ["full_refresh"]},
    {"name": "twins", "namespace": "right", "json_schema": _schema("id"), "supported_sync_modes": ["full_refresh"]},
]


def main() -> None:
    """Answer one command."""
    command = sys.argv[1]
    configuration: dict[str, Any] = {}
    if "--config" in sys.argv:
        configuration = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
    fault = configuration.get("fault")
    if command == "spec":
        _say({"type": "SPEC", "spec": SPEC})
    elif command == "check":
        failed = {"status": "FAILED", "message": "the shop is closed"}
        _say({"type": "CONNECTION_STATUS", "connectionStatus": failed if fault == "check" else {"status": "SUCCEEDED"}})
    elif command == "discover" and fault == "discover":
        _say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": {"message": "no such shop"}}})
        sys.exit(1)
    elif command == "discover":
        offers = Path(configuration.get("offers", "/nonexistent"))
        streams = json.loads(offers.read_text()) if offers.exists() else STREAMS
        _say({"type": "CATALOG", "catalog": {"streams": streams}})
    elif command == "read":
        time.sleep(configuration.get("pause", 0))
        _say(
            {"type": "LOG", "log": {"level": "INFO", "message": f"logging in with {configuration.get('api_password')}"}}
        )
        if fault == "read":
            _say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": {"message": "sold out"}}})
            sys.exit(1)
        catalog = json.loads(Path(sys.argv[sys.argv.index("--catalog") + 1]).read_text())
        for entry in catalog["streams"]:
            _read(entry)


def _read(entry: dict[str, Any]) -> None:
    name, namespace = entry["stream"]["name"], entry["stream"].get("namespace")
    descriptor = {"name": name, **({"namespace": namespace} if namespace else {})}
    for number in range(3):
        data = {"id": str(number), "updated_at": f"2026-01-0{number + 1}"}
        record = {"stream": name, "data": data, "emitted_at": 1767225600000, "namespace": namespace}
        _say({"type": "RECORD", "record": record})
    state = {"stream_descriptor": descriptor, "stream_state": {"updated_at": "2026-01-03"}}
    _say({"type": "STATE", "state": {"type": "STREAM", "stream": state}})
    status = {"stream_descriptor": descriptor, "status": "COMPLETE"}
    _say({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status}})


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


main()
