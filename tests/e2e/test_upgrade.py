"""docs/upgrade.md, tried on the lake that bb0f71e left: its clone's `.lotus/`, its server's data, its state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.documented import FENCE
from tests.freeze.stack import RestoredLake, restored
from tests.support.clone import PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestoredLake]:
    """The lake, with today's code."""
    with restored(tmp_path_factory.mktemp("upgraded")) as clone:
        yield clone


def test_the_pages_commands_say_that_nothing_changes(lake: RestoredLake):
    """What a person does after `git pull`, in the order of the page."""
    (block,) = FENCE.findall((PROJECT / "docs" / "upgrade.md").read_text())
    commands = [line.split() for line in block.splitlines()]
    assert len(commands) == 3

    for program, *arguments in commands:
        if program == "lotus":
            lake.lotus(*arguments)
        else:
            lake.pulumi(*arguments, "--expect-no-changes")


def test_the_clones_record_is_read_and_its_s3_stays_the_one_that_wrote_its_data(lake: RestoredLake):
    """Ports and keys are those of then."""
    services = lake.lotus("dev", "status", "--json", check=False).stdout

    assert "S3 (MinIO)" in services
    assert "127.0.0.1:19991" in services
