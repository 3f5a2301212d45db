"""One attempt of one job, in a process of its own: `python -m lotus_server.jobs.worker`.

Reads its assignment (one JSON line) from stdin and writes events (JSON lines) to stdout. The server acknowledges what
it has stored with `{"ack": n}` lines. When stdin ends, the server has ended: the worker ends itself and its connector,
and the next attempt continues from the last committed state.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from lotus_server import transient
from lotus_server.connectors.private import write_files
from lotus_server.destinations import (
    Destination,
    DestinationError,
    DestinationStream,
    TransientDestinationError,
    destination_class,
)
from lotus_server.destinations.publications import State
from lotus_server.destinations.records import RecordParser
from lotus_server.destinations.writer import Committed, Limits, Target, Writer
from lotus_server.domain.file_transfer import REFUSAL, transfers_files
from lotus_server.domain.mapping import RecordMapper
from lotus_server.jobs.assignment import AssignedStream, Assignment
from lotus_server.jobs.demultiplexer import Demultiplexer, NoFieldsError, UnknownStreamError, UnreadableRecordError
from lotus_server.jobs.memory import keep_blocks, leave_pandas_out
from lotus_server.jobs.reporter import Reporter
from lotus_server.jobs.source_process import PIPE_BYTES, SourceError, SourceProcess, stop_children
from lotus_server.jobs.source_states import overlaid, state_file
from lotus_server.protocol import StreamKey

ACKNOWLEDGE_SECONDS = 30.0

_PR_SET_CHILD_SUBREAPER = 36


class AttemptFailedError(Exception):
    """The attempt cannot go on; `reason` is a FailureReason."""

    def __init__(self, reason: dict[str, Any]) -> None:
        super().__init__(reason["externalMessage"])
        self.reason = reason


class Worker:
    """Runs an assignment."""

    def __init__(self, assignment: Assignment, out: IO[bytes]) -> None:
        self._assignment = assignment
        self._reporter = Reporter(assignment, out)
        self._writer: Writer | None = None
        self._source: SourceProcess | None = None
        self._acknowledged = threading.Event()
        self._source_states = [State(**each) for each in assignment.source_states]

    def committed(self, committed: Committed) -> None:
        """Passes a commit on to the server, which stores states and counts in one transaction."""
        self._reporter.emit_progress(now=True)
        if committed.recovered:
            self._source_states = overlaid(self._source_states, committed.states)
        self._reporter.emit(
            "committed",
            number=committed.number,
            streams=committed.streams,
            states=committed.states,
            complete=[list(name) for name in committed.complete],
            recovered=committed.recovered,
        )

    def log(self, level: str, message: str) -> None:
        """A log line of the writer."""
        self._reporter.log.write("destination", level, message)

    def acknowledge(self, number: int) -> None:
        """The server has stored the commit of that number."""
        if self._writer is not None:
            self._writer.acknowledge(number)
            if self._writer.acknowledged:
                self._acknowledged.set()

    def run(self) -> int:
        """Runs the attempt; the exit code is 0 when it succeeded or failed in an orderly way."""
        failures: list[dict[str, Any]] = []
        try:
            self._attempt()
        except AttemptFailedError as error:
            failures.append(error.reason)
        except Exception as error:  # noqa: BLE001 - the last line of defence: it becomes the attempt's reason
            failures.append(self._reason(error))
        finally:
            self.stop_source()
        for reason in failures:
            text = f"{reason['externalMessage']}\n{reason['stacktrace']}".strip()
            self._reporter.log.write("platform", "ERROR", text)
        self._reporter.emit_progress(now=True)
        if self._writer is not None:
            self._wait_for_acknowledgement(self._writer)
        self._reporter.emit("ended", status="failed" if failures else "succeeded", failures=failures)
        return 0

    def _reason(self, error: Exception) -> dict[str, Any]:
        if cause := transient.cause(error):
            reason = f"{cause}; the sync is tried again"
            return self._reporter.failure("airbyte_platform", reason, kind="transient_error", internal=str(error))
        if isinstance(error, DestinationError):
            return self._reporter.failure("destination", str(error))
        return self._reporter.failure(
            "airbyte_platform",
            f"the local server failed: {type(error).__name__}: {error}",
            stack_trace=traceback.format_exc(),
        )

    def stop_source(self) -> None:
        """Ends the source and everything that it started."""
        if self._source is None:
            stop_children()
        else:
            self._source.stop()

    def _attempt(self) -> None:
        job = self._assignment
        if transfers_files(job.source_configuration):
            raise self._failed("source", REFUSAL, kind="config_error")
        destination_type = destination_class(job.destination)
        if destination_type is None:
            raise self._failed("destination", f"there is no destination {job.destination}")
        destination = destination_type.configured(job.destination_configuration)
        targets = [self._target(each, destination) for each in job.streams]
        self._writer = writer = Writer(
            destination,
            targets,
            job_id=job.job_id,
            scratch=Path(job.scratch),
            states=[State(**each) for each in job.states],
            events=self,
            limits=Limits(flush_seconds=job.flush_seconds),
        )
        complete = writer.recover() | {(each.name, each.namespace) for each in job.streams if _is_done(each, job)}
        try:
            self._sync(destination, writer, [each for each in targets if each.source not in complete])
            writer.finish(complete)
        except (UnreadableRecordError, UnknownStreamError, SourceError) as error:
            self._abandon(writer)
            raise self._failed("source", str(error)) from error
        except NoFieldsError as error:
            raise self._failed("source", str(error), kind="config_error") from error
        except AttemptFailedError:
            self._abandon(writer)
            raise
        finally:
            try:
                writer.discard()
            except DestinationError as error:
                self._reporter.log.write("platform", "WARN", f"staged data stays until the next attempt: {error}")
            destination.close()

    def _sync(self, destination: Destination[Any], writer: Writer, targets: list[Target]) -> None:
        command = self._assignment.command
        if command is None or not targets:
            return
        self._check(destination, targets)
        self._read(writer, targets, command)

    def _abandon(self, writer: Writer) -> None:
        with contextlib.suppress(DestinationError, UnreadableRecordError):
            writer.abandon()

    def _failed(self, origin: str, message: str, **more: Any) -> AttemptFailedError:
        return AttemptFailedError(self._reporter.failure(origin, message, **more))

    def _check(self, destination: Destination[Any], targets: list[Target]) -> None:
        """Fails before anything is read if it could not be written: a configuration is not tried again."""
        try:
            destination.check()
            destination.check_streams([target.stream for target in targets])
        except TransientDestinationError:
            raise
        except DestinationError as error:
            if transient.cause(error):
                raise
            raise self._failed("destination", str(error), kind="config_error") from error

    def _target(self, stream: AssignedStream, destination: Destination[Any]) -> Target:
        layout = destination.layout()
        return Target(
            (stream.name, stream.namespace),
            DestinationStream(
                name=stream.target_name,
                namespace=stream.target_namespace,
                mode=stream.mode,
                fields=destination.fields(stream.json_schema),
                layout=layout,
                primary_key=tuple(tuple(path) for path in stream.primary_key),
                cursor=tuple(stream.cursor_field),
                sync_id=self._assignment.job_id,
                generation_id=stream.generation_id,
                minimum_generation_id=stream.minimum_generation_id,
                started_at=datetime.fromtimestamp(self._assignment.started_at / 1000, UTC),
            ),
            whole=stream.whole,
        )

    def _read(self, writer: Writer, targets: list[Target], command: list[str]) -> None:
        job = self._assignment
        assigned = {(each.name, each.namespace): each for each in job.streams}
        demultiplexer = Demultiplexer(
            {each.source: _parser(each.stream, assigned[each.source]) for each in targets},
            writer,
            self._reporter.progress,
            self._reporter.message,
        )
        files: dict[str, Any] = {"config": job.source_configuration, "catalog": self._catalog(targets)}
        if (state := state_file(self._source_states)) is not None:
            files["state"] = state
        private = Path(job.private)
        paths = write_files(private, files)
        arguments = [part for name in files for part in (f"--{name}", str(paths[name]))]
        self._source = source = SourceProcess(
            [*command, "read", *arguments],
            owner=job.owner,
            private=private,
            silence_seconds=job.silence_seconds,
            log=lambda line: self._reporter.log.write("source", "ERROR", line),
        )
        self._reporter.emit("started", connector_pid=source.pid)
        for block in source.blocks():
            demultiplexer.feed(block)
            del block  # it may be a record of 100 MB, and the next one is read now
            writer.tick()
            self._reporter.emit_progress()
        fault = source.fault_of_exit()
        if self._reporter.errors:
            raise AttemptFailedError(self._reporter.errors[-1])
        if fault is not None:
            raise self._failed("source", fault)

    def _catalog(self, targets: list[Target]) -> dict[str, Any]:
        """The configured catalog of the streams that are read."""
        names: set[StreamKey] = {target.source for target in targets}
        streams = self._assignment.catalog["streams"]
        return {
            "streams": [each for each in streams if (each["stream"]["name"], each["stream"].get("namespace")) in names]
        }

    def _wait_for_acknowledgement(self, writer: Writer) -> None:
        deadline = time.monotonic() + ACKNOWLEDGE_SECONDS
        while not writer.acknowledged and time.monotonic() < deadline:
            self._acknowledged.wait(0.05)


def _is_done(stream: AssignedStream, job: Assignment) -> bool:
    return [stream.name, stream.namespace] in job.done


def _parser(stream: DestinationStream, assigned: AssignedStream) -> RecordParser:
    mapper = RecordMapper(assigned.mappers) if assigned.mappers else None
    return RecordParser(stream, selected=assigned.selected, mapper=mapper)


def _listen(worker: Worker, stdin: IO[bytes]) -> None:
    """Takes acknowledgements; the end of stdin means that the server has ended."""
    for line in stdin:
        with contextlib.suppress(orjson.JSONDecodeError, KeyError):
            worker.acknowledge(int(orjson.loads(line)["ack"]))
    _abort(worker)


def _abort(worker: Worker) -> None:
    """Ends at once: what is staged is dropped or finished by the next attempt."""
    with contextlib.suppress(Exception):
        worker.stop_source()
    os._exit(3)


def main() -> int:
    """Runs the assignment on stdin."""
    keep_blocks()
    leave_pandas_out()
    if sys.platform == "linux":
        # Whatever the source leaves behind becomes our child, so that it can be found and ended.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Events keep their own descriptor: a library that prints must not get in between.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(out.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 3
    worker = Worker(Assignment.loaded(line), out)

    def stopped(_number: int, _frame: object) -> None:
        _abort(worker)

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_listen, args=(worker, sys.stdin.buffer), daemon=True).start()
    return worker.run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The listening thread still reads stdin: a normal exit would wait for its lock.
    os._exit(code)
