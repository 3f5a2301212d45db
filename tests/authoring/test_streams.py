"""Files for streams: what is written, what is refused, and what dbt gets."""

from __future__ import annotations

import json

import pytest
import yaml

from lotus.authoring.streams import Added, Choice, add_streams, catalog, list_streams, show
from lotus.config import load
from lotus.errors import ConfigError, FaultsError
from lotus.session.session import Session
from tests.support.lake import Lake

from .conftest import stream


@pytest.fixture(autouse=True)
def offered(lake: Lake) -> None:
    """The shop offers three streams: with everything, without a cursor of its own, and one that cannot increment."""
    lake.write("streams/shop/_discovered/orders.json", stream("orders"))
    lake.write("streams/shop/_discovered/refunds.json", stream("refunds", defaults={}))
    lake.write("streams/shop/_discovered/countries.json", stream("countries", options={"sync_modes": ["full_refresh"]}))


def added(lake: Lake, *names: str, every: bool = False, dbt: bool = False, choice: Choice | None = None) -> Added:
    """What `lotus streams add shop …` writes."""
    return add_streams(lake.session(), "shop", names, choice or Choice(), every=every, with_dbt=dbt)


def test_a_new_file_says_everything_and_has_no_fault(lake: Lake):
    """Dagster's feeders read modes, key and cursor from the same file."""
    assert added(lake, "orders").files == ("streams/shop/orders.json",)

    assert lake.read("streams/shop/orders.json") == {
        "stream": "orders",
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "primary_key": [["id"]],
        "cursor_field": ["updated_at"],
    }
    assert load(lake.folder, lake.settings()).faults == ()


def test_key_and_cursor_come_along_with_a_selection(lake: Lake):
    """Airbyte refuses a selection without them."""
    done = added(lake, "orders", choice=Choice(fields=("total",)))

    assert list(lake.read("streams/shop/orders.json")["fields"]) == ["id", "updated_at", "total"]
    assert "id, updated_at also selected" in done.notes[0]


def test_all_means_every_stream_without_a_file(lake: Lake):
    """Those with a file stay as they are."""
    lake.write("streams/shop/orders.json", {})

    done = added(lake, every=True)

    assert done.kept == ("orders",)
    assert set(done.files) == {"streams/shop/countries.json", "streams/shop/refunds.json"}
    assert lake.read("streams/shop/orders.json") == {}


@pytest.mark.parametrize(
    ("names", "choice", "message"),
    [
        (["ordes"], Choice(), 'no stream "ordes"'),
        (["orders"], Choice(fields=("totl",)), 'no field "totl"'),
        (["orders"], Choice(fields=("customer.city",)), "customer.city"),
        (["countries"], Choice(mode="incremental"), "does not offer incremental"),
        (["orders"], Choice(mode="incremental_deduped_history"), "does not offer append_dedup"),
        (["orders"], Choice(mode="incremental_apend"), "no mode"),
        ([], Choice(), "no stream is named"),
    ],
)
def test_what_is_not_offered_is_refused_before_anything_is_written(lake: Lake, names, choice, message):
    """The message names it, and the folder is as it was."""
    before = lake.files()

    with pytest.raises(ConfigError, match=message):
        added(lake, *names, choice=choice)

    assert lake.files() == before


def test_a_file_that_would_have_a_fault_is_taken_away_again(lake: Lake):
    """An incremental stream needs a cursor, and this one has none of its own."""
    with pytest.raises(FaultsError, match="LOT025"):
        added(lake, "orders", "refunds", choice=Choice(mode="incremental_append"))

    assert "streams/shop/refunds.json" not in lake.files()
    assert "streams/shop/orders.json" not in lake.files()


def test_a_cursor_can_be_given_where_the_source_has_none(lake: Lake):
    """Then the stream is incremental."""
    added(lake, "refunds", choice=Choice(mode="incremental_append", cursor="updated_at", key=("id",)))

    assert lake.read("streams/shop/refunds.json")["cursor_field"] == ["updated_at"]
    assert catalog(lake.session(), "shop")[0] == {
        "name": "refunds",
        "sync_mode": "incremental_append",
        "cursor_field": ["updated_at"],
        "primary_key": [["id"]],
    }


def test_the_list_has_synced_offered_and_left_out_streams(lake: Lake):
    """One table says what could be synced, and what is."""
    lake.write("streams/shop/orders.json", {"fields": {"id": {"type": "integer"}, "updated_at": {"type": "string"}}})
    lake.write("streams/shop/refunds.json", {"selected": False})
    lake.write("streams/shop/tickets.json", {"connector": "dlt"})

    found = {line.stream: (line.state, line.fields, line.offered_fields) for line in list_streams(lake.session())}

    assert found == {
        "countries": ("offered", None, 4),
        "orders": ("synced", 2, 4),
        "refunds": ("left out", None, 4),
        "tickets": ("left out", None, None),
    }


def test_other_folders_hold_without_naming_a_stack(lake: Lake):
    """lotus-lake has its streams and its schemas elsewhere, and its stacks say where."""
    (lake.folder / "streams").rename(lake.folder / "flows")
    lake.write("schemas/shop/tickets.json", stream("tickets"))
    lake.write("Pulumi.prod.yaml", "config:\n  lotus:streams: flows\n  lotus:discovered: schemas\n")

    done = add_streams(Session(lake.folder, "", {}), "shop", ["tickets"], Choice())

    assert done.files == ("flows/shop/tickets.json",)


def test_show_marks_key_cursor_and_selection(lake: Lake):
    """The fields as the source offers them."""
    added(lake, "orders", choice=Choice(fields=("total",)))

    fields = {field.name: (field.selected, field.role) for field in show(lake.session(), "shop", "orders").fields}

    assert fields == {
        "id": (True, "key"),
        "updated_at": (True, "cursor"),
        "total": (True, ""),
        "customer": (False, ""),
    }


def test_one_name_in_two_namespaces_is_two_streams(lake: Lake):
    """Databases have them; each gets its own file, which says its namespace."""
    for namespace in ("left", "right"):
        lake.write(f"streams/shop/_discovered/{namespace}.twins.json", stream("twins", namespace=namespace))

    added(lake, "left.twins")

    assert lake.read("streams/shop/left.twins.json")["namespace"] == "left"
    found = {line.stream: line.state for line in list_streams(lake.session()) if "twins" in line.stream}
    assert found == {"left.twins": "synced", "right.twins": "offered"}


PROJECT = 'name: lake\nmodel-paths: ["dag/processed/other", "dag/enriched"]  # by hand\nprofile: lake\n'


@pytest.fixture
def dbt(lake: Lake) -> Lake:
    """A dbt project below the repository, as lotus-lake has it; the other source is there too."""
    lake.write("dbt/dbt_project.yml", PROJECT)
    lake.write("streams/other/_source.json", {"connector": "source-other"})
    return lake


def test_dbt_gets_model_table_and_model_path(dbt: Lake):
    """After it, no hint is left that dbt lacks something."""
    added(dbt, "orders", dbt=True, choice=Choice(fields=("id",)))

    assert yaml.safe_load((dbt.folder / "dbt/dbt_project.yml").read_text())["model-paths"][-1] == "dag/processed/shop"
    assert "# by hand" in (dbt.folder / "dbt/dbt_project.yml").read_text()
    assert '"updated_at"' in (dbt.folder / "dbt/dag/processed/shop/int_shop__orders.sql").read_text()
    assert not [hint for hint in load(dbt.folder, dbt.settings()).hints if hint.code.startswith("LOT08")]


def test_dbt_reads_where_the_rows_of_a_renamed_folder_land(dbt: Lake):
    """The name before still gives the namespace, and with it the path."""
    source = json.loads((dbt.folder / "streams/shop/_source.json").read_text())
    dbt.write("streams/shop/_source.json", {**source, "renamed_from": "s09"})

    added(dbt, "orders", dbt=True)

    text = (dbt.folder / "dbt/dag/processed/shop/_shop__sources.yml").read_text()
    assert "/s09/orders/**/*.parquet" in text


def test_dbt_files_that_are_there_are_added_to_and_never_overwritten(dbt: Lake):
    """Comments, tests and other tables of the sources file stay as they are."""
    sources = (
        "# ours\nversion: 2\n\nsources:\n  - name: shop\n    tables:\n      - name: refunds   # checked\n"
        "        tests: [unique]\n\n  # the other one\n  - name: other\n    tables:\n      - name: x\n"
    )
    path = dbt.write("dbt/dag/processed/shop/_shop__sources.yml", sources)
    model = dbt.write("dbt/dag/processed/shop/int_shop__orders.sql", "select 1")

    added(dbt, "orders", dbt=True)

    text = path.read_text()
    assert all(line in text.splitlines() for line in sources.splitlines())
    assert [t["name"] for t in yaml.safe_load(text)["sources"][0]["tables"]] == ["refunds", "orders"]
    assert yaml.safe_load(text)["sources"][1]["tables"] == [{"name": "x"}]
    assert model.read_text() == "select 1"


@pytest.mark.parametrize(
    "paths",
    ["", "model-paths: []\n", "model-paths:\n  - dag/enriched\n  - 'x'\n", "model-paths:\n- dag\nprofile: x\n"],
)
def test_model_paths_are_extended_in_every_form(dbt: Lake, paths: str):
    """Flow, block, empty or absent: the list gets one more entry, or the folder lies below one already."""
    dbt.write("dbt/dbt_project.yml", f"name: lake\n{paths}")

    added(dbt, "orders", dbt=True)

    assert not [hint for hint in load(dbt.folder, dbt.settings()).hints if hint.code.startswith("LOT08")]


def test_without_a_dbt_project_nothing_is_written(lake: Lake):
    """`--dbt` is refused before the stream's file is made."""
    with pytest.raises(ConfigError, match="no dbt project"):
        added(lake, "orders", dbt=True)

    assert "streams/shop/orders.json" not in lake.files()
