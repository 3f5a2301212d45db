"""A lake with one writer: state in a real S3 with keys by identity, a real server, the real program."""

from __future__ import annotations

import configparser
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.airbyte import LOCAL, Airbyte, started_airbyte
from tests.support.lake import Lake
from tests.support.s3 import ROOT, S3, started_s3


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An empty S3."""
    with started_s3(tmp_path_factory.mktemp("s3_server")) as s3:
        yield s3


@pytest.fixture(scope="module")
def airbyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server, ended when the module's tests are done."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte")) as server:
        yield server


class GuardedLake(Lake):
    """A lake whose stack `prod` is the operator's, and who works in it."""

    def __init__(self, folder: Path, server_url: str, backend: str) -> None:
        super().__init__(folder)
        self.server_url = server_url
        self.backend = backend
        self.more: dict[str, str] = {}

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

    def environment_of(self, identity: str) -> dict[str, str]:
        """A whole environment."""
        return {
            **self.variables(),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_STACK": "prod",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AIRBYTE_SERVER_URL": self.server_url,
            **self.more,
            **self.who(identity),
        }

    def run(self, identity: str, *command: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """`pulumi …` or `lotus …` as this identity."""
        start = self.lotus if command[0] == "lotus" else self.pulumi
        return start(*command[1:], check=check, **{**self.environment_of(identity), **more})

    def up_as(self, identity: str = "operator", *, check: bool = True, **more: str) -> str:
        """`pulumi up` as this identity; what it printed."""
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


def make_lake(folder: Path, airbyte: Airbyte, s3_server: S3, bucket: str = "state") -> GuardedLake:
    """A project with the sources `shop` and `outlet`, its bucket and keys by `lotus state init`; not applied yet."""
    lake = GuardedLake(folder, airbyte.url, s3_server.backend(bucket))
    definition = airbyte.definition(f"Shop {folder.name} {bucket}")
    lake.create_lake(**{"airbyte:writer": "operator"})
    lake.source("shop", definition, shop="main", pin={"$secret": "shop_pin"})
    lake.source("outlet", definition, shop="outlet", pin={"$secret": "outlet_pin"})
    lake.write(
        "streams/_destinations/files.json",
        {"connector": LOCAL, "configuration": {"destination_path": str(folder / "landing")}},
    )
    for name in ("shop_pin", "outlet_pin"):
        lake.write(f"secrets/{name}", f"{name} 1\n")
    lake.more["LOTUS_SECRETS_DIR"] = str(folder / "secrets")
    lake.run("root", "lotus", "state", "init")
    lake.run("operator", "pulumi", "stack", "init", "prod")
    return lake
