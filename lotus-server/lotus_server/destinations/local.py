"""`local`: files in a folder of this machine, laid out as in S3."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field as Setting

from lotus_server.destinations.destination import DestinationError, Mode, Note, Receipt
from lotus_server.destinations.file_names import DEFAULT_PATH_FORMAT
from lotus_server.destinations.files import FileConfiguration, FileDestination, absolute_folder

MAX_NAME_BYTES = 255
"""What Linux's file systems take."""

OWN = ".lotus"
"""Folder beside the data for what is staged and for the files' generations."""


class LocalConfiguration(FileConfiguration):
    """Files in a folder."""

    destination_path: str = Setting(title="Folder", description="Absolute path; made if it is not there.")
    path_format: str = Setting(
        default="",
        title="Path of a stream's files",
        description="Variables as in S3: ${NAMESPACE}, ${STREAM_NAME}, ${YEAR}, ${MONTH}, ${DAY}, …",
    )

    def path(self) -> str:
        """The path format."""
        return self.path_format or DEFAULT_PATH_FORMAT


class Local(FileDestination[LocalConfiguration]):
    """Stages below `.lotus/staged` and publishes by renaming, which a reader sees whole or not at all."""

    name = "local"
    title = "Local folder"
    modes: ClassVar[tuple[Mode, ...]] = ("overwrite", "append")
    Configuration = LocalConfiguration

    def __init__(self, configuration: LocalConfiguration) -> None:
        super().__init__(configuration)
        self._root = absolute_folder(configuration.destination_path)

    def check(self) -> None:
        """Writes, lists and deletes an example."""
        with _translated(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            example = self._root / "_EXAMPLE"
            example.write_text('{"data": 1}')
            example.unlink()

    def _refusal_of(self, key: str) -> str | None:
        # The file's generation is kept under the same name and `.json.tmp`.
        longest = max(len(part.encode()) for part in key.split("/")) + len(".json.tmp")
        return None if longest <= MAX_NAME_BYTES else "a file or folder would have a name of more than 255 bytes"

    def _keys(self, prefix: str) -> Iterator[str]:
        folder = self._root / prefix.rpartition("/")[0]
        for parent, folders, files in os.walk(folder):
            folders[:] = [each for each in folders if each != OWN]
            for name in files:
                key = str((Path(parent) / name).relative_to(self._root))
                if key.startswith(prefix):
                    yield key

    def _generations(self, keys: Sequence[str]) -> Iterable[tuple[str, int]]:
        for key in keys:
            generation = 0
            with contextlib.suppress(FileNotFoundError):
                generation = int(json.loads(self._generation_file(key).read_text())["generation"])
            yield key, generation

    def _stage_file(self, path: Path, key: str, generation: int, note: Note) -> Receipt:
        staged = self._root / OWN / "staged" / uuid.uuid4().hex
        receipt: Receipt = {
            "staged": str(staged),
            "key": key,
            "generation": generation,
            "bytes": path.stat().st_size,
        }
        note(receipt)
        with _translated(self._root):
            staged.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, staged)  # copied where the scratch folder is on another disk
            with staged.open("rb") as file:
                os.fsync(file.fileno())
        return receipt

    def _show(self, receipt: Receipt) -> None:
        staged, target = Path(receipt["staged"]), self._root / receipt["key"]
        with _translated(self._root):
            if not staged.exists() and target.exists():
                return
            generation = self._generation_file(receipt["key"])
            generation.parent.mkdir(parents=True, exist_ok=True)
            # Before the file itself: a file without its generation would count as generation 0.
            temporary = generation.with_name(f"{generation.name}.tmp")
            temporary.write_text(json.dumps({"generation": receipt["generation"]}))
            temporary.replace(generation)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)
            for folder in (generation.parent, target.parent):
                _sync(folder)

    def _drop(self, receipt: Receipt) -> None:
        Path(receipt["staged"]).unlink(missing_ok=True)

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            (self._root / key).unlink(missing_ok=True)
            self._generation_file(key).unlink(missing_ok=True)

    def _generation_file(self, key: str) -> Path:
        return self._root / OWN / "generations" / f"{key}.json"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(root: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DestinationError(f"cannot write below {root}: {error.strerror or error} ({error.filename})") from error
