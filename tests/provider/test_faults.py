"""The fault matrix: whatever happens to a create, the next `up` ends with exactly one of each and nothing to do."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from .conftest import WORKSPACE, Project, Server, make_project
from .faulty import Fault, Handler, Proxy, instead, reset, slow

pytestmark = pytest.mark.slow

PROGRAM = """
tag = airbyte.Tag("{mark}-tag", workspace_id=WORKSPACE, color="FF5733")
workspace = airbyte.Workspace("{mark}-workspace")
manifest = airbyte.DeclarativeSourceDefinition("{mark}-manifest", workspace_id=WORKSPACE, manifest={{
    "version": "6.44.0", "type": "DeclarativeSource", "check": {{"type": "CheckStream", "stream_names": ["things"]}},
    "streams": [{{"type": "DeclarativeStream", "name": "things",
        "schema_loader": {{"type": "InlineSchemaLoader", "schema": {{"type": "object", "properties": {{}}}}}},
        "retriever": {{"type": "SimpleRetriever",
            "requester": {{"type": "HttpRequester", "url_base": "http://127.0.0.1:9", "path": "/",
                           "http_method": "GET"}},
            "record_selector": {{"type": "RecordSelector",
                                 "extractor": {{"type": "DpathExtractor", "field_path": []}}}}}}}}],
    "spec": {{"type": "Spec", "connection_specification": {{"type": "object", "properties": {{}}}}}}}})
permission = airbyte.Permission(
    "{mark}-permission", permission_type="workspace_reader", user_id="{user}", workspace_id=workspace.workspace_id)
source = airbyte.Source("{mark}-source", workspace_id=WORKSPACE, definition_id="{definition}",
                        configuration={{"shop": "s", "pin": pulumi.Output.secret("first-pin")}})
lake = airbyte.Destination("{mark}-lake", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
connection = airbyte.Connection("{mark}-connection", name="{mark}-connection", source_id=source.source_id,
                                destination_id=lake.destination_id,
                                configurations={{"streams": [{{"name": "orders"}}]}})
"""
CREATES = {
    "source": "/sources",
    "destination": "/destinations",
    "connection": "/connections",
    "tag": "/tags",
    "workspace": "/workspaces",
    "permission": "/permissions",
    "manifest": "/definitions/declarative_sources",
}
LISTS = {"sources", "destinations", "connections", "tags", "workspaces"}


def kill(project: Project) -> Callable[[Handler], bool]:
    """End the engine and its plugins as a crash would, and wait until they are gone."""

    def act(handler: Handler) -> bool:
        engine = psutil.Process(int((project.folder / "pid").read_text()))
        family = [engine, *engine.children(recursive=True)]
        for process in family:
            process.kill()
        return True

    return act


def up(project: Project, **environment: str) -> str:
    """`pulumi up`, with its process id where `kill` finds it; empty if it succeeded, else what it printed."""
    script = 'echo $$ > "$0/pid"; exec pulumi up --yes --skip-preview --non-interactive'
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRBYTE_", "PULUMI_"))}
    mine = {**inherited, **project.pulumi_environment(), "PULUMI_AIRBYTE_SLOWEST_CREATE": "3", **environment}
    command = ["sh", "-c", script, str(project.folder)]
    answer = subprocess.run(command, cwd=project.folder, env=mine, capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


FAULTS: dict[str, Callable[[Project], dict[str, Any]]] = {
    "killed before the request": lambda project: {"before": kill(project)},
    "killed between commit and answer": lambda project: {"after": kill(project)},
    "500 without a commit": lambda _: {"before": instead(500)},
    "500 after the commit": lambda _: {"after": instead(500)},
    "502 without a commit": lambda _: {"before": instead(502)},
    "502 after the commit": lambda _: {"after": instead(502)},
    "429 with Retry-After": lambda _: {"before": instead(429, Retry_After="1")},
    "401 once": lambda _: {"before": instead(401)},
    "reset before the commit": lambda _: {"before": reset},
    "reset after the commit": lambda _: {"after": reset},
    "an answer that is no JSON": lambda _: {"after": instead(200, b"<html>", kind="text/html")},
    "an answer that takes long": lambda _: {"after": slow(4)},
}


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with Proxy(server.url) as made:
        yield made
        made.shutdown()


@pytest.fixture
def behind(proxy: Proxy, server: Server, shop: str, tmp_path: Path) -> Iterator[Project]:
    """A project whose provider talks through the proxy."""
    project = make_project(tmp_path, proxy.url)
    mark = tmp_path.name[-24:].replace("_", "-")
    user = server.call("GET", "/users", organizationId="00000000-0000-0000-0000-000000000000")["data"][0]["id"]
    folder = tmp_path / "lake"
    project.program(PROGRAM.format(mark=mark, definition=shop, folder=folder, user=user))
    project.environment["MARK"] = mark
    yield project
    proxy.fault = None


def counts(server: Server, mark: str) -> dict[str, int]:
    """How many objects of this test there are, by kind."""
    found = {kind: sum(str(item.get("name", "")).startswith(f"{mark}-") for item in server.all(kind)) for kind in LISTS}
    definitions = server.call("GET", f"/workspaces/{WORKSPACE}/definitions/declarative_sources")["data"]
    return {**found, "manifests": sum(str(item["name"]).startswith(f"{mark}-") for item in definitions)}


ONE_OF_EACH = {**dict.fromkeys(LISTS, 1), "manifests": 1}


EVERY = [(kind, fault, checkpoints) for kind in CREATES for fault in FAULTS for checkpoints in (True, False)]
SLICE = [
    ("source", "killed between commit and answer", False),
    ("connection", "killed between commit and answer", True),
    ("destination", "reset after the commit", True),
    ("manifest", "500 after the commit", True),
    ("permission", "502 without a commit", True),
    ("workspace", "reset after the commit", False),
]
"""For every day: what the peer gets wrong, each with another kind. The rest is for `make soak`."""


def words(case: object) -> str:
    """A case in a test's name."""
    return ("checkpoints" if case else "no checkpoints") if isinstance(case, bool) else str(case)


@pytest.mark.parametrize(
    ("kind", "fault", "checkpoints"),
    [pytest.param(*case, marks=() if case in SLICE else pytest.mark.soak) for case in EVERY],
    ids=words,
)
def test_one_of_each_whatever_happens(
    behind: Project, proxy: Proxy, server: Server, kind: str, fault: str, checkpoints: bool
):
    """No orphan, no second copy, nothing left to do."""
    skip = {} if checkpoints else {"PULUMI_SKIP_CHECKPOINTS": "true"}
    proxy.fault = Fault("POST", CREATES[kind], **FAULTS[fault](behind))
    up(behind, **skip)
    assert proxy.fault.hits == 1
    proxy.fault = None

    if fault.startswith("killed"):
        behind.pulumi("cancel", "--yes")
    time.sleep(0.2)
    assert not up(behind)
    assert counts(server, behind.environment["MARK"]) == ONE_OF_EACH
    assert behind.preview("--refresh")[0] == 0


def test_a_second_state_takes_nothing_over(behind: Project, server: Server, tmp_path: Path):
    """Without an intent of its own it makes its own objects, even of the same names."""
    assert not up(behind)
    (tmp_path / "second").mkdir()
    other = make_project(tmp_path / "second", behind.server_url)
    (other.folder / "__main__.py").write_text((behind.folder / "__main__.py").read_text().replace("-tag", "-tag2"))
    assert not up(other)

    found = counts(server, behind.environment["MARK"])
    assert found == {**dict.fromkeys(LISTS, 2), "manifests": 2}


def test_a_replacement_never_takes_over_what_it_replaces(behind: Project, server: Server):
    """`up --replace` makes a new one and removes the old one."""
    assert not up(behind)
    before = {one["id"] for one in behind.resources().values()}
    urn = next(one["urn"] for one in behind.resources().values() if one["type"].endswith(":Connection"))
    for _ in range(2):
        behind.up("--replace", urn)

    after = {one["id"] for one in behind.resources().values()}
    assert len(before - after) == len(after - before) == 1
    assert counts(server, behind.environment["MARK"]) == ONE_OF_EACH


def test_a_foreign_object_of_the_same_name_is_left_alone(behind: Project, server: Server, proxy: Proxy):
    """An interrupted create does not take what somebody else had made before it."""
    mark = behind.environment["MARK"]
    foreign = server.call("POST", "/tags", {"name": f"{mark}-tag2", "color": "FF5733", "workspaceId": WORKSPACE})
    proxy.fault = Fault("POST", "/sources", before=instead(500))
    body = json.loads(json.dumps({"name": f"{mark}-source", "workspaceId": WORKSPACE}))
    body |= {"definitionId": server.all("sources")[0]["definitionId"], "configuration": {"shop": "s", "pin": "x"}}
    theirs = server.call("POST", "/sources", body)
    up(behind)
    proxy.fault = None
    assert not up(behind)

    mine = {one["id"] for one in behind.resources().values()}
    assert not mine & {foreign["tagId"], theirs["sourceId"]}


def test_an_update_whose_answer_is_lost_is_repeated(behind: Project, proxy: Proxy, server: Server):
    """PUT gives the same result twice."""
    assert not up(behind)
    program = behind.folder / "__main__.py"
    program.write_text(program.read_text().replace("first-pin", "second-pin"))
    source = next(one["id"] for one in behind.resources().values() if one["type"].endswith(":Source"))
    proxy.fault = Fault("PUT", f"/sources/{source}", after=reset)

    assert not up(behind)
    assert behind.preview("--refresh")[0] == 0


def test_a_server_that_is_starting_is_waited_for(behind: Project, proxy: Proxy):
    """For a while; `up` right after the server's start is what everyone does."""
    opened = threading.Event()

    def closed(handler: Handler) -> bool:
        if not opened.is_set():
            threading.Timer(2, opened.set).start()
        handler.answer(503, b"")
        return True

    proxy.fault = Fault("GET", "/sources", before=closed)
    assert not up(behind)
