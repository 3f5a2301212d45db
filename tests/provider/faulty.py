"""A proxy on loopback that breaks one call in a way that networks, servers and people do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


@dataclass
class Fault:
    """What happens to the first call that matches.

    `before` happens in place of the request's way to the server (True: it does not get there), `after` in place of the
    answer's way back (True: the answer is not sent).
    """

    method: str
    path: str
    before: Callable[[Handler], bool] | None = None
    after: Callable[[Handler], bool] | None = None
    hits: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, method: str, path: str) -> bool:
        """Whether this call is the one; only the first is."""
        with self.lock:
            if self.hits or method != self.method or not path.split("?", maxsplit=1)[0].endswith(self.path):
                return False
            self.hits += 1
            return True


class Proxy(ThreadingHTTPServer):
    """Passes everything on to a server, but for the call that the fault takes."""

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = server.removesuffix("/api/public/v1")
        self.fault: Fault | None = None
        self.client = httpx.Client(timeout=300, trust_env=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the provider finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}/api/public/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is what this is for."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Proxy  # pyright: ignore[reportIncompatibleVariableOverride]  (made by Proxy only)

    def handle_one(self) -> None:
        """Pass a request on, or break it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.fault
        taken = fault is not None and fault.takes(self.command, self.path)
        if fault is not None and taken and fault.before is not None and fault.before(self):
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        answer = self.server.client.request(self.command, self.server.target + self.path, content=body, headers=headers)
        if fault is not None and taken and fault.after is not None and fault.after(self):
            return
        self.answer(answer.status_code, answer.content, answer.headers.get("Content-Type", "application/json"))

    def answer(self, status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """Break the connection off."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests look at what happened, not at a log."""

    # Names that http.server looks for.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815


def instead(
    status: int, body: bytes = b'{"message": "broken on purpose"}', **headers: str
) -> Callable[[Handler], bool]:
    """This answer in place of the real one."""

    def act(handler: Handler) -> bool:
        handler.answer(status, body, **headers)
        return True

    return act


def reset(handler: Handler) -> bool:
    """No answer at all."""
    handler.reset()
    return True


def slow(seconds: float) -> Callable[[Handler], bool]:
    """The answer, but late."""

    def act(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act
