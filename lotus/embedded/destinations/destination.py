"""What a destination is: five methods about one stream. Everything else is the framework's (`writer.py`).

Data goes through three steps: **stage** makes it durable where no reader sees it, **publish** shows it, **clean** drops
what was staged and will never be published. The framework decides when: appending streams publish at each committed
state, overwriting ones once, at the end and only if everything before went well. It writes down what it is about to
publish, so that after a crash the same `publish` is called again: it has to be idempotent.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lotus.embedded.destinations.arrow import RecordBatch, Schema
from lotus.embedded.destinations.columns import Field, arrow_schema, data_schema

Mode = Literal["append", "overwrite", "append_dedup", "overwrite_dedup"]
"""Airbyte's destination sync modes."""

Layout = Literal["columns", "data"]
"""How records arrive: spread over typed columns, or as one JSON text column `_airbyte_data`."""

LARGE_VALUE_BYTES = 1024 * 1024
"""Values beyond this are handled so that as few copies as can be are in memory."""

Receipt = dict[str, Any]
"""What `stage` gives and `publish` and `clean` take: JSON, because it outlives the process. `bytes` is its size."""

Note = Callable[[Receipt], None]
"""Called by `stage` as soon as something exists that `clean` would have to remove, before the work goes on."""


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
    largest_value: int = 0
    """Told to `stage`: about how many bytes the largest value has, if it is a large one; else 0."""

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
        """How this destination wants its records."""
        return "columns"

    @abstractmethod
    def check(self) -> None:
        """Returns if data could be written with this configuration.

        Raises:
            DestinationError: the reason, in one sentence.
        """

    @abstractmethod
    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Makes the batches durable where no reader sees them. `scratch` is a folder of this stream's own."""

    @abstractmethod
    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Shows what was staged; with `replace`, data of generations below the stream's minimum goes afterwards.

        Called again with the same receipts after a crash: what is published already must not be published twice.
        With `replace` and no receipts nothing is shown and the old data goes.
        """

    @abstractmethod
    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Drops what was staged (or noted) and will never be published; what is gone already is fine."""

    def close(self) -> None:
        """Lets go of connections."""
        return


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
