"""A lake of one source in a folder of its own: the real program, pulumi, dynamic provider, server, jobs and files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.support.airbyte import LOCAL, REPOSITORY, Airbyte, started_airbyte
from tests.support.lake import Lake

ROWS = 20
"""Rows of each stream."""
STREAMS = ("customers", "orders")


class Ledger(Lake):
    """A lake whose one source does as the test says, on a server that tests share."""

    def __init__(self, folder: Path, server: Airbyte) -> None:
        alike = json.dumps(["duplicate source Ledger", "duplicate destination Files"])  # of other tests' lakes
        own = {"AIRBYTE_SERVER_URL": server.url, "LOTUS_BACKFILL_SETTLE": "2", "AIRBYTE_CONFIRM": alike}
        super().__init__(folder, own)
        self.server = server
        self._newest = 0
        self._landed: dict[str, int] = {}

    def stream(self, name: str, **values: Any) -> None:
        """Writes a stream's file."""
        base = {"sync_mode": "incremental", "destination_sync_mode": "append", "cursor_field": ["updated_at"]}
        self.write(f"streams/ledger/{name}.json", {**base, **values})

    def control(self, **values: Any) -> None:
        """How the source behaves from now on."""
        self.write("control.json", {"rows": ROWS, **values})

    def destroy(self) -> None:
        """`pulumi destroy` with the consent that losing a sync state needs; the program, and lotus, do not run then."""
        self.confirm(f"delete connection {self.title}", setting="airbyte:confirm")
        self.pulumi("destroy", "--yes", "--skip-preview")

    def place(self, name: str, folder: str) -> None:
        """A destination into a folder."""
        settings = {"destination_path": str(self.folder / folder), "path_format": "${NAMESPACE}/${STREAM_NAME}/"}
        self.write(f"streams/_destinations/{name}.json", {"connector": LOCAL, "configuration": settings})

    def move(self, name: str) -> None:
        """Another destination instead of the first, into the folder of its name."""
        (self.folder / "streams/_destinations/files.json").unlink()
        self.place(name, name)

    @property
    def connection_id(self) -> str:
        """The lake's one connection."""
        found = [one for one in self.server.call("GET", "/connections")["data"] if one["name"] == self.title]
        return found[0]["connectionId"]

    @property
    def title(self) -> str:
        """The connection's name, one for each folder, because tests share a server."""
        return f"Ledger of {self.folder.name}"

    def sync(self) -> None:
        """A sync of the connection, to its end."""
        self.server.config("/connections/sync", {"connectionId": self.connection_id})
        self.settle()

    def settle(self) -> None:
        """Waits for the connection's jobs."""
        self.server.idle(self.connection_id)

    def mark(self) -> None:
        """From here on `jobs`, `asked` and `more` count: tests share a lake."""
        self.settle()
        self._newest = max((job["id"] for job in self.server.jobs(self.connection_id)), default=0)
        self._landed = {name: self.rows(name) for name in STREAMS}

    def jobs(self, *types: str) -> list[dict[str, Any]]:
        """The connection's jobs of these types (of all) since the mark, oldest first."""
        return [job for job in self.server.jobs(self.connection_id, *types) if job["id"] > self._newest]

    def asked(self) -> list[tuple[str, list[str]]]:
        """Kind and streams of every request that reached the connection since the mark, oldest first."""
        found: list[tuple[str, list[str]]] = []
        for job in self.jobs("refresh", "reset_connection", "clear"):
            named = job.get("refreshConfig", {}).get("streamsToRefresh") or job["resetConfig"]["streamsToReset"]
            kind = "refresh" if job["configType"] == "refresh" else "clear"
            found.append((kind, sorted(stream["name"] for stream in named)))
        return found

    def rows(self, stream: str, *, place: str = "landing") -> int:
        """Rows that lie in the landing zone, read back."""
        files = (self.folder / place).rglob("*.parquet")
        return sum(parquet.read_table(file).num_rows for file in files if stream in file.parts)

    def more(self) -> tuple[int, int]:
        """Rows of orders and of customers that landed since the mark, when all jobs have ended."""
        self.settle()
        return self.rows("orders") - self._landed["orders"], self.rows("customers") - self._landed["customers"]

    def request(self, stream: str, request: str) -> dict[str, Any]:
        """The inputs of a backfill in the default mode, as the program gives them."""
        return {
            "connection_id": self.connection_id, "connection": self.title, "stream": stream, "request": request,
            "mode": "refresh_and_retain", "from": None, "sync": False, "cursor_field": ["updated_at"], "beside": [],
        }  # fmt: skip

    def provider(self, method: str, properties: dict[str, Any]) -> Any:
        """What the dynamic provider gives, without an engine around it, which costs seconds."""
        program = Path(__file__).with_name("provider_process.py")
        answer = subprocess.run(
            [sys.executable, str(program), method, json.dumps(properties)],
            cwd=REPOSITORY, env=self.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def receipt(self, stream: str) -> dict[str, Any] | None:
        """The outputs of the stream's backfill in Pulumi's state."""
        found = [one for one in self.exported() if one["urn"].endswith(f"::ledger/{stream}")]
        return found[0]["outputs"] if found else None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server, ended when the tests are done."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte")) as airbyte:
        yield airbyte


@pytest.fixture(scope="session")
def shared(server: Airbyte, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A project whose connection exists and has synced once: 20 rows of each stream have landed."""
    made = make_lake(tmp_path_factory.mktemp("ledger"), server)
    made.up()
    made.sync()
    return made


@pytest.fixture
def lake(shared: Ledger) -> Ledger:
    """The shared lake with a calm source and no flags in its files; what is counted, is counted from here on.

    Flags of the test before still stand in the state: requests have to be texts of the test's own (`token`), and the
    first `up` of a test also drops what is flagged no more.
    """
    shared.control()
    for name in STREAMS:
        shared.stream(name)
    shared.confirm()
    shared.mark()
    return shared


@pytest.fixture
def token(request: pytest.FixtureRequest) -> str:
    """A request that no other test makes."""
    return f"asked by {request.node.name}"


@pytest.fixture
def own_lake(server: Airbyte, tmp_path: Path) -> Ledger:
    """A lake of the test's own; nothing is applied yet."""
    return make_lake(tmp_path, server)


def make_lake(folder: Path, server: Airbyte) -> Ledger:
    """A project and its stack in this folder; nothing is applied yet."""
    lake = Ledger(folder, server)
    lake.control()
    command = f"{sys.executable} {Path(__file__).with_name('ledger.py')} {folder / 'control.json'}"
    definition = server.command_definition(f"Ledger {folder.name}", command)
    lake.create_lake()
    lake.write(
        "streams/ledger/_source.json",
        {"connector": definition, "configuration": {}, "connection": {"name": lake.title}},
    )
    lake.place("files", "landing")
    for name in STREAMS:
        lake.stream(name)
    lake.pulumi("stack", "init", "prod")
    return lake
