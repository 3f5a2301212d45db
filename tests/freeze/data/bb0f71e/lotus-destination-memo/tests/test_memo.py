"""The suite that all destinations share, over `memo`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lotus.embedded.destinations.conformance import CASES, Case, Rows, Subject
from lotus.embedded.destinations.destination import DestinationStream
from lotus_destination_memo import Memo, MemoConfiguration


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_conformance(case: Case, tmp_path: Path) -> None:
    """The case's own docstring says what holds."""

    def make() -> Memo:
        return Memo(MemoConfiguration(folder=str(tmp_path / "lake")))

    def rows(stream: DestinationStream) -> Rows:
        files = make().folder(stream).glob("*.jsonl")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    case(Subject(make, rows), tmp_path)
