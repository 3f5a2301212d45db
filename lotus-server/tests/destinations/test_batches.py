"""Batches are cut by size: not by the order of lines, the number of states or the share of values that do not fit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.destinations import Destination, DestinationStream
from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.local import Local
from lotus_server.destinations.records import BLOCK_ROWS, RecordParser
from lotus_server.destinations.writer import Committed, Target, Writer
from lotus_server.jobs.attempt_log import Progress
from lotus_server.jobs.demultiplexer import WAITING_BYTES, Demultiplexer, NoFieldsError, UnreadableRecordError
from server_support.worker_run import incremental, run_worker

PROPERTIES = {
    "id": {"type": "integer"},
    "note": {"type": "string"},
    "free": {"type": "object"},
    "at": {"type": "string", "format": "date-time"},
}
ROWS = 2 * BLOCK_ROWS
AT = datetime(2026, 11, 21, tzinfo=UTC)


def record(stream: str, number: int, **values: Any) -> str:
    data = {"id": number, "note": "x" * 20, "free": {"k": number}, "at": "2026-01-02T03:04:05Z", **values}
    return json.dumps({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}}) + "\n"


def state(stream: str, number: int) -> str:
    inner = {"stream_descriptor": {"name": stream}, "stream_state": {"id": number}}
    return json.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": inner}}) + "\n"


class Recorder:
    """A writer's batches, counted; commits are kept."""

    def __init__(self, folder: Path, names: Iterable[str], properties: dict[str, Any] = PROPERTIES) -> None:
        self.batches: dict[str, list[RecordBatch]] = {}
        self.commits: list[Committed] = []
        destination: Destination[Any] = Local.configured({"destination_path": str(folder / "lake")})
        fields = fields_of({"properties": properties})
        targets = [Target((name, None), DestinationStream(name, None, "append", fields), whole=False) for name in names]
        self.writer = Writer(destination, targets, job_id=1, scratch=folder / "scratch", states=[], events=self)
        add = self.writer.add

        def counted(source: Any, batch: RecordBatch) -> None:
            self.batches.setdefault(source[0], []).append(batch)
            add(source, batch)

        self.writer.add = counted
        parsers = {target.source: RecordParser(target.stream) for target in targets}
        progress = Progress(parsers)
        self.demultiplexer = Demultiplexer(parsers, self.writer, progress, lambda _message, _line: None)

    def committed(self, committed: Committed) -> None:
        self.commits.append(committed)

    def log(self, level: str, message: str) -> None:
        """Nobody reads it."""

    def feed(self, lines: Iterable[str]) -> Recorder:
        text = "".join(lines).encode()
        position = 0
        while position < len(text):
            end = text.find(b"\n", position + 500_000) + 1 or len(text)
            self.demultiplexer.feed(text[position:end])
            position = end
        self.writer.finish()
        return self


ORDERS: dict[str, list[str]] = {
    "one after the other": [record("st"[n // (ROWS // 2)], n) for n in range(ROWS)],
    "interleaved": [record("st"[n % 2], n) for n in range(ROWS)],
    "a state after each": [line for n in range(ROWS) for line in (record("st"[n % 2], n), state("st"[n % 2], n))],
    "half of the rows misfit": [record("st"[n % 2], n, **({"id": "x"} if n % 4 < 2 else {})) for n in range(ROWS)],
    "every hundredth number is NaN": [
        record("st"[n % 2], n, **({"id": float("nan")} if n % 100 < 2 else {})) for n in range(ROWS)
    ],
    "other keys in between": [  # such lines are parsed one by one
        record("st"[n % 2], n).replace('{"type"', '{"x":0,"type"' if n % 3 else '{"type"') for n in range(ROWS)
    ],
}


@pytest.mark.parametrize("order", ORDERS)
def test_batches_are_as_large_in_any_order(order: str, tmp_path: Path) -> None:
    """The friendliest order makes one batch of each 20,000 rows; any other makes two at most, and no row is lost."""
    recorder = Recorder(tmp_path, "st").feed(ORDERS[order])
    assert {name: len(batches) in (1, 2) for name, batches in recorder.batches.items()} == {"s": True, "t": True}
    files = sorted((tmp_path / "lake").rglob("*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == ROWS


def test_fifty_streams_wait_in_bounded_memory(tmp_path: Path) -> None:
    """What waits for batches is bounded for all streams together, and batches stay far from single rows."""
    names = [f"s{number}" for number in range(50)]
    lines = [record(name, number, note="y" * 5000) for number in range(100) for name in names]
    recorder = Recorder(tmp_path, names).feed(lines)
    total = sum(map(len, lines))
    assert total > WAITING_BYTES
    assert len(lines) / sum(map(len, recorder.batches.values())) >= 20


def test_a_state_is_not_committed_without_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    """Records before the line are kept with the state that covers them; the state behind it is not."""
    recorder = Recorder(tmp_path, ["s"])
    recorder.demultiplexer.feed((record("s", 1) + state("s", 1)).encode())
    broken = record("s", 2).replace('{"id": 2', '{"id": oops')
    with pytest.raises(UnreadableRecordError, match='stream "s" that is not JSON'):
        recorder.feed([broken, record("s", 3), state("s", 3)])
    recorder.writer.abandon()
    assert recorder.commits == []
    recorder.writer.discard()


def test_a_record_of_a_stream_without_fields_is_no_success(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, ["s"], properties={})
    with pytest.raises(NoFieldsError, match='the schema of stream "s" has no fields'):
        recorder.feed([record("s", 1)])


@pytest.mark.slow
@pytest.mark.parametrize("order", ["interleaved", "a state after each", "half of the rows misfit"])
def test_memory_does_not_depend_on_the_order(order: str, tmp_path: Path) -> None:
    """The kernel's peak of the worker; 60,000 such rows once took 950 MB."""
    peaks: list[int] = []
    for name in ("one after the other", order):
        streams = [incremental(stream, PROPERTIES) for stream in "st"]
        configuration = {"destination_path": str(tmp_path / name), "path_format": "${STREAM_NAME}/"}
        script = [["raw", "".join(ORDERS[name])]]
        run = run_worker(tmp_path / f"run {name}", script, streams, "local", configuration, at=AT)
        assert run.ended["status"] == "succeeded", run.ended
        peaks.append(run.peak)
    assert peaks[1] < 1.25 * peaks[0] and peaks[1] < 200_000_000, peaks
