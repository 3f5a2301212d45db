"""`lotus backfill`: edits the file, tells what became of it, takes finished requests out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from lotus.backfill.command import listed, request
from lotus.errors import ConfigError, FaultsError

SOURCE = {"connector": "source-faker", "configuration": {}}
ORDERS = '{\n    "sync_mode": "incremental",\n    "cursor_field": [\n        "updated_at"\n    ]\n}\n'
TODAY = date(2026, 11, 20)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One source with one stream, indented by four."""
    folder = tmp_path / "streams" / "shop"
    folder.mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").write_text("name: lake\nruntime: python\n")
    (folder / "_source.json").write_text(json.dumps(SOURCE))
    (folder / "orders.json").write_text(ORDERS)
    places = tmp_path / "streams" / "_destinations"
    places.mkdir()
    (places / "lake.json").write_text(json.dumps({"connector": "destination-local", "configuration": {}}))
    return tmp_path


def test_a_request_is_one_line_more_in_the_file(project):
    """The token holds day and reason; the rest of the file keeps its form."""
    request(project, "shop", "orders", reason="ids were null", today=TODAY)

    text = (project / "streams/shop/orders.json").read_text()
    assert text == ORDERS.replace("    ]\n}", '    ],\n    "backfill": "2026-11-20 ids were null"\n}')


def test_a_second_request_of_the_same_day_is_another_one(project):
    """Asking twice must not be swallowed."""
    for _ in range(3):
        request(project, "shop", "orders", today=TODAY)

    assert [asked.request for asked in listed(project)] == ["2026-11-20 (3)"]


def test_a_destructive_request_tells_the_consent(project):
    """The phrase is what lotus:confirm has to hold."""
    edited = request(project, "shop", "orders", mode="clear", reason="wrong account", today=TODAY)

    assert edited.backfill == {"request": "2026-11-20 wrong account", "mode": "clear"}
    assert edited.consent == "clear stream orders of Shop → Lake: 2026-11-20 wrong account"


@pytest.mark.parametrize(
    "values", [{"start": "soon"}, {"start": "2025-02-30"}, {"mode": "clear", "start": "2025-01-01"}]
)
def test_a_request_that_cannot_be_leaves_the_file_alone(project, values):
    """The fault is the one that validate would find, at its place."""
    with pytest.raises(FaultsError, match=r"orders\.json"):
        request(project, "shop", "orders", **values)

    assert (project / "streams/shop/orders.json").read_text() == ORDERS


def test_a_misspelt_stream_is_named_with_the_nearest(project):
    """Source and stream alike."""
    with pytest.raises(ConfigError) as stream:
        request(project, "shop", "ordes")
    with pytest.raises(ConfigError) as source:
        request(project, "shp", "orders")

    assert (stream.value.fix, source.value.fix) == ('did you mean "orders"?', 'did you mean "shop"?')


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("backfill")
def test_the_whole_way_by_command(lake):
    """Request, up, status, hint, clean, up: one request, and the file as it was."""
    file = lake.folder / "streams/ledger/orders.json"
    before = file.read_text()
    lake.lotus("backfill", "ledger", "orders", "--reason", "ids were null")
    assert json.loads(lake.lotus("backfill", "status", "--json").stdout)[0]["status"] == "not asked yet"
    lake.up()
    lake.settle()

    (receipt,) = json.loads(lake.lotus("backfill", "status", "--json").stdout)
    assert (receipt["status"], receipt["rows_read"]) == ("succeeded", 20)
    assert receipt["rows_before"] >= 20
    assert "LOT090" in lake.lotus("validate", "--stack", "prod").stdout
    lake.lotus("backfill", "clean")
    assert file.read_text().strip() == before.strip()
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])]
    assert json.loads(lake.lotus("backfill", "status", "--json").stdout) == []
