"""What a preview says of the files' changes: the lines of `lotus diff`, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lotus import notices
from tests.review.conftest import Repository
from tests.review.conftest import repository as repository  # noqa: PLC0414  a fixture of the reviews


def test_changes_since_the_main_branch_are_said_on_their_resource(repository: Repository) -> None:
    """Committed on the branch or not yet."""
    repository.write("streams/shop/customers.json", None)
    repository.commit("fewer")
    repository.edit("streams/mail/_source.json", schedule="0 0 6 * * ?")

    base, found = notices.changes(repository.path, "prod", "streams")

    assert base == repository.git("rev-parse", "main").strip()[:12]
    assert set(notices.by_resource(found)) == {("connection", "shop-to-lake"), ("connection", "mail-to-lake")}
    assert notices.notice(found[0]).startswith("shop/customers: stops syncing (high)\n  nothing new lands")


def test_nothing_is_loaded_where_nothing_differs(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in a README are no reason to read all files twice."""
    repository.write("README.md", "words")
    monkeypatch.setattr("lotus.revisions.compared", lambda *_: pytest.fail("the files were read"))

    assert notices.changes(repository.path, "prod", "streams") == ("", ())


def test_outside_of_git_nothing_is_said(tmp_path: Path) -> None:
    """An operator's pod has files and no history."""
    assert notices.changes(tmp_path, "prod", "streams") == ("", ())


def test_it_can_be_turned_off(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lotus review` shows the same lines itself."""
    repository.write("streams/shop/customers.json", None)
    monkeypatch.setenv("LOTUS_NOTICES", "off")

    assert notices.changes(repository.path, "prod", "streams") == ("", ())
