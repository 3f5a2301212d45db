"""What `lotus discover` writes, and what it says of changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lotus.authoring.connectors import Specification
from lotus.authoring.discover import Discovery, Offer, SchemaChange, discover, record
from lotus.config import load
from lotus.errors import ConfigError, RemoteError
from lotus.session.session import Session
from tests.support.lake import Lake

from .conftest import ShopServer, stream

SPEC = Specification("source-web-shop", "1.2.3", {"type": "object", "properties": {"shop": {"type": "string"}}})


def discovered(lake: Lake, *streams: dict[str, Any], check: bool = False) -> Discovery:
    """What comes of a source that offers these streams."""
    return record(lake.folder, lake.settings(), "shop", Offer(SPEC, streams), check=check)


def changes(lake: Lake, *streams: dict[str, Any]) -> set[str]:
    """The changes, as lines."""
    return {change.text() for change in discovered(lake, *streams).changes}


def test_each_stream_and_the_spec_get_a_file(lake: Lake):
    """The folder of the source, and nothing else, is written to."""
    before = lake.files()

    found = discovered(lake, stream("orders"), stream("refunds"))

    folder = "streams/shop/_discovered"
    assert lake.files() - before == {f"{folder}/{name}.json" for name in ("_spec", "orders", "refunds")}
    assert found.first
    assert not found.changes


def test_the_same_source_gives_the_same_bytes(lake: Lake):
    """A second run writes nothing and says that nothing changed."""
    discovered(lake, stream("orders"))

    again = discovered(lake, stream("orders"))

    assert (again.written, again.removed, again.changes) == ((), (), ())


def test_another_order_of_keys_is_no_change(lake: Lake):
    """Some servers store schemas without an order."""
    discovered(lake, stream("orders"))
    fields = stream("orders")["fields"]

    again = discovered(lake, stream("orders", dict(reversed(fields.items()))))

    assert again.written == ()


def test_a_new_field_comes_behind_the_known_ones(lake: Lake):
    """The diff of the file is the new field alone."""
    discovered(lake, stream("orders", {"id": {"type": "integer"}, "note": {"type": "string"}}))

    discovered(
        lake, stream("orders", {"new": {"type": "string"}, "id": {"type": "integer"}, "note": {"type": "string"}})
    )

    assert list(lake.read("streams/shop/_discovered/orders.json")["fields"]) == ["id", "note", "new"]


def test_a_stream_that_is_gone_takes_its_file_along(lake: Lake):
    """What is committed is what is offered."""
    discovered(lake, stream("orders"), stream("refunds"))

    found = discovered(lake, stream("orders"))

    assert found.removed == ("streams/shop/_discovered/refunds.json",)
    assert found.changes == (SchemaChange("refunds", "removed", breaking=True),)
    assert "streams/shop/_discovered/refunds.json" not in lake.files()


def test_changes_of_fields_are_named_with_their_path(lake: Lake):
    """Added, removed and retyped, inside objects too; breaking is marked."""
    discovered(lake, stream("orders"))
    fields = stream("orders")["fields"]
    city = {"type": "object", "properties": {"city": {"type": "integer"}, "zip": {"type": "string"}}}

    assert changes(lake, stream("orders", {**fields, "customer": city, "total": {"type": "string"}})) == {
        "orders.customer.id removed: integer → nothing  BREAKING (not synced)",
        "orders.customer.city retyped: string → integer  BREAKING (not synced)",
        "orders.customer.zip added: nothing → string",
        "orders.total retyped: number → string  BREAKING (not synced)",
    }


def test_a_lost_mode_key_and_cursor_are_breaking(lake: Lake):
    """Rows would be missed or doubled."""
    discovered(lake, stream("orders"))
    lake.write("streams/shop/orders.json", {})
    defaults = {"primary_key": [["id"], ["shop"]], "cursor_field": []}

    assert changes(lake, stream("orders", options={"sync_modes": ["full_refresh"]}, defaults=defaults)) == {
        "orders.sync_modes changed: full_refresh, incremental → full_refresh  BREAKING",
        "orders.primary_key changed: id → id, shop  BREAKING",
        "orders.cursor_field changed: updated_at → nothing  BREAKING",
    }


def test_only_selected_fields_count_as_used(lake: Lake):
    """A field that no file selects breaks nothing of this project."""
    discovered(lake, stream("orders"))
    lake.write("streams/shop/orders.json", {"fields": {"id": {"type": "integer"}, "updated_at": {"type": "string"}}})
    fields = {name: entry for name, entry in stream("orders")["fields"].items() if name != "total"}

    found = discovered(lake, stream("orders", fields))

    assert [(change.breaking, change.used) for change in found.changes] == [(True, False)]
    assert not found.breaking


def test_check_writes_nothing(lake: Lake):
    """CI asks whether the committed files are what is offered."""
    discovered(lake, stream("orders"))
    before = {name: (lake.folder / name).read_bytes() for name in lake.files()}

    found = discovered(lake, stream("orders", {"id": {"type": "string"}}), stream("new"), check=True)

    assert set(found.written) == {"streams/shop/_discovered/orders.json", "streams/shop/_discovered/new.json"}
    assert {name: (lake.folder / name).read_bytes() for name in lake.files()} == before


def test_a_damaged_file_is_written_anew(lake: Lake):
    """Half a file of a killed tool does not stand in the way."""
    lake.write("streams/shop/_discovered/orders.json", '{"stream": "orders", "fie')

    discovered(lake, stream("orders"))

    assert lake.read("streams/shop/_discovered/orders.json")["stream"] == "orders"


def test_a_folder_that_leads_out_of_the_project_is_refused(lake: Lake, tmp_path):
    """lotus-lake's discovery wrote outside of the repository."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (lake.folder / "streams/shop/_discovered").symlink_to(elsewhere)

    with pytest.raises(ConfigError, match="outside the project"):
        discovered(lake, stream("orders"))

    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("name", ["a/b", "../up", "_hidden", ".dot", "Ünï çødé", "con.", "x" * 300, "a\\b", "tab\t"])
def test_any_stream_name_has_a_file_that_is_found_again(lake: Lake, name: str):
    """Databases and spreadsheets call their streams as they like."""
    discovered(lake, stream(name))
    lake.write("streams/shop/one.json", {"stream": name})

    loaded = load(lake.folder, lake.settings())

    assert loaded.connections[0].streams[0].discovered is not None
    assert loaded.faults == ()


def test_names_that_differ_only_in_case_get_files_that_do_not(lake: Lake):
    """On macOS and Windows they would be one file."""
    discovered(lake, stream("Orders"), stream("orders"))

    names = [name.casefold() for name in lake.files("streams/shop/_discovered/*")]
    assert len(names) == len(set(names)) == 3


@pytest.mark.slow
def test_a_source_that_airbyte_does_not_have_is_asked_and_leaves_nothing_there(lake: Lake, reachable: ShopServer):
    """Discovery comes before `pulumi up`; the same name in two namespaces is two files."""
    found = discover(Session(lake.folder, "dev", reachable.environment), ["shop"])

    assert found[0].streams == 5
    assert {"left.twins.json", "right.twins.json"} <= {
        name.rsplit("/", 1)[1] for name in lake.files("streams/shop/_discovered/*")
    }
    assert reachable.names("sources") == []


@pytest.mark.slow
def test_what_a_killed_run_left_in_airbyte_is_taken_away(lake: Lake, reachable: ShopServer):
    """Only what a process of this machine made that is gone; another machine's may be at work."""
    from lotus.authoring.connectors import _host  # pyright: ignore[reportPrivateUsage]

    reachable.create(f"lotus trial of shop ({_host()} 999999999)")
    reachable.create("lotus trial of shop (elsewhere 999999999)")

    discover(Session(lake.folder, "dev", reachable.environment), ["shop"])

    assert reachable.names("sources") == ["lotus trial of shop (elsewhere 999999999)"]


@pytest.mark.slow
def test_a_connector_that_fails_writes_nothing_and_says_why(lake: Lake, reachable: ShopServer):
    """Its own words, and what was committed stays."""
    source = {"connector": reachable.shop, "configuration": {"shop": "s", "fault": "discover"}}
    lake.write("streams/shop/_source.json", source)
    before = lake.files()

    with pytest.raises(RemoteError, match="no such shop"):
        discover(Session(lake.folder, "dev", reachable.environment), ["shop"])

    assert lake.files() == before
    assert reachable.names("sources") == []


@pytest.mark.slow
def test_no_secret_reaches_the_files(lake: Lake, reachable: ShopServer):
    """The value goes to Airbyte, and nowhere else."""
    configuration = {"shop": "s", "api_password": {"$secret": "pw"}}
    lake.write("streams/shop/_source.json", {"connector": reachable.shop, "configuration": configuration})

    discover(Session(lake.folder, "dev", {**reachable.environment, "LOTUS_SECRET_PW": "hush-hush"}), ["shop"])

    assert not [name for name in lake.files() if "hush-hush" in (lake.folder / name).read_text()]
    assert json.loads((lake.folder / "streams/shop/_discovered/_spec.json").read_text())["connection_specification"]
