"""A source's process: its output in blocks of whole lines, its end."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil

from lotus_server import transient
from lotus_server.connectors.private import WORK
from lotus_server.connectors.process import STOP_SECONDS, die_with_parent, environment, kill_group
from lotus_server.destinations.destination import LARGE_VALUE_BYTES
from lotus_server.jobs.memory import return_large_blocks
from lotus_server.protocol import MAX_LINE_BYTES, parse_message

PIPE_BYTES = 1024 * 1024
"""Largest pipe an unprivileged process may ask for (/proc/sys/fs/pipe-max-size)."""

LARGE_LINE_BYTES = 4 * 1024 * 1024
"""Lines longer than this are handled alone."""

SMALL_READ_BYTES = 64 * 1024
NAP_SECONDS = 0.02
"""After a small read: a source that flushes each line wakes the worker for each, which costs more than a line."""

EXIT_SECONDS = 30


class SourceError(Exception):
    """The source cannot be read on; the text is for the user."""


class SourceProcess:
    """Runs the source's program."""

    def __init__(
        self, command: list[str], *, owner: str, private: Path, silence_seconds: float, log: Callable[[str], None]
    ) -> None:
        """Starts it in its `private` folder; `log` gets the lines of its stderr.

        Raises:
            SourceError: it cannot be started.
            OSError: the machine cannot start it now.
        """
        self._silence_seconds = silence_seconds
        self._log = log
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(owner, private),
                cwd=private / WORK,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call; see process.py
                pipesize=PIPE_BYTES,
            )
        except OSError as error:
            if transient.cause(error):
                raise
            raise SourceError(f"the source cannot be started: {Path(command[0])}: {error.strerror}") from error
        threading.Thread(target=self._stderr, args=(self._process.stderr,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def blocks(self) -> Iterator[bytes]:
        """Its output to the end, in blocks of whole lines, empty while it is silent. The pipe is the back-pressure.

        Raises:
            SourceError: it is silent for too long, or prints a line that is too long.
        """
        rest = io.BytesIO()
        for read in self._reads():
            block = read
            if rest.tell() > LARGE_LINE_BYTES and (end := block.find(b"\n") + 1):
                # Alone, so that nothing has to copy it out of the lines after it.
                rest.write(block[:end])
                line = rest.getvalue()
                rest, block = io.BytesIO(), block[end:]
                yield line
                del line
            end = block.rfind(b"\n") + 1
            if end:
                lines = rest.getvalue() + block[:end]
                rest = io.BytesIO()
                rest.write(block[end:])
                yield lines
                continue
            before = rest.tell()
            rest.write(block)
            if before <= LARGE_VALUE_BYTES < rest.tell():
                return_large_blocks()
            if rest.tell() > MAX_LINE_BYTES:
                raise SourceError(f"the source printed a line longer than {MAX_LINE_BYTES // 1024**2} MB")
            yield b""
        last = rest.getvalue().strip()
        if last.startswith(b"{") and parse_message(last) is None:
            raise SourceError("the source's output ended in the middle of a message")
        if last:
            yield last + b"\n"

    def _reads(self) -> Iterator[bytes]:
        """What the pipe has, each time; empty ones while it has nothing."""
        stdout = self._process.stdout
        if stdout is None:
            raise SourceError("the source was started without a pipe")
        descriptor = stdout.fileno()
        heard = time.monotonic()
        small = False
        while True:
            ready, _, _ = select.select([descriptor], [], [], 0.5)
            now = time.monotonic()
            if not ready:
                if self._process.poll() is not None and now - heard > STOP_SECONDS:
                    return  # a grandchild holds the pipe open
                if now - heard > self._silence_seconds:
                    raise SourceError(f"the source gave no output for {self._silence_seconds:g} s and was stopped")
                yield b""
                continue
            if small:
                time.sleep(NAP_SECONDS)
            block = os.read(descriptor, PIPE_BYTES)
            heard = now
            if not block:
                return
            small = len(block) < SMALL_READ_BYTES
            yield block

    def fault_of_exit(self) -> str | None:
        """Waits for the end; what is wrong with it, or None.

        Raises:
            SourceError: it does not end.
        """
        try:
            code = self._process.wait(timeout=EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise SourceError(
                f"the source closed its output but did not end within {EXIT_SECONDS} s and was stopped"
            ) from None
        if code == 0:
            return None
        ending = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the source {ending} and gave no reason; see the log"

    def stop(self) -> None:
        """Ends it and everything that it started, whatever signals they ignore."""
        process = self._process
        if process.poll() is None:
            kill_group(process.pid, number=signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
        kill_group(process.pid)
        stop_children()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)

    def _stderr(self, stream: IO[bytes]) -> None:
        while line := stream.readline(64 * 1024):
            self._log(line.decode(errors="replace").rstrip())


def stop_children() -> None:
    """Ends what a source has left behind, which has become this process's."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
