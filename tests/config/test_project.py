"""All files of a project, read and checked in one go."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from lotus.config import render
from lotus.config.codes import CODES, explain
from lotus.config.faults import Fault


def codes(faults: tuple[Fault, ...]) -> list[str]:
    """The codes, in order of place."""
    return [fault.code for fault in faults]


def test_a_project_without_mistakes_has_no_faults(loaded) -> None:
    """Sources, destinations and streams as the files say."""
    project = loaded()

    assert render(project.faults + project.hints) == ""
    assert [(c.name, c.source.title, c.destination) for c in project.connections] == [("shop", "Shop", "lake")]
    assert [s.name for s in project.connections[0].streams] == ["orders"]


def test_an_empty_object_is_a_whole_stream(write, loaded) -> None:
    """As lotus-lake's guide teaches: name from the file, modes from discovery, all fields."""
    write("streams/shop/refunds.json", "{}")

    stream = next(s for s in loaded().connections[0].streams if s.name == "refunds")

    assert stream.modes.connection_sync_mode == "incremental_append"
    assert stream.fields is None


def test_a_stream_without_a_cursor_is_read_whole(write, loaded) -> None:
    """What cannot be read incrementally is full_refresh, overwritten each time."""
    write("streams/shop/countries.json", "{}")

    stream = next(s for s in loaded().connections[0].streams if s.name == "countries")

    assert stream.modes.connection_sync_mode == "full_refresh_overwrite"


def test_all_mistakes_of_all_files_come_in_one_run(write, loaded) -> None:
    """Nobody wants to learn of the second one after the first is pushed."""
    write("streams/shop/orders.json", '{"cursor_feild": []}')
    write("streams/shop/refunds.json", '{"sync_mode": "incremetal"}')
    write("streams/_destinations/lake.json", "{")
    write("Pulumi.dev.yaml", "config:\n  lotus:lak: true\n")

    faults = [(fault.file, fault.code) for fault in loaded().faults]

    assert faults == [
        ("Pulumi.dev.yaml", "LOT070"),
        ("streams/_destinations/lake.json", "LOT003"),
        ("streams/shop/orders.json", "LOT010"),
        ("streams/shop/refunds.json", "LOT012"),
    ]


def test_a_mistake_in_a_source_that_the_stack_leaves_out_is_said_all_the_same(write, loaded) -> None:
    """The other stacks would stop at it."""
    write("streams/shop/orders.json", '{"cursor_feild": []}')
    write("Pulumi.dev.yaml", "config:\n  lotus:sources:\n    exclude: [shop]\n")

    project = loaded()

    assert codes(project.faults) == ["LOT010"]
    assert [(i.name, i.reason) for i in project.left_out] == [("shop", "excluded by lotus:sources of stack dev")]


def test_streams_of_dlt_are_listed_and_left_out(write, loaded) -> None:
    """They share the folder because Dagster reads the same files."""
    write("streams/odoo/orders.json", {"connector": "dlt", "schedule": "0 * * * *", "fields": {}})
    write("streams/shop/extra.json", {"connector": "dlt"})

    project = loaded()

    assert project.faults == ()
    assert [i.name for i in project.left_out] == ["odoo/orders", "odoo", "shop/extra"]


def test_a_stream_that_is_not_selected_is_listed(write, loaded) -> None:
    """Otherwise nobody would know why it does not sync."""
    write("streams/shop/orders.json", {"selected": False, "cursor_field": ["updated_at"]})

    assert [(i.name, i.reason) for i in loaded().left_out] == [("shop/orders", '"selected" is false')]


def test_a_machine_that_cannot_run_a_connector_leaves_its_source_out(loaded) -> None:
    """`make run` says so through the environment, with the reason."""
    environment = {"LOTUS_LEAVE_OUT": json.dumps({"shop": "needs Python below 3.13"})}

    project = loaded(environment=environment)

    assert project.faults == ()
    assert [(i.name, i.reason) for i in project.left_out] == [("shop", "needs Python below 3.13")]


def test_a_source_without_source_file_names_what_to_add(write, loaded) -> None:
    """Streams alone do not say which connector reads them."""
    write("streams/fax/letters.json", "{}")

    fault = next(f for f in loaded().faults if f.code == "LOT015")

    assert "streams/fax/_source.json" in fault.fix


def test_a_link_out_of_the_project_is_refused(tmp_path: Path, write, loaded) -> None:
    """A checkout elsewhere has not what it points to."""
    outside = tmp_path.parent / f"{tmp_path.name}-outside.json"
    outside.write_text("{}")
    (tmp_path / "streams/shop/refunds.json").symlink_to(outside)

    assert codes(loaded().faults) == ["LOT006"]


def test_a_link_that_leads_nowhere_or_round_in_circles_is_refused(tmp_path: Path, loaded) -> None:
    """Neither is a file."""
    (tmp_path / "streams/shop/a.json").symlink_to("b.json")
    (tmp_path / "streams/shop/b.json").symlink_to("a.json")
    (tmp_path / "streams/shop/c.json").symlink_to("nowhere.json")

    assert codes(loaded().faults) == ["LOT006"] * 3


def test_names_that_differ_only_in_case_are_refused(write, loaded) -> None:
    """On macOS and Windows they are one file."""
    write("streams/shop/Orders.json", "{}")

    assert "LOT007" in codes(loaded().faults)


@pytest.mark.parametrize("name", ["orders.yaml", "orders.json5", "refunds.jsonc", "_orders.json", "orders"])
def test_a_file_that_nobody_reads_is_a_hint(name: str, write, loaded) -> None:
    """The person meant it to be a stream."""
    write(f"streams/shop/{name}", "{}")

    project = loaded()

    assert codes(project.faults) == []
    assert codes(project.hints) == ["LOT008"]


def test_a_stream_outside_of_a_source_says_where_it_belongs(write, loaded) -> None:
    """The first thing a new user gets wrong."""
    write("streams/orders.json", "{}")

    assert "streams/<source>/orders.json" in loaded().faults[0].fix


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path, loaded) -> None:
    """Not a traceback."""
    (tmp_path / "streams/shop/refunds.json").mkdir()

    assert codes(loaded().faults) == ["LOT008"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_fault(tmp_path: Path, loaded) -> None:
    """With the reason of the operating system."""
    (tmp_path / "streams/shop/orders.json").chmod(0)

    assert codes(loaded().faults) == ["LOT001"]


@pytest.mark.parametrize("name", ["my shop", "-shop", "shöp", "a" * 80])
def test_a_folder_that_cannot_be_a_namespace_is_refused(name: str, write, loaded) -> None:
    """It becomes part of paths in the bucket."""
    write(f"streams/{name}/_source.json", "{}")

    assert codes(loaded().faults) == ["LOT009"]


def test_two_streams_of_one_name_are_refused(write, loaded) -> None:
    """Airbyte refuses it too, but without the files' names."""
    write("streams/shop/copy.json", {"stream": "orders", "cursor_field": ["updated_at"]})

    fault = next(f for f in loaded().faults if f.code == "LOT018")

    assert "streams/shop/copy.json" in fault.what + fault.where


def test_two_sources_that_land_on_one_path_are_refused(tmp_path: Path, write, loaded) -> None:
    """Their files would mix, and an overwrite would delete the other's."""
    shutil.copytree(tmp_path / "streams/shop", tmp_path / "streams/shop2")
    source = json.loads((tmp_path / "streams/shop2/_source.json").read_text())
    write("streams/shop2/_source.json", {**source, "connection": {"namespace_format": "shop"}})

    fault = next(f for f in loaded().faults if f.code == "LOT055")

    assert 'shop/orders and shop2/orders land on one path of "lake": raw/shop/orders/year=${YEAR}' in fault.what


def test_several_destinations_need_a_choice(tmp_path: Path, write, loaded) -> None:
    """One file is the default, two are a question."""
    shutil.copy(tmp_path / "streams/_destinations/lake.json", tmp_path / "streams/_destinations/cold.json")

    fault = loaded().faults[0]

    assert (fault.code, fault.allowed) == ("LOT052", ("cold", "lake"))


def test_a_never_discovered_source_is_a_hint_and_taken_at_its_word(tmp_path: Path, loaded) -> None:
    """There is nothing to check with."""
    shutil.rmtree(tmp_path / "streams/shop/_discovered")

    project = loaded()

    assert (codes(project.faults), codes(project.hints)) == ([], ["LOT035"])
    assert project.connections[0].streams[0].modes.connection_sync_mode == "full_refresh_overwrite"


def test_a_stream_whose_name_is_no_file_name_is_found_by_what_is_inside(write, loaded) -> None:
    """Sheets and tables have names with slashes and spaces."""
    write("streams/shop/_discovered/a_b.json", {"stream": "a / b", "options": {"sync_modes": ["full_refresh"]}})
    write("streams/shop/a_b.json", {"stream": "a / b"})

    project = loaded()

    assert project.faults == ()
    assert [s.name for s in project.connections[0].streams] == ["a / b", "orders"]


def test_every_code_that_is_used_is_explained() -> None:
    """`lotus explain` knows them all."""
    package = Path(__file__).parents[2] / "lotus"
    used = {
        word.strip("\"'(,)")
        for path in package.glob("config/*.py")
        for word in path.read_text().split()
        if word.strip("\"'(,)").startswith("LOT0") and len(word.strip("\"'(,)")) == 6
    }

    assert used - set(CODES) == set()
    assert explain("lot12") == explain("12") == CODES["LOT012"]
    assert explain("LOT999") is None


def test_the_three_forms_of_a_fault_say_the_same(write, loaded) -> None:
    """Text for people, JSON for programs, annotations for GitHub."""
    write("streams/shop/orders.json", '{\n  "sync_mode": "incremetal"\n}')
    faults = loaded().faults

    assert render(faults, "github") == (
        "::error file=streams/shop/orders.json,line=2,col=16,endColumn=28,title=LOT012::"
        '"sync_mode" cannot be "incremetal"%0Afix: did you mean "incremental"?'
    )
    assert json.loads(render(faults, "json"))[0]["nearest"] == "incremental"
    assert "         ^^^^^^^^^^^^" in render(faults, "text")


def test_the_lake_of_this_repository_has_no_faults() -> None:
    """What is committed here is valid, for every stack."""
    from lotus.authoring.validate import validate

    root = Path(__file__).parents[2]
    given = ["SHOP_TOKEN", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "SHOPIFY_API_PASSWORD", "KLAVIYO_API_KEY"]
    environment = {f"LOTUS_SECRET_{name}": "x" for name in given}
    environment |= {"LOTUS_CONFIG_SHOP_URL": "http://x", "LOTUS_CONFIG_S3_ENDPOINT": "http://x"}
    environment |= {"LOTUS_CONFIG_S3_BUCKET": "landing"}

    for stack in (None, "dev", "prod"):
        report = validate(root, stack, environment=environment)
        assert render(report.faults) == ""
        assert report.streams == 15


def test_the_landing_clash_is_marked_where_the_path_is_decided(tmp_path: Path, write, loaded) -> None:
    """At the namespace of the second source; within one source, at the second stream's name."""
    shutil.copytree(tmp_path / "streams/shop", tmp_path / "streams/shop2")
    source = json.loads((tmp_path / "streams/shop2/_source.json").read_text())
    write("streams/shop2/_source.json", {**source, "connection": {"namespace_format": "shop"}})
    for name in ("a b", "a_b"):
        write(f"streams/shop/{name}.json", {"stream": name})
        write(f"streams/shop/_discovered/{name}.json", {"stream": name, "options": {"sync_modes": ["full_refresh"]}})

    faults = [fault for fault in loaded().faults if fault.code == "LOT055"]

    assert [(fault.file, fault.excerpt.strip()) for fault in faults] == [
        ("streams/shop/a_b.json", '"stream": "a_b"'),
        ("streams/shop2/_source.json", '"namespace_format": "shop"'),
    ]


def test_a_stream_of_one_name_in_two_namespaces_is_the_one_that_the_file_says(write, loaded) -> None:
    """Each has its own fields; without a namespace the file is ambiguous."""
    for namespace, field in (("eu", "vat"), ("us", "state")):
        offered = {"options": {"sync_modes": ["full_refresh"]}, "fields": {field: {"type": "string"}}}
        write(
            f"streams/shop/_discovered/{namespace}.taxes.json", {"stream": "taxes", "namespace": namespace, **offered}
        )
    write("streams/shop/us.taxes.json", {"stream": "taxes", "namespace": "us", "fields": {"state": {"type": "string"}}})
    assert loaded().faults == ()

    write("streams/shop/us.taxes.json", {"stream": "taxes"})
    (fault,) = loaded().faults
    assert (fault.code, fault.allowed, fault.fix) == ("LOT020", ("eu", "us"), 'add "namespace": "eu"')

    write("streams/shop/us.taxes.json", {"stream": "taxes", "namespace": "uk"})
    (fault,) = loaded().faults
    assert (fault.code, fault.what) == ("LOT020", 'stream "taxes" is not offered in namespace "uk"')


def test_a_source_without_streams_is_a_hint(write, loaded) -> None:
    """It moves nothing, which is hardly meant."""
    write("streams/shop/orders.json", None)

    project = loaded()

    assert (codes(project.faults), codes(project.hints)) == ([], ["LOT017"])


def test_without_a_stack_the_files_are_those_that_the_stacks_name(tmp_path: Path, write, loaded) -> None:
    """`lotus validate` alone looks where `lotus:streams` of the stacks says that the files lie."""
    from lotus.authoring.validate import validate

    loaded()
    (tmp_path / "streams").rename(tmp_path / "flows")
    write("Pulumi.dev.yaml", "config:\n  lotus:lake: true\n  lotus:streams: flows\n")
    shutil.rmtree(tmp_path / "streams", ignore_errors=True)

    report = validate(tmp_path, environment={})

    assert (report.ok, report.streams) == (True, 1)


def test_a_stream_without_fields_lands_nothing_and_says_so(write, loaded) -> None:
    """One fault that names the way out, not one about its key that leads back to discover."""
    offered = {"stream": "free", "options": {"sync_modes": ["full_refresh"]}, "fields": {}}
    write("streams/shop/_discovered/free.json", offered)
    write("streams/shop/free.json", {"primary_key": [["id"]]})

    (fault,) = loaded().faults

    assert fault.code == "LOT031"
    assert 'stream "free" offers no fields: nothing of its records would land' in fault.what
    assert "JSONL" in fault.fix


@pytest.mark.parametrize("stream", ["_source", "_users", "public/orders", "tab\tname", "-rf"])
def test_no_hint_to_rename_a_file_where_the_stream_is_no_file_name(write, loaded, stream: str) -> None:
    """`_source.json` is the source's own file, and a slash is no part of a name."""
    write("streams/shop/_discovered/odd.json", {"stream": stream, "options": {"sync_modes": ["full_refresh"]}})
    write("streams/shop/odd.json", {"stream": stream})

    assert [hint.code for hint in loaded().hints if hint.code == "LOT016"] == []
