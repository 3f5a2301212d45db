"""A stack that bb0f71e made is read, refreshed, updated and destroyed by today's code.

The tests build on each other: each finds the stack as the one before left it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.freeze.stack import BACKFILL, RestoredLake, restored

pytestmark = pytest.mark.slow
JOBS = [1, 2]
"""The first sync, and the backfill."""
PRODUCTS = "streams/shop/products.json"


def values(node: object) -> Iterator[str]:
    """Every value in a JSON value, whatever it is below."""
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from values(child)
    else:
        yield repr(node)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestoredLake]:
    """The stack with a server on a copy of its data."""
    with restored(tmp_path_factory.mktemp("stack")) as clone:
        yield clone


def test_a_preview_changes_nothing(lake: RestoredLake):
    """The program of today declares what is in the state of then."""
    lake.pulumi("preview", "--expect-no-changes")


def test_a_preview_after_a_refresh_changes_nothing(lake: RestoredLake):
    """What today's provider reads is what that of then stored."""
    lake.pulumi("preview", "--refresh", "--expect-no-changes")


def test_a_refresh_finds_no_change_and_loses_nothing(lake: RestoredLake):
    """Outputs gain what Airbyte has and the program does not declare (docs/ownership.md); what they had stays."""
    before = lake.state()["resources"]

    lake.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    after = lake.state()["resources"]
    for old, new in zip(before, after, strict=True):
        assert [new.get(name) for name in ("urn", "id", "inputs")] == [
            old.get(name) for name in ("urn", "id", "inputs")
        ]
        assert Counter(values(old.get("outputs"))) <= Counter(values(new.get("outputs")))


def test_what_the_files_do_not_declare_is_left_alone_from_the_first_update_on(lake: RestoredLake):
    """The state of then has defaults of all settings among its inputs; what somebody set since is kept, unseen."""
    lake.patch("connections", "Shop → Lake", status="inactive", nonBreakingSchemaUpdatesBehavior="ignore")
    for options in ((), ("--refresh",)):
        lake.pulumi("preview", *options, "--expect-no-changes")
    lake.up()

    connection = lake.objects("connections")["Shop → Lake"]
    assert (connection["status"], connection["nonBreakingSchemaUpdatesBehavior"]) == ("inactive", "ignore")
    assert set(lake.last_changes()) == {"same"}
    lake.patch("connections", "Shop → Lake", status="active", nonBreakingSchemaUpdatesBehavior="propagate_columns")


def test_an_edit_of_a_stream_updates_its_connection_alone(lake: RestoredLake):
    """No other resource is touched, and the backfill that was carried out is not asked for again."""
    lake.write(PRODUCTS, {"sync_mode": "full_refresh", "destination_sync_mode": "append"})
    lake.pulumi("up", "--yes", "--skip-preview")

    changes = lake.last_changes()
    streams = lake.objects("connections")["Shop → Lake"]["configurations"]["streams"]
    assert changes == {"same": len(lake.state()["resources"]) - 3, "update": 1}
    assert {stream["name"]: stream["syncMode"] for stream in streams}["products"] == "full_refresh_append"
    assert lake.jobs() == JOBS


def test_the_backfill_is_in_the_state_with_its_job(lake: RestoredLake):
    """Its provider is found by the class path that the state of then names."""
    (backfill,) = [one for one in lake.state()["resources"] if one["type"].endswith("lotus:BackfillReset")]

    receipt = {name: backfill["outputs"][name] for name in ("request", "status", "job_id", "rows_read")}
    assert receipt == {"request": BACKFILL, "status": "succeeded", "job_id": 2, "rows_read": 480}


def test_a_destroy_leaves_nothing(lake: RestoredLake):
    """Neither in the state nor in Airbyte."""
    lake.pulumi("destroy", "--yes", "--skip-preview")

    assert lake.state().get("resources", []) == []
    assert [lake.objects(kind) for kind in ("connections", "sources", "destinations")] == [{}, {}, {}]
