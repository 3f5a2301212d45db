"""A source that follows a script (a JSON list of steps), for tests. Some of its steps are hostile.

["records", stream, first, count]     records {id, note}
["state", stream, value]              a STREAM state
["message", {...}]                    any message
["raw", text]                         text as it is, without a newline
["log", text]  ["stderr", text]
["flood", lines]                      that many log lines
["long", megabytes, stream?, text?]   one record with a text of that size; stream: orders; text: what is repeated
["list", megabytes, stream]           one record with a list of objects of that size in JSON, `items`
["endless", megabytes]                that much output without a newline
["sleep", seconds]  ["hang"]          the latter ignores SIGTERM
["child"]                             starts a grandchild in a session of its own that never ends
["close"]                             closes stdout
["error", message, failure_type]      a TRACE error
["exit", code]  ["kill"]              the latter by SIGKILL
["once", path, [steps]]               steps that are done only if the file is not there yet; makes it
["resume", stream, total, slice, …]   records from the state's `id` on, a state (and a pause) after each slice
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SPEC = {
    "connectionSpecification": {
        "type": "object",
        "properties": {"password": {"type": "string", "airbyte_secret": True}},
    }
}


def say(message: Any) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False) + "\n")


def record(stream: str, number: int, note: str | None = None) -> None:
    data = {"id": number, "note": note if note is not None else f"note {number}"}
    say({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1700000000000 + number}})


def state(stream: str, value: Any) -> None:
    inner = {"stream_descriptor": {"name": stream}, "stream_state": value}
    say({"type": "STATE", "state": {"type": "STREAM", "stream": inner}})


def steps(script: list[Any], given: Any) -> None:  # noqa: PLR0912 - one branch a trick
    for step in script:
        kind, *rest = step
        if kind == "records":
            stream, first, count = rest
            for number in range(first, first + count):
                record(stream, number)
        elif kind == "state":
            state(*rest)
        elif kind == "message":
            say(rest[0])
        elif kind == "raw":
            sys.stdout.write(rest[0])
        elif kind == "log":
            say({"type": "LOG", "log": {"level": "INFO", "message": rest[0]}})
        elif kind == "stderr":
            print(rest[0], file=sys.stderr, flush=True)
        elif kind == "flood":
            for number in range(rest[0]):
                say({"type": "LOG", "log": {"level": "INFO", "message": f"line {number} " + "x" * 200}})
        elif kind == "long":
            size: int = rest[0]
            stream, text = [*rest[1:], *("orders", "x")[len(rest) - 1 :]]
            record(stream, 1, text * (size * 1024 * 1024 // len(text.encode())))
        elif kind == "list":
            item = {"name": "some words of text", "number": 12345}
            items = [item] * (rest[0] * 1024 * 1024 // len(json.dumps(item, separators=(",", ":"))))
            say({"type": "RECORD", "record": {"stream": rest[1], "data": {"id": 1, "items": items}, "emitted_at": 1}})
        elif kind == "endless":
            for _ in range(rest[0]):
                sys.stdout.write("x" * 1024 * 1024)
        elif kind == "sleep":
            sys.stdout.flush()
            time.sleep(rest[0])
        elif kind == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sys.stdout.flush()
            while True:
                time.sleep(3600)
        elif kind == "child":
            command = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
            subprocess.Popen([sys.executable, "-c", command], start_new_session=True)
        elif kind == "close":
            sys.stdout.flush()
            os.close(1)
        elif kind == "error":
            error = {"message": rest[0], "failure_type": rest[1], "internal_message": "inside"}
            say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": error}})
        elif kind == "exit":
            sys.stdout.flush()
            os._exit(rest[0])
        elif kind == "kill":
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "once":
            if not Path(rest[0]).exists():
                Path(rest[0]).write_text("")
                steps(rest[1], given)
        elif kind == "resume":
            stream, total, size, *pause = rest
            begin = next(
                (
                    s["stream"]["stream_state"]["id"]
                    for s in given
                    if s["stream"]["stream_descriptor"]["name"] == stream
                ),
                0,
            )
            for number in range(begin, total):
                record(stream, number + 1)
                if (number + 1) % size == 0:
                    state(stream, {"id": number + 1})
                    sys.stdout.flush()
                    time.sleep(*pause or [0])
        elif kind == "next":
            stream, count, size, pause = rest
            known = {each["stream"]["stream_descriptor"]["name"]: each["stream"]["stream_state"] for each in given}
            begin = known.get(stream, {"id": 0})["id"]
            for number in range(begin + 1, begin + count + 1):
                record(stream, number)
                if (number - begin) % size == 0:
                    state(stream, {"id": number})
                    sys.stdout.flush()
                    time.sleep(pause)
        elif kind == "stamped":
            stream, count, pause = rest
            stamp = f"{os.getpid()} {time.time_ns()}"
            for number in range(count):
                record(stream, number, stamp)
                if number % 100 == 0:
                    sys.stdout.flush()
                    time.sleep(pause)
        else:
            raise SystemExit(f"unknown step {kind}")


def main():
    script = json.loads(Path(sys.argv[1]).read_text())
    command, options = sys.argv[2], dict(zip(sys.argv[3::2], sys.argv[4::2], strict=False))
    if command == "spec":
        say({"type": "SPEC", "spec": SPEC})
    elif command == "check":
        say({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}})
    elif command == "discover":
        schema = {"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}}
        stream = {"name": "orders", "json_schema": schema, "supported_sync_modes": ["full_refresh", "incremental"]}
        say({"type": "CATALOG", "catalog": {"streams": [stream]}})
    else:
        given = json.loads(Path(options["--state"]).read_text()) if "--state" in options else []
        steps(script, given)


main()
