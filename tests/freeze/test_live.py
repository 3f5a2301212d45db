"""Commands on a running dev lake answer as at bb0f71e."""

from __future__ import annotations

import pytest

from tests.freeze import commands
from tests.freeze.golden import Recording, difference, names

pytestmark = pytest.mark.slow
NAMES = names("live")


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What today's commands answer."""
    return commands.record_live(tmp_path_factory.mktemp("live"))


@pytest.mark.parametrize("name", NAMES)
def test_a_command_answers_as_before(today: Recording, name: str):
    """Exit code, output, the files that it changed, and what a refusal says."""
    assert difference(name, today[name]) == ""


def test_nothing_else_is_recorded(today: Recording):
    """A command without a frozen file would be compared with nothing."""
    assert sorted(today) == NAMES
