"""One form of JSON for every file."""

from __future__ import annotations

import json

from lotus.authoring.fmt import fmt
from lotus.config import load
from tests.support.lake import Lake


def test_formatting_twice_changes_nothing_more(lake: Lake):
    """The form is a fixed point, and means the same to lotus."""
    before = load(lake.folder, lake.settings()).sources

    assert fmt(lake.folder).changed
    assert fmt(lake.folder).changed == ()
    assert load(lake.folder, lake.settings()).sources == before


def test_keys_come_in_the_order_of_the_docs(lake: Lake):
    """Fields stay in their own order, which is that of the columns."""
    path = lake.write(
        "streams/shop/orders.json", '{"fields": {"b": {"type": "string"}, "a": {"type": "string"}}, "stream": "orders"}'
    )

    fmt(lake.folder)

    assert list(json.loads(path.read_text())) == ["stream", "fields"]
    assert list(json.loads(path.read_text())["fields"]) == ["b", "a"]


def test_check_only_names_the_files(lake: Lake):
    """CI asks; nothing is written."""
    path = lake.write("streams/shop/orders.json", "{ }")

    assert "streams/shop/orders.json" in fmt(lake.folder, check=True).changed
    assert path.read_text() == "{ }"


def test_a_file_with_a_fault_stays_as_it_is(lake: Lake):
    """Doubled keys would be lost silently by a formatter that does not look."""
    path = lake.write("streams/shop/orders.json", '{"stream": "a", "stream": "b"}')

    found = fmt(lake.folder)

    assert [fault.code for fault in found.faults] == ["LOT004"]
    assert path.read_text() == '{"stream": "a", "stream": "b"}'


def test_other_files_are_let_alone(lake: Lake):
    """Only what lotus reads is its to format."""
    path = lake.write("streams/shop/_notes.json", "{ }")

    fmt(lake.folder)

    assert path.read_text() == "{ }"
