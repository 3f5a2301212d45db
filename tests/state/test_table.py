"""The table of docs/one-writer.md, commands by identity: each cell run with real keys on a real S3."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.state.conftest import GuardedLake, make_lake
from tests.support.airbyte import REPOSITORY, WORKSPACE, Airbyte
from tests.support.s3 import S3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IDENTITIES = {
    "reader": "reader",
    "operator": "operator",
    "writer's keys, no mark": "writer's keys",
    "broken glass": "broken glass",
    "a state of your own": "own state",
}
QUICK = {
    ("`pulumi up`", "reader"),
    ("`pulumi destroy`", "writer's keys"),
    ("`pulumi up`", "broken glass"),
    ("`pulumi up`", "own state"),
}
"""Cells that `make test` tries; the others are in `make soak`."""
CHECKPOINT = ".pulumi/stacks/lake/prod.json"
ALONE = 'stack prod is changed by "operator" alone, and this is not it'
SAYS = {
    "key": ("AccessDenied", "these keys may not do that"),
    "program": (ALONE, "is a state of your own"),
    "provider": (f"was not deleted: {ALONE}",),
    "lotus": (ALONE, "the state is not in an S3 bucket"),
}
"""What is said with each word of the table, one of these at least."""


def cells() -> list[Any]:
    """The table's cells: command, identity, word."""
    text = (REPOSITORY / "docs" / "one-writer.md").read_text()
    lines = [line for line in text.partition("| command |")[2].partition("\n\n")[0].splitlines() if line]
    columns = [IDENTITIES[name.strip()] for name in lines[0].strip("|").split("|")]
    found: list[Any] = []
    for line in lines[2:]:
        command, *words = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(words) == len(columns), line
        for identity, word in zip(columns, words, strict=True):
            marks = [] if (command, identity) in QUICK else [pytest.mark.soak]
            found.append(pytest.param(command, identity, word, marks=marks, id=f"{command} {identity}"))
    return found


@dataclass
class Applied:
    """The lake as the operator applied it; put back after each cell."""

    lake: GuardedLake
    airbyte: Airbyte
    s3_server: S3
    checkpoint: bytes
    objects: list[tuple[str, str, str]]
    extra: str
    """An object of Airbyte that no state knows."""

    def now(self) -> bytes:
        """The state's checkpoint as it is."""
        found = self.s3_server.client().get_object(Bucket="state", Key=CHECKPOINT)
        return found["Body"].read()

    def version(self) -> str:
        """The version of the present checkpoint; empty if there is none."""
        client = self.s3_server.client()
        versions = client.list_object_versions(Bucket="state", Prefix=CHECKPOINT)
        return next(
            (v["VersionId"] for v in versions.get("Versions", ()) if v["IsLatest"] and v["Key"] == CHECKPOINT), ""
        )

    def locks(self) -> list[str]:
        """The keys of all locks."""
        found = self.s3_server.client().list_objects_v2(Bucket="state", Prefix=".pulumi/locks/organization/")
        return [one["Key"] for one in found.get("Contents", ())]

    def plant_lock(self) -> None:
        """The lock of a process of this host and user that has ended."""
        ended = subprocess.Popen(["true"])
        ended.wait()
        import getpass
        import socket

        body = {
            "pid": ended.pid,
            "username": getpass.getuser(),
            "hostname": socket.gethostname(),
            "timestamp": "2026-11-20T10:00:00Z",
        }
        self.s3_server.client().put_object(
            Bucket="state", Key=".pulumi/locks/organization/lake/prod/dead.json", Body=json.dumps(body).encode()
        )

    def recorded(self) -> int:
        """How many times the glass was broken."""
        client = self.s3_server.client()
        key = ".pulumi/airbyte-journal/lake/prod/broken-glass.json"
        try:
            return len(json.loads(client.get_object(Bucket="state", Key=key)["Body"].read())["entries"])
        except client.exceptions.NoSuchKey:
            return 0

    def forget_record(self) -> None:
        """So that the next broken glass is a record of its own."""
        self.s3_server.client().delete_object(Bucket="state", Key=".pulumi/airbyte-journal/lake/prod/broken-glass.json")

    def put_back(self) -> None:
        """As the operator had applied it."""
        client = self.s3_server.client()
        for key in self.locks():
            client.delete_object(Bucket="state", Key=key)
        self.forget_record()
        (self.lake.folder / "Pulumi.prod.yaml").write_text(self.settings)
        if self.airbyte.inventory() != self.objects:
            self.lake.up_as()
            self.checkpoint, self.objects = self.now(), self.airbyte.inventory()
        elif not self.version() or self.now() != self.checkpoint:
            client.put_object(Bucket="state", Key=CHECKPOINT, Body=self.checkpoint)
        shutil.rmtree(self.lake.folder / "own")
        shutil.copytree(self.lake.folder / "own.empty", self.lake.folder / "own")

    settings: str = ""


@pytest.fixture(scope="module")
def whole(airbyte: Airbyte, s3_server: S3, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """Applied once by the operator; beside it a folder with an empty state of one's own."""
    lake = make_lake(tmp_path_factory.mktemp("lake"), airbyte, s3_server)
    lake.up_as()
    lake.run("own state", "pulumi", "stack", "init", "prod")
    shutil.copytree(lake.folder / "own", lake.folder / "own.empty")
    body = {"name": "Extra", "workspaceId": WORKSPACE, "configuration": {"shop": "x"}}
    definition = airbyte.all("sources")[0]["definitionId"]
    answer = airbyte.http.post(f"{airbyte.url}/sources", json={**body, "definitionId": definition})
    applied = Applied(lake, airbyte, s3_server, b"", airbyte.inventory(), answer.json()["sourceId"])
    applied.checkpoint, applied.settings = applied.now(), (lake.folder / "Pulumi.prod.yaml").read_text()
    (lake.folder / "export.json").write_text(lake.run("operator", "pulumi", "stack", "export").stdout)
    return applied


@pytest.fixture
def applied(whole: Applied) -> Iterator[Applied]:
    """The same for each cell."""
    yield whole
    whole.put_back()


def command_of(applied: Applied, row: str) -> list[str]:
    """What is typed for a row."""
    words = row.strip("`").split()
    more = {
        "`pulumi up`": ["--yes", "--skip-preview"],
        "`pulumi destroy`": ["--yes", "--skip-preview"],
        "`pulumi refresh`": ["--yes", "--skip-preview"],
        "`pulumi import`": [
            "airbyte:index/source:Source", "extra", applied.extra, "--yes", "--generate-code=false", "--protect=false",
        ],
        "`pulumi state delete`": [
            "urn:pulumi:prod::lake::lotus:index:Lake$airbyte:index/connection:Connection::shop-to-files", "--yes",
        ],
        "`pulumi stack import`": ["--file", str(applied.lake.folder / "export.json")],
        "`pulumi stack rm --force`": ["prod", "--yes"],
        "`pulumi cancel`": ["--yes"],
    }  # fmt: skip
    if row == "`lotus state restore`":
        versions = json.loads(applied.lake.run("reader", "lotus", "state", "snapshots", "--json").stdout)
        return [*words, versions[0]["version"]]
    return [*words, *more.get(row, [])]


@pytest.mark.parametrize(("row", "identity", "word"), cells())
def test_what_stops_whom(applied: Applied, row: str, identity: str, word: str):
    """The docs' own table, cell by cell: what works, what stops it, what it says, what is left untouched."""
    lake = applied.lake
    if row in ("`pulumi cancel`", "`lotus state unlock`"):
        applied.plant_lock()
    command = command_of(applied, row)
    if row == "`lotus state restore`":
        consent = f"restore state prod {command[-1]}"
        lake.run("reader", "pulumi", "config", "set", "--path", "lotus:confirm[0]", consent)
    if row == "`pulumi up`":  # something to do
        lake.source("outlet", lake_definition(lake), shop=f"outlet {identity}", pin={"$secret": "outlet_pin"})
    version, objects, records = applied.version(), applied.airbyte.inventory(), applied.recorded()

    answer = lake.run(identity, *command, check=False)

    said = answer.stdout + answer.stderr
    same_state = applied.version() == version
    same_airbyte = applied.airbyte.inventory() == objects
    words = f"{row} as {identity}: {answer.returncode}\n{said}"
    # A state of one's own may have nothing that a command is about; that is its own affair.
    assert word == "own" or (answer.returncode == 0) == (word in ("works", "recorded", "nothing")), words
    assert any(sentence in said for sentence in SAYS.get(word, ("",))), words
    assert same_airbyte or word in ("works", "recorded"), words
    assert same_state or word not in ("key", "lotus", "own"), words
    # What no layer stops did write: the state, or (`cancel`) the locks.
    assert word != "nothing" or not same_state or not applied.locks(), words
    assert (applied.recorded() > records) == (word == "recorded"), words


def lake_definition(lake: GuardedLake) -> str:
    """The connector of the lake's sources."""
    return json.loads((lake.folder / "streams" / "shop" / "_source.json").read_text())["connector"]
