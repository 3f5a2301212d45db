"""The store: durable settings, encryption at rest, migration after a backup."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from pathlib import Path

import pytest
from lotus_server.errors import StartError
from lotus_server.store import Store, schema, tags, workspaces
from lotus_server.store.encryption import Cipher
from lotus_server.store.migration import migrate
from sqlalchemy import Connection, create_engine, text

KEY = base64.urlsafe_b64encode(bytes(32)).decode()


def test_writes_are_on_disk_when_they_return(tmp_path: Path) -> None:
    """WAL with synchronous=FULL, so that what was acknowledged survives kill -9."""
    store = Store(tmp_path)
    read = [text(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert store.read_now(lambda db: [db.execute(each).scalar_one() for each in read]) == ["wal", 2, 1]
    store.close()


def test_an_error_undoes_the_whole_transaction(tmp_path: Path) -> None:
    """A function that raises leaves nothing of what it wrote."""
    store = Store(tmp_path)
    store.write_now(workspaces.seed)

    def half(db: Connection) -> None:
        tags.create(db, workspace_id=workspaces.DEFAULT_WORKSPACE_ID, name="half", color="ff0000")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write_now(half)
    assert not store.read_now(tags.listed)
    store.close()


def test_concurrent_writes_all_land(tmp_path: Path) -> None:
    """One writing thread: no "database is locked", whoever asks."""
    store = Store(tmp_path)
    store.write_now(workspaces.seed)

    async def all_at_once() -> None:
        values = {"workspace_id": workspaces.DEFAULT_WORKSPACE_ID, "color": "ff0000"}
        await asyncio.gather(*(store.write(tags.create, name=f"t{number}", **values) for number in range(50)))

    asyncio.run(all_at_once())
    assert len(store.read_now(tags.listed)) == 50
    store.close()


def test_a_sealed_value_opens_for_its_owner_only() -> None:
    """A row copied over another one does not open; equal values do not look equal."""
    cipher = Cipher(bytes(32))
    sealed = cipher.seal({"password": "p"}, owner="a")

    assert cipher.open(sealed, owner="a") == {"password": "p"}
    assert sealed != cipher.seal({"password": "p"}, owner="a")
    with pytest.raises(StartError):
        cipher.open(sealed, owner="b")


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    """LOTUS_EMBEDDED_KEY instead of a file; a malformed one is told in a sentence."""
    Store(tmp_path / "a", environment={"LOTUS_EMBEDDED_KEY": KEY}).close()

    assert not (tmp_path / "a" / "key").exists()
    with pytest.raises(StartError, match="LOTUS_EMBEDDED_KEY does not hold a key"):
        Store(tmp_path / "b", environment={"LOTUS_EMBEDDED_KEY": "short"})


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """A store of a newer lotus is refused, not guessed at."""
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")

    with pytest.raises(StartError, match="newer than this lotus knows"):
        Store(tmp_path)


def test_a_migration_starts_with_a_backup(tmp_path: Path) -> None:
    """An older store is copied (mode 0600), then migrated in one transaction."""
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE kept (x)")
        db.execute("INSERT INTO kept VALUES (1)")

    def step(db: Connection) -> None:
        db.execute(text("ALTER TABLE kept ADD COLUMN y"))

    def nothing(_db: Connection) -> None:
        """A step that changes no table."""

    steps = dict.fromkeys(range(1, schema.SCHEMA_VERSION), nothing)
    backup = migrate(create_engine(f"sqlite:///{path}"), path, steps={**steps, 0: step})

    assert backup is not None
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [len(sqlite3.connect(file).execute("SELECT * FROM kept").fetchone()) for file in (backup, path)] == [1, 2]
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (schema.SCHEMA_VERSION,)


def test_without_a_way_up_nothing_is_touched(tmp_path: Path) -> None:
    """A version that no step leads from is an error before anything happens."""
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE kept (x)")

    with pytest.raises(StartError, match="no migration from version 0"):
        migrate(create_engine(f"sqlite:///{path}"), path, steps={})
    assert [file.name for file in tmp_path.iterdir()] == ["old.sqlite"]


def test_one_server_a_directory(tmp_path: Path) -> None:
    """A second store over the same directory does not open while the first is."""
    first = Store(tmp_path)
    with pytest.raises(StartError, match="used by another"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()
