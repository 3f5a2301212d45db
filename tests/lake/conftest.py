"""A project whose streams land in a folder or a database, and files as writers of all kinds leave them."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from server_support.postgres import Server, served

from lotus.session.session import Session

STACK = "config:\n  lotus:lake: true\n  lotus:workspace: 00000000-0000-4000-8000-000000000001\n"
FIELDS = {
    "id": {"type": "integer"},
    "note": {"type": "string"},
    "at": {"type": "string", "format": "date-time"},
}


@dataclass
class Lake:
    """A project; `landing` is the folder of its destination `lake`."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def session(self) -> Session:
        """As a command has it, after what was written."""
        return Session(self.root, "dev", {})

    def write(self, name: str, content: Any) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))

    def destination(self, name: str, connector: str, **configuration: Any) -> None:
        self.write(f"streams/_destinations/{name}.json", {"connector": connector, "configuration": configuration})

    def stream(self, source: str, name: str, destination: str = "lake", **settings: Any) -> None:
        self.write(
            f"streams/{source}/_source.json",
            {"connector": "source-faker", "destination": destination, "configuration": {}, "schedule": "0 0 3 * * ?"},
        )
        mode = {"sync_mode": "full_refresh", "destination_sync_mode": "append", "primary_key": [["id"]]}
        self.write(f"streams/{source}/{name}.json", {"stream": name, **mode, **settings})
        self.write(f"streams/{source}/_discovered/{name}.json", {"stream": name, "fields": FIELDS})

    def parquet(self, key: str, rows: Sequence[dict[str, Any]], schema: Any = None) -> Path:
        """A file in the landing folder."""
        path = self.landing / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), schema), path)
        return path


def landed(day: str, number: int, **fields: Any) -> dict[str, Any]:
    """A row as the writer lays it out."""
    moment = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
    head = {"_airbyte_raw_id": f"{day}-{number}", "_airbyte_extracted_at": moment}
    return {**head, "_airbyte_meta": {"sync_id": 1, "changes": []}, "_airbyte_generation_id": 0, "id": number, **fields}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A stream `shop.orders` that lands in a folder."""
    project = Lake(tmp_path / "project")
    project.write("Pulumi.yaml", "name: lake\nruntime: python\n")
    project.write("Pulumi.dev.yaml", STACK)
    project.destination(
        "lake",
        "destination-local",
        destination_path=str(project.landing),
        path_format="${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
    )
    project.stream("shop", "orders")
    return project


@pytest.fixture(scope="session")
def postgres() -> Generator[Server]:
    with served() as server:
        yield server
