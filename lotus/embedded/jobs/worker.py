"""One attempt of one job, in a process of its own: `python -m lotus.embedded.jobs.worker`.

Reads its assignment (one JSON line) from stdin and writes events (JSON lines) to stdout. The server acknowledges what
it has stored with `{"ack": n}` lines. When stdin ends, the server is gone: the worker ends itself and its connector,
and the next attempt goes on from the last committed state.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import psutil

from lotus.embedded.connectors.process import STOP_SECONDS, die_with_parent, environment, kill_group, private_files
from lotus.embedded.connectors.secrets import Scrubber
from lotus.embedded.destinations import Destination, DestinationError, DestinationStream, destination_class
from lotus.embedded.destinations.columns import fields_of
from lotus.embedded.destinations.writer import Committed, Limits, State, StreamName, Target, Writer
from lotus.embedded.jobs.assignment import AssignedStream, Assignment, failure
from lotus.embedded.jobs.mapping import RecordMapper
from lotus.embedded.jobs.records import RecordParser, lenient
from lotus.embedded.protocol import (
    MAX_LINE_BYTES,
    AirbyteMessage,
    RecordMessage,
    StateMessage,
    parse_message,
    present,
)

PIPE_BYTES = 1024 * 1024
"""Largest pipe an unprivileged process may ask for (/proc/sys/fs/pipe-max-size)."""

MAX_LOG_BYTES = 64 * 1024 * 1024
"""A connector that floods its log loses the rest of it, not the disk."""

LARGE_LINE_BYTES = 4 * 1024 * 1024
"""Lines longer than this are handled alone."""

PROGRESS_SECONDS = 1.0
ACKNOWLEDGE_SECONDS = 30.0

_PR_SET_CHILD_SUBREAPER = 36
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 1024 * 1024
"""Blocks from this size on are mapped, so that they go back when freed: 40 MB less with 200 streams, measured."""
_RECORD = re.compile(rb'\s*\{\s*"type"\s*:\s*"RECORD"')


class AttemptFailedError(Exception):
    """The attempt cannot go on; `reason` is a FailureReason."""

    def __init__(self, reason: dict[str, Any]) -> None:
        super().__init__(reason["externalMessage"])
        self.reason = reason


class Log:
    """The attempt's log file, without secrets and bounded."""

    def __init__(self, path: Path, scrubber: Scrubber) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
        self._scrubber = scrubber
        self._left = MAX_LOG_BYTES
        self._lock = threading.Lock()

    def write(self, origin: str, level: str, message: str) -> None:
        """One line (or several, each with the same head)."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        text = self._scrubber.scrub(message[:20_000])
        with self._lock:
            for line in text.splitlines() or [""]:
                if self._left <= 0:
                    return
                entry = f"{now} {origin} {level} {line}\n".encode(errors="replace")
                self._left -= len(entry)
                self._file.write(entry)
                if self._left <= 0:
                    self._file.write(b"the log is full: what follows is not kept\n")
            self._file.flush()


class Progress:
    """What was read so far, by stream."""

    def __init__(self, streams: Iterator[StreamName]) -> None:
        self.records: dict[StreamName, int] = {}
        self.bytes: dict[StreamName, int] = {}
        self.status: dict[StreamName, str] = {}
        for name in streams:
            self.records[name] = self.bytes[name] = 0

    def as_event(self) -> list[dict[str, Any]]:
        """For the server."""
        return [
            {
                "name": name[0],
                "namespace": name[1],
                "records": self.records[name],
                "bytes": self.bytes[name],
                "status": self.status.get(name),
            }
            for name in self.records
        ]


class Worker:
    """Runs an assignment."""

    def __init__(self, assignment: Assignment, out: IO[bytes]) -> None:
        self._assignment = assignment
        self._out = out
        self._out_lock = threading.Lock()
        self.log = Log(Path(assignment.log_file), Scrubber(assignment.secrets))
        self._scrubber = Scrubber(assignment.secrets)
        self._progress = Progress(iter([(each.name, each.namespace) for each in assignment.streams]))
        self._progress_at = 0.0
        self._writer: Writer | None = None
        self._connector: subprocess.Popen[bytes] | None = None
        self._errors: list[dict[str, Any]] = []
        self._acknowledged = threading.Event()
        self._source_states = list(assignment.source_states)

    # What the writer tells.

    def committed(self, committed: Committed) -> None:
        """Passes a commit on to the server, which stores states and counts in one transaction."""
        self._emit_progress(now=True)
        if committed.recovered:
            self._source_states = _overlaid(self._source_states, committed.states)
        self._emit(
            "committed",
            number=committed.number,
            streams=committed.streams,
            states=committed.states,
            complete=[list(name) for name in committed.complete],
            recovered=committed.recovered,
        )

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
        except DestinationError as error:
            failures.append(self._failure("destination", str(error)))
        except Exception as error:  # noqa: BLE001 - the last line of defence: it becomes the attempt's reason
            failures.append(
                self._failure(
                    "airbyte_platform",
                    f"the embedded Airbyte failed: {type(error).__name__}: {error}",
                    stack_trace=traceback.format_exc(),
                )
            )
        finally:
            self.stop_connector()
        for reason in failures:
            self.log.write("platform", "ERROR", f"{reason['externalMessage']}\n{reason['stacktrace']}".strip())
        self._emit_progress(now=True)
        if self._writer is not None:
            self._wait_for_acknowledgement()
        self._emit("ended", status="failed" if failures else "succeeded", failures=failures)
        return 0

    def _attempt(self) -> None:
        job = self._assignment
        found = destination_class(job.destination)
        if found is None:
            raise AttemptFailedError(self._failure("destination", f"there is no destination {job.destination}"))
        destination = found.configured(job.destination_configuration)
        targets = [self._target(each, destination) for each in job.streams]
        self._writer = writer = Writer(
            destination,
            targets,
            job_id=job.job_id,
            scratch=Path(job.scratch),
            states=job.states,
            events=_WriterEvents(self),
            limits=Limits(flush_seconds=job.flush_seconds),
        )
        done = writer.recover() | {(each.name, each.namespace) for each in job.streams if _is_done(each, job)}
        try:
            left = [each for each in job.streams if (each.name, each.namespace) not in done]
            if job.command is not None and left:
                self._read(writer, targets, done)
            writer.finish(done)
        except AttemptFailedError:
            with contextlib.suppress(DestinationError):
                writer.abandon()
            raise
        finally:
            try:
                writer.discard()
            except DestinationError as error:
                self.log.write("platform", "WARN", f"staged data stays until the next attempt: {error}")
            destination.close()

    def _target(self, stream: AssignedStream, destination: Destination[Any]) -> Target:
        layout = destination.layout()
        return Target(
            (stream.name, stream.namespace),
            DestinationStream(
                name=stream.target_name,
                namespace=stream.target_namespace,
                mode=stream.mode,
                fields=fields_of(stream.json_schema),
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

    def _read(self, writer: Writer, targets: list[Target], done: set[StreamName]) -> None:
        job = self._assignment
        names = {target.source for target in targets} - done
        catalog = {
            "streams": [
                each
                for each in job.catalog["streams"]
                if (each["stream"]["name"], each["stream"].get("namespace")) in names
            ]
        }
        given = {(each.name, each.namespace): each for each in job.streams}
        demultiplexer = Demultiplexer(
            {t.source: _parser(t.stream, given[t.source]) for t in targets if t.source in names},
            writer,
            self._progress,
            self._message,
        )
        files: dict[str, Any] = {"config": job.source_configuration, "catalog": catalog}
        if (state := _state_file(self._source_states)) is not None:
            files["state"] = state
        with private_files(files) as paths:
            command = [*(job.command or ()), "read"]
            for name in files:
                command += [f"--{name}", str(paths[name])]
            self._start(command)
            self._pump(demultiplexer, writer)
        if self._errors:
            raise AttemptFailedError(self._errors[-1])

    def _start(self, command: list[str]) -> None:
        try:
            self._connector = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(self._assignment.owner),
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call; see process.py
                pipesize=PIPE_BYTES,
            )
        except OSError as error:
            reason = f"the source cannot be started: {command[0]}: {error.strerror}"
            raise AttemptFailedError(self._failure("source", reason)) from error
        self._emit("started", connector_pid=self._connector.pid)
        threading.Thread(target=self._stderr, args=(self._connector.stderr,), daemon=True).start()

    def _stderr(self, stream: IO[bytes]) -> None:
        while line := stream.readline(64 * 1024):
            self.log.write("source", "ERROR", line.decode(errors="replace").rstrip())

    def _pump(self, demultiplexer: Demultiplexer, writer: Writer) -> None:
        """Reads the connector's stdout to its end; the pipe is the back-pressure."""
        connector = self._connector
        if connector is None or connector.stdout is None:
            raise AttemptFailedError(self._failure("source", "the source was started without a pipe"))
        descriptor = connector.stdout.fileno()
        heard = time.monotonic()
        rest = io.BytesIO()
        while True:
            ready, _, _ = select.select([descriptor], [], [], 0.5)
            now = time.monotonic()
            if not ready:
                if connector.poll() is not None and now - heard > STOP_SECONDS:
                    break  # a grandchild holds the pipe open
                if now - heard > self._assignment.silence_seconds:
                    reason = f"the source gave no output for {self._assignment.silence_seconds:g} s and was stopped"
                    raise AttemptFailedError(self._failure("source", reason))
            else:
                block = os.read(descriptor, PIPE_BYTES)
                heard = now
                if not block:
                    break
                if rest.tell() > LARGE_LINE_BYTES and (end := block.find(b"\n") + 1):
                    # By itself, so that nothing has to cut (copy) it out of what comes after it.
                    rest.write(block[:end])
                    line = rest.getvalue()
                    rest, block = io.BytesIO(), block[end:]
                    self._parsed(demultiplexer, line)
                    del line
                end = block.rfind(b"\n") + 1
                if end:
                    whole = rest.getvalue() + block[:end]
                    rest = io.BytesIO()
                    rest.write(block[end:])
                    self._parsed(demultiplexer, whole)
                else:
                    rest.write(block)
                    if rest.tell() > MAX_LINE_BYTES:
                        reason = f"the source printed a line longer than {MAX_LINE_BYTES // 1024**2} MB"
                        raise AttemptFailedError(self._failure("source", reason))
            writer.tick()
            self._emit_progress()
        self._last_line(demultiplexer, rest.getvalue().strip())
        demultiplexer.flush()
        self._exit_code(connector)

    def _last_line(self, demultiplexer: Demultiplexer, last: bytes) -> None:
        """What came after the last newline: a whole message, or one that was cut."""
        if last.startswith(b"{") and parse_message(last) is None:
            reason = "the source's output ended in the middle of a message"
            self.log.write("platform", "ERROR", reason)
            self._errors.append(self._failure("source", reason))
        elif last:
            self._parsed(demultiplexer, last + b"\n")

    def _parsed(self, demultiplexer: Demultiplexer, block: bytes) -> None:
        try:
            demultiplexer.feed(block)
        except UnknownStreamError as error:
            raise AttemptFailedError(self._failure("source", str(error))) from error
        except UnreadableRecordError as error:
            raise AttemptFailedError(self._failure("source", str(error))) from error

    def _exit_code(self, connector: subprocess.Popen[bytes]) -> None:
        try:
            code = connector.wait(timeout=30)
        except subprocess.TimeoutExpired:
            reason = "the source closed its output but did not end within 30 s and was stopped"
            raise AttemptFailedError(self._failure("source", reason)) from None
        if code != 0 and not self._errors:
            how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            self._errors.append(self._failure("source", f"the source {how} and gave no reason; see the log"))

    def _message(self, message: AirbyteMessage | None, line: bytes) -> None:
        """Everything that is neither a record nor a state."""
        if message is None:
            self.log.write("source", "INFO", line[:20_000].decode(errors="replace").rstrip())
        elif message.log is not None:
            self.log.write("source", message.log.level, message.log.message)
            if message.log.stack_trace:
                self.log.write("source", message.log.level, message.log.stack_trace)
        elif message.trace is not None and message.trace.error is not None:
            error = message.trace.error
            words = self._scrubber.scrub(error.message)
            details = filter(None, (words, error.internal_message, error.stack_trace))
            self.log.write("source", "ERROR", "\n".join(details))
            self._errors.append(
                self._failure(
                    "source",
                    words or "the source failed and gave no reason; see the log",
                    kind=error.failure_type,
                    internal=self._scrubber.scrub(error.internal_message or ""),
                    stack_trace=self._scrubber.scrub(error.stack_trace or ""),
                )
            )
        elif message.trace is not None and message.trace.stream_status is not None:
            status = message.trace.stream_status
            name = (status.stream_descriptor.name, status.stream_descriptor.namespace)
            if name in self._progress.records:
                self._progress.status[name] = status.status.lower()

    def stop_connector(self) -> None:
        """Ends the connector and everything that it started, whatever signals they ignore."""
        connector = self._connector
        if connector is not None and connector.poll() is None:
            kill_group(connector.pid, number=signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                connector.wait(timeout=STOP_SECONDS)
        if connector is not None:
            kill_group(connector.pid)
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
        if connector is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                connector.wait(timeout=STOP_SECONDS)

    def _wait_for_acknowledgement(self) -> None:
        deadline = time.monotonic() + ACKNOWLEDGE_SECONDS
        while self._writer is not None and not self._writer.acknowledged and time.monotonic() < deadline:
            self._acknowledged.wait(0.05)

    def _failure(self, origin: Any, message: str, **more: Any) -> dict[str, Any]:
        return failure(origin, self._scrubber.scrub(message), timestamp=int(time.time() * 1000), **more)

    def _emit(self, event: str, **values: Any) -> None:
        with self._out_lock:
            self._out.write(orjson.dumps({"event": event, **values}) + b"\n")
            self._out.flush()

    def _emit_progress(self, *, now: bool = False) -> None:
        at = time.monotonic()
        if now or at - self._progress_at >= PROGRESS_SECONDS:
            self._progress_at = at
            self._emit("progress", streams=self._progress.as_event())


class _WriterEvents:
    """The writer's events, as the worker's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def committed(self, committed: Committed) -> None:
        self._worker.committed(committed)

    def log(self, level: str, message: str) -> None:
        self._worker.log.write("destination", level, message)


class UnknownStreamError(Exception):
    """A record of a stream that is not in the catalog."""


class UnreadableRecordError(Exception):
    """A record line that is not JSON."""


class Demultiplexer:
    """Splits blocks of lines into records by stream, states, and the rest.

    The prefix of each stream's records, up to `"data":`, is learned from its first one; runs of lines with a known
    prefix are cut by one regular expression and decoded at once. Every other line is parsed by itself, so nothing
    depends on the order of keys.
    """

    MAX_PREFIXES = 64

    def __init__(
        self,
        parsers: dict[StreamName, RecordParser],
        writer: Writer,
        progress: Progress,
        other: Any,
    ) -> None:
        self._parsers = parsers
        self._writer = writer
        self._progress = progress
        self._other = other
        self._by_name: dict[str, list[StreamName]] = {}
        for name in parsers:
            self._by_name.setdefault(name[0], []).append(name)
        self._prefixes: list[tuple[bytes, StreamName]] = []
        self._runs: re.Pattern[bytes] | None = None
        writer.flush = self.flush

    def feed(self, block: bytes) -> None:
        """Takes whole lines."""
        position, length = 0, len(block)
        while position < length:
            match = self._runs.match(block, position) if self._runs is not None else None
            if match is not None:
                run = match[0]
                name = self._prefixes[(match.lastindex or 1) - 1][1]
                self._records(name, run)
                position = match.end()
                continue
            end = block.index(b"\n", position) + 1
            self._line(block[position:end])
            position = end
        for name, parser in self._parsers.items():
            if parser.full:
                self._flush(name)

    def flush(self) -> None:
        """Hands everything that waits to the writer."""
        for name in self._parsers:
            self._flush(name)

    def _records(self, name: StreamName, run: bytes) -> None:
        parser = self._parsers[name]
        before = parser.rows
        try:
            batches = parser.lines(run)
        except (ValueError, KeyError, TypeError) as error:
            reason = f'the source printed a record of stream "{name[0]}" that is not JSON'
            raise UnreadableRecordError(reason) from error
        self._progress.records[name] += parser.rows - before + sum(batch.num_rows for batch in batches)
        self._progress.bytes[name] += len(run)
        for batch in batches:
            self._writer.add(name, batch)
        if parser.full:
            self._flush(name)

    def _line(self, line: bytes) -> None:
        message = parse_message(line)
        if message is None and _RECORD.match(line):
            message = _lenient_record(line)
        if message is not None and message.type == "RECORD" and message.record is not None:
            name = self._known(message.record)
            self._learn(name, line)
            # Parsed again as typed: a record of 100 MB must not be taken apart member by member.
            del message
            self._records(name, line)
        elif message is not None and message.type == "STATE" and message.state is not None:
            self._state(message.state)
        elif line.strip():
            self._other(message, line)

    def _known(self, record: RecordMessage) -> StreamName:
        name = (record.stream, record.namespace)
        if name in self._parsers:
            return name
        candidates = self._by_name.get(record.stream, [])
        if len(candidates) == 1:
            return candidates[0]
        raise UnknownStreamError(f'the source sent a record of stream "{record.stream}", which is not in the catalog')

    def _learn(self, name: StreamName, line: bytes) -> None:
        if len(self._by_name[name[0]]) > 1 or len(self._prefixes) >= self.MAX_PREFIXES:
            return  # the namespace decides, and it may stand behind the data
        match = re.match(rb'\{"type":\s?"RECORD",\s?"record":\s?\{[^{}]*?"data":\s?\{', line)
        known = [prefix for prefix, _ in self._prefixes]
        if match is None or orjson.dumps(name[0]) not in match[0] or match[0] in known:
            return
        self._prefixes.append((match[0], name))
        groups = b"|".join(b"((?:" + re.escape(prefix) + rb"[^\n]*\n)+)" for prefix, _ in self._prefixes)
        self._runs = re.compile(groups)

    def _state(self, message: StateMessage) -> None:
        if message.kind == "stream" and message.stream is not None:
            descriptor = message.stream.stream_descriptor
            name = (descriptor.name, descriptor.namespace)
            if name not in self._parsers:
                candidates = self._by_name.get(descriptor.name, [])
                if len(candidates) != 1:
                    return
                name = candidates[0]
            raw = message.stream.stream_state
            text = bytes(raw).decode() if present(raw) else "null"
            waiting = {name: self._parsers[name].rows}
            self._writer.state({"kind": "stream", "name": name[0], "namespace": name[1], "text": text}, waiting)
            return
        waiting = {name: parser.rows for name, parser in self._parsers.items()}
        if message.kind == "global" and message.global_ is not None:
            shared = message.global_
            whole = {
                "shared_state": _value(shared.shared_state),
                "stream_states": [
                    {
                        "stream_descriptor": {
                            "name": each.stream_descriptor.name,
                            "namespace": each.stream_descriptor.namespace,
                        },
                        "stream_state": _value(each.stream_state),
                    }
                    for each in shared.stream_states
                ],
            }
            text = orjson.dumps(whole).decode()
            self._writer.state({"kind": "global", "name": "", "namespace": None, "text": text}, waiting)
        elif present(message.data):
            text = bytes(message.data).decode()
            self._writer.state({"kind": "legacy", "name": "", "namespace": None, "text": text}, waiting)

    def _flush(self, name: StreamName) -> None:
        for batch in self._parsers[name].batches():
            self._writer.add(name, batch)


def _is_done(stream: AssignedStream, job: Assignment) -> bool:
    return [stream.name, stream.namespace] in job.done


def _parser(stream: DestinationStream, given: AssignedStream) -> RecordParser:
    mapper = RecordMapper(given.mappers) if given.mappers else None
    return RecordParser(stream, selected=given.selected, mapper=mapper)


def _value(raw: Any) -> Any:
    return orjson.loads(bytes(raw)) if present(raw) else None


def _lenient_record(line: bytes) -> AirbyteMessage:
    """Whose record a line is that strict JSON refuses; its data is left to the parser, which keeps what it can."""
    from msgspec import Raw

    try:
        found = lenient(line)["record"]
        whose, namespace, data = found["stream"], found.get("namespace"), found["data"]
    except (ValueError, KeyError, TypeError, AttributeError):
        data = whose = namespace = None
    if not isinstance(data, dict):
        raise UnreadableRecordError("the source printed a record that is not JSON")
    return AirbyteMessage(
        type="RECORD", record=RecordMessage(stream=str(whose), namespace=namespace, emitted_at=0, data=Raw(b"{}"))
    )


def _state_file(states: list[State]) -> Any:
    """What a source gets as `--state`: a list of state messages; a legacy state as it is; None if there is none."""
    messages: list[Any] = []
    for state in states:
        value = orjson.loads(state["text"])
        if state["kind"] == "legacy":
            return value
        if state["kind"] == "global":
            return [{"type": "GLOBAL", "global": value}]
        descriptor = {"name": state["name"], "namespace": state["namespace"]}
        if descriptor["namespace"] is None:
            del descriptor["namespace"]
        messages.append({"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": value}})
    return messages or None


def _overlaid(states: list[State], newer: list[State]) -> list[State]:
    """States with newer ones in their place; one that all streams share replaces everything."""
    if any(state["kind"] != "stream" for state in newer):
        return list(newer)
    replaced = {(state["name"], state["namespace"]) for state in newer}
    kept = [s for s in states if s["kind"] == "stream" and (s["name"], s["namespace"]) not in replaced]
    return [*kept, *newer]


def _listen(worker: Worker, stdin: IO[bytes]) -> None:
    """Takes acknowledgements; the end of stdin means that the server is gone."""
    for line in stdin:
        with contextlib.suppress(orjson.JSONDecodeError, KeyError):
            worker.acknowledge(int(orjson.loads(line)["ack"]))
    _abort(worker)


def _abort(worker: Worker) -> None:
    """Ends at once: what is staged is dropped or finished by the next attempt."""
    with contextlib.suppress(Exception):
        worker.stop_connector()
    os._exit(3)


def main() -> int:
    """Runs the assignment on stdin."""
    # Memory goes back to the system as soon as a large record is gone; Arrow's own pools keep it.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":
        # Whatever the connector leaves behind becomes our child, so that it can be found and ended.
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with contextlib.suppress(AttributeError):  # musl's allocator gives large blocks back anyway
            libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
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
