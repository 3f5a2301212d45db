"""The local processes of one clone: started detached, found again by their command line.

There is no pid file to go stale: a process is ours when its arguments hold this clone's own data folder.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from lotus.errors import ToolError

STOP_SECONDS = 15
FIRST_PORT, PORT_BLOCKS, BLOCK = 20000, 1000, 10  # below Linux's ephemeral ports (32768 and up)


@dataclass(frozen=True)
class Service:
    """A server on a loopback port: how to start it, how to know it, when it is healthy."""

    name: str
    command: tuple[str, ...]
    port: int
    mark: str
    log: Path
    healthy: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    folders: tuple[Path, ...] = ()
    """What it does not create itself."""
    start_seconds: float = 30


def running(service: Service) -> psutil.Process | None:
    """The process that serves `service`, or None."""
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments: list[str] = process.info["cmdline"] or []
        if service.mark in arguments and process.info["status"] != psutil.STATUS_ZOMBIE:
            parent = process.parent()
            if parent is None or service.mark not in _arguments(parent):
                return process
    return None


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def start(service: Service) -> bool:
    """Has `service` running and healthy; True when it had to be started.

    Raises:
        ToolError: its port belongs to somebody else, it ended at once, or it did not become healthy in time; the
            message ends with the last line of its log.
    """
    if running(service) is not None:
        _wait_healthy(service, None)
        return False
    if port_is_taken(service.port):
        raise ToolError(
            f"port {service.port}, which is this clone's port for {service.name}, is in use by {_owner(service.port)}",
            where=f"127.0.0.1:{service.port}",
            fix="end that process, or give this clone other ports (its data stays): "
            f"lotus dev up --port {free_block(service.port)}",
        )
    for folder in (service.log.parent, *service.folders):
        folder.mkdir(parents=True, exist_ok=True)
    with service.log.open("ab") as log:
        process = subprocess.Popen(
            service.command,
            env={**os.environ, **service.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _wait_healthy(service, process)
    return True


def stop(service: Service) -> bool:
    """Ends `service` (SIGTERM, after 15 s SIGKILL) with its children; True when there was something to end."""
    process = running(service)
    if process is None:
        return False
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for survivor in alive:
        survivor.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)
    return True


@functools.cache
def _opener() -> Any:
    """An opener that goes to loopback directly, whatever proxy the shell names."""
    from urllib.request import ProxyHandler, build_opener

    return build_opener(ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether a server of this machine answers with 200."""
    try:
        with _opener().open(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def free_block(wish: int) -> int:
    """The first of three neighbouring ports that are free: at `wish` or behind it, in the range of dev stacks.

    Raises:
        ToolError: there are none.
    """
    for step in range(PORT_BLOCKS):
        first = FIRST_PORT + (wish - FIRST_PORT + step * BLOCK) % (PORT_BLOCKS * BLOCK) // BLOCK * BLOCK
        if not any(port_is_taken(port) for port in range(first, first + 3)):
            return first
    raise ToolError(
        f"no three neighbouring loopback ports are free from {FIRST_PORT} to {FIRST_PORT + PORT_BLOCKS * BLOCK - 1}",
        fix="choose others: lotus dev up --port 30000",
    )


def port_is_taken(port: int) -> bool:
    """Whether something listens on the loopback port (or holds it so that nobody can)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _owner(port: int) -> str:
    for process in psutil.process_iter(["pid", "name"]):
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections):
            return f"{process.info['name']} (pid {process.info['pid']})"
    return "another process"


def _wait_healthy(service: Service, process: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + service.start_seconds
    while not service.healthy():
        if process is not None and process.poll() is not None:
            raise ToolError(
                f"{service.name} ended as soon as it was started: {_last_line(service.log)}",
                where=str(service.log),
                fix="read its log, fix the cause, then run it again",
            )
        if time.monotonic() > deadline:
            raise ToolError(
                f"{service.name} was not healthy after {service.start_seconds:.0f} s: {_last_line(service.log)}",
                where=str(service.log),
                fix="lotus dev down, then run it again",
            )
        time.sleep(0.05)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:300] if lines else "its log is empty"
