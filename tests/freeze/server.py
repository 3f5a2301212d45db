"""The Airbyte-compatible server as a process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

MODULES = ("lotus_server", "lotus.embedded")
"""What `python -m` starts the server with: where it is a distribution of its own, and where it was at bb0f71e."""


def server_command(data: Path, *arguments: str) -> list[str]:
    """The command that serves this data folder on a port that the system chooses."""
    module = next(name for name in MODULES if importlib.util.find_spec(name))
    return [sys.executable, "-m", module, "--data", str(data), "--port", "0", *arguments]


@contextmanager
def serving(data: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Generator[str]:
    """The server's root address, such as http://127.0.0.1:8000; the server ends with the block."""
    server = subprocess.Popen(
        server_command(data, *arguments), env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "http://" in line, f"the server did not start: {line}"
        url = next(word for word in line.split() if word.startswith("http://"))
        yield url.removesuffix("/api/public/v1")
    finally:
        server.terminate()
        server.wait(timeout=30)
