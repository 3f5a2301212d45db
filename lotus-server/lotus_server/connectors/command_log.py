"""What connectors print while they answer spec, check and discover: one file for each command, the oldest removed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

FILES_KEPT = 200


class CommandLog:
    """A folder of logs: `20261127T214057.123456-discover-github.log`, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, command: str, connector: str, lines: Iterable[str]) -> Path | None:
        """The file with the lines; None if it cannot be written, which fails no command."""
        time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", connector)[:80]
        path = self._folder / f"{time}-{command}-{name}.log"
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
            for old in sorted(self._folder.glob("*.log"))[:-FILES_KEPT]:
                old.unlink(missing_ok=True)
            return path
        return None
