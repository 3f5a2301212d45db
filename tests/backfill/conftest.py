"""A lake of one source in a folder of its own: the real program, pulumi, dynamic provider, server, jobs and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pyarrow import parquet

from lotus.operations.dev import path as path_with_tools

REPOSITORY = Path(__file__).resolve().parents[2]
WORKSPACE = "00000000-0000-4000-8000-000000000001"
LOCAL = "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70"
"""The definition of the embedded Airbyte's destination into a folder."""
ROWS = 20
"""Rows of each stream."""
STREAMS = ("customers", "orders")


class Server:
    """An embedded Airbyte as a process; it can be ended and started again on the same port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = 0
        self.url = ""
        self.http = httpx.Client(timeout=60, trust_env=False)
        self.start()

    def start(self) -> None:
        """Starts it, on the same port as before."""
        command = [sys.executable, "-m", "lotus.embedded", "--port", str(self.port), "--data", str(self.data)]
        self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, line
        self.url = next(word for word in line.split() if word.startswith("http://"))
        self.port = int(self.url.split(":")[2].split("/")[0])

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait()

    def public(self, path: str, body: Any = None) -> Any:
        """A call of the public API that must succeed."""
        answer = self.http.request("POST" if body is not None else "GET", self.url + path, json=body)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def config(self, path: str, body: Any) -> Any:
        """A call of the config API that must succeed."""
        url = self.url.replace("/api/public/v1", "/api/v1")
        answer = self.http.post(url + path, json=body)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def jobs(self, connection_id: str, *types: str) -> list[dict[str, Any]]:
        """The connection's jobs of these types (of all), oldest first."""
        wanted = list(types) or ["sync", "refresh", "reset_connection", "clear"]
        body = {"configTypes": wanted, "configId": connection_id, "pagination": {"pageSize": 200}}
        return sorted((each["job"] for each in self.config("/jobs/list", body)["jobs"]), key=lambda job: job["id"])

    def idle(self, connection_id: str) -> None:
        """Waits for the connection's jobs."""
        end = time.monotonic() + 60
        while any(job["status"] in ("pending", "running", "incomplete") for job in self.jobs(connection_id)):
            assert time.monotonic() < end, "a job does not end"
            time.sleep(0.1)


@dataclass
class Lake:
    """A project folder on a server."""

    folder: Path
    server: Server
    environment: dict[str, str] = field(default_factory=dict[str, str])
    _newest: int = 0
    _landed: dict[str, int] = field(default_factory=dict[str, int])

    def stream(self, name: str, **values: Any) -> None:
        """Writes a stream's file."""
        base = {"sync_mode": "incremental", "destination_sync_mode": "append", "cursor_field": ["updated_at"]}
        self._write(f"streams/ledger/{name}.json", {**base, **values})

    def control(self, **values: Any) -> None:
        """How the source behaves from now on."""
        self._write("control.json", {"rows": ROWS, **values})

    def destroy(self) -> None:
        """`pulumi destroy` with the consent that losing a sync state needs; the program, and lotus, do not run then."""
        self.confirm(f"delete connection {self.title}", setting="airbyte:confirm")
        self.pulumi("destroy", "--yes", "--skip-preview")

    def confirm(self, *phrases: str, setting: str = "lotus:confirm") -> None:
        """Writes the consents into the stack's file, as `pulumi config set` does."""
        file = self.folder / "Pulumi.prod.yaml"
        settings = yaml.safe_load(file.read_text())
        settings["config"][setting] = list(phrases)
        file.write_text(yaml.safe_dump(settings, allow_unicode=True))

    def place(self, name: str, folder: str) -> None:
        """A destination into a folder."""
        settings = {"destination_path": str(self.folder / folder), "path_format": "${NAMESPACE}/${STREAM_NAME}/"}
        self._write(f"streams/_destinations/{name}.json", {"connector": LOCAL, "configuration": settings})

    def move(self, name: str) -> None:
        """Another destination instead of the first, into the folder of its name."""
        (self.folder / "streams/_destinations/files.json").unlink()
        self.place(name, name)

    def _write(self, name: str, value: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=2))

    def variables(self) -> dict[str, str]:
        """The environment of `pulumi` and of the provider's process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRBYTE_", "PULUMI_"))}
        kept.pop("VIRTUAL_ENV", None)
        return {
            **kept,
            "PATH": path_with_tools(REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AIRBYTE_SERVER_URL": self.server.url,
            "LOTUS_BACKFILL_SETTLE": "2",
            **self.environment,
        }

    def pulumi(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """`pulumi …` as a person runs it."""
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={**self.variables(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        words = f"pulumi {' '.join(arguments)}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        assert not check or answer.returncode == 0, words
        return answer

    def up(self, *, check: bool = True, **environment: str) -> str:
        """`pulumi up`; what it printed."""
        answer = self.pulumi("up", "--yes", "--skip-preview", check=check, **environment)
        return answer.stdout + answer.stderr

    def preview(self) -> str:
        """What `pulumi preview` prints."""
        answer = self.pulumi("preview", "--diff", check=False)
        return answer.stdout + answer.stderr

    @property
    def connection_id(self) -> str:
        """The lake's one connection."""
        found = [one for one in self.server.public("/connections")["data"] if one["name"] == self.title]
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
        deployment = json.loads(self.pulumi("stack", "export").stdout)["deployment"]
        found = [one for one in deployment.get("resources", []) if one["urn"].endswith(f"::ledger/{stream}")]
        return found[0]["outputs"] if found else None

    def lotus(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`lotus …` in this project."""
        answer = subprocess.run(
            [sys.executable, "-c", "from lotus.cli import main; main()", "--project", str(self.folder), *arguments],
            cwd=REPOSITORY,
            env={**self.variables(), "PULUMI_STACK": "prod"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or answer.returncode == 0, f"{arguments}: {answer.returncode}\n{answer.stdout}{answer.stderr}"
        return answer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded Airbyte, ended when the tests are done."""
    made = Server(tmp_path_factory.mktemp("airbyte"))
    yield made
    made.stop()
    made.http.close()


@pytest.fixture(scope="session")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A project whose connection exists and has synced once: 20 rows of each stream have landed."""
    made = make_lake(tmp_path_factory.mktemp("ledger"), server)
    made.up()
    made.sync()
    return made


@pytest.fixture
def lake(shared: Lake) -> Lake:
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
def own_lake(server: Server, tmp_path: Path) -> Lake:
    """A lake of the test's own; nothing is applied yet."""
    return make_lake(tmp_path, server)


def make_lake(folder: Path, server: Server) -> Lake:
    """A project and its stack in this folder; nothing is applied yet."""
    for name in ("state", "home"):
        (folder / name).mkdir()
    lake = Lake(folder, server)
    lake.control()
    command = f"command:{sys.executable} {Path(__file__).with_name('ledger.py')} {folder / 'control.json'}"
    definition = server.public(
        f"/workspaces/{WORKSPACE}/definitions/sources",
        {"name": f"Ledger {folder.name}", "dockerRepository": command, "dockerImageTag": "1"},
    )["id"]
    plugin = REPOSITORY / "pulumi-airbyte" / "plugin"
    (folder / "Pulumi.yaml").write_text(
        f"name: lake\nruntime: python\nplugins:\n  providers:\n    - name: airbyte\n      path: {plugin}\n"
    )
    (folder / "Pulumi.prod.yaml").write_text(f"config:\n  lotus:lake: true\n  lotus:workspace: {WORKSPACE}\n")
    (folder / "__main__.py").write_text("from lotus.program import declare\n\ndeclare()\n")
    lake._write(
        "streams/ledger/_source.json",
        {"connector": definition, "configuration": {}, "connection": {"name": lake.title}},
    )
    lake.place("files", "landing")
    for name in STREAMS:
        lake.stream(name)
    lake.pulumi("stack", "init", "prod")
    return lake
