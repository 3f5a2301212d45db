"""Syncs land the files that bb0f71e landed, column by column and byte by byte."""

from __future__ import annotations

import pytest

from tests.freeze import landing
from tests.freeze.golden import Recording, difference, names

pytestmark = pytest.mark.slow
NAMES = names("landing")


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What today's server lands."""
    return landing.record(tmp_path_factory.mktemp("landing"))


@pytest.mark.parametrize("name", NAMES)
def test_a_sync_lands_the_same_files(today: Recording, name: str):
    """Names, schemas, row groups, encodings, values and bytes; raw ids alone are random."""
    assert difference(name, today[name]) == ""


def test_nothing_else_is_recorded(today: Recording):
    """A format without a frozen file would be compared with nothing."""
    assert sorted(today) == NAMES
