"""The fault matrix: whatever happens to a mutating call, the next `up` ends with exactly one of each, nothing to do.

Every mutating call (create, update, replace, delete) of every kind meets every fault, with the engine's checkpoints and
without them. The calls of one run that wait for no other meet the fault at the same moment, which is harder than one at
a time: a kill finds up to seven creates under way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.airbyte import SHOP_SPEC, SPEC_SOURCE, WORKSPACE, Airbyte
from tests.support.s3 import ROOT, S3

from .conftest import Project, make_project
from .faulty import Fault, Proxy, answered, instead, reset, slow, together

pytestmark = pytest.mark.slow

PROGRAM = """
changed = {changed}
tag = airbyte.Tag("{mark}-tag", workspace_id=WORKSPACE, color="33FF57" if changed else "FF5733")
workspace = airbyte.Workspace("{mark}-workspace", notifications={{"failure": {{"email": {{"enabled": changed}}}}}})
manifest = airbyte.DeclarativeSourceDefinition("{mark}-manifest", workspace_id=WORKSPACE, manifest={{
    "version": "6.44.0", "type": "DeclarativeSource", "check": {{"type": "CheckStream", "stream_names": ["things"]}},
    "streams": [{{"type": "DeclarativeStream", "name": "things",
        "schema_loader": {{"type": "InlineSchemaLoader", "schema": {{"type": "object", "properties": {{}}}}}},
        "retriever": {{"type": "SimpleRetriever",
            "requester": {{"type": "HttpRequester", "url_base": "http://127.0.0.1:9",
                           "path": "/other" if changed else "/", "http_method": "GET"}},
            "record_selector": {{"type": "RecordSelector",
                                 "extractor": {{"type": "DpathExtractor", "field_path": []}}}}}}}}],
    "spec": {{"type": "Spec", "connection_specification": {{"type": "object", "properties": {{}}}}}}}})
image = airbyte.SourceDefinition("{mark}-image", workspace_id=WORKSPACE, docker_repository="{command}",
                                 docker_image_tag="2" if changed else "1")
sink = airbyte.DestinationDefinition("{mark}-sink", workspace_id=WORKSPACE,
    docker_repository="airbyte/destination-local", docker_image_tag="2" if changed else "1")
permission = airbyte.Permission("{mark}-permission", user_id="{user}", workspace_id=workspace.workspace_id,
    permission_type="workspace_editor" if changed else "workspace_reader")
source = airbyte.Source("{mark}-source", workspace_id=WORKSPACE, definition_id="{definition}",
    configuration={{"shop": "s", "pin": pulumi.Output.secret("second-pin" if changed else "first-pin")}})
lake = airbyte.Destination("{mark}-lake", workspace_id=WORKSPACE, configuration={{
    "destinationType": "local", "destination_path": "{folder}" + ("/b" if changed else "/a")}})
connection = airbyte.Connection("{mark}-connection", name="{mark}-connection", source_id=source.source_id,
    destination_id=lake.destination_id, prefix="p_" if changed else "",
    configurations={{"streams": [{{"name": "orders"}}]}})
"""


@dataclass(frozen=True)
class Kind:
    """Where the API has objects of a kind, and how an update is sent."""

    type: str
    path: str
    update: str
    above: bool = False
    """Whether it is made of others, so that its create waits for theirs, and theirs for its delete."""


_DEFINITIONS = f"/workspaces/{WORKSPACE}/definitions"
KINDS = {
    "source": Kind("Source", "/sources", "PUT"),
    "destination": Kind("Destination", "/destinations", "PUT"),
    "connection": Kind("Connection", "/connections", "PATCH", above=True),
    "tag": Kind("Tag", "/tags", "PATCH"),
    "workspace": Kind("Workspace", "/workspaces", "PATCH"),
    "permission": Kind("Permission", "/permissions", "PATCH", above=True),
    "manifest": Kind("DeclarativeSourceDefinition", f"{_DEFINITIONS}/declarative_sources", "PUT"),
    "image": Kind("SourceDefinition", f"{_DEFINITIONS}/sources", "PUT"),
    "sink": Kind("DestinationDefinition", f"{_DEFINITIONS}/destinations", "PUT"),
}
Waves = list[list[str]]
UPWARD: Waves = [[name for name in KINDS if not KINDS[name].above], [name for name in KINDS if KINDS[name].above]]
DOWNWARD: Waves = UPWARD[::-1]
REPLACED: Waves = [[name for name in wave if name != "tag"] for wave in UPWARD]
"""Airbyte takes no second tag of the same name, so a tag is replaced by hand or not at all."""


def kill(project: Project) -> None:
    """End the engine and its plugins as a crash would."""
    engine = psutil.Process(int((project.folder / "pid").read_text()))
    for process in [engine, *engine.children(recursive=True)]:
        process.kill()


def mend(project: Project) -> None:
    """What a person does after a kill: free the lock.

    In files the engine writes a state's `.attrs` (its MD5) in place, so a kill in that moment leaves an empty one, and
    every command fails with "failed to load checkpoint: EOF" until it is removed; a bucket has no such file.
    """
    for file in (project.folder / "state").rglob("*.attrs"):
        if not file.read_bytes():
            file.unlink()
    project.pulumi("cancel", "--yes")


def up(project: Project, *more: str, **environment: str) -> str:
    """`pulumi up`, with its process id where `kill` finds it; empty if it succeeded, else what it printed."""
    script = 'echo $$ > "$0/pid"; exec pulumi up --yes --skip-preview --non-interactive "$@"'
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRBYTE_", "PULUMI_"))}
    mine = {**inherited, **project.variables(), "PULUMI_AIRBYTE_SLOWEST_CREATE": SLOWEST, **environment}
    command = ["sh", "-c", script, str(project.folder), *more]
    answer = subprocess.run(command, cwd=project.folder, env=mine, capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


SLOWEST = "8"
"""Seconds after which a create is over here: a killed one goes on for 1.5 s, on a busy machine longer."""
Broken = Callable[[Project, int], dict[str, Any]]
FAULTS: dict[str, Broken] = {
    "killed before the request": lambda project, size: {"before": together(size, lambda: kill(project))},
    "killed while the server is at it": lambda project, size: {
        "before": together(size, lambda: kill(project), delay=1.5)
    },
    "killed between commit and answer": lambda project, size: {"after": together(size, lambda: kill(project))},
    "killed after the answer": lambda project, size: {"after": answered(size, lambda: kill(project))},
    "500 without a commit": lambda project, size: {"before": instead(500)},
    "500 after the commit": lambda project, size: {"after": instead(500)},
    "502 without a commit": lambda project, size: {"before": instead(502)},
    "502 after the commit": lambda project, size: {"after": instead(502)},
    "429 with Retry-After": lambda project, size: {"before": instead(429, Retry_After="1")},
    "401 once": lambda project, size: {"before": instead(401)},
    "reset before the commit": lambda project, size: {"before": reset},
    "reset after the commit": lambda project, size: {"after": reset},
    "an answer that is no JSON": lambda project, size: {"after": instead(200, b"<html>", kind="text/html")},
    "an answer that takes 4 s": lambda project, size: {"after": slow(4)},
    "a server that takes 130 s": lambda project, size: {"before": slow(130)},
}
"""By what happens; the number is how many calls it happens to at once."""
CASES = [(fault, checkpoints) for fault in FAULTS for checkpoints in (True, False)]
CASES.remove(("a server that takes 130 s", False))
SLICE = [("reset after the commit", True)]
"""For every day, creates only, beside the kill with the state in a bucket. The rest is for `make soak`."""


@pytest.fixture(scope="module")
def proxy(server: Airbyte) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with Proxy(server.url) as made:
        yield made
        made.shutdown()


@pytest.fixture
def behind(proxy: Proxy, server: Airbyte, shop: str, tmp_path: Path) -> Iterator[Project]:
    """A project whose provider talks through the proxy."""
    project = make_project(tmp_path, proxy.url)
    project.environment["MARK"] = tmp_path.name[-24:].replace("_", "-")
    declare(project, server, shop)
    yield project
    proxy.faults = []


def declare(project: Project, server: Airbyte, shop: str, *, changed: bool = False) -> None:
    """The program with one of each kind."""
    spec = SHOP_SPEC
    command = f"command:{sys.executable} {SPEC_SOURCE} {spec}"
    values = {"mark": project.environment["MARK"], "definition": shop, "user": server.user, "command": command}
    project.program(PROGRAM.format(folder=project.folder / "lake", changed=changed, **values))


def names(server: Airbyte, mark: str) -> dict[str, list[str]]:
    """The ids of this test's objects, by kind."""
    found: dict[str, list[str]] = {}
    mine = [one["workspaceId"] for one in server.all("workspaces") if str(one["name"]).startswith(f"{mark}-")]
    for kind, of in KINDS.items():
        if kind == "permission":
            items = server.call("GET", of.path, userId=server.user)["data"]
            found[kind] = [one["permissionId"] for one in items if one.get("scopeId") in mine]
            continue
        items = server.call("GET", of.path, **({"limit": 100} if "definitions" not in of.path else {}))["data"]
        there = [one for one in items if one.get("status") != "deprecated"]
        id_name = "id" if "definitions" in of.path else f"{kind}Id"
        found[kind] = [one[id_name] for one in there if str(one.get("name", "")).startswith(f"{mark}-")]
    return found


def counts(server: Airbyte, project: Project) -> dict[str, int]:
    """How many objects of this test there are, by kind."""
    return {kind: len(ids) for kind, ids in names(server, project.environment["MARK"]).items()}


ONE_OF_EACH = dict.fromkeys(KINDS, 1)


def ids(project: Project) -> dict[str, str]:
    """The ids that the state has, by kind."""
    by_type = {one["type"].rsplit(":", 1)[-1]: one["id"] for one in project.resources().values()}
    return {kind: by_type[of.type] for kind, of in KINDS.items() if of.type in by_type}


@dataclass
class Trial:
    """One fault in one project; counts the calls that met it."""

    project: Project
    proxy: Proxy
    fault: str
    environment: dict[str, str]
    met: int = 0

    def run(
        self,
        waves: Waves,
        method: Callable[[str], str],
        path: Callable[[str], str],
        more: Callable[[], list[str]] = list,
    ) -> None:
        """`up` until nothing fails: each call meets the fault once, and the next `up` heals it.

        The first error stops the engine, so what it had not sent by then meets its fault in the next run.
        """
        broken = FAULTS[self.fault]
        self.proxy.faults = [
            Fault(method(kind), path(kind), **made)
            for wave in waves
            for made in [broken(self.project, len(wave))]
            for kind in wave
        ]
        words = "never run"
        for _ in range(sum(map(len, waves)) + 1):
            words = up(self.project, *more(), **self.environment)
            if self.fault.startswith("killed") and words:
                mend(self.project)
            if not words:
                break
        assert not words, words
        hits = {fault.path: fault.hits for fault in self.proxy.faults}
        assert set(hits.values()) == {1}, hits
        self.met += len(hits)
        self.proxy.faults = []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("fault", "checkpoints"),
    [pytest.param(*case, marks=() if case in SLICE else pytest.mark.soak) for case in CASES],
    ids=lambda case: ("checkpoints" if case else "no checkpoints") if isinstance(case, bool) else case,
)
def test_one_of_each_whatever_happens_to_creates(
    behind: Project, proxy: Proxy, server: Airbyte, fault: str, checkpoints: bool
):
    """No orphan, no second copy, nothing left to do."""
    trial = Trial(behind, proxy, fault, {} if checkpoints else {"PULUMI_SKIP_CHECKPOINTS": "true"})
    trial.run(UPWARD, lambda _: "POST", lambda kind: KINDS[kind].path)

    assert counts(server, behind) == ONE_OF_EACH
    assert behind.preview("--refresh")[0] == 0
    print(f"{trial.met} creates met: {fault}")


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("fault", "checkpoints"),
    [case for case in CASES if "130" not in case[0]],
    ids=lambda case: ("checkpoints" if case else "no checkpoints") if isinstance(case, bool) else case,
)
def test_one_of_each_whatever_happens_to_updates_replacements_and_deletes(
    behind: Project, proxy: Proxy, server: Airbyte, shop: str, fault: str, checkpoints: bool
):
    """The same objects after an update, other ones after `up --replace`, none at the end; never two."""
    environment = {} if checkpoints else {"PULUMI_SKIP_CHECKPOINTS": "true"}
    assert not up(behind)
    trial = Trial(behind, proxy, fault, environment)
    first = ids(behind)
    declare(behind, server, shop, changed=True)
    trial.run(UPWARD, lambda kind: KINDS[kind].update, lambda kind: f"{KINDS[kind].path}/{first[kind]}")
    assert names(server, behind.environment["MARK"]) == {kind: [one] for kind, one in first.items()}
    assert behind.preview("--refresh")[0] == 0

    def those_left() -> list[str]:
        left = [one for one in behind.resources().values() if one["id"] in first.values()]
        return [word for one in left if one["id"] != first["tag"] for word in ("--replace", one["urn"])]

    trial.run(REPLACED, lambda _: "POST", lambda kind: KINDS[kind].path, those_left)
    assert counts(server, behind) == ONE_OF_EACH
    second = ids(behind)
    assert names(server, behind.environment["MARK"]) == {kind: [one] for kind, one in second.items()}
    assert [kind for kind in KINDS if first[kind] == second[kind]] == ["tag"]
    assert behind.preview("--refresh")[0] == 0

    behind.program("")
    trial.run(DOWNWARD, lambda _: "DELETE", lambda kind: f"{KINDS[kind].path}/{second[kind]}")
    assert counts(server, behind) == dict.fromkeys(KINDS, 0)
    assert not behind.resources()
    print(f"{trial.met} updates, replacements and deletes met: {fault}")


def test_with_the_state_in_a_bucket_the_journal_is_beside_it(
    behind: Project, proxy: Proxy, server: Airbyte, s3_server: S3
):
    """A kill with an empty state is healed from the intents in S3; deletes close them."""
    s3 = s3_server.client()
    s3.create_bucket(Bucket="state")
    behind.environment |= {**ROOT, "PULUMI_BACKEND_URL": s3_server.backend("state")}
    behind.pulumi("stack", "init", "dev")
    trial = Trial(behind, proxy, "killed between commit and answer", {"PULUMI_SKIP_CHECKPOINTS": "true"})
    trial.run(UPWARD, lambda _: "POST", lambda kind: KINDS[kind].path)

    def intents() -> int:
        return s3.list_objects_v2(Bucket="state", Prefix=".pulumi/airbyte-journal/test/dev/")["KeyCount"]

    assert counts(server, behind) == ONE_OF_EACH
    assert intents() == len(KINDS)
    assert behind.preview("--refresh")[0] == 0
    assert not list((behind.folder / "state").rglob("airbyte-journal"))
    behind.pulumi("destroy", "--yes", "--skip-preview")
    assert intents() == 0


def test_a_second_state_and_a_replacement_take_nothing_over(
    behind: Project, server: Airbyte, shop: str, tmp_path: Path
):
    """A second state makes objects of its own by consent alone, and `--replace` makes a new one, even unseen."""
    assert not up(behind)
    (tmp_path / "second").mkdir()
    other = make_project(tmp_path / "second", behind.server_url)
    (other.folder / "__main__.py").write_text((behind.folder / "__main__.py").read_text().replace("-tag", "-tag2"))
    assert "and the state (file://" in up(other)
    other.environment["AIRBYTE_CONFIRM"] = "everything"
    assert not up(other)
    assert counts(server, behind) == dict.fromkeys(KINDS, 2)
    assert not set(ids(behind).values()) & set(ids(other).values())

    before = ids(other)
    urn = next(one["urn"] for one in other.resources().values() if one["type"].endswith(":Connection"))
    assert not up(other, "--replace", urn)
    assert [kind for kind, one in ids(other).items() if one != before[kind]] == ["connection"]
    assert counts(server, behind) == dict.fromkeys(KINDS, 2)


def test_a_foreign_object_of_the_same_name_is_left_alone(behind: Project, server: Airbyte, proxy: Proxy, shop: str):
    """An interrupted create does not take what somebody else had made before it; a starting server is waited for."""
    body = {"name": f"{behind.environment['MARK']}-source", "workspaceId": WORKSPACE, "definitionId": shop}
    theirs = server.call("POST", "/sources", {**body, "configuration": {"shop": "s", "pin": "x"}})
    proxy.faults = [
        Fault("POST", "/sources", before=instead(500)),
        *(Fault("GET", "/sources", before=instead(503, b"")) for _ in range(3)),
    ]
    behind.environment["AIRBYTE_CONFIRM"] = f"duplicate source {body['name']}"
    up(behind)
    assert not up(behind)

    assert theirs["sourceId"] not in ids(behind).values()
    assert server.call("GET", f"/sources/{theirs['sourceId']}")["createdAt"] == theirs["createdAt"]
