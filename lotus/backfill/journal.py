"""What was asked of Airbyte for which stream, written beside Pulumi's state before and after each request.

Airbyte's API takes no request id, and a killed Pulumi forgets what it was doing. So each connection has one small JSON
document next to the state (the same bucket, or a file): an intent before the call, the job's id after it. Pulumi's own
lock makes sure that one run at a time writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pulumi_airbyte.provider.state_store import StateStore, state_store

from lotus.backfill.request import key
from lotus.config.pulumi_yaml import project_file
from lotus.errors import ConfigError, UnavailableError
from lotus.untyped import is_mapping

FOLDER = ".lotus/backfills"
VERSION = 1
PLACE = "PULUMI_AIRBYTE_JOURNAL"

Stage = Literal["asking", "rewound", "accepted", "nothing"]
"""asking: an intent; rewound: the state is set back, its sync not started; nothing: there was nothing to read again."""


@dataclass(frozen=True)
class Entry:
    """One stream's newest request. Times are seconds since the epoch, by this machine's clock."""

    request: str
    mode: str
    start: str | None
    sync: bool
    stage: Stage
    asked_at: float
    after_job: int
    """The connection's newest job before the request: what the request makes has a higher id."""
    jobs: tuple[int, ...] = ()
    """Its job, and after failed ones their successors."""
    sync_job: int | None = None
    rows_before: int = 0
    note: str = ""

    @property
    def identity(self) -> tuple[str, str, str | None, bool]:
        """What makes it this request and no other."""
        return self.request, self.mode, self.start, self.sync

    @property
    def job(self) -> int | None:
        """The job that counts."""
        return self.jobs[-1] if self.jobs else None


@dataclass(frozen=True)
class Page:
    """The requests of one connection, by stream."""

    connection_id: str
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    def entry(self, stream: str, namespace: str | None) -> Entry | None:
        """The stream's newest request."""
        return self.entries.get(key(stream, namespace))

    def having(self, entries: Mapping[str, Entry]) -> Page:
        """The page with these entries in place of older ones."""
        return replace(self, entries={**self.entries, **entries})

    def without(self, stream: str, namespace: str | None) -> Page:
        """The page without a stream."""
        removed = key(stream, namespace)
        return replace(self, entries={name: entry for name, entry in self.entries.items() if name != removed})


class Journal:
    """The pages, in the store of Pulumi's state."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self.where = store.where

    def page(self, connection_id: str) -> Page:
        """A connection's page, an empty one if there is none."""
        try:
            content = self._store.read(_file(connection_id))
        except Exception as error:  # boto3 makes its error classes while it runs
            raise self._unavailable(error) from error
        return Page(connection_id) if content is None else _read(connection_id, content, self.where)

    def write(self, page: Page) -> None:
        """Makes a page durable; an empty one goes."""
        try:
            if page.entries:
                self._store.write(_file(page.connection_id), _written(page))
            else:
                self._store.remove(_file(page.connection_id))
        except Exception as error:  # as above
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"the journal of backfills cannot be used: {error}",
            where=self.where,
            fix="let whatever runs pulumi up read and write next to the state",
        )


def journal(environment: Mapping[str, str] | None = None, *, root: Path | None = None) -> Journal:
    """The journal beside the state that Pulumi uses here, or where `PULUMI_AIRBYTE_JOURNAL` says.

    Raises:
        ConfigError: the state is where no file can be put beside it, and no other place is named.
    """
    environment = os.environ if environment is None else environment
    if not environment.get("PULUMI_BACKEND_URL"):
        folder = root or Path(environment.get("PULUMI_ROOT_DIRECTORY") or Path.cwd())
        environment = {**environment, "PULUMI_BACKEND_URL": _project_backend(folder)}
    store, takes_files = state_store(environment)
    if not takes_files and not environment.get(PLACE):
        raise ConfigError(
            "backfills need a journal next to the state, but this backend cannot store a file there",
            where=environment["PULUMI_BACKEND_URL"] or "pulumi login",
            fix=f"set {PLACE}=s3://bucket/prefix, the same for everything that runs pulumi up on this stack",
        )
    return Journal(store)


def _project_backend(project: Path) -> str:
    """The backend that the project's file names; empty: the last login's."""
    backend = project_file(project).get("backend")
    return str(backend.get("url") or "") if is_mapping(backend) else ""


def _file(connection_id: str) -> str:
    return f"{FOLDER}/{connection_id}.json"


def _written(page: Page) -> bytes:
    entries = {name: asdict(entry) for name, entry in sorted(page.entries.items())}
    return json.dumps({"version": VERSION, "connection": page.connection_id, "streams": entries}, indent=1).encode()


def _read(connection_id: str, raw: bytes, folder: str) -> Page:
    try:
        document: dict[str, Any] = json.loads(raw)
        if document["version"] != VERSION:
            raise ConfigError(
                f"the journal of backfills has version {document['version']}; this lotus supports version {VERSION}",
                where=f"{folder}/{connection_id}.json",
                fix="use the newer lotus that wrote it",
            )
        streams: dict[str, Any] = document["streams"]
        entries = {name: replace(Entry(**entry), jobs=tuple(entry["jobs"])) for name, entry in streams.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the journal of backfills cannot be read: {error}",
            where=f"{folder}/{connection_id}.json",
            fix="inspect the file; without it lotus cannot tell what was requested already",
        ) from None
    return Page(connection_id, entries)
