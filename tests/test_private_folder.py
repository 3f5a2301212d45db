"""Keys and typed secrets of a clone stay out of git, whatever the project's own .gitignore says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lotus.authoring.add import _keep
from lotus.config import from_stack_file
from lotus.local import dev
from lotus.private_folder import private_folder
from lotus.state.bucket import Bucket
from lotus.state.stack_state import _policies


def record(project: Path) -> None:
    """What `make run` writes first: the S3's keys."""
    dev.load_or_make(project)


def typed_secret(project: Path) -> None:
    """What `lotus sources add` keeps of a person's answers."""
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    _keep(project, from_stack_file(project, "dev", environment={}), {}, {"shop_token": "typed"})


def keys(project: Path) -> None:
    """What `lotus state init` writes."""
    _policies(Bucket("state", "", None, None, False), private_folder(project, "keys"))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one's own with a .gitignore that knows nothing of lotus."""
    monkeypatch.delenv("S3_ENDPOINT", raising=False)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("node_modules/\n")
    return tmp_path


def added(repository: Path) -> list[str]:
    """What `git add .` would take."""
    return subprocess.run(
        ["git", "add", "-n", "."], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("written", [record, typed_secret, keys])
def test_git_takes_nothing_that_is_private(repository: Path, written: Callable[[Path], None]):
    """A common workflow says `git add .`, and `lotus init` keeps a .gitignore as it is."""
    written(repository)

    assert [line for line in added(repository) if ".lotus" in line] == []
    assert any(file.is_file() and file.name != ".gitignore" for file in (repository / ".lotus").rglob("*"))


def test_a_clone_of_an_older_lotus_is_made_safe(repository: Path):
    """Its folder did not ignore itself: the next command that uses it writes what is missing."""
    dev.load_or_make(repository)
    (repository / ".lotus" / ".gitignore").unlink()
    assert any("dev.json" in line for line in added(repository))

    dev.load_or_make(repository)

    assert [line for line in added(repository) if ".lotus" in line] == []


def test_only_the_owner_enters_a_private_folder(repository: Path):
    """Typed secrets and keys are for one user of the machine."""
    dev.load_or_make(repository)

    assert (repository / ".lotus" / "dev").stat().st_mode & 0o077 == 0
