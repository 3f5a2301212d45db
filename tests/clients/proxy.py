"""A proxy in front of the server that holds every answer against Airbyte's OpenAPI files."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from server_support.conformance import FILES, cited, openapi, operations_of, validators

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding"})
PREFIXES = {"public": ("/api/public/v1", "/v1"), "config": ("/api",)}


class Oracle:
    """What the files allow."""

    def __init__(self, shared: Path) -> None:
        self.operations: list[tuple[str, re.Pattern[str], str, str, set[int], Any]] = []
        for api in FILES:
            specification = openapi(shared, api)
            checks = validators(specification)
            for method, path, operation in operations_of(specification, api):
                declared = {int(code) for code in operation["responses"] if str(code).isdigit()}
                pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))
                allowed = declared | cited(api, method, path)
                self.operations.append((api, pattern, method, path, allowed, checks.get((method, path))))

    def fault(self, method: str, path: str, status: int, body: bytes) -> str | None:
        """Why the files do not allow an answer; None if they do."""
        for api, pattern, verb, name, allowed, validator in self.operations:
            inner = _below(api, path)
            if verb != method or inner is None or not pattern.fullmatch(inner):
                continue
            if status not in allowed:
                return f"{method} {name}: {status} is not in the file, and no source is cited"
            if status == 200 and validator is not None:
                return _mismatch(validator, f"{method} {name}", body)
            return None
        if status in (404, 405) or path.rstrip("/") == "/applications/token":
            return None
        return f"{method} {path}: {status} of an operation that is in no file"


def _below(api: str, path: str) -> str | None:
    for prefix in PREFIXES[api]:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix).rstrip("/") or "/"
    return None


def _mismatch(validator: Any, name: str, body: bytes) -> str | None:
    error = next(validator.iter_errors(json.loads(body)), None)
    return None if error is None else f"{name}: {error.json_path}: {error.message[:200]}"


class Recorder:
    """The answers so far."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._lock = threading.Lock()
        self.exchanges = 0
        self.faults: Counter[str] = Counter()

    def record(self, method: str, path: str, status: int, body: bytes) -> None:
        """Checks one answer."""
        fault = self._oracle.fault(method, path, status, body)
        with self._lock:
            self.exchanges += 1
            if fault:
                self.faults[fault] += 1


@contextmanager
def recording(target: str, recorder: Recorder) -> Generator[str]:
    """The URL of a proxy of the server."""
    client = httpx.Client(base_url=target, timeout=300, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            answer = client.request(self.command, self.path, headers=headers, content=self.rfile.read(length))
            recorder.record(self.command, self.path.partition("?")[0], answer.status_code, answer.content)
            self.send_response(answer.status_code)
            for name, value in _kept(answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - names of the class above

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        client.close()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP}
