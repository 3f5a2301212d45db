"""A destination is called by one thread at a time, although files are staged while records are read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
from lotus_server.destinations import DestinationStream
from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import Note, Receipt
from lotus_server.destinations.local import Local, LocalConfiguration
from lotus_server.destinations.records import RecordParser
from lotus_server.destinations.writer import Committed, Limits, State, Target, Writer

FIELDS = fields_of({"properties": {"id": {"type": "integer"}}})


class Slow(Local):
    """Takes a moment to stage, and knows when it is called meanwhile."""

    def __init__(self, configuration: LocalConfiguration) -> None:
        super().__init__(configuration)
        self.staging = False
        self.published: list[bool] = []

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        self.staging = True
        time.sleep(0.2)
        receipt = super().stage(stream, batches, scratch, note)
        self.staging = False
        return receipt

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        self.published.append(self.staging)
        super().publish(stream, receipts, replace=replace)


class Nobody:
    """Listens to nothing."""

    def committed(self, committed: Committed) -> None:
        """Nothing to store."""

    def log(self, level: str, message: str) -> None:
        """Nothing to keep."""


def batch(stream: DestinationStream) -> RecordBatch:
    parser = RecordParser(stream)
    batches = parser.lines(b'{"type":"RECORD","record":{"stream":"s","data":{"id":1},"emitted_at":1}}\n', 1)
    return pa.Table.from_batches(batches + parser.batches()).to_batches()[0]


def test_a_stream_is_not_published_while_another_is_staged(tmp_path: Path) -> None:
    """A database's connection has one transaction."""
    destination = Slow(LocalConfiguration(destination_path=str(tmp_path / "lake")))
    streams = [DestinationStream(name, None, "append", FIELDS) for name in ("whole", "steps")]
    targets = [Target((stream.name, None), stream, whole=stream.name == "whole") for stream in streams]
    limits = Limits(file_bytes=1, flush_seconds=0)
    writer = Writer(
        destination, targets, job_id=1, scratch=tmp_path / "scratch", states=[], events=Nobody(), limits=limits
    )
    writer.add(("steps", None), batch(streams[1]))
    writer.tick()  # staged
    writer.state(State("stream", "steps", None, "1"))
    writer.add(("whole", None), batch(streams[0]))
    writer.tick()  # the other is staged, this one is published
    writer.finish()
    writer.discard()
    assert destination.published and not any(destination.published)
