"""A proxy on loopback that breaks calls in ways that networks, servers and people do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import httpx

Action: TypeAlias = "Callable[[Handler], bool]"
PUBLIC = "/api/public/v1"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


@dataclass
class Fault:
    """What happens to the first call that matches.

    `before` happens in place of the request's way to the server (True: it does not get there), `after` in place of the
    answer's way back (True: the answer is not sent).
    """

    method: str
    path: str
    before: Action | None = None
    after: Action | None = None
    hits: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, method: str, path: str) -> bool:
        """Whether this call is the one; only the first is."""
        with self.lock:
            if self.hits or method != self.method or path.split("?", maxsplit=1)[0] != PUBLIC + self.path:
                return False
            self.hits += 1
            return True


class Proxy(ThreadingHTTPServer):
    """Passes everything on to a server, but for the calls that a fault takes."""

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = server.removesuffix(PUBLIC)
        self.faults: list[Fault] = []
        self.client = httpx.Client(timeout=300, trust_env=False)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where the provider finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}{PUBLIC}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is what this is for."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    held: httpx.Response
    """The server's answer."""
    body: bytes
    """What was sent."""
    server: Proxy  # pyright: ignore[reportIncompatibleVariableOverride]  (made by Proxy only)

    def handle_one(self) -> None:
        """Pass a request on, or break it."""
        body = self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = next((one for one in self.server.faults if one.takes(self.command, self.path)), None)
        if fault is not None and fault.before is not None and fault.before(self):
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        answer = self.server.client.request(self.command, self.server.target + self.path, content=body, headers=headers)
        self.held = answer
        if fault is not None and fault.after is not None and fault.after(self):
            return
        self.pass_on()

    def pass_on(self) -> None:
        """Send the server's answer."""
        kind = self.held.headers.get("Content-Type", "application/json")
        self.answer(self.held.status_code, self.held.content, kind)

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


def instead(status: int, body: bytes = b'{"message": "broken on purpose"}', **headers: Any) -> Action:
    """This answer in place of the real one."""

    def act(handler: Handler) -> bool:
        handler.answer(status, body, **headers)
        return True

    return act


def reset(handler: Handler) -> bool:
    """No answer at all."""
    handler.reset()
    return True


def answered(size: int, act: Callable[[], None]) -> Action:
    """Answers, and acts once so many calls have been answered."""
    left = iter(range(size - 1, -1, -1))
    lock = threading.Lock()

    def one(handler: Handler) -> bool:
        handler.pass_on()
        with lock:
            last = next(left) == 0
        if last:
            act()
        return True

    return one


def together(size: int, act: Callable[[], None], *, delay: float | None = None) -> Action:
    """Waits until so many calls have come to this point, then acts once for all of them.

    None of them is answered; with a delay in seconds they go on after the act.
    """
    barrier = threading.Barrier(size)

    def one(handler: Handler) -> bool:
        if barrier.wait(timeout=60) == 0:
            act()
        if delay is None:
            return True
        barrier.wait(timeout=60)
        time.sleep(delay)
        return False

    return one


def slow(seconds: float) -> Action:
    """The answer, but late."""

    def act(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act
