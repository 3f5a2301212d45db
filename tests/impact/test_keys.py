"""What a review says of each key of a connection and its streams, in words of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lotus.config import Project, from_values, load
from lotus.impact.change import Change
from lotus.impact.compare import compare

HASHING = {"type": "hashing", "targetField": "email", "method": "SHA-256", "fieldNameSuffix": ""}
ROWS = {
    "type": "row-filtering",
    "conditions": {"type": "NOT", "conditions": [{"type": "EQUAL", "fieldName": "email", "comparisonValue": "x"}]},
}
OFFER: dict[str, Any] = {
    "options": {"sync_modes": ["full_refresh"]},
    "fields": {"id": {"type": "integer"}, "email": {"type": "string"}},
}


def project(root: Path, connection: dict[str, Any], stream: dict[str, Any], folder: str = "shop-eu") -> Project:
    """A shop with a second connection."""
    files: dict[str, Any] = {
        "_destinations/lake.json": {"connector": "destination-duckdb", "configuration": {}},
        "shop/_source.json": {"connector": "source-shop"},
        "shop/_discovered/orders.json": OFFER,
        f"{folder}/_connection.json": {"source": "shop", **connection},
        f"{folder}/orders.json": stream,
    }
    for name, content in files.items():
        path = root / "streams" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    loaded = load(root, from_values({}, project=root, environment={}), resolve=False)
    assert loaded.faults == ()
    return loaded


Files = tuple[dict[str, Any], dict[str, Any]]


def changes(tmp_path: Path, before: Files, after: Files, folder: str = "shop-eu") -> tuple[Change, ...]:
    """What a change of a connection and its stream does; `folder` is where it is afterwards."""
    old = project(tmp_path / "before", before[0], before[1])
    return compare(old, project(tmp_path / "after", after[0], after[1], folder)).changes


@pytest.mark.parametrize(
    ("before", "after", "summary", "data"),
    [
        (
            {},
            {"mappers": [HASHING]},
            "email lands hashed (SHA-256) from the next sync on",
            "rows that landed before stay in clear text",
        ),
        (
            {"mappers": [HASHING]},
            {},
            "email lands in clear text from the next sync on",
            "rows that landed before stay hashed",
        ),
        (
            {"mappers": [HASHING]},
            {"mappers": [{**HASHING, "method": "SHA-512"}]},
            "email lands hashed (SHA-512) from the next sync on",
            "rows that landed before stay in clear text",
        ),
        (
            {},
            {"mappers": [ROWS]},
            'only rows land where not (email is "x") from the next sync on',
            "rows that landed before stay, also those that would be filtered now",
        ),
        ({"include_files": True}, {}, "its files are no longer moved", "files that were moved stay"),
    ],
)
def test_a_key_of_a_stream(
    before: dict[str, Any], after: dict[str, Any], summary: str, data: str, tmp_path: Path
) -> None:
    (change,) = changes(tmp_path, ({}, before), ({}, after))

    assert (change.what, change.data[0], change.subject) == (summary, data, "shop-eu/orders")


def test_what_a_mapper_hid_lands_again_only_with_consent(tmp_path: Path) -> None:
    (change,) = changes(tmp_path, ({}, {"mappers": [HASHING]}), ({}, {}))

    assert change.consent == "widen stream orders of Shop Eu → Lake"


def test_a_renamed_field_is_a_column_that_goes_and_one_that_comes(tmp_path: Path) -> None:
    renaming = {"type": "field-renaming", "originalFieldName": "email", "newFieldName": "mail"}

    texts = [change.what for change in changes(tmp_path, ({}, {}), ({}, {"mappers": [renaming]}))]

    assert texts == [
        "1 column no longer lands: email",
        "email lands as mail from the next sync on",
        "1 new column: mail",
    ]


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        ({"schedule": "manual"}, {"schedule": {"units": 6, "timeUnit": "hours"}}, "schedule manual → every 6 hours"),
        (
            {"schedule": {"units": 6, "timeUnit": "hours"}},
            {"schedule": "0 0 6 * * ? Europe/Berlin"},
            "schedule every 6 hours → 0 0 6 * * ? Europe/Berlin",
        ),
        ({"connection": {"tags": ["a"]}}, {"connection": {"tags": ["a", "b"]}}, "tags a → a, b"),
    ],
)
def test_a_key_of_a_connection(before: dict[str, Any], after: dict[str, Any], summary: str, tmp_path: Path) -> None:
    assert [change.what for change in changes(tmp_path, (before, {}), (after, {}))] == [summary]


def test_a_renamed_folder_is_no_deletion(tmp_path: Path) -> None:
    (change,) = changes(tmp_path, ({}, {}), ({"renamed_from": "shop-eu"}, {}), "shop-europe")

    assert (change.what, change.risk, change.action) == ("renamed from shop-eu", "low", "nothing")
