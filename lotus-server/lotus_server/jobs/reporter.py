"""What a worker tells: the server by events, people by the attempt's log. Secrets are left out of both."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import IO, Any

import orjson

from lotus_server.connectors.reasons import reason_of
from lotus_server.connectors.scrubber import Scrubber
from lotus_server.jobs.assignment import Assignment, failure
from lotus_server.jobs.attempt_log import Log, Progress
from lotus_server.protocol import AirbyteMessage, ErrorTrace

PROGRESS_SECONDS = 1.0


class Reporter:
    """Writes events and the log of one attempt."""

    def __init__(self, assignment: Assignment, out: IO[bytes]) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._scrubber = Scrubber(assignment.secrets)
        self._progress_at = 0.0
        self.log = Log(Path(assignment.log_file), self._scrubber)
        self.progress = Progress((each.name, each.namespace) for each in assignment.streams)
        self.errors: list[dict[str, Any]] = []
        """What the source gave as the reasons of its failure."""

    def emit(self, event: str, **values: Any) -> None:
        """One event, at once."""
        with self._lock:
            self._out.write(orjson.dumps({"event": event, **values}) + b"\n")
            self._out.flush()

    def emit_progress(self, *, now: bool = False) -> None:
        """How far the streams are, once a second or `now`."""
        at = time.monotonic()
        if now or at - self._progress_at >= PROGRESS_SECONDS:
            self._progress_at = at
            self.emit("progress", streams=self.progress.as_event())

    def failure(self, origin: Any, message: str, **more: Any) -> dict[str, Any]:
        """A FailureReason."""
        return failure(origin, self._scrubber.scrub(message), timestamp=int(time.time() * 1000), **more)

    def message(self, message: AirbyteMessage | None, line: bytes) -> None:
        """Everything of the source that is neither a record nor a state."""
        if message is None:
            self.log.write("source", "INFO", line[:20_000].decode(errors="replace").rstrip())
        elif message.log is not None:
            self.log.write("source", message.log.level, message.log.message)
            if message.log.stack_trace:
                self.log.write("source", message.log.level, message.log.stack_trace)
        elif (configuration := message.new_configuration) is not None:
            self.emit("configuration", configuration=configuration)
        elif message.trace is not None and message.trace.error is not None:
            self._error(message.trace.error)
        elif message.trace is not None and message.trace.stream_status is not None:
            status = message.trace.stream_status
            stream = status.stream_descriptor
            self.progress.status((stream.name, stream.namespace), status.status.lower())

    def _error(self, error: ErrorTrace) -> None:
        words = self._scrubber.scrub(reason_of(error))
        details = filter(None, (error.message, error.internal_message, error.stack_trace))
        self.log.write("source", "ERROR", "\n".join(details))
        self.errors.append(
            self.failure(
                "source",
                words or "the source failed and gave no reason; see the log",
                kind=error.failure_type,
                internal=self._scrubber.scrub(error.internal_message or ""),
                stack_trace=self._scrubber.scrub(error.stack_trace or ""),
            )
        )
