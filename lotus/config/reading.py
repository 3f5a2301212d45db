"""The files of a project as they lie in their folders: what is there, what is in it, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from lotus.config.document import Document, read
from lotus.config.faults import Fault
from lotus.config.overlay import Overlaid
from lotus.config.project import LeftOut
from lotus.config.settings import Settings
from lotus.config.shape import checked
from lotus.untyped import is_mapping

M = TypeVar("M", bound=BaseModel)


class Files:
    """The files of one project, and what was found while they were read; each document is let go after its use."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.faults: list[Fault] = list(settings.faults)
        self.hints: list[Fault] = []
        self.left_out: list[LeftOut] = []
        self.count = 0
        self.streams = 0
        self.overridden: set[str] = set()
        self._inside = root.resolve()

    def name(self, path: Path) -> str:
        """The name of a file in messages: relative to the project, with slashes."""
        return path.relative_to(self.root).as_posix()

    def entries(self, folder: Path) -> list[Path]:
        """A folder's entries in name order; what leads out of the project or differs only in case is a fault."""
        try:
            entries = sorted(folder.iterdir(), key=lambda p: p.name)
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            self.faults.append(Fault("LOT001", message, self.name(folder), fix="check its permissions"))
            return []
        usable: list[Path] = []
        seen: dict[str, str] = {}
        for path in entries:
            if path.is_symlink() and not self.stays_inside(path):
                message = "the link leads out of the project (or nowhere)"
                fix = "put the file itself here: a checkout elsewhere has not what the link points to"
                self.faults.append(Fault("LOT006", message, self.name(path), fix=fix))
                continue
            other = seen.setdefault(path.name.casefold(), path.name)
            if other != path.name:
                message = f'"{other}" and "{path.name}" differ only in case'
                fix = "rename one: on macOS and Windows they are one file"
                self.faults.append(Fault("LOT007", message, self.name(path), fix=fix))
            usable.append(path)
        return usable

    def stays_inside(self, path: Path) -> bool:
        """Whether a path, with its links followed, is in the project."""
        try:
            return path.resolve(strict=True).is_relative_to(self._inside)
        except (OSError, RuntimeError):
            return False

    def resolved_name(self, path: Path) -> str:
        """The name of the file that a path leads to."""
        return path.resolve().relative_to(self._inside).as_posix()

    def read(self, path: Path) -> Document | None:
        """A file's document, without the stack's override."""
        self.count += 1
        return read(path, self.name(path), self.faults)

    def again(self, file: str, key: str = "") -> Document | None:
        """A document that was read before, for a place in it, with the stack's override for `key`."""
        document = read(self.root / file, file, [])
        return self.override(document, key) if document is not None and key else document

    def override(self, document: Document, key: str) -> Document:
        """The document with the stack's override laid over it (objects merge, null takes away)."""
        override = self.settings.overrides.get(key)
        if override is None or not is_mapping(document.value):
            return document
        self.overridden.add(key)
        return Overlaid(document, override, key, self.settings)

    def model(self, path: Path, key: str, model: type[M]) -> tuple[Document, M] | None:
        """A file with the stack's override for `key`, and as a model; None after faults."""
        raw = self.read(path)
        if raw is None:
            return None
        document = self.override(raw, key)
        value = checked(document, model, self.faults)
        return (document, value) if value is not None else None
