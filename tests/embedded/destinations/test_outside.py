"""A destination that another distribution offers by an entry point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lotus.embedded.destinations import destination_class
from lotus.embedded.destinations.conformance import CASES, Case, Subject


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_outside_destination_runs_the_suite(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of lotus knows it; the suite is the same."""
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("outside")))
    memo = destination_class("memo")
    assert memo is not None
    folder = tmp_path / "memos"

    def rows(stream: object) -> list[dict[str, object]]:
        path = folder / f"{stream.name.encode().hex()}.json"
        return json.loads(path.read_text())["rows"] if path.exists() else []

    case(Subject(lambda: memo.configured({"folder": str(folder)}), rows), tmp_path)
