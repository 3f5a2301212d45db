"""Numbers that Pulumi's wire, which has floats only, would change without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lotus.config import from_values, load

DESTINATION = {"connector": "destination-local", "configuration": {"destination_path": "lake"}}


def faults(folder: Path, configuration: str) -> list[tuple[str, int, int]]:
    """Code, line and column of the faults of a source with this configuration."""
    files = {
        "_destinations/lake.json": json.dumps(DESTINATION),
        "shop/_source.json": '{\n "connector": "source-web-shop",\n "configuration": ' + configuration + "\n}",
        "shop/orders.json": "{}",
    }
    for name, text in files.items():
        path = folder / "streams" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project = load(folder, from_values({}, stack="prod", project=folder, environment={}), resolve=False)
    return [(fault.code, fault.line, fault.column) for fault in project.faults]


@pytest.mark.parametrize("number", ["9007199254740992", "-9007199254740993", "12345678901234567890"])
def test_a_number_that_cannot_be_carried_exactly_is_refused_at_its_place(tmp_path: Path, number: str) -> None:
    """Wherever it is in the configuration."""
    assert faults(tmp_path, f'{{"shops": [{{"account": {number}}}]}}') == [("LOT043", 3, 42)]


@pytest.mark.parametrize("value", ["9007199254740991", '"9007199254740993"', "0.1", "true"])
def test_what_is_carried_exactly_is_not(tmp_path: Path, value: str) -> None:
    """A smaller number, a text, a fraction."""
    assert faults(tmp_path, f'{{"shops": [{{"account": {value}}}]}}') == []
