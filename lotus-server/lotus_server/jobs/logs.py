"""The logs of attempts: one file each, below the data folder."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path


class AttemptLogs:
    """Writes, reads and removes them; a worker writes its own lines itself."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "logs"

    def path(self, job_id: int, number: int) -> Path:
        """Where the log of an attempt is."""
        return self._folder / str(job_id) / f"{number}.log"

    def lines(self, job_id: int, number: int) -> list[str]:
        """The log of an attempt (secrets removed); empty if there is none."""
        try:
            return self.path(job_id, number).read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, job_id: int, number: int, level: str, message: str) -> None:
        """Adds lines of the server."""
        path = self.path(job_id, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.writelines(f"{head} platform {level} {line}\n" for line in message.splitlines())

    def remove(self, job_id: int) -> None:
        """Removes the logs of a job."""
        shutil.rmtree(self._folder / str(job_id), ignore_errors=True)
