"""The server as a process of its own, as ``lotus dev up`` starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

START_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ServerProcess:
    """One server over a data directory; leaving it kills it."""

    data: Path
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()
    child: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Starts it; returns the seconds until the first healthy answer."""
        command = [sys.executable, "-m", "lotus_server", "--data", str(self.data), "--port", str(self.port)]
        began = time.monotonic()
        self.child = subprocess.Popen(
            [*command, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        # One plain client: httpx.get reads the certificates at each call, which takes the processor from the server.
        with httpx.Client(base_url=self.url, trust_env=False, verify=False) as client:  # noqa: S501 - plain HTTP
            while time.monotonic() - began < START_SECONDS:
                try:
                    if client.get("/v1/health").status_code == 200:
                        return time.monotonic() - began
                except httpx.TransportError:
                    pass
                if self.child.poll() is not None:
                    raise AssertionError(f"the server ended: {self.child.communicate()[1]}")
                time.sleep(0.01)
        raise AssertionError("the server did not answer")

    def kill(self) -> None:
        """kill -9."""
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.communicate()

    def stop(self) -> tuple[int, str, str]:
        """Stops it as an operating system does; returns the exit code and what it printed."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        out, err = self.child.communicate(timeout=30)
        return self.child.returncode, out, err

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
