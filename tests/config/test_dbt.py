"""Streams and the dbt project beside them."""

from __future__ import annotations

import pytest

MODEL = "orchestration/dag/processed/shop/int_shop__orders.sql"
SOURCES = "orchestration/dag/processed/shop/_shop__sources.yml"


@pytest.fixture
def dbt(write) -> None:
    """lotus-lake's layout, complete."""
    write("orchestration/dag/dbt_project.yml", "name: lake\nmodel-paths: [processed/shop]\n")
    write(MODEL, "select 1")
    write(SOURCES, "sources: [{name: shop, tables: [{name: orders}]}]")


def test_a_project_without_dbt_has_no_hints(loaded) -> None:
    """Nothing is asked of those who do not use it."""
    assert loaded().hints == ()


@pytest.mark.usefixtures("dbt")
def test_a_complete_project_has_no_hints(loaded) -> None:
    """Model, sources entry and model-paths agree."""
    assert loaded().hints == ()


@pytest.mark.usefixtures("dbt")
@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        (MODEL, None, "LOT080"),
        ("orchestration/dag/dbt_project.yml", "name: lake\nmodel-paths: [processed/faire]\n", "LOT081"),
        ("orchestration/dag/dbt_project.yml", "name: lake\n", "LOT081"),
        (SOURCES, None, "LOT082"),
        (SOURCES, "sources: [{name: shop, tables: [{name: refunds}]}]", "LOT082"),
        (SOURCES, "{{ not yaml", "LOT082"),
    ],
)
def test_what_dbt_lacks_is_a_hint(file: str, content: str | None, code: str, write, loaded) -> None:
    """The second edit that nobody remembers."""
    write(file, content)

    project = loaded()

    assert project.faults == ()
    assert [hint.code for hint in project.hints] == [code]
