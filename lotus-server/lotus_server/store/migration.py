"""Brings the tables of an older store up to date, after a copy of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from lotus_server.errors import StartError
from lotus_server.store import schema


def _to_version_2(db: Connection) -> None:
    """The times of scheduled jobs, and projects of the connector builder; an attempt's log is found by its number."""
    schema.metadata.create_all(db, tables=[schema.next_runs, schema.builder_projects])
    db.execute(text("ALTER TABLE attempts DROP COLUMN log_file"))


STEPS: Mapping[int, Callable[[Connection], None]] = {1: _to_version_2}
"""For each schema version, what leads to the next one."""


def migrate(engine: Engine, path: Path, *, steps: Mapping[int, Callable[[Connection], None]] = STEPS) -> Path | None:
    """Creates the tables, or migrates them in one transaction; returns the copy made before migrating.

    Raises:
        StartError: the store was written by a newer version, or no migration leads up from its version.
    """
    with engine.connect() as db:
        version = int(db.execute(text("PRAGMA user_version")).scalar_one())
        tables = int(db.execute(text("SELECT count(*) FROM sqlite_master WHERE type = 'table'")).scalar_one())
    if version > schema.SCHEMA_VERSION:
        raise StartError(
            f"{path} has schema version {version}, newer than this lotus knows ({schema.SCHEMA_VERSION}): "
            "use the newer lotus, or another --data directory"
        )
    if tables == 0:
        with engine.execution_options(writing=True).begin() as db:
            schema.metadata.create_all(db)
            _set_version(db, schema.SCHEMA_VERSION)
        return None
    if version == schema.SCHEMA_VERSION:
        return None
    missing = [step for step in range(version, schema.SCHEMA_VERSION) if step not in steps]
    if missing:
        raise StartError(f"{path} has schema version {version}, and there is no migration from version {missing[0]}")
    backup = _backup(engine, path, version)
    with engine.execution_options(writing=True).begin() as db:
        for step in range(version, schema.SCHEMA_VERSION):
            steps[step](db)
        _set_version(db, schema.SCHEMA_VERSION)
    return backup


def _backup(engine: Engine, path: Path, version: int) -> Path:
    number = 0
    while (backup := path.with_name(f"{path.stem}.v{version}.{number}.backup.sqlite")).exists():
        number += 1
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(backup),))
    finally:
        raw.close()
    backup.chmod(0o600)
    return backup


def _set_version(db: Connection, version: int) -> None:
    db.execute(text(f"PRAGMA user_version = {version:d}"))
