"""`lotus validate` sees a rename without `renamed_from`, and says when one can go."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from lotus.authoring.validate import validate
from tests.support.lake import Lake


@pytest.fixture
def committed(lake: Lake) -> Lake:
    """A lake whose main branch has the source under its old name."""
    lake.write("streams/shop/orders.json", {})
    _git(lake, "init", "-q", "-b", "main")
    commit(lake)
    return lake


def _git(lake: Lake, *arguments: str) -> None:
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *author, *arguments], cwd=lake.folder, check=True, capture_output=True)


def commit(lake: Lake) -> None:
    _git(lake, "add", "-A")
    _git(lake, "commit", "-qm", "the files as they are")


def rename(lake: Lake, **more: Any) -> None:
    (lake.folder / "streams/shop").rename(lake.folder / "streams/store")
    lake.write("streams/store/_source.json", {"connector": "source-web-shop", "configuration": {"shop": "s"}, **more})


def hints(lake: Lake) -> list[tuple[str, str]]:
    return [(hint.where, hint.fix) for hint in validate(lake.folder, environment={}).hints if hint.code == "LOT058"]


def test_a_renamed_folder_is_seen(committed: Lake) -> None:
    rename(committed)

    assert hints(committed) == [("streams/store/_source.json:1:1", 'add "renamed_from": "shop"')]


def test_a_fresh_rename_needs_no_word(committed: Lake) -> None:
    rename(committed, renamed_from="shop")

    assert hints(committed) == []


def test_a_rename_that_is_on_the_main_branch_can_go(committed: Lake) -> None:
    rename(committed, renamed_from="shop")
    commit(committed)

    ((where, fix),) = hints(committed)

    assert where.startswith("streams/store/_source.json:")
    assert '"namespace_format": "shop"' in fix
