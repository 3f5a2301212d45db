"""A folder is a connection: several of one source, each with its own streams, schedule, destination and namespace."""

from __future__ import annotations

from typing import Any

import pytest

from lotus.config.schedule import QuartzSchedule

LAKE = "streams/_destinations/lake.json"
COLD = "streams/_destinations/cold.json"
CONNECTION = "streams/shop-eu/_connection.json"
DUCKDB: dict[str, Any] = {
    "connector": "destination-duckdb",
    "configuration": {"destination_path": "/local/cold.duckdb"},
}


@pytest.fixture
def shop_eu(write) -> None:
    """A second connection of the shop, with one stream."""
    write(CONNECTION, {"source": "shop", "schedule": "0 0 3 * * ?", "connection": {"status": "inactive"}})
    write("streams/shop-eu/refunds.json", {})


def places(project) -> list[str]:
    return [f"{fault.code} {fault.where}" for fault in project.faults]


@pytest.mark.usefixtures("shop_eu")
def test_a_folder_with_a_connection_file_reads_the_source_of_another_folder(loaded) -> None:
    project = loaded()

    assert not project.faults
    assert [source.name for source in project.sources] == ["shop"]
    assert [(c.name, c.source.name, c.schedule) for c in project.connections] == [
        ("shop", "shop", None),
        ("shop-eu", "shop", QuartzSchedule("0 0 3 * * ?")),
    ]


@pytest.mark.usefixtures("shop_eu")
def test_its_streams_are_checked_against_what_the_source_offers(write, loaded) -> None:
    write("streams/shop-eu/refund.json", {})

    assert [(f.code, f.nearest) for f in loaded().faults] == [("LOT020", "refunds")]


@pytest.mark.usefixtures("shop_eu")
def test_it_lands_under_its_own_namespace_and_name(loaded) -> None:
    project = loaded()
    connection = project.connections[1]

    assert project.title_of(connection) == "Shop Eu → Lake"
    assert connection.namespace_of(connection.streams[0]) == "shop-eu"
    assert connection.resource == "shop-eu-to-lake"


@pytest.mark.usefixtures("shop_eu")
def test_two_connections_that_land_on_one_path_are_a_fault_with_both_places(write, loaded) -> None:
    write(CONNECTION, {"source": "shop", "connection": {"namespace_format": "shop"}})
    write("streams/shop-eu/orders.json", {"cursor_field": ["updated_at"]})

    (fault,) = loaded().faults

    assert (fault.code, fault.where) == ("LOT055", f"{CONNECTION}:4:25")
    assert "streams/shop/_source.json:1:1" in fault.fix


def test_a_connection_of_a_source_that_does_not_exist_is_a_fault(write, loaded) -> None:
    write(CONNECTION, {"source": "shopp"})

    (fault,) = loaded().faults

    assert (fault.code, fault.where, fault.nearest) == ("LOT056", f"{CONNECTION}:2:13", "shop")


def test_a_connection_file_beside_a_source_file_is_a_fault(write, loaded) -> None:
    write("streams/shop/_connection.json", {"source": "shop"})

    assert places(loaded()) == ["LOT014 streams/shop/_connection.json:1:1"]


@pytest.mark.usefixtures("shop_eu")
def test_a_stack_that_leaves_a_source_out_leaves_out_its_other_connections(write, loaded) -> None:
    write("Pulumi.dev.yaml", "config:\n  lotus:sources: {exclude: [shop]}\n")

    project = loaded()

    assert not project.connections
    assert [item.name for item in project.left_out] == ["shop", "shop-eu"]


@pytest.mark.usefixtures("shop_eu")
def test_an_override_reaches_a_connection_and_its_faults_are_in_the_stacks_file(write, loaded) -> None:
    write(
        "Pulumi.dev.yaml",
        "config:\n  lotus:config: {shop_name: my-shop}\n  lotus:overrides:\n    shop-eu: {connection: {prefix: a/b}}\n",
    )

    assert places(loaded()) == ["LOT053 Pulumi.dev.yaml:4:28"]


def test_one_of_several_destinations_is_the_default(write, loaded) -> None:
    write(COLD, {**DUCKDB, "default": True})

    assert [c.destination for c in loaded().connections] == ["cold"]


def test_without_a_default_every_connection_has_to_name_its_destination(write, loaded) -> None:
    write(COLD, DUCKDB)

    (fault,) = loaded().faults

    assert (fault.code, fault.where) == ("LOT052", "streams/shop/_source.json:1:1")
    assert '"default": true' in fault.fix


def test_two_default_destinations_are_a_fault(write, loaded) -> None:
    write(COLD, {**DUCKDB, "default": True})
    write(LAKE, {**DUCKDB, "default": True})

    assert places(loaded()) == [f"LOT052 {LAKE}:6:14"]
