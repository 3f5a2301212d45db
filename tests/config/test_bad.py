"""Malformed input: each case of tests/data/bad gives exactly the expected words, never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lotus.config import render

BAD = Path(__file__).parent.parent / "data" / "bad"
TARGETS = {
    "stream": "streams/shop/orders.json",
    "connection": "streams/shop-eu/_connection.json",
    "source": "streams/shop/_source.json",
    "destination": "streams/_destinations/lake.json",
    "discovered": "streams/shop/_discovered/orders.json",
    "specification": "streams/shop/_discovered/_spec.json",
    "stack": "Pulumi.dev.yaml",
    "manifest": "streams/shop/_manifest.yaml",
}
_BLOCK = re.compile(r"^=== (?P<name>.+)\n(?P<content>(?:.*\n)*?)--- (?P<expected>(?:(?!=== ).*\n)*)", re.MULTILINE)


def cases() -> Iterator[object]:
    """One case per block: `=== name`, the file's content, `---` and what is said of it."""
    for path in sorted(BAD.glob("*.txt")):
        for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
            yield pytest.param(
                path.stem, block["content"], block["expected"].strip(), id=f"{path.stem}: {block['name']}"
            )


@pytest.mark.parametrize(("target", "content", "expected"), list(cases()))
def test_a_malformed_file_is_named_at_its_place(target, content, expected, write, loaded) -> None:
    """What is wrong, where, and what to write instead, in these very words."""
    if target == "manifest":
        write(TARGETS["source"], {"manifest": "_manifest.yaml", "configuration": {"shop": "x"}})
        write(TARGETS["specification"], None)
    if target == "connection":
        write("streams/shop-eu/refunds.json", {})
    write(TARGETS[target], content.removesuffix("\n"))

    project = loaded()

    assert render(project.faults + project.hints).strip() == expected


def test_there_are_at_least_150_malformed_inputs() -> None:
    """The corpus only grows."""
    assert len(list(cases())) >= 150
