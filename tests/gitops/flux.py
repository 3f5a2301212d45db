"""Flux's source-controller and a git host, both real and both on loopback."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.gitops.control_plane import ControlPlane, program
from tests.support.processes import free_port, running


@contextmanager
def source_controller(api: ControlPlane, folder: Path) -> Generator[Path]:
    """source-controller 1.3.0 against that API server; yields its log."""
    files, metrics, health = free_port(), free_port(), free_port()
    command = [
        program("source-controller"),
        "--storage-path", folder, "--storage-addr", f"127.0.0.1:{files}",
        "--storage-adv-addr", f"127.0.0.1:{files}",
        "--metrics-addr", f"127.0.0.1:{metrics}", "--health-addr", f"127.0.0.1:{health}",
        "--enable-leader-election=false", "--log-level", "info", "--watch-all-namespaces",
    ]  # fmt: skip
    environment = {"KUBECONFIG": str(api.kubeconfig), "RUNTIME_NAMESPACE": "default", "NO_PROXY": "127.0.0.1"}
    log = folder.parent / f"{folder.name}.log"
    with running(command, log, environment) as process:
        until = time.monotonic() + 60
        while b"Starting workers" not in log.read_bytes():
            assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.1)
        yield log


@dataclass(frozen=True)
class GitHost:
    """One repository: `url` to fetch it, `push` to add a commit."""

    url: str
    work: Path

    def push(self, file: str, text: str) -> str:
        """Commits and pushes one file; returns the commit."""
        path = self.work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--allow-empty", "--message", f"Change {file}")
        git(self.work, "push", "--quiet", "origin", "HEAD:main")
        return git(self.work, "rev-parse", "HEAD")


@contextmanager
def git_host(folder: Path) -> Generator[GitHost]:
    """git's own `http-backend`, called as the CGI program that it is."""
    bare, work = folder / "git" / "lake.git", folder / "work"
    bare.parent.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    subprocess.run(["git", "clone", "--quiet", bare, work], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_GitHandler, bare.parent))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield GitHost(f"http://127.0.0.1:{server.server_port}/lake.git", work)
    finally:
        server.shutdown()
        server.server_close()


class _GitHandler(BaseHTTPRequestHandler):
    def __init__(self, root: Path, *arguments: Any) -> None:
        self.root = root
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": self.headers.get("Content-Length", "0"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True)
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  the name that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is for the test."""


def git(folder: Path, *arguments: str) -> str:
    """One git command as a person whom no configuration of this machine touches."""
    who = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@lake",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@lake",
    }
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}
    answer = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def until(found: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer of `found`."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.2)
    return answer
