"""Child processes that speak the Airbyte protocol: started in a group of their own, bounded, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from lotus_server.connectors.errors import FailedCommandError, TimedOutError
from lotus_server.connectors.private import TEMPORARY, WORK
from lotus_server.connectors.reasons import reason_of
from lotus_server.connectors.scrubber import Scrubber
from lotus_server.protocol import MAX_LINE_BYTES, AirbyteMessage, parse_message

MARK = "LOTUS_EMBEDDED_OWNER"
"""Environment variable that all descendants of a server carry (value: its data directory), so that a server which
was killed can find at its next start what it left running, even when that has changed its session or parent."""

STOP_SECONDS = 2.0
"""Between SIGTERM and SIGKILL; a cancel has to end within 5 s."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """In a child between fork and exec: have the kernel kill it when its parent dies (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
INHERITED = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *_PROXIES,
        *(name.upper() for name in _PROXIES),
    ]
)
"""What a connector needs of this process's environment: everything else may be a credential that it must not see."""


def environment(owner: str, folder: Path) -> dict[str, str]:
    """Environment for a connector: what every program needs, its own folder for temporary files, its owner's mark."""
    inherited = {key: value for key, value in os.environ.items() if key in INHERITED or key.startswith("LC_")}
    return {**inherited, "TMPDIR": str(folder / TEMPORARY), "PYTHONUTF8": "1", MARK: owner}


def kill_group(pid: int, *, number: int = signal.SIGKILL) -> None:
    """Signals a process group; does nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def marked_processes(owner: str) -> list[psutil.Process]:
    """Living processes of this user that carry the owner's mark (or `owner#something`), without this one."""
    marked: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK, "")
            if (mark == owner or mark.startswith(f"{owner}#")) and process.status() != psutil.STATUS_ZOMBIE:
                marked.append(process)
    return marked


def sweep(owner: str) -> int:
    """Kills every process that carries the owner's mark; returns their number."""
    total = 0
    for _ in range(10):
        processes = marked_processes(owner)
        if not processes:
            break
        total += len(processes)
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=1)
    return total


@dataclass
class Outcome:
    """What a command answered: messages other than logs, and the tail of its log (scrubbed)."""

    messages: list[AirbyteMessage] = field(default_factory=list[AirbyteMessage])
    log: deque[str] = field(default_factory=lambda: deque[str](maxlen=200))
    exit_code: int = 0
    errors: list[str] = field(default_factory=list[str])

    def first(self, kind: str) -> AirbyteMessage | None:
        """The first message of a type."""
        return next((message for message in self.messages if message.type == kind), None)

    def configuration(self) -> Any:
        """The configuration that the connector wants to have stored (the last CONTROL message); None if it has none."""
        changed = [message.new_configuration for message in self.messages if message.type == "CONTROL"]
        return next((value for value in reversed(changed) if value is not None), None)


MAX_MESSAGES = 1000
MAX_LOG_LINE = 20_000


async def run_command(
    argv: Sequence[str],
    *,
    owner: str,
    folder: Path,
    timeout: float,
    scrubber: Scrubber,
    until: str | None = None,
    count: int = 1,
    variables: Mapping[str, str] | None = None,
) -> Outcome:
    """Runs a command to its end; with `until` it is enough that `count` messages of that type came.

    Args:
        argv: the program and its arguments.
        owner: the mark of its processes.
        folder: a private folder, in which it works.
        timeout: seconds.
        scrubber: takes secrets out of what it prints.
        until: a type of message.
        count: how many of them.
        variables: its environment, if it is not a connector's.

    Raises:
        TimedOutError: it took longer than `timeout` seconds and was killed.
        FailedCommandError: it cannot be started, or printed a line beyond the bound.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(owner, folder) if variables is None else {**variables, MARK: owner},
            cwd=folder / WORK,
            start_new_session=True,
            preexec_fn=die_with_parent,
            limit=1024 * 1024,
        )
    except OSError as error:
        raise FailedCommandError(
            f"{argv[0]} cannot be started ({error.strerror})", fix="check that the file exists and is executable"
        ) from error
    outcome = Outcome()
    stdout, stderr = process.stdout, process.stderr
    if stdout is None or stderr is None:
        raise FailedCommandError(f"{argv[0]} was started without pipes")
    answered = asyncio.Event()

    async def on_stdout(line: bytes) -> None:
        message = parse_message(line)
        if message is None:
            outcome.log.append(scrubber.scrub(line[:MAX_LOG_LINE].decode(errors="replace").rstrip()))
        elif message.log is not None:
            outcome.log.append(scrubber.scrub(f"{message.log.level}: {message.log.message}"[:MAX_LOG_LINE]))
        elif message.trace is not None:
            if message.trace.error is not None:
                error = message.trace.error
                outcome.errors.append(scrubber.scrub(reason_of(error)))
                for detail in (error.message, error.internal_message, error.stack_trace):
                    if detail:
                        outcome.log.append(scrubber.scrub(detail[:MAX_LOG_LINE]))
        elif len(outcome.messages) < MAX_MESSAGES:
            outcome.messages.append(message)
            if message.type == until and sum(each.type == until for each in outcome.messages) >= count:
                answered.set()

    async def on_stderr(line: bytes) -> None:
        outcome.log.append(scrubber.scrub(line[:MAX_LOG_LINE].decode(errors="replace").rstrip()))

    readers = asyncio.gather(_lines(stdout, on_stdout), _lines(stderr, on_stderr))
    waits: set[asyncio.Future[Any]] = {readers, asyncio.ensure_future(answered.wait())}
    try:
        finished, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not finished:
            command = " ".join([Path(argv[0]).name, *argv[1:2]])
            raise TimedOutError(
                f"{command} gave no answer in {timeout:g} s and was stopped",
                details="\n".join(outcome.log),
            )
        if readers.done():
            readers.result()
            outcome.exit_code = await asyncio.wait_for(process.wait(), 10)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await end(process)
    return outcome


async def _lines(stream: asyncio.StreamReader, handle: Callable[[bytes], Awaitable[None]]) -> None:
    pieces: list[bytes] = []
    size = 0
    while block := await stream.read(1024 * 1024):
        *lines, rest = block.split(b"\n")
        for line in lines:
            pieces.append(line)
            await handle(b"".join(pieces))
            pieces, size = [], 0
        if rest:
            pieces.append(rest)
            size += len(rest)
        if size > MAX_LINE_BYTES:
            raise FailedCommandError(f"it printed a line longer than {MAX_LINE_BYTES // 1024**2} MB")
    if pieces:
        await handle(b"".join(pieces))


async def end(process: asyncio.subprocess.Process) -> None:
    """Ends a child and its group: SIGTERM, then SIGKILL after `STOP_SECONDS`."""
    if process.returncode is None:
        kill_group(process.pid, number=signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    kill_group(process.pid)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
