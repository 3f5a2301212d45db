"""The worker process of an attempt, as the server sees it: started, listened to, ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from lotus_server.connectors.process import MARK, die_with_parent, kill_group, sweep
from lotus_server.jobs.assignment import Assignment
from lotus_server.jobs.logs import AttemptLogs

CANCEL_SECONDS = 3.0
"""How long a worker has to end after SIGTERM (its connector gets 2 s of it); then it is killed."""

MAX_EVENT_BYTES = 256 * 1024 * 1024
"""An event carries states; connectors with many partitions have states of many megabytes."""


class WorkerProcess:
    """One `python -m lotus_server.jobs.worker`."""

    def __init__(self, process: asyncio.subprocess.Process, assignment: Assignment, logs: AttemptLogs) -> None:
        self._process = process
        self._assignment = assignment
        self._logs = logs
        self._orderly = False
        self._complaints = asyncio.create_task(self._read_complaints())

    @classmethod
    async def start(cls, assignment: Assignment, logs: AttemptLogs) -> WorkerProcess:
        """A new process, which waits for its assignment."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lotus_server.jobs.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, MARK: assignment.owner},
            start_new_session=True,
            preexec_fn=die_with_parent,
            limit=MAX_EVENT_BYTES,
        )
        return cls(process, assignment, logs)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def assign(self) -> None:
        """Lets it begin."""
        self._send(self._assignment.dumped())

    def acknowledge(self, number: int) -> None:
        """Tells it that a commit is stored."""
        self._send(orjson.dumps({"ack": number}) + b"\n")

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """What it says, until it has ended; the last event is `ended` if it ended in an orderly way."""
        while self._process.stdout is not None and (line := await self._process.stdout.readline()):
            try:
                event: dict[str, Any] = orjson.loads(line)
            except orjson.JSONDecodeError:
                return  # it died in the middle of a line
            self._orderly = event["event"] == "ended"
            yield event

    async def death(self) -> str:
        """How it ended without having said so."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), CANCEL_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._complaints), 1)
        code = self._process.returncode
        cause = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        last_line = self._complaints.result().strip().splitlines()[-1:] if self._complaints.done() else []
        return f"the sync's worker process was ended by {cause}" + (f": {last_line[0]}" if last_line else "")

    async def end(self) -> None:
        """Ends it and whatever it started; an orderly one has only its own exit left."""
        if self._process.returncode is None and not self._orderly:
            kill_group(self.pid, number=signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), CANCEL_SECONDS)
        if self._process.returncode != 0:
            kill_group(self.pid)
            await asyncio.to_thread(sweep, self._assignment.owner)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), CANCEL_SECONDS)

    async def close(self) -> None:
        """Ends it and stops listening to it."""
        try:
            await self.end()
        finally:
            self._complaints.cancel()
            await asyncio.gather(self._complaints, return_exceptions=True)

    async def _read_complaints(self) -> str:
        """Its stderr (Python tracebacks, crashes of native code) goes to the attempt's log."""
        tail = ""
        while self._process.stderr is not None and (block := await self._process.stderr.read(64 * 1024)):
            text = block.decode(errors="replace")
            tail = (tail + text)[-10_000:]
            with contextlib.suppress(OSError):  # the log may be what has no room
                self._logs.write(self._assignment.job_id, self._assignment.attempt_number, "ERROR", text.rstrip())
        return tail

    def _send(self, line: bytes) -> None:
        # A worker that has ended is noticed where its events are read.
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(line)
