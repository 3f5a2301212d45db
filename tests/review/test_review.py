"""Reviews of prepared branches, as a stranger reads them: `tests/review/golden/<branch>.md`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lotus.review.report import COMMENT_LIMIT, cut, markdown
from lotus.review.review import review
from lotus.session.session import Session
from tests.review.branches import BRANCHES
from tests.review.conftest import Repository, stream

GOLDEN = Path(__file__).parent / "golden"


def reviewed(repository: Repository) -> str:
    """The review of the branch against `main`, with words in place of the commits."""
    repository.commit("the change")
    found = review(Session(repository.path, "prod", {}), base="main", offline=True)
    names = {found.difference.base: "<main>", found.difference.head: "<branch>"}
    return re.sub("|".join(names), lambda m: names[m.group()], markdown(found))


@pytest.mark.parametrize("name", BRANCHES)
def test_the_review_of_a_branch_is_the_one_that_people_have_read(name: str, repository: Repository) -> None:
    """LOTUS_WRITE_GOLDEN=1 writes them anew; the difference is then read in git."""
    BRANCHES[name](repository)
    golden = GOLDEN / f"{name}.md"

    found = reviewed(repository)

    if os.environ.get("LOTUS_WRITE_GOLDEN"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_branch() -> None:
    """A file without a branch would never be compared again."""
    assert {path.stem for path in GOLDEN.glob("*.md")} == set(BRANCHES)


def test_a_change_on_main_is_no_change_of_the_branch(repository: Repository) -> None:
    """What came to main since the branch started is not shown as taken back."""
    repository.edit("streams/shop/_source.json", schedule="0 0 6 * * ?")
    repository.commit("the change")
    repository.git("checkout", "-q", "main")
    repository.write("streams/shop/refunds.json", "{}")
    repository.commit("meanwhile")
    repository.git("checkout", "-q", "change")

    found = review(Session(repository.path, "prod", {}), base="main", offline=True)

    assert [change.subject for change in found.difference.comparison.changes] == ["shop"]


def test_a_rebased_branch_keeps_its_digest(repository: Repository) -> None:
    """The digest is of what changes, not of commits."""
    repository.write("streams/shop/refunds.json", "{}")
    repository.commit("the change")
    first = review(Session(repository.path, "prod", {}), base="main", offline=True)
    repository.write("README.md", "words")
    repository.commit("words")

    second = review(Session(repository.path, "prod", {}), base="main", offline=True)

    assert first.difference.head != second.difference.head
    assert first.difference.comparison.digest == second.difference.comparison.digest


def test_a_long_review_is_cut_behind_its_worst_part(repository: Repository) -> None:
    """GitHub refuses more than 65,536 characters; what needs consent stands first and stays."""
    for number in range(300):
        repository.write(f"streams/mail/s{number}.json", stream("id", "updated_at"))
        repository.write(f"streams/mail/_discovered/s{number}.json", {"fields": stream("id", "updated_at")["fields"]})
    repository.edit("streams/shop/orders.json", sync_mode="full_refresh", destination_sync_mode="overwrite")
    whole = reviewed(repository)

    short = cut(whole, rest="review.md")

    assert len(whole) > COMMENT_LIMIT >= len(short)
    assert "shop/orders: is synced as full_refresh_overwrite" in short
    assert short.endswith("The whole review is in review.md.\n")


def test_words_of_the_files_have_no_effect_in_markdown(repository: Repository) -> None:
    """A pull request from a fork must not mention people, link or open tags through a value."""
    repository.edit("streams/shop/_source.json", configuration__store="<img src=x> @team [a](http://b) ```")

    found = reviewed(repository)

    assert "\\<img src=x\\> @\u200bteam \\[a\\](http:\u200b//b)" in found
    assert "<img" not in found.replace("\\<img", "")


def test_a_secret_in_clear_never_shows(repository: Repository) -> None:
    """Whether a spec marks it or only its name does."""
    repository.edit("streams/mail/_source.json", configuration__api_key="sk-live-hush")
    repository.edit("streams/mail/_source.json", configuration__credentials={"value": "hush-too"})

    assert "hush" not in reviewed(repository)
