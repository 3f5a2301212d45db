"""A source's output → records by stream, states, and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from lotus_server.destinations.blocks import UnreadableLinesError
from lotus_server.destinations.raw_json import mended
from lotus_server.destinations.records import RecordParser
from lotus_server.destinations.writer import State, Writer
from lotus_server.jobs.attempt_log import Progress
from lotus_server.protocol import AirbyteMessage, RecordMessage, StateMessage, StreamKey, parse_message, present

WAITING_BYTES = 16 * 1024 * 1024
"""Lines of all streams that wait for their batches; beyond it the largest become batches until half is left."""

_RECORD = re.compile(rb'\s*\{\s*"type"\s*:\s*"RECORD"')
_HEAD = re.compile(rb'\{"type":\s?"RECORD",\s?"record":\s?\{[^{}]*?"data":\s?\{')
"""What comes before the data: the same for all records of a stream, unless it holds `emitted_at`."""


class UnknownStreamError(Exception):
    """A record of a stream that is not in the catalog."""


class UnreadableRecordError(Exception):
    """A record line that is not JSON."""


class NoFieldsError(Exception):
    """A record of a stream whose columns are none: nothing of it would land."""


class Demultiplexer:
    """Splits blocks of lines.

    The head of a stream's records, up to `"data":`, is learned from its first one. Lines with a known head are passed
    on as they are, all that follow each other at once; every other line is parsed by itself, so nothing depends on the
    order of keys.
    """

    MAX_HEADS = 100_000

    def __init__(
        self,
        parsers: Mapping[StreamKey, RecordParser],
        writer: Writer,
        progress: Progress,
        other: Callable[[AirbyteMessage | None, bytes], None],
    ) -> None:
        """A demultiplexer of these streams; `other` gets every line that is neither a record nor a state."""
        self._parsers = parsers
        self._writer = writer
        self._progress = progress
        self._other = other
        self._by_name: dict[str, list[StreamKey]] = {}
        for name, parser in parsers.items():
            self._by_name.setdefault(name[0], []).append(name)
            writer.attach(name, _Waiting(name, parser))
        self._heads: dict[bytes, StreamKey] = {}
        self._waiting = 0

    def feed(self, block: bytes) -> None:
        """Takes whole lines."""
        position, length = 0, len(block)
        while position < length:
            match = _HEAD.match(block, position)
            name = None if match is None else self._heads.get(match[0])
            if match is None or name is None:
                end = block.index(b"\n", position) + 1
                self._line(block[position:end])
                position = end
                continue
            begin, rows, head = position, 0, match[0]
            while block.startswith(head, position):
                position = block.index(b"\n", position) + 1
                rows += 1
            self._records(name, block[begin:position], rows)

    def _records(self, name: StreamKey, run: bytes, rows: int) -> None:
        parser = self._parsers[name]
        if parser.keeps_nothing:
            raise NoFieldsError(
                f'the schema of stream "{name[0]}" has no fields, so that nothing of its records would land: '
                "use the format JSONL, or a source that describes its fields"
            )
        accepted, size = parser.accepted, parser.size
        try:
            batches = parser.lines(run, rows)
        except UnreadableLinesError as error:
            raise _unreadable(name) from error
        self._progress.add(name, parser.accepted - accepted, len(run))
        for batch in batches:
            self._writer.add(name, batch)
        self._waiting += parser.size - size
        if self._waiting > WAITING_BYTES:
            self._make_batches()

    def _make_batches(self) -> None:
        """Hands the largest streams to the writer, until half of what may wait is left."""
        self._waiting = sum(parser.size for parser in self._parsers.values())
        for name in sorted(self._parsers, key=lambda each: self._parsers[each].size, reverse=True):
            if self._waiting <= WAITING_BYTES // 2:
                return
            self._waiting -= self._parsers[name].size
            self._writer.pull(name)

    def _line(self, line: bytes) -> None:
        message = parse_message(line)
        if message is None and _RECORD.match(line):
            line = mended(line)
            message = parse_message(line)
            if message is None or message.record is None:
                raise UnreadableRecordError("the source printed a record that is not JSON")
        if message is not None and message.type == "RECORD" and message.record is not None:
            name = self._stream_of(message.record)
            self._learn(name, line)
            # Parsed again as typed: a record of 100 MB must not be taken apart member by member.
            del message
            self._records(name, line, 1)
        elif message is not None and message.type == "STATE" and message.state is not None:
            self._state(message.state)
        elif line.strip():
            self._other(message, line)

    def _stream_of(self, record: RecordMessage) -> StreamKey:
        name = self._assigned(record.stream, record.namespace)
        if name is None:
            message = f'the source sent a record of stream "{record.stream}", which is not in the catalog'
            raise UnknownStreamError(message)
        return name

    def _assigned(self, name: str, namespace: str | None) -> StreamKey | None:
        """The stream of the catalog that is meant: by its name alone where that is enough."""
        if (name, namespace) in self._parsers:
            return name, namespace
        candidates = self._by_name.get(name, [])
        return candidates[0] if len(candidates) == 1 else None

    def _learn(self, name: StreamKey, line: bytes) -> None:
        if len(self._by_name[name[0]]) > 1 or len(self._heads) >= self.MAX_HEADS:
            return  # the namespace decides, and it may come after the data
        match = _HEAD.match(line)
        if match is not None and b'"emitted_at"' not in match[0] and orjson.dumps(name[0]) in match[0]:
            self._heads[match[0]] = name

    def _state(self, message: StateMessage) -> None:
        if message.kind == "stream" and message.stream is not None:
            descriptor = message.stream.stream_descriptor
            name = self._assigned(descriptor.name, descriptor.namespace)
            if name is None:
                return
            raw = message.stream.stream_state
            text = bytes(raw).decode() if present(raw) else "null"
            self._writer.state(State("stream", *name, text))
        elif message.kind == "global" and message.global_ is not None:
            shared = message.global_
            content = {
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
            self._writer.state(State("global", "", None, orjson.dumps(content).decode()))
        elif present(message.data):
            self._writer.state(State("legacy", "", None, bytes(message.data).decode()))


class _Waiting:
    """The records of a stream that wait for the writer; an unreadable one is named by its stream."""

    def __init__(self, name: StreamKey, parser: RecordParser) -> None:
        self._name = name
        self._parser = parser

    @property
    def rows(self) -> int:
        return self._parser.rows

    def batches(self) -> list[Any]:
        try:
            return self._parser.batches()
        except UnreadableLinesError as error:
            raise _unreadable(self._name) from error


def _unreadable(name: StreamKey) -> UnreadableRecordError:
    return UnreadableRecordError(f'the source printed a record of stream "{name[0]}" that is not JSON')


def _value(raw: Any) -> Any:
    return orjson.loads(bytes(raw)) if present(raw) else None
