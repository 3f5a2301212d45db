"""A review names every change that `lotus discover` calls breaking, those inside of objects and lists too."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from lotus.config import Project, from_values, load
from lotus.config.offer_changes import offer_changes
from lotus.impact.compare import compare

OFFER: dict[str, Any] = {
    "stream": "orders",
    "options": {"sync_modes": ["full_refresh", "incremental"]},
    "defaults": {"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": True},
    "fields": {
        "id": {"type": "integer"},
        "updated_at": {"type": "string", "format": "date-time"},
        "customer": {"type": "object", "properties": {"id": {"type": "integer"}, "city": {"type": "string"}}},
        "lines": {"type": "array", "items": {"price": {"type": "number"}, "tax": {"type": "number"}}},
        "codes": {"type": "array", "items": {"type": "integer"}},
        "note": {"type": "string"},
    },
}


def project(root: Path, offer: dict[str, Any]) -> Project:
    """A lake that syncs the stream."""
    files: dict[str, Any] = {
        "streams/_destinations/lake.json": {"connector": "destination-duckdb", "configuration": {}},
        "streams/shop/_source.json": {"connector": "source-shop"},
        "streams/shop/orders.json": {"sync_mode": "full_refresh"},
        "streams/shop/_discovered/orders.json": offer,
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return load(root, from_values({}, project=root, environment={}), resolve=False)


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The offer with another value at a path; None takes it away."""
    offer = deepcopy(OFFER)
    part = offer
    for step in path[:-1]:
        part = part[step]
    if value is None:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return offer


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("fields", "note"), None, "note"),
        (("fields", "note"), {"type": "integer"}, "note string → integer"),
        (("fields", "customer", "properties", "city"), None, "customer.city removed"),
        (("fields", "customer", "properties", "id"), {"type": "string"}, "customer.id integer → string"),
        (("fields", "lines", "items", "tax"), None, "lines.tax removed"),
        (("fields", "lines", "items", "price"), {"type": "string"}, "lines.price number → string"),
        (("fields", "codes", "items", "type"), "string", "codes array of integer → array of string"),
        (("fields", "updated_at", "airbyte_type"), "timestamp_without_timezone", "updated_at string (date-time) →"),
        (("options", "sync_modes"), ["full_refresh"], "sync_modes"),
        (("defaults", "primary_key"), [["note"]], "primary key id → note"),
        (("defaults", "cursor_field"), ["id"], "cursor_field updated_at → id"),
    ],
)
def test_a_breaking_change_is_in_the_review(path: tuple[str, ...], value: Any, words: str, tmp_path: Path) -> None:
    after = changed(path, value)
    assert [change.breaking for change in offer_changes(OFFER, after)] == [True]

    comparison = compare(project(tmp_path / "before", OFFER), project(tmp_path / "after", after))

    assert not comparison.faults
    assert [change.what for change in comparison.changes if words in change.what], comparison.changes


def test_an_added_field_inside_an_object_is_no_breaking_change(tmp_path: Path) -> None:
    after = changed(("fields", "customer", "properties", "zip"), {"type": "string"})

    assert compare(project(tmp_path / "before", OFFER), project(tmp_path / "after", after)).changes == ()
