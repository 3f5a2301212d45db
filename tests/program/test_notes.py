"""What a preview says of the files' changes: the lines of `lotus diff` against what is applied, or nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pulumi_airbyte import Applied

from lotus.config import Settings, from_stack_file
from lotus.program import applied
from lotus.program import notes as notices
from tests.review.conftest import STACK, Repository
from tests.review.conftest import repository as repository  # noqa: PLC0414  a fixture of the reviews

URN = {"urn": "urn:pulumi:prod::lake::lotus:index:Lake::lake"}
UNKNOWN = Applied(URN, 0)
"""A `Lake` that an older version applied."""


def settings(repository: Repository) -> Settings:
    """The stack's settings."""
    return from_stack_file(repository.path, "prod", environment={})


def lake(repository: Repository, planned: int = 0) -> Applied:
    """A `Lake` that is applied from the files as they are now."""
    return Applied({**URN, notices.FILES: applied.files_digest(repository.path, settings(repository))}, planned)


def said(repository: Repository, state: Applied | None) -> tuple[str, set[tuple[str, str]]]:
    """The heading, and the subjects and summaries below it."""
    found = notices.changes(repository.path, settings(repository), state)
    assert found is not None
    base, changes = found
    return base.heading, {(change.subject, change.what.split(":")[0]) for change in changes}


def head(repository: Repository, revision: str = "HEAD") -> str:
    """A commit, as a sentence names it."""
    return repository.git("rev-parse", "--short=12", revision).strip()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The programs that are started while a test runs."""
    started: list[str] = []
    run = subprocess.run

    def noted(command: list[str], *arguments: Any, **options: Any) -> Any:
        started.append(" ".join(command[:2]))
        return run(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    yield started


def test_changes_since_what_is_applied_are_said(repository: Repository) -> None:
    """A commit that is applied and not pushed is not repeated; one after it is, and so is what is not committed."""
    repository.write("streams/shop/customers.json", None)
    repository.commit("fewer, applied")
    state, base = lake(repository), head(repository)
    repository.edit("streams/mail/_source.json", schedule="0 0 6 * * ?")
    repository.commit("every morning")
    repository.write("streams/shop/refunds.json", "{}")

    heading, lines = said(repository, state)
    assert heading == f"changes in the files since {base}, which is applied, as in `lotus diff {base}`:"
    assert lines == {("mail", "schedule not declared → 0 0 6 * * ?"), ("shop/refunds", "starts to sync")}


def test_what_is_applied_from_another_branch_is_the_base(repository: Repository) -> None:
    """The operator is further than this branch: an apply of the branch would take its commit back, and that is said."""
    repository.git("checkout", "-q", "main")
    repository.write("streams/shop/refunds.json", "{}")
    repository.commit("refunds, applied")
    state = lake(repository)
    repository.git("checkout", "-q", "change")

    assert said(repository, state)[1] == {("shop/refunds", "stops syncing")}


def test_where_nothing_differs_from_what_is_applied_it_costs_nothing(
    repository: Repository, processes: list[str]
) -> None:
    """No git, though the branch differs from main; no file is parsed."""
    repository.write("streams/shop/customers.json", None)
    state, stack = lake(repository), settings(repository)
    processes.clear()

    assert notices.changes(repository.path, stack, state) is None
    assert processes == []


def test_an_update_that_applied_only_a_part_is_another_base(repository: Repository) -> None:
    """It failed half-way, or had targets: the plan has changes though the files are those of the state."""
    repository.write("streams/shop/refunds.json", "{}")

    heading, lines = said(repository, lake(repository, planned=1))
    assert heading.startswith("the last update did not apply all of these files, or something else than a file")
    assert lines == {("shop/refunds", "starts to sync")}


def test_nothing_is_said_where_nothing_is_applied(repository: Repository, processes: list[str]) -> None:
    """The first plan of a stack shows all as new."""
    stack = settings(repository)
    processes.clear()

    assert notices.changes(repository.path, stack, Applied({}, 9)) is None
    assert processes == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (None, "the state cannot be read"),
        (UNKNOWN, "the state does not say which files are applied"),
        (Applied({**URN, notices.FILES: "0 0"}, 1), "the files that are applied are in no commit here"),
    ],
)
def test_another_base_is_named_with_its_reason(repository: Repository, state: Applied | None, reason: str) -> None:
    """It may repeat what is applied, and says so."""
    repository.write("streams/shop/refunds.json", "{}")
    main = head(repository, "main")

    heading, lines = said(repository, state)
    assert heading.startswith(f"{reason}, so this compares with {main}, where the branch left the main branch, and may")
    assert lines == {("shop/refunds", "starts to sync")}


def test_an_operator_that_wrote_the_stacks_file_has_applied_the_commit_of_its_folders(repository: Repository) -> None:
    """Its workspace merges settings of its own into the file."""
    repository.write("Pulumi.prod.yaml", f"{STACK}  kubernetes:context: here\n")
    state = lake(repository)
    repository.git("checkout", "-q", "Pulumi.prod.yaml")
    assert notices.changes(repository.path, settings(repository), state) is None

    repository.write("streams/shop/refunds.json", "{}")
    assert "which is applied" in said(repository, state)[0]


def test_the_digest_is_the_name_that_git_gives(repository: Repository) -> None:
    """Folders in folders, links, files that can be run, names that sort before a slash."""
    for name in ("streams/shop-eu/a.json", "streams/shop.json", "streams/shop0/b.json"):
        repository.write(name, "{}")
    (repository.path / "streams/shop/link.json").symlink_to("orders.json")
    (repository.path / "streams/shop0/b.json").chmod(0o755)
    (repository.path / "streams/empty/below").mkdir(parents=True)
    repository.commit("all kinds")

    names = [repository.git("rev-parse", f"HEAD:{path}").strip() for path in ("streams", "Pulumi.prod.yaml")]
    assert applied.files_digest(repository.path, settings(repository)) == " ".join(names)


def test_a_streams_name_has_no_effect_on_a_terminal(repository: Repository) -> None:
    """A branch's files are text of others, and pulumi prints a notice as it is."""
    state = lake(repository)
    repository.write("streams/shop/customers.json", None)
    found = notices.changes(repository.path, settings(repository), state)
    assert found is not None

    text = notices.notice(replace(found[1][0], subject="shop/\x1b[2J\nforged"))
    assert text.startswith("shop/\\x1b[2J⏎forged: stops syncing (high)\n  nothing new lands")


def test_outside_of_git_nothing_is_said(tmp_path: Path) -> None:
    """An operator's pod has files and no history."""
    assert notices.changes(tmp_path, Settings(stack="prod"), UNKNOWN) is None


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lotus review` shows the same lines itself."""
    monkeypatch.setenv("LOTUS_NOTICES", "off")

    assert not notices.wanted()
