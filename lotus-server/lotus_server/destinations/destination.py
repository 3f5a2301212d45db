"""What a destination is: five methods about one stream. Everything else is the framework's (`writer.py`).

Data goes through three steps: **stage** makes it durable where no reader sees it, **publish** shows it, **clean** drops
what was staged and will never be published. The framework decides when: appending streams publish at each committed
state, overwriting ones once, at the end and only if everything before went well. It writes down what it is about to
publish, so that after a crash the same `publish` is called again: it has to be idempotent. `stage` is called
in a thread of its own, but never while another call is under way.
"""

from __future__ import annotations

import copy
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lotus_server.destinations.arrow import RecordBatch, Schema
from lotus_server.destinations.columns import ColumnType, Field, arrow_schema, data_schema, fields_of

Mode = Literal["append", "overwrite", "append_dedup", "overwrite_dedup"]
"""Airbyte's destination sync modes."""

Layout = Literal["columns", "data"]
"""How records arrive: spread over typed columns, or as one JSON text column `_airbyte_data`."""

LARGE_VALUE_BYTES = 1024 * 1024
"""Values beyond this are handled so that as few copies as can be are in memory."""

Receipt = dict[str, Any]
"""What `stage` gives and `publish` and `clean` take: JSON, because it outlives the process. `bytes` is its size."""

Note = Callable[[Receipt], None]
"""Called by `stage` as soon as something exists that `clean` would have to remove, before the work continues."""


class DestinationError(Exception):
    """The destination cannot be used as configured; the sentence is shown to the user. Not retried."""


class TransientDestinationError(DestinationError):
    """The destination cannot be reached right now; the framework tries again, then the attempt fails."""


class DestinationConfiguration(BaseModel):
    """Base of the configurations; keys that we do not know are ignored, as Airbyte's specs allow them."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True)
class DestinationStream:
    """One stream as the destination sees it: names are final (prefix and namespace applied)."""

    name: str
    namespace: str | None
    mode: Mode
    fields: tuple[Field, ...]
    layout: Layout = "columns"
    primary_key: tuple[tuple[str, ...], ...] = ()
    cursor: tuple[str, ...] = ()
    sync_id: int = 0
    generation_id: int = 0
    minimum_generation_id: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    publication: str = field(default_factory=lambda: uuid.uuid4().hex)
    """For `publish`: this publication's own id, unique across servers and runs, and the same when it is done again."""
    largest_value: int = 0
    """For `stage`: about how many bytes the largest value has, if it is a large one; else 0."""

    @property
    def schema(self) -> Schema:
        """Schema of every batch of this stream."""
        return data_schema() if self.layout == "data" else arrow_schema(self.fields)

    @property
    def large_values(self) -> bool:
        """Whether there are values of megabytes: whatever copies values (statistics, dictionaries) is better off."""
        return self.largest_value > LARGE_VALUE_BYTES

    @property
    def replaces(self) -> bool:
        """Whether what this sync publishes takes the place of older generations."""
        return self.minimum_generation_id > 0

    def columns(self, paths: Iterable[Sequence[str]]) -> list[str]:
        """Columns for field paths; nested paths name their top-level column."""
        names = {each.name: each.column for each in self.fields}
        return [names[path[0]] for path in paths if path and path[0] in names]


C = TypeVar("C", bound=DestinationConfiguration)


class Destination(ABC, Generic[C]):
    """Base class of destinations. See `local.py` for a short one."""

    name: ClassVar[str]
    title: ClassVar[str]
    modes: ClassVar[tuple[Mode, ...]]
    Configuration: ClassVar[type[DestinationConfiguration]]
    atomic: ClassVar[bool] = False
    """Whether a publish that dies in the middle has shown nothing; else it may have shown some of its receipts."""
    nested_as_json: ClassVar[bool] = False
    """Whether objects, lists and columns of several types arrive as the source's JSON text, for databases with JSON."""
    stores_nul: ClassVar[bool] = True
    """False: the framework leaves the character NUL out of texts, and says so in `_airbyte_meta.changes`."""

    def __init__(self, configuration: C) -> None:
        self.configuration = configuration

    @classmethod
    def configured(cls, configuration: Mapping[str, Any]) -> Destination[Any]:
        """The destination with a configuration as the API gives it.

        Raises:
            DestinationError: the configuration does not fit, with each fault by its path.
        """
        try:
            return cls(cast("C", cls.Configuration.model_validate(configuration)))
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'configuration'}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            )
            raise DestinationError(f"the configuration of destination {cls.name} is not valid: {faults}") from None

    @classmethod
    def spec(cls) -> dict[str, Any]:
        """The connector specification, derived from the configuration model."""
        return {
            "documentationUrl": f"https://docs.airbyte.com/integrations/destinations/{cls.name}",
            "connectionSpecification": inlined(cls.Configuration.model_json_schema()),
            "supportsIncremental": True,
            "supported_destination_sync_modes": list(cls.modes),
        }

    def layout(self) -> Layout:
        """How this destination takes its records."""
        return "columns"

    def fields(self, json_schema: Mapping[str, Any]) -> tuple[Field, ...]:
        """The columns of a stream with that schema, as this destination takes them."""
        fields = fields_of(json_schema)
        return tuple(replace(field, type=as_json(field.type)) for field in fields) if self.nested_as_json else fields

    def storable(self, stream: DestinationStream, batch: RecordBatch) -> RecordBatch:
        """The batch with what this destination can store; a row whose values had to be changed says so."""
        from lotus_server.destinations.nul import without_nul

        return batch if self.stores_nul else without_nul(batch, stream.fields)

    @abstractmethod
    def check(self) -> None:
        """Returns if data could be written with this configuration.

        Raises:
            DestinationError: the reason, in one sentence.
        """

    def check_streams(self, streams: Sequence[DestinationStream]) -> None:
        """Returns if these streams can be written in one sync.

        Raises:
            DestinationError: the reason, in one sentence.
        """
        del streams

    @abstractmethod
    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Makes the batches durable where no reader sees them. `scratch` is a folder for what it needs meanwhile."""

    @abstractmethod
    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Shows what was staged; with `replace`, deletes older generations than the stream's minimum afterwards.

        Called again with the same receipts after a crash: what is published already must not be published twice.
        With `replace` and no receipts nothing is shown and the old data is deleted.
        """

    @abstractmethod
    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Drops receipts that were staged (or noted) and will never be published; ignores those that do not exist."""

    def alterations(self, stream: DestinationStream) -> Sequence[object]:
        """What `publish` will change about the stream's table for fields that changed; nothing for files.

        Asked before the source is read. See `evolution.py`, which compares a table with a stream.

        Raises:
            DestinationError: the table cannot take the stream's fields without losing something.
        """
        del stream
        return ()

    def close(self) -> None:
        """Closes connections."""
        return


def as_json(kind: ColumnType) -> ColumnType:
    """A column type with objects, lists and several types as JSON text."""
    return ColumnType("json", array=kind.kind == "list") if kind.kind in ("struct", "list", "union") else kind


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema without `$ref`s, as Airbyte's specs are written; its definitions put in place."""
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        members = cast("dict[str, Any]", node)
        if "$ref" in members:
            target = copy.deepcopy(definitions[str(members["$ref"]).rsplit("/", 1)[-1]])
            rest = {key: value for key, value in members.items() if key != "$ref"}
            return resolve({**target, **rest})
        # pydantic's discriminator is OpenAPI's; JSON schema readers take the `const` of each alternative.
        return {key: resolve(value) for key, value in members.items() if key != "discriminator"}

    return resolve({"$schema": "http://json-schema.org/draft-07/schema#", **schema})
