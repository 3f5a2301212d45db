"""A gate between the provider and the server: it lets requests through, and at a chosen one something happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Accident = Callable[["Gate"], None]


class Gate:
    """A proxy on loopback.

    `at` is the number of the request (from 1) or the end of a path, at which `before` runs instead of forwarding, or
    `after` runs in place of the answer.
    """

    def __init__(self, target: str) -> None:
        self.target = target.split("/api/", maxsplit=1)[0]
        self.count = 0
        self.paths: list[str] = []
        self.at: int | str | None = None
        self.only_public = False
        """Whether the config API lets nobody in, as Airbyte Cloud's does not with every credential."""
        self.before: Accident | None = None
        self.after: Accident | None = None
        self.kill: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            """Forwards."""

            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                gate.handle(self)

            do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _forward  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._http = httpx.Client(timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/public/v1"

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        with self._lock:
            self.count += 1
            self.paths.append(request.path)
            mine = self.at == self.count or (isinstance(self.at, str) and request.path.endswith(self.at))
            if mine:
                self.at = None
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if mine and self.before:
            self.before(self)
            request.close_connection = True
            return
        if self.only_public and request.path.startswith("/api/v1/"):
            request.send_response(403)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        answer = self._http.request(request.command, self.target + request.path, content=body, headers=headers)
        if mine and self.after:
            self.after(self)
            request.close_connection = True
            return
        request.send_response(answer.status_code)
        request.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        request.send_header("Content-Length", str(len(answer.content)))
        request.end_headers()
        request.wfile.write(answer.content)
