"""What is about to be published, written down so that it can be done again after a crash."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Literal

import orjson

from lotus_server.destinations.destination import DestinationStream, Receipt
from lotus_server.protocol import StreamKey


@dataclass(frozen=True)
class State:
    """A state as it is committed; `text` is the connector's own JSON. Shared states have no name."""

    kind: Literal["stream", "global", "legacy"]
    name: str
    namespace: str | None
    text: str

    @property
    def key(self) -> str:
        """What a newer state takes the place of."""
        if self.kind != "stream":
            return _key("shared", "", None)
        return stream_state_key((self.name, self.namespace))

    @property
    def canonical(self) -> str:
        """The text in one spelling."""
        return canonical(orjson.loads(self.text))


@dataclass(frozen=True)
class Staged:
    """A file that is staged: its receipt, everything that was noted on the way, and its rows."""

    receipt: Receipt
    noted: list[Receipt]
    rows: int


@dataclass(frozen=True)
class StreamCounts:
    """What a publication showed of a stream."""

    name: str
    namespace: str | None
    records: int
    bytes: int
    files: int


@dataclass(frozen=True)
class Item:
    """A stream's part of a publication."""

    name: str
    namespace: str | None
    generation: int
    minimum: int
    sync_id: int
    replace: bool
    complete: bool
    receipts: list[Receipt]
    noted: list[Receipt]
    records: int
    bytes: int
    files: int

    @classmethod
    def of(cls, source: StreamKey, stream: DestinationStream, staged: list[Staged], *, complete: bool) -> Item:
        """The part of a stream whose files are staged; `complete`: all of it has been read."""
        return cls(
            name=source[0],
            namespace=source[1],
            generation=stream.generation_id,
            minimum=stream.minimum_generation_id,
            sync_id=stream.sync_id,
            replace=complete and stream.replaces,
            complete=complete,
            receipts=[each.receipt for each in staged],
            noted=[noted for each in staged for noted in each.noted],
            records=sum(each.rows for each in staged),
            bytes=sum(int(each.receipt.get("bytes", 0)) for each in staged),
            files=len(staged),
        )

    @property
    def source(self) -> StreamKey:
        """The stream, as the source names it."""
        return (self.name, self.namespace)

    @property
    def counts(self) -> StreamCounts:
        """What it shows."""
        return StreamCounts(self.name, self.namespace, self.records, self.bytes, self.files)

    def restored(self, stream: DestinationStream, publication: str) -> DestinationStream:
        """The stream as it was when the publication was written down."""
        return replaced(
            stream,
            generation_id=self.generation,
            minimum_generation_id=self.minimum,
            sync_id=self.sync_id,
            publication=publication,
        )


@dataclass(frozen=True)
class Publication:
    """Items that are shown together with the states that follow from them; `before`: the states that they replace."""

    job_id: int
    items: list[Item]
    states: list[State]
    before: dict[str, str | None] = field(default_factory=dict[str, str | None])
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def loaded(cls, path: Path) -> Publication:
        """As it was written down."""
        content: dict[str, Any] = orjson.loads(path.read_bytes())
        # A version before this one did not write down the id.
        identity = {"id": content["id"]} if "id" in content else {}
        return cls(
            job_id=content["job_id"],
            items=[Item(**each) for each in content["items"]],
            states=[State(**each) for each in content["states"]],
            before=content["before"],
            **identity,
        )

    def write(self, path: Path) -> None:
        """Writes it down durably."""
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(orjson.dumps(self))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass
class Committed:
    """What a publication did: rows and bytes by stream, states, and streams that are complete with it.

    The caller that has stored it durably calls `Writer.acknowledge(number)`; until then a crash would do it again.
    """

    streams: list[StreamCounts]
    states: list[State]
    complete: list[StreamKey]
    number: int = 0
    recovered: bool = False


def stream_state_key(source: StreamKey) -> str:
    """The key of a stream's own state."""
    return _key("stream", *source)


def canonical(value: Any) -> str:
    """A value as JSON in one spelling, so that equal ones compare equal whichever way they were stored."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _key(kind: str, name: str, namespace: str | None) -> str:
    return orjson.dumps([kind, name, namespace]).decode()
