"""A server that remembers who asked it for what: which address is asked, with which credential."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOB = {"id": 7, "configType": "refresh", "configId": "c", "status": "running", "createdAt": 1, "updatedAt": 1}


class Answers(BaseHTTPRequestHandler):
    """A server that gives a token, and remembers who asked for a job."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Recorder = self.server  # pyright: ignore[reportAssignmentType]
        server.calls.append((self.path, self.headers.get("Authorization")))
        body = json.dumps({"access_token": "token", "job": JOB, "attempts": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test looks at the calls."""


class Recorder(ThreadingHTTPServer):
    """The calls of one server."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.calls: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        """Where it is, without a path."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def recording() -> Generator[Recorder]:
    """One that runs until the block ends."""
    recorder = Recorder()
    threading.Thread(target=recorder.serve_forever, args=(0.02,), daemon=True).start()
    yield recorder
    recorder.shutdown()
