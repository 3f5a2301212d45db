"""`pulumi up --target` on one source or connection of a lake, on a first run and on a later one, through the engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backfill.conftest import Ledger, make_lake
from tests.support.airbyte import Airbyte, started_airbyte

pytestmark = pytest.mark.slow

LAKE = "**::lake"
"""The component that all resources of a lake are below; and a destination of that name, if there is one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server without a lake."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte")) as airbyte:
        yield airbyte


@pytest.fixture
def lake(server: Airbyte, tmp_path: Path) -> Ledger:
    """A lake of two sources, never applied."""
    lake = make_lake(tmp_path, server)
    shutil.copytree(tmp_path / "streams" / "ledger", tmp_path / "streams" / "archive")
    source = lake.read("streams/archive/_source.json")
    lake.write("streams/archive/_source.json", {**source, "name": "Archive", "connection": {"name": "Archive"}})
    return lake


def up(lake: Ledger, *targets: str) -> str:
    """`pulumi up` of these alone."""
    return lake.up(*(word for target in targets for word in ("--target", target)))


def names(lake: Ledger) -> set[str]:
    """The names of Airbyte's objects in the state."""
    return {key.rpartition("::")[2] for key in lake.resources()}


def source_name(lake: Ledger) -> str:
    """The name in Airbyte of the source that is targeted."""
    return lake.resources()["lotus:index:Lake$airbyte:index/source:Source::ledger"]["outputs"]["name"]


def test_one_source_is_made_on_a_first_run_and_changed_on_a_later_one(lake: Ledger) -> None:
    """Nothing else of the lake is."""
    up(lake, LAKE, "**::ledger")
    assert names(lake) == {"ledger"}

    source = lake.read("streams/ledger/_source.json")
    lake.write("streams/ledger/_source.json", {**source, "name": "Ledger of today"})
    up(lake, "**::ledger")
    assert names(lake) == {"ledger"}
    assert (
        lake.resources()["lotus:index:Lake$airbyte:index/source:Source::ledger"]["outputs"]["name"] == "Ledger of today"
    )


def test_one_connection_is_made_with_its_two_ends_and_changed_alone(lake: Ledger) -> None:
    """What it needs is named by patterns; later it is changed alone, and an `up` without targets makes the rest."""
    up(lake, LAKE, "**::files", "**::ledger*")
    assert names(lake) == {"files", "ledger", "ledger-to-files"}

    source = lake.read("streams/ledger/_source.json")
    lake.write("streams/ledger/_source.json", {**source, "schedule": "0 0 3 * * ?", "name": "Ledger of today"})
    up(lake, "**::ledger-to-files")
    connection = lake.server.call("GET", f"/connections/{lake.connection_id}")
    assert connection["schedule"]["scheduleType"] == "cron"
    assert (
        lake.resources()["lotus:index:Lake$airbyte:index/source:Source::ledger"]["outputs"]["name"] != "Ledger of today"
    )

    lake.up()
    assert names(lake) >= {"archive", "archive-to-files"}
    assert lake.preview("--refresh")[0] == 0
