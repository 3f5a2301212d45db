"""What an earlier release left in the state and the journal still works; these files are never edited."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
from pathlib import Path

import pytest

from lotus.backfill.journal import journal
from lotus.backfill.resource import BackfillResetProvider

DATA = Path(__file__).with_name("data")


def restore(lake, **changed: object) -> None:
    """Puts the stored receipt into the lake's state, as if an earlier release had made it."""
    text = (DATA / "backfill-reset-0.1.0.json").read_text()
    stored = json.loads(text.replace("CONNECTION", lake.connection_id).replace("TITLE", lake.title))
    stored["inputs"] |= changed
    stored["outputs"] |= changed
    exported = json.loads(lake.pulumi("stack", "export").stdout)
    for resource in exported["deployment"]["resources"]:
        if resource["urn"] == stored["urn"]:
            resource |= {"inputs": stored["inputs"], "outputs": stored["outputs"], "id": stored["id"]}
    (lake.folder / "earlier.json").write_text(json.dumps(exported))
    lake.pulumi("stack", "import", "--file", "earlier.json")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("backfill")
def test_the_state_of_an_earlier_release_is_no_change_refreshes_and_is_destroyed(own_lake):
    """An upgrade is no difference and no call; another pickle of the class is one update, without a call."""
    own_lake.up()
    own_lake.sync()
    own_lake.stream("orders", backfill=True)
    own_lake.up()
    own_lake.settle()
    restore(own_lake)

    own_lake.pulumi("preview", "--expect-no-changes")
    own_lake.pulumi("refresh", "--yes", "--skip-preview")
    own_lake.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")

    earlier = base64.b64encode(pickle.dumps(BackfillResetProvider(), protocol=2)).decode()
    restore(own_lake, __provider=earlier)
    assert "1 updated" in own_lake.up()
    own_lake.pulumi("preview", "--expect-no-changes")
    assert own_lake.asked() == [("refresh", ["orders"])]
    own_lake.destroy()


def test_the_names_that_state_files_hold():
    """Module and class are what the stored pickle names."""
    stored = json.loads((DATA / "backfill-reset-0.1.0.json").read_text())["inputs"]["__provider"]

    provider = pickle.loads(base64.b64decode(stored))  # noqa: S301 - our own file

    assert type(provider) is BackfillResetProvider


def test_the_journal_of_an_earlier_release_is_read(tmp_path):
    """A page of version 1."""
    connection = json.loads((DATA / "journal-1.json").read_text())["connection"]
    place = tmp_path / ".lotus" / "backfills"
    place.mkdir(parents=True)
    shutil.copy(DATA / "journal-1.json", place / f"{connection}.json")

    entry = journal({"PULUMI_BACKEND_URL": f"file://{tmp_path}"}).page(connection).entry("orders", None)

    assert entry is not None
    assert (entry.request, entry.jobs, entry.stage) == ("2026-11-20 ids were null", (2,), "accepted")
