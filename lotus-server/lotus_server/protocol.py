"""Airbyte protocol messages and the lines that carry them.

What belongs to the connector (state blobs, catalogs, specs) is kept as the JSON text it sent: `msgspec.Raw`.
Unknown keys are ignored, as the protocol asks of a reader. See docs.airbyte.com, "Airbyte Protocol".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import orjson
from msgspec import Raw, Struct

MAX_LINE_BYTES = 160 * 1024 * 1024
"""A longer line ends the attempt: records of 100 MB must pass, a flood without a newline must not fill the memory."""


ABSENT = Raw()
"""A kept text that the message did not have; msgspec knows no optional `Raw`, so null arrives as the text `null`."""


StreamKey = tuple[str, str | None]
"""A stream by name and namespace (None where the source has none)."""


class StreamDescriptor(Struct, frozen=True):
    """A stream by name and namespace."""

    name: str
    namespace: str | None = None


class RecordMessage(Struct):
    """One record; `data` is the text of its JSON object."""

    stream: str
    data: Raw
    emitted_at: float = 0
    namespace: str | None = None


class StreamState(Struct):
    """The state of one stream."""

    stream_descriptor: StreamDescriptor
    stream_state: Raw = ABSENT


class GlobalState(Struct):
    """A state that all streams share (CDC sources)."""

    shared_state: Raw = ABSENT
    stream_states: list[StreamState] = []


class StateStats(Struct):
    """How many records belong to a state message; a float, as the CDK sends it."""

    recordCount: float | None = None  # noqa: N815 - the protocol's own name


class StateMessage(Struct):
    """STATE of any of the three kinds; `type` is absent in legacy messages."""

    type: str | None = None
    stream: StreamState | None = None
    global_: GlobalState | None = msgspec.field(default=None, name="global")
    data: Raw = ABSENT
    sourceStats: StateStats | None = None  # noqa: N815 - the protocol's own name

    @property
    def kind(self) -> Literal["stream", "global", "legacy"]:
        """Which of the three kinds of state this is."""
        if self.type == "STREAM" or (self.type is None and self.stream is not None):
            return "stream"
        if self.type == "GLOBAL" or (self.type is None and self.global_ is not None):
            return "global"
        return "legacy"


class LogMessage(Struct):
    """A log line of the connector."""

    message: str = ""
    level: str = "INFO"
    stack_trace: str | None = None


class ErrorTrace(Struct):
    """Why the connector failed: `message` is for the user, `internal_message` and `stack_trace` for the log."""

    message: str = ""
    internal_message: str | None = None
    stack_trace: str | None = None
    failure_type: str | None = None
    stream_descriptor: StreamDescriptor | None = None


class StreamStatus(Struct):
    """STARTED, RUNNING, COMPLETE or INCOMPLETE."""

    stream_descriptor: StreamDescriptor
    status: str


class TraceMessage(Struct):
    """ERROR, STREAM_STATUS, ESTIMATE or ANALYTICS; `emitted_at` may be a float."""

    type: str
    error: ErrorTrace | None = None
    stream_status: StreamStatus | None = None


class ConnectionStatus(Struct):
    """The answer of `check`: SUCCEEDED or FAILED."""

    status: str
    message: str | None = None


class ConnectorConfig(Struct):
    """A configuration that takes the place of the one that the connector was given."""

    config: Raw = ABSENT


class ControlMessage(Struct):
    """CONNECTOR_CONFIG: connectors whose refresh tokens work once depend on it."""

    type: str
    connectorConfig: ConnectorConfig | None = None  # noqa: N815 - the protocol's own name


class AirbyteMessage(Struct):
    """One line of a connector's stdout."""

    type: str
    record: RecordMessage | None = None
    state: StateMessage | None = None
    log: LogMessage | None = None
    trace: TraceMessage | None = None
    spec: Raw = ABSENT
    catalog: Raw = ABSENT
    connectionStatus: ConnectionStatus | None = None  # noqa: N815 - the protocol's own name
    control: ControlMessage | None = None

    @property
    def new_configuration(self) -> Any:
        """The configuration that a CONTROL message carries; None in every other message."""
        if self.control is None or self.control.type != "CONNECTOR_CONFIG" or self.control.connectorConfig is None:
            return None
        value = object_of(self.control.connectorConfig.config)
        return value if isinstance(value, dict) else None


_decoder = msgspec.json.Decoder(AirbyteMessage)


def parse_message(line: bytes | memoryview) -> AirbyteMessage | None:
    """The message on a line, or None for anything that is not one (connectors print all sorts of things)."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def present(raw: Raw) -> bool:
    """Whether a kept text is there and is not null."""
    return bytes(raw) not in (b"", b"null")


def object_of(raw: Raw) -> Any:
    """The JSON value of a kept text; None if it was not there."""
    return orjson.loads(bytes(raw)) if present(raw) else None


def line_of(message: Any) -> bytes:
    """A message (struct or plain data) as one line with its newline."""
    return msgspec.json.encode(message) + b"\n"
