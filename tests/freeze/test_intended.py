"""Intended differences are few, listed with their reasons, and real."""

from __future__ import annotations

import json
import re

import pytest

from tests.freeze.golden import INTENDED, NOTES, ORIGINAL, PARTS, names

OVERRIDES = sorted(path.relative_to(INTENDED).as_posix() for path in INTENDED.rglob("*.json"))


def test_the_list_and_the_folder_match():
    """Each intended difference has its file and its reason, once."""
    listed = re.findall(r"^\| `([^`]+)` \| *\S.*\|$", NOTES.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sorted(listed) == OVERRIDES


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_intended_difference_differs(name: str):
    """An answer that is as it was at bb0f71e needs no entry; one that replaces nothing is no difference."""
    assert json.loads((INTENDED / name).read_text("utf-8")) != json.loads((ORIGINAL / name).read_text("utf-8"))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_recorded(part: str):
    """A part without recordings would compare nothing."""
    assert names(part)
