"""A lake with one writer: state in a real MinIO with keys by identity, a real Airbyte server, the real program."""

from __future__ import annotations

import configparser
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

from lotus.operations.dev import path as path_with_tools
from lotus.state.bucket import Bucket
from lotus.tools import ensure
from tests.gitops.control_plane import free_port, running

REPOSITORY = Path(__file__).resolve().parents[2]
WORKSPACE = "00000000-0000-4000-8000-000000000001"
LOCAL = "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70"
"""The definition of the embedded Airbyte's destination into a folder."""
SPEC_SOURCE = REPOSITORY / "tests" / "provider" / "spec_source.py"
SPEC = REPOSITORY / "tests" / "provider" / "shop.spec.json"
ROOT = {"AWS_ACCESS_KEY_ID": "lotus-root", "AWS_SECRET_ACCESS_KEY": "lotus-root-secret"}


@dataclass(frozen=True)
class Minio:
    """A running MinIO, and the address of the state in it."""

    endpoint: str

    def backend(self, bucket: str) -> str:
        """Pulumi's address of a bucket."""
        return f"s3://{bucket}?endpoint={self.endpoint}&disableSSL=true&s3ForcePathStyle=true&region=us-east-1"

    def client(self, bucket: str = "state") -> Any:
        """A boto3 client with the root's keys."""
        return Bucket.of(self.backend(bucket)).client(ROOT)


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    """An empty MinIO."""
    folder = tmp_path_factory.mktemp("minio")
    port = free_port()
    command = [ensure("minio", say=print), "server", "--quiet", "--address", f"127.0.0.1:{port}", folder / "data"]
    root = {"MINIO_ROOT_USER": ROOT["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": ROOT["AWS_SECRET_ACCESS_KEY"]}
    with running(command, folder / "log", {**root, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}):
        until = time.monotonic() + 60
        while not _ready(port):
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.2)
        yield Minio(f"127.0.0.1:{port}")


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/minio/health/cluster", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass(frozen=True)
class Airbyte:
    """A running embedded Airbyte, seen through its public API."""

    url: str
    http: httpx.Client

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, such as `sources`, that were not deleted."""
        answer = self.http.get(f"{self.url}/{kind}", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return [item for item in answer.json()["data"] if item.get("status") != "deprecated"]

    def everything(self) -> list[tuple[str, str, str]]:
        """Kind, id and name of all there is."""
        kinds = {"sources": "sourceId", "destinations": "destinationId", "connections": "connectionId"}
        return sorted((kind, str(one[key]), str(one["name"])) for kind, key in kinds.items() for one in self.all(kind))

    def definition(self, name: str) -> str:
        """A source definition whose check fails for a pin that begins with "wrong"."""
        command = f"command:{sys.executable} {SPEC_SOURCE} {SPEC}"
        body = {"name": name, "dockerRepository": command, "dockerImageTag": "1"}
        answer = self.http.post(f"{self.url}/workspaces/{WORKSPACE}/definitions/sources", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()["id"]


def start_airbyte(folder: Path, token: str = "") -> tuple[subprocess.Popen[str], Airbyte]:
    """A server of its own, to be terminated by the caller; with a token it asks everybody for one."""
    command = [sys.executable, "-m", "lotus.embedded", "--port", "0", "--data", str(folder)]
    environment = {**os.environ, **({"LOTUS_EMBEDDED_TOKEN": token} if token else {})}
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://" in line, line
    url = next(word for word in line.split() if word.startswith("http://"))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return process, Airbyte(url, httpx.Client(timeout=120, trust_env=False, headers=headers))


@pytest.fixture(scope="module")
def airbyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """An embedded Airbyte, ended when the module's tests are done."""
    process, found = start_airbyte(tmp_path_factory.mktemp("airbyte"))
    yield found
    found.http.close()
    process.terminate()
    process.wait()


@dataclass
class Lake:
    """A project folder whose stack `prod` is the operator's, and who works in it."""

    folder: Path
    server_url: str
    backend: str
    more: dict[str, str] = field(default_factory=dict[str, str])

    def write(self, name: str, value: Any) -> None:
        """A file of the project."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value, indent=2) + "\n")

    def keys(self, identity: str) -> dict[str, str]:
        """The keys of an identity, as `lotus state init` wrote them."""
        file = configparser.ConfigParser()
        assert file.read(self.folder / ".lotus" / "keys" / f"{identity}.ini")
        return {name.upper(): value for name, value in file["default"].items()}

    def who(self, identity: str) -> dict[str, str]:
        """The environment that makes a process this identity."""
        match identity:
            case "root":
                return ROOT
            case "reader":
                return self.keys("reader")
            case "operator":
                return {**self.keys("operator"), "PULUMI_AIRBYTE_WRITER": "operator"}
            case "writer's keys":
                return self.keys("break-glass")
            case "broken glass":
                return {**self.keys("break-glass"), "PULUMI_AIRBYTE_BREAK_GLASS": "the cluster is down"}
            case "own state":
                (self.folder / "own").mkdir(exist_ok=True)
                return {"PULUMI_BACKEND_URL": f"file://{self.folder / 'own'}"}
            case _:
                raise AssertionError(identity)

    def environment(self, identity: str) -> dict[str, str]:
        """A whole environment."""
        strip = ("AIRBYTE_", "PULUMI_", "AWS_", "LOTUS_S")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(strip)}
        kept.pop("VIRTUAL_ENV", None)
        return {
            **kept,
            "PATH": path_with_tools(REPOSITORY),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_STACK": "prod",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AIRBYTE_SERVER_URL": self.server_url,
            **self.more,
            **self.who(identity),
        }

    def run(self, identity: str, *command: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """`pulumi …` or `lotus …` as this identity."""
        head = [sys.executable, "-c", "from lotus.cli import main; main()", "--project", str(self.folder)]
        arguments = [*head, *command[1:]] if command[0] == "lotus" else [*command, "--non-interactive"]
        answer = subprocess.run(
            arguments,
            cwd=REPOSITORY if command[0] == "lotus" else self.folder,
            env={**self.environment(identity), **more},
            capture_output=True,
            text=True,
            check=False,
        )
        words = f"{identity}: {command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        assert not check or answer.returncode == 0, words
        return answer

    def up(self, identity: str = "operator", *, check: bool = True, **more: str) -> str:
        """`pulumi up`; what it printed."""
        answer = self.run(identity, "pulumi", "up", "--yes", "--skip-preview", "--diff", check=check, **more)
        return answer.stdout + answer.stderr

    def state(self) -> dict[str, Any]:
        """The stack's resources by URN's name, read with the root's keys."""
        deployment = json.loads(self.run("root", "pulumi", "stack", "export").stdout)["deployment"]
        return {one["urn"].rsplit("::", 1)[-1]: one for one in deployment.get("resources", [])}

    def source(self, name: str, definition: str, **configuration: Any) -> None:
        """A source with one stream."""
        self.write(f"streams/{name}/_source.json", {"connector": definition, "configuration": configuration})
        self.write(
            f"streams/{name}/orders.json",
            {"sync_mode": "incremental", "destination_sync_mode": "append", "cursor_field": ["at"]},
        )


def make_lake(folder: Path, airbyte: Airbyte, minio: Minio, bucket: str = "state") -> Lake:
    """A project with the sources `shop` and `outlet`, its bucket and keys by `lotus state init`; not applied yet."""
    lake = Lake(folder, airbyte.url, minio.backend(bucket))
    definition = airbyte.definition(f"Shop {folder.name} {bucket}")
    plugin = REPOSITORY / "pulumi-airbyte" / "plugin"
    lake.write(
        "Pulumi.yaml",
        f"name: lake\nruntime: python\nplugins:\n  providers:\n    - name: airbyte\n      path: {plugin}\n",
    )
    lake.write(
        "Pulumi.prod.yaml",
        f"config:\n  airbyte:writer: operator\n  lotus:lake: true\n  lotus:workspace: {WORKSPACE}\n",
    )
    lake.write("__main__.py", "from lotus.program import declare\n\ndeclare()\n")
    lake.source("shop", definition, shop="main", pin={"$secret": "shop_pin"})
    lake.source("outlet", definition, shop="outlet", pin={"$secret": "outlet_pin"})
    lake.write(
        "streams/_destinations/files.json",
        {"connector": LOCAL, "configuration": {"destination_path": str(folder / "landing")}},
    )
    (folder / "secrets").mkdir()
    for name in ("shop_pin", "outlet_pin"):
        lake.write(f"secrets/{name}", f"{name} 1\n")
    lake.more["LOTUS_SECRETS_DIR"] = str(folder / "secrets")
    lake.run("root", "lotus", "state", "init")
    lake.run("operator", "pulumi", "stack", "init", "prod")
    return lake
