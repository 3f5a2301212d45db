"""A small repository with a lake in it, and branches that change it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_lake import LiveLake, live_lake

FIELDS: dict[str, Any] = {
    "id": {"type": "integer"},
    "updated_at": {"type": "string", "format": "date-time"},
    "created_at": {"type": "string", "format": "date-time"},
    "email": {"type": "string"},
    "total": {"type": "number"},
}


def discovered(name: str, **more: Any) -> dict[str, Any]:
    """What a source offers of a stream; `more` replaces parts."""
    return {
        "stream": name,
        "options": {"sync_modes": ["full_refresh", "incremental"]},
        "defaults": {"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": False},
        "fields": FIELDS,
        **more,
    }


def stream(*fields: str, **more: Any) -> dict[str, Any]:
    """A stream's file as lotus-lake writes it."""
    return {
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "cursor_field": ["updated_at"],
        "fields": {name: FIELDS[name] for name in fields},
        **more,
    }


STACK = """config:
  airbyte:serverUrl: http://airbyte.example/api/public/v1
  lotus:lake: true
  lotus:readers: lotus-lake
  lotus:workspace: 11111111-1111-4111-8111-111111111111
  lotus:config:
    store: example-store
"""
FILES: dict[str, Any] = {
    "Pulumi.yaml": "name: lake\nruntime: python\n",
    "Pulumi.prod.yaml": STACK,
    "streams/_destinations/lake.json": {
        "connector": "destination-s3",
        "configuration": {
            "s3_bucket_name": "landing",
            "s3_bucket_path": "raw",
            "s3_bucket_region": "us-east-1",
            "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
            "file_name_pattern": "part_{part_number}.parquet",
            "access_key_id": {"$secret": "s3_key_id"},
            "secret_access_key": {"$secret": "s3_key"},
            "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
        },
    },
    "streams/shop/_source.json": {
        "connector": "source-web-shop",
        "schedule": "0 0,20,40 * * * ?",
        "configuration": {
            "store": {"$config": "store"},
            "start_date": "2025-01-01",
            "password": {"$secret": "shop_password"},
        },
    },
    "streams/shop/orders.json": stream("id", "updated_at", "total"),
    "streams/shop/customers.json": stream("id", "updated_at", "email"),
    "streams/shop/_discovered/orders.json": discovered("orders"),
    "streams/shop/_discovered/customers.json": discovered("customers"),
    "streams/shop/_discovered/refunds.json": discovered("refunds"),
    "streams/mail/_source.json": {
        "connector": "source-mail",
        "configuration": {"api_key": {"$secret": "mail_key"}},
    },
    "streams/mail/lists.json": {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"},
    "streams/mail/_discovered/lists.json": discovered("lists", options={"sync_modes": ["full_refresh"]}),
}


@dataclass(frozen=True)
class Repository:
    """A git repository on disk, with `main` and one branch."""

    path: Path

    def git(self, *arguments: str) -> str:
        """One git command, by an author and at a time that never change."""
        author = {"NAME": "a person", "EMAIL": "person@example.invalid", "DATE": "2026-11-20T12:00:00Z"}
        environment = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in author.items()}
        return subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *arguments],
            cwd=self.path,
            env={**os.environ, **environment, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def write(self, name: str, content: Any) -> None:
        """Text as it is, anything else as JSON; None removes the file."""
        path = self.path / name
        if content is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")

    def edit(self, name: str, **changes: Any) -> None:
        """Sets keys of a JSON file; None takes one away. `configuration__x` reaches one level down."""
        path = self.path / name
        content = json.loads(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            *outer, leaf = key.split("__")
            at = content
            for part in outer:
                at = at.setdefault(part, {})
            if value is None:
                at.pop(leaf)
            else:
                at[leaf] = value
        self.write(name, content)

    def commit(self, words: str) -> None:
        """Everything as it is now."""
        self.git("add", "-A")
        self.git("commit", "-qm", words)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """`main` with a lake of two sources; the branch `change` is checked out and has nothing yet."""
    found = Repository(tmp_path / "lake")
    found.path.mkdir()
    found.git("init", "-q", "-b", "main")
    for name, content in FILES.items():
        found.write(name, content)
    found.commit("a lake")
    found.git("checkout", "-qb", "change")
    return found


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLake]:
    """A lake that runs: its `main` is applied, and its one source has synced."""
    declared: dict[str, Any] = {"schedule": "manual", "connection": {"status": "active"}}
    with live_lake(tmp_path_factory.mktemp("live") / "lake", **declared) as found:
        found.lotus("sync", "shop", "--wait")
        found.lotus("state", "init", "--stack", "dev")
        yield found


Branch = Callable[[Repository], None]
