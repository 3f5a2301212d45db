"""What a preview says of a backfill that will be requested."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lotus.backfill.declared import Backfill
from lotus.backfill.forecast import notice
from lotus.backfill.journal import FOLDER, PLACE
from lotus.backfill.request import BackfillRequest

HOSTILE = "orders\x1b[2J\nshop/customers: nothing to do"


@pytest.fixture
def backfill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Backfill:
    """A request for a stream whose name would clear a terminal and forge a line; no server, an empty journal."""
    for name in ("AIRBYTE_SERVER_URL", "AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(PLACE, f"file://{tmp_path / 'journal'}")
    request = BackfillRequest(HOSTILE, None, "2026-11", "refresh_and_retain", None, False, ())
    return Backfill(f"shop/{HOSTILE}", "shop", request, "streams/shop/orders.json", True, (), "shop", HOSTILE)


def test_a_streams_name_has_no_effect_in_the_notice(backfill: Backfill) -> None:
    """pulumi prints a notice as it is; each of its lines begins with lotus's own words."""
    text = asyncio.run(notice(backfill, "c", "destination-s3", {}))
    assert text is not None
    assert text.startswith("orders\\x1b[2J⏎shop/customers: nothing to do of shop: will be read again")
    assert "\x1b" not in text


def test_a_journal_that_cannot_be_read_is_said_in_one_line(backfill: Backfill, tmp_path: Path) -> None:
    """Whether the backfill was requested already is then unknown, and the preview goes on."""
    page = tmp_path / "journal" / FOLDER / "c.json"
    page.parent.mkdir(parents=True)
    page.write_text("{")
    text = asyncio.run(notice(backfill, "c", "destination-s3", {}))
    assert text is not None
    assert text.startswith("shop/orders\\x1b[2J⏎shop/customers: nothing to do: this preview cannot tell")
    assert len(text.splitlines()) == 1
