"""`dev-null`: takes every record and keeps none, to try a source or a client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationStream,
    Mode,
    Note,
    Receipt,
)


class Silent(BaseModel):
    """Discard the records and say nothing."""

    model_config = ConfigDict(title="Silent", extra="ignore", frozen=True)

    test_destination_type: Literal["SILENT"] = "SILENT"


class DevNullConfiguration(DestinationConfiguration):
    """Nothing to configure: of Airbyte's test modes, this server has the one that its cloud allows."""

    test_destination: Silent = Setting(title="Test destination", default=Silent())


class DevNull(Destination[DevNullConfiguration]):
    """Counts what it is given, so that jobs report records as with any destination."""

    name = "dev-null"
    title = "/dev/null"
    modes: ClassVar[tuple[Mode, ...]] = ("overwrite", "append", "append_dedup", "overwrite_dedup")
    Configuration = DevNullConfiguration
    atomic = True

    def check(self) -> None:
        """Always works."""

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Reads the batches to their end."""
        return {"bytes": sum(batch.nbytes for batch in batches)}

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """There is nothing to show."""

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """There is nothing to drop."""
