"""`memo`: JSON lines in a folder, a file a publication."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field as Setting

from lotus.embedded.destinations.arrow import RecordBatch
from lotus.embedded.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Mode,
    Note,
    Receipt,
)


class MemoConfiguration(DestinationConfiguration):
    """What a user writes under `configuration`."""

    folder: str = Setting(title="Folder", description="Absolute path; made if it is not there.")


class Memo(Destination[MemoConfiguration]):
    """Stages files that readers do not look at, and publishes them by renaming."""

    name = "memo"
    title = "Memo"
    modes: ClassVar[tuple[Mode, ...]] = ("append", "overwrite")
    Configuration = MemoConfiguration

    def check(self) -> None:
        """Makes the folder."""
        try:
            Path(self.configuration.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DestinationError(f"cannot make {self.configuration.folder}: {error.strerror}") from error

    def folder(self, stream: DestinationStream) -> Path:
        """Where a stream's files are; its name is quoted, so that it cannot climb out."""
        return Path(self.configuration.folder) / quote(f"{stream.namespace or ''}/{stream.name}", safe="")

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """Writes the rows to disk; the generation stands in the file's name."""
        shown = self.folder(stream) / f"{stream.generation_id}-{uuid.uuid4().hex}.jsonl"
        receipt: Receipt = {"staged": f"{shown}.staged", "shown": str(shown)}
        note(receipt)
        shown.parent.mkdir(parents=True, exist_ok=True)
        with Path(receipt["staged"]).open("w") as file:
            for batch in batches:
                file.writelines(json.dumps(row, default=str) + "\n" for row in batch.to_pylist())
            file.flush()
            os.fsync(file.fileno())
        return {**receipt, "bytes": Path(receipt["staged"]).stat().st_size}

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Renames what is not shown yet; then, with `replace`, older generations go."""
        for receipt in receipts:
            if not Path(receipt["shown"]).exists():
                Path(receipt["staged"]).replace(receipt["shown"])
        if replace:
            for path in self.folder(stream).glob("*.jsonl"):
                if int(path.name.split("-")[0]) < stream.minimum_generation_id:
                    path.unlink()

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Drops what was staged."""
        for receipt in receipts:
            Path(receipt["staged"]).unlink(missing_ok=True)
