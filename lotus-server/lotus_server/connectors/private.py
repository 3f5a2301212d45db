"""Folders that only this user reads, for what connectors are given and leave behind; nothing of them stays."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import orjson

WORK = "work"
TEMPORARY = "tmp"


class PrivateFolders:
    """Makes folders below one root (mode 0700) and removes them."""

    def __init__(self, root: Path | None = None) -> None:
        """The folders of one server.

        Args:
            root: below the data folder, so that the next start finds what a kill left; a temporary one if not given.
        """
        self._root = root

    @contextlib.contextmanager
    def folder(self, name: str) -> Generator[Path]:
        """A new folder with a working and a temporary folder in it, removed afterwards."""
        if self._root is not None:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))
        try:
            (folder / WORK).mkdir(mode=0o700)
            (folder / TEMPORARY).mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Removes what a killed server left."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, Any]) -> dict[str, Path]:
    """Each value as a JSON file (mode 0600) in the folder."""
    paths: dict[str, Path] = {}
    for name, value in files.items():
        paths[name] = path = folder / f"{name}.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(value if isinstance(value, bytes) else orjson.dumps(value))
    return paths
