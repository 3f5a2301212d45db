"""The options of a connection and its streams: applied, seen when they change in Airbyte, accepted into the files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lotus.local.dev import secrets_folder
from tests.support.live_lake import LiveLake, live_lake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NAME = "Shop Eu → Lake"
HASHED = {"type": "hashing", "targetField": "email", "method": "SHA-256", "fieldNameSuffix": "_hashed"}
ENCRYPTED = {
    "type": "encryption",
    "algorithm": "AES",
    "targetField": "last_name",
    "fieldNameSuffix": "",
    "key": {"$secret": "shop_mapper_key"},
    "mode": "CBC",
    "padding": "PKCS5Padding",
}
CONNECTION = {
    "source": "shop",
    "schedule": {"units": 6, "timeUnit": "hours"},
    "connection": {"tags": ["finance", "nightly"], "status": "active", "prefix": "eu_"},
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLake]:
    """A lake with a second connection of its shop, which says all that a connection can say."""
    with live_lake(tmp_path_factory.mktemp("options") / "lake") as made:
        folder = secrets_folder(made.path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shop_mapper_key").write_text("00112233445566778899aabbccddeeff")
        made.write("streams/shop-eu/_connection.json", CONNECTION)
        made.write("streams/shop-eu/customers.json", {"mappers": [HASHED, ENCRYPTED]})
        made.commit("a second connection of the shop")
        made.up()
        yield made


def live(lake: LiveLake) -> dict[str, Any]:
    """The connection as Airbyte has it."""
    return lake.objects("connections")[NAME]


def test_airbyte_has_all_that_the_files_say(lake: LiveLake) -> None:
    connection = live(lake)
    (stream,) = connection["configurations"]["streams"]

    assert connection["schedule"]["basicTiming"] == "Every 6 HOURS"
    assert sorted(tag["name"] for tag in connection["tags"]) == ["finance", "nightly"]
    assert connection["prefix"] == "eu_"
    assert [mapper["type"] for mapper in stream["mappers"]] == ["hashing", "encryption"]
    assert stream["mappers"][1]["mapperConfiguration"]["key"] == "**********"


def test_what_was_applied_is_no_difference(lake: LiveLake) -> None:
    assert [line for line in lake.drift()[1]["lines"] if line["origin"] != "bucket"] == []


def test_what_changes_in_airbyte_is_named_and_accepted_into_the_files(lake: LiveLake) -> None:
    """Afterwards files and Airbyte are the same, and nothing is applied again."""
    connection = live(lake)
    (stream,) = connection["configurations"]["streams"]
    settings = {name: value for name, value in HASHED.items() if name != "type"}
    hashing = {"type": "hashing", "mapperConfiguration": {**settings, "method": "SHA-512"}}
    lake.patch(
        "connections",
        NAME,
        schedule={"scheduleType": "cron", "cronExpression": "0 0 5 * * ?"},
        tags=[tag for tag in connection["tags"] if tag["name"] == "nightly"],
        prefix="europe_",
        configurations={"streams": [{**stream, "mappers": [hashing, stream["mappers"][1]]}]},
    )

    _, drift = lake.drift()
    leaves = {line["leaf"]: (line["declared"], line["found"]) for line in drift["lines"]}
    assert leaves == {
        "schedule": ("every 6 hours", "0 0 5 * * ?"),
        "tags.finance": ("on", "not set"),
        "prefix": ("eu_", "europe_"),
        "streams.customers.mappers.0.method": ("SHA-256", "SHA-512"),
    }
    lake.lotus("drift", "accept", "shop-eu-to-lake")

    file = lake.read("streams/shop-eu/_connection.json")
    assert (file["schedule"], file["connection"]["tags"], file["connection"]["prefix"]) == (
        "0 0 5 * * ?",
        ["nightly"],
        "europe_",
    )
    assert lake.read("streams/shop-eu/customers.json")["mappers"] == [{**HASHED, "method": "SHA-512"}, ENCRYPTED]
    assert lake.lotus("fmt", "--check").returncode == 0
    lines = [line for line in lake.drift()[1]["lines"] if line["origin"] != "bucket"]  # another prefix, no files yet
    assert [line["resource"] for line in lines] == ["tag finance"]  # which no file names any more


def test_a_preview_after_an_accepted_change_is_empty(lake: LiveLake) -> None:
    lake.up()

    assert lake.pulumi("preview", "--refresh", "--expect-no-changes", check=False).returncode == 0


def test_renamed_folders_stay_the_same_objects(lake: LiveLake) -> None:
    """Source, manifest, connections and a backfill: nothing is deleted, created or asked again."""
    lake.write("streams/shop/orders.json", {"backfill": "ids were null"})
    lake.commit("a backfill")
    lake.up()
    ids = {name: item["connectionId"] for name, item in lake.objects("connections").items()}
    for old, new in (("shop", "store"), ("shop-eu", "store-eu")):
        (lake.path / "streams" / old).rename(lake.path / "streams" / new)
    source = lake.read("streams/store/_source.json")
    lake.write("streams/store/_source.json", {**source, "renamed_from": "shop"})
    connection = lake.read("streams/store-eu/_connection.json")
    lake.write("streams/store-eu/_connection.json", {**connection, "source": "store", "renamed_from": "shop-eu"})

    preview = lake.pulumi("preview", "--refresh", "--expect-no-changes", check=False)

    assert preview.returncode == 0, preview.stdout
    assert "store: renamed from shop" in preview.stdout
    lake.commit("other names")
    lake.up()
    assert {name: item["connectionId"] for name, item in lake.objects("connections").items()} == ids


def test_a_renamed_folder_can_forget_its_old_name_once_it_is_applied(lake: LiveLake) -> None:
    """Its file then says what the old name gave."""
    source = lake.read("streams/store/_source.json")
    del source["renamed_from"]
    options = {"name": "Shop → Lake", "namespace_format": "shop"}
    lake.write("streams/store/_source.json", {**source, "name": "Shop", "connection": options})
    connection = lake.read("streams/store-eu/_connection.json")
    del connection["renamed_from"]
    options = {**connection["connection"], "name": NAME, "namespace_format": "shop-eu"}
    lake.write("streams/store-eu/_connection.json", {**connection, "connection": options})

    assert lake.pulumi("preview", "--refresh", "--expect-no-changes", check=False).returncode == 0
