"""Answers that are not Airbyte's, and what happens beside an update: nothing is believed, forgotten or lost unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.airbyte import Airbyte

from .conftest import Project, make_project
from .faulty import Action, Fault, Handler, Proxy, instead, reset

pytestmark = pytest.mark.slow

PROGRAM = """
source = airbyte.Source("shop", name="{name} shop", workspace_id=WORKSPACE, definition_id="{shop}",
                        configuration={{"shop": "{value}"}})
lake = airbyte.Destination("lake", name="{name} lake", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
"""
CONNECTION = """
airbyte.Connection("c", name="{name}", source_id=source.source_id, destination_id=lake.destination_id, {more}
                   configurations={{"streams": [{{"name": "orders"}}]}})
"""
NOT_FOUND = {
    "an ingress": instead(404, b"404 page not found", kind="text/plain"),
    "a page": instead(404, b"<html><h1>404 Not Found</h1></html>", kind="text/html"),
    "a gateway": instead(404, b'{"message":"no Route matched with those values"}'),
}


@pytest.fixture(scope="module")
def proxy(server: Airbyte) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with Proxy(server.url) as made:
        yield made
        made.shutdown()


@pytest.fixture
def behind(proxy: Proxy, tmp_path: Path) -> Iterator[Project]:
    """A project whose provider talks through the proxy."""
    project = make_project(tmp_path, proxy.url)
    project.environment["PULUMI_AIRBYTE_SLOWEST_CREATE"] = "3"
    yield project
    proxy.faults = []


def declare(project: Project, shop: str, *, value: str = "s", connection: bool = True, more: str = "") -> str:
    name = project.folder.name[-30:]
    text = PROGRAM + (CONNECTION if connection else "")
    project.program(text.format(name=name, shop=shop, value=value, folder=project.folder / "lake", more=more))
    return name


def every(method: str, act: Action) -> list[Fault]:
    """Every call of a method gets this."""
    return [Always(method, "", before=act)]


class Always(Fault):
    """A fault that stays; an empty path is any."""

    def takes(self, method: str, path: str) -> bool:
        return method == self.method


@pytest.mark.parametrize("answer", NOT_FOUND)
def test_a_404_of_something_in_between_empties_no_state(behind: Project, proxy: Proxy, shop: str, answer: str):
    """A misrouted ingress says it for everything; the error asks whether the server's URL is right."""
    declare(behind, shop)
    behind.up()
    proxy.faults = every("GET", NOT_FOUND[answer])
    printed = behind.pulumi("refresh", "--yes", check=False)
    proxy.faults = []

    assert printed.returncode != 0
    assert "is the server URL right" in printed.stdout + printed.stderr
    assert len(behind.resources()) == 3
    assert behind.preview("--refresh")[0] == 0


def test_a_server_that_knows_neither_object_nor_workspace_is_another_one(behind: Project, proxy: Proxy, shop: str):
    """Another Airbyte answers in Airbyte's words, for everything."""
    declare(behind, shop)
    behind.up()
    problem = {"type": "https://reference.airbyte.com/reference/errors#resource-not-found", "status": 404}
    proxy.faults = every("GET", instead(404, json.dumps(problem).encode()))
    printed = behind.pulumi("refresh", "--yes", check=False)
    proxy.faults = []

    assert printed.returncode != 0
    assert "is that the stack's server?" in printed.stdout + printed.stderr
    assert len(behind.resources()) == 3


def test_a_404_on_a_delete_is_looked_at(behind: Project, proxy: Proxy, server: Airbyte, shop: str):
    """Believed, the connection would go on syncing, forgotten by the state."""
    declare(behind, shop)
    behind.up()
    connection = behind.resources()["airbyte:index/connection:Connection::c"]["id"]
    declare(behind, shop, connection=False)
    proxy.faults = [Fault("DELETE", f"/connections/{connection}", before=NOT_FOUND["an ingress"])]
    assert "was not deleted" in behind.up(check=False)
    assert behind.resources()["airbyte:index/connection:Connection::c"]["id"] == connection

    behind.up()
    assert server.call("GET", f"/connections/{connection}")["status"] == "deprecated"


UNCLEAR = {
    "a list": instead(200, b"[]"),
    "an empty object": instead(200, b"{}"),
    "nothing": instead(200, b""),
    "a page": instead(200, b"<html>", kind="text/html"),
    "a gateway's conflict": instead(409, b'{"message": "a request with this key is under way"}'),
    "a redirect": instead(302, b"", Location="https://login.invalid"),
    "an ingress's 404": NOT_FOUND["an ingress"],
    "a reset": reset,
}


SLICE = [("a list", True), ("a gateway's conflict", True), ("a reset", False)]
"""For every day; the rest is for `make soak`."""


@pytest.mark.parametrize(
    ("answer", "committed"),
    [
        pytest.param(answer, committed, marks=() if (answer, committed) in SLICE else pytest.mark.soak)
        for answer in UNCLEAR
        for committed in (True, False)
    ],
)
def test_a_create_whose_answer_says_nothing_is_looked_for(
    behind: Project, proxy: Proxy, server: Airbyte, shop: str, answer: str, committed: bool
):
    """In the same run: taken over if it is there, sent again if it is proved that it is not."""
    act = UNCLEAR[answer]
    name = declare(behind, shop)
    paths = ("/sources", "/destinations", "/connections")
    faults = [Fault("POST", path, after=act) if committed else Fault("POST", path, before=act) for path in paths]
    proxy.faults = faults
    printed = behind.up()

    assert [fault.hits for fault in proxy.faults] == [1, 1, 1], printed
    for kind in ("sources", "destinations", "connections"):
        assert len([one for one in server.all(kind) if str(one["name"]).startswith(name)]) == 1
    assert behind.preview("--refresh")[0] == 0


def test_a_race_that_an_update_lost_is_reported(behind: Project, proxy: Proxy, server: Airbyte, shop: str):
    """Somebody writes between the update and the look at it."""
    declare(behind, shop, more='prefix="a_",')
    behind.up()
    connection = behind.resources()["airbyte:index/connection:Connection::c"]["id"]

    def somebody_else(handler: Handler) -> bool:
        server.call("PATCH", f"/connections/{connection}", {"prefix": "theirs_"})
        return False

    proxy.faults = [Fault("PATCH", f"/connections/{connection}", after=somebody_else)]
    declare(behind, shop, more='prefix="b_",')
    assert "somebody else changed it in Airbyte at the same moment (prefix)" in behind.up()
    assert "~ prefix" in behind.preview("--refresh")[1]


def test_an_update_sends_the_differing_keys_alone(behind: Project, proxy: Proxy, server: Airbyte, shop: str):
    """As the server gets it."""
    declare(behind, shop, more='prefix="a_", status="active",')
    behind.up()
    connection = behind.resources()["airbyte:index/connection:Connection::c"]["id"]
    bodies: list[Any] = []

    def keep(handler: Handler) -> bool:
        bodies.append(json.loads(handler.body))
        return False

    proxy.faults = [Fault("PATCH", f"/connections/{connection}", before=keep)]
    declare(behind, shop, more='prefix="b_", status="active",')
    behind.up()
    assert bodies == [{"prefix": "b_"}]


INTERVAL = 'schedule={"schedule_type": "basic", "basic_timing": "Every 24 HOURS"},'


def test_where_only_the_public_api_is_reachable_an_interval_is_refused_in_words(
    behind: Project, proxy: Proxy, server: Airbyte, shop: str
):
    """The connection that was made keeps its id, and gets its schedule once the API is there."""
    declare(behind, shop, more=INTERVAL)
    proxy.faults = [ConfigApi("POST", "/connections/update", before=instead(403))]
    printed = behind.up(check=False)
    assert "through Airbyte's config API only" in printed
    assert "use a cron expression in UTC" in printed
    connection = behind.resources()["airbyte:index/connection:Connection::c"]["id"]

    behind.up()
    assert behind.resources()["airbyte:index/connection:Connection::c"]["id"] == connection
    shown = server.call("GET", f"/connections/{connection}")["schedule"]
    assert shown == {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}
    assert behind.preview("--refresh")[0] == 0


class ConfigApi(Fault):
    """A fault of the config API."""

    def takes(self, method: str, path: str) -> bool:
        if self.hits or method != self.method or path != "/api/v1" + self.path:
            return False
        self.hits += 1
        return True
