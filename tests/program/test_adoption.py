"""`lotus:adopt` through the real engine: what is in Airbyte becomes the stack's as it is, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lotus.config import load
from tests.support.airbyte import SHOP_SOURCE, WORKSPACE, Airbyte, started_airbyte
from tests.support.lake import Lake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OTHER = "99999999-9999-4999-8999-999999999999"
HASHED = {"name": "hashing", "configuration": {"targetField": "name", "method": "SHA-256", "fieldNameSuffix": "_h"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server with a definition of the shop."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte")) as airbyte:
        yield airbyte


class Adopted(Lake):
    """A lake that somebody made in the UI, and files that say the same."""

    server: Airbyte
    ids: dict[str, dict[str, str]]

    def prefixed(self) -> None:
        """What the files leave out is set in Airbyte: it stays."""
        self.server.call("PATCH", f"/connections/{self.ids['connections']['shop']}", {"prefix": "eu_"})

    def adopt(self, **ids: dict[str, str]) -> None:
        """Write `lotus:adopt`."""
        content = yaml.safe_load((self.folder / "Pulumi.prod.yaml").read_text())
        content["config"]["lotus:adopt"] = ids
        self.write("Pulumi.prod.yaml", yaml.safe_dump(content, allow_unicode=True))

    def everything(self) -> dict[str, Any]:
        """All objects, as Airbyte shows them."""
        return {kind: self.server.all(kind) for kind in ("sources", "destinations", "connections")}


@pytest.fixture
def lake(server: Airbyte, tmp_path: Path) -> Adopted:
    """Source, destination and connection, none of them in a state."""
    definition = server.command_definition(f"Shop of {tmp_path.name}", f"{sys.executable} {SHOP_SOURCE}")
    configuration = {"shop": "here", "token": "not-a-secret-1"}
    source = {"name": "Shop", "workspaceId": WORKSPACE, "definitionId": definition, "configuration": configuration}
    local = {"destinationType": "local", "destination_path": str(tmp_path / "landing")}
    ends = {
        "sourceId": server.call("POST", "/sources", source)["sourceId"],
        "destinationId": server.call(
            "POST", "/destinations", {"name": "Lake", "workspaceId": WORKSPACE, "configuration": local}
        )["destinationId"],
    }
    stream = {"name": "orders", "syncMode": "full_refresh_append"}
    connection = {**ends, "name": "Shop → Lake", "status": "inactive", "configurations": {"streams": [stream]}}
    made = server.call("POST", "/connections", {**connection, "namespaceDefinition": "source"})
    found = Adopted(tmp_path, {"AIRBYTE_SERVER_URL": server.url})
    found.server = server
    found.ids = {
        "sources": {"shop": ends["sourceId"]},
        "destinations": {"lake": ends["destinationId"]},
        "connections": {"shop": made["connectionId"]},
    }
    found.create_lake(**{"airbyte:serverUrl": server.url})
    found.write(
        "streams/shop/_source.json",
        {
            "connector": definition,
            "configuration": {"shop": "here", "token": {"$secret": "token"}},
            "connection": {"namespace_definition": "source"},
        },
    )
    found.write("streams/shop/orders.json", {"sync_mode": "full_refresh", "destination_sync_mode": "append"})
    found.write(
        "streams/_destinations/lake.json",
        {"connector": "destination-local", "configuration": {"destination_path": local["destination_path"]}},
    )
    found.environment["LOTUS_SECRET_TOKEN"] = "not-a-secret-1"
    found.pulumi("stack", "init", "prod")
    return found


def test_a_lake_of_the_ui_becomes_the_stacks_as_it_is(lake: Adopted) -> None:
    """Imports and nothing else; what the files leave out stays; the secret is written by the next `up`, and only it."""
    lake.prefixed()
    before = lake.everything()
    lake.adopt(**lake.ids)

    code, shown = lake.preview()
    lake.up()
    adopted = lake.everything()
    changed, then = lake.preview()
    lake.up()

    assert code == 7
    assert shown.count("(import)") == 3, shown
    assert "(update)" not in shown
    assert adopted == before
    assert changed == 7
    assert "~ token" in then
    assert "1 to update" in then
    assert lake.preview("--refresh")[0] == 0
    assert lake.everything() == before


def test_what_differs_from_its_file_is_an_error_with_its_place(lake: Adopted) -> None:
    """The engine alone would import it and update it in the same run."""
    lake.server.call("PATCH", f"/sources/{lake.ids['sources']['shop']}", {"configuration": {"shop": "there"}})
    lake.server.call("PATCH", f"/connections/{lake.ids['connections']['shop']}", {"namespaceDefinition": "destination"})
    before = lake.everything()
    lake.adopt(**lake.ids)

    code, shown = lake.preview()
    refused = lake.up(check=False)

    assert code != 0
    assert "configuration.shop (streams/shop/_source.json:4:13)" in shown
    assert "namespaceDefinition (streams/shop/_source.json:10:29)" in shown
    assert "declare what Airbyte has, take it over, and change it afterwards" in refused
    assert lake.everything() == before


def test_an_id_that_cannot_be_taken_over_is_a_fault_at_its_line(lake: Adopted) -> None:
    """One that nobody has; one that is another object in the state; one that the state has under another name."""
    lake.adopt(**{**lake.ids, "sources": {"shop": OTHER}})
    dead = lake.preview()[1]
    lake.adopt(**lake.ids)
    lake.up()
    used = lake.preview()[1]
    lake.adopt(sources={"shop": OTHER})
    other = lake.preview()[1]
    lake.write("streams/second/_source.json", lake.read("streams/shop/_source.json"))
    lake.adopt(sources={"second": lake.ids["sources"]["shop"]})
    twice = lake.preview()[1]

    assert f"shop: Airbyte has no source {OTHER} [LOT079]" in dead
    assert "where: Pulumi.prod.yaml:9:7" in dead
    assert "lotus:adopt has 3 ids of objects that the stack has taken over; they can go" in used
    assert f"in the state it is source {lake.ids['sources']['shop']}, another one" in other
    assert f'source {lake.ids["sources"]["shop"]} is in the state already, as "shop"' in twice
    assert "delete" not in other + twice


def test_without_airbyte_the_preview_says_what_it_would_take_over(lake: Adopted) -> None:
    """In seconds, not after a minute for each object."""
    lake.adopt(**lake.ids)
    content = (lake.folder / "Pulumi.prod.yaml").read_text()
    lake.write("Pulumi.prod.yaml", content.replace(lake.server.url, "http://127.0.0.1:9/api/public/v1"))

    code, shown = lake.preview()

    assert code != 0
    assert (
        "it is not known whether this can be taken over: Connection shop-to-lake, Destination lake, Source shop"
        in shown
    )


@pytest.mark.parametrize(
    ("adopt", "words"),
    [
        ({"source": {}}, 'lotus:adopt has no kind "source"'),
        ({"sources": ["shop"]}, "lotus:adopt.sources must be an object of names and ids"),
        ({"sources": {"shop": "7"}}, "lotus:adopt.sources.shop must be an id such as"),
        ({"sources": {"shopp": OTHER}}, 'lotus:adopt has "shopp" among its sources, and no file below streams has'),
        ({"sources": {"alike": OTHER, "shop": OTHER}}, '"alike" and "shop" cannot be one object'),
    ],
)
def test_a_mistake_in_the_setting_is_a_fault_at_its_place(tmp_path: Path, adopt: Any, words: str) -> None:
    """Before anything is asked."""
    found = Lake(tmp_path)
    found.create_lake(**{"lotus:adopt": adopt})
    found.write("streams/shop/_source.json", {"connector": OTHER, "configuration": {}})

    faults = [fault for fault in load(tmp_path, found.settings("prod")).faults if words in fault.what]

    assert len(faults) == 1
    assert faults[0].where.startswith("Pulumi.prod.yaml:")
