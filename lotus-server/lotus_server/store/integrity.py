"""Whether the store of a data folder is there and whole, before anything is read from it or written to it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from lotus_server.errors import StartError

CHECKED_BYTES = 256 * 1024 * 1024
"""Up to this size all pages are checked at each start, which takes about a second then."""


def check_presence(data: Path, path: Path) -> None:
    """Refuses to begin with an empty store where there was one before.

    Raises:
        StartError: the store is gone, or not a file.
    """
    for folder in (data / "logs", data / "scratch"):
        if folder.exists() and not folder.is_dir():
            raise StartError(f"{folder} is not a folder: move it away")
    if path.exists() and not path.is_file():
        raise StartError(f"{path} is not a file: move it away, and put the store back if there is a copy")
    if path.exists() and path.stat().st_size:
        return
    if _was_used(data):
        state = "is empty" if path.exists() else "is missing"
        raise StartError(
            f"{path} {state}, although {data} was used before: put a copy of it back, "
            f"or move {data} away to start again without its data"
        )


def _was_used(data: Path) -> bool:
    """Whether a server has run with this folder: its key, or the logs of its jobs."""
    return (data / "key").exists() or any((data / "logs").glob("[0-9]*"))


def check_integrity(engine: Engine, path: Path) -> None:
    """Refuses a store that is damaged.

    Raises:
        StartError: SQLite finds faults in it.
    """
    if path.stat().st_size > CHECKED_BYTES:
        return
    with engine.connect() as db:
        if db.execute(text("PRAGMA quick_check(1)")).scalar_one() != "ok":
            raise StartError(damaged(path.parent, path))


def damaged(data: Path, path: Path) -> str:
    """What to do with a store that cannot be read."""
    return (
        f"{path} is damaged or is not a store of lotus-server: put a copy of it back, "
        f"or move {data} away to start again without its data"
    )
