"""The project as git knows it at a revision, laid out in a temporary folder; nothing of it is run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from lotus.config import Project, Settings, from_stack_file, load
from lotus.config.pulumi_yaml import stack_config
from lotus.errors import ConfigError, ToolError
from lotus.impact import Comparison, compare

_NOTHING: Mapping[str, str] = {}
"""The environment of both sides: what a shell happens to hold must not look like a change."""


def compared(project: Path, stack: str, revision: str) -> Comparison:
    """The working tree against `revision` for one stack; without a stack, the files of all sources.

    Raises:
        ConfigError: git knows no such commit, or no such stack has a file.
    """
    with at(project, revision) as base:
        file = f"Pulumi.{stack}.yaml"
        if stack and not any((folder / file).is_file() for folder in (base, project)):
            stacks = sorted(path.name.split(".")[1] for path in project.glob("Pulumi.*.yaml"))
            fix = f"use one of: {', '.join(stacks)}" if stacks else "run pulumi stack init"
            raise ConfigError(f'stack "{stack}" has no file, neither here nor at {revision}', where=file, fix=fix)
        found = compare(_files(base, stack), _files(project, stack))
        return replace(found, confirmed=(*found.confirmed, *_agreed(project, stack))) if stack else found


def _agreed(project: Path, stack: str) -> tuple[str, ...]:
    """What the provider's own setting in a stack's file consents to."""
    listed = stack_config(project, stack).get("airbyte:confirm")
    return tuple(str(one) for one in cast("list[Any]", listed)) if isinstance(listed, list) else ()


def _files(folder: Path, stack: str) -> Project:
    """What the files in `folder` say for the stack; a stack that has no file there (yet), or no lake, has nothing."""
    if stack and not (folder / f"Pulumi.{stack}.yaml").is_file():
        return Project(Settings(stack=stack))
    settings = from_stack_file(folder, stack or None, environment=_NOTHING)
    if stack and not settings.lake and not settings.faults:
        return Project(settings)
    if not (folder / settings.streams).is_dir():
        return Project(settings)
    return load(folder, settings, resolve=False)


def short(project: Path, revision: str) -> str:
    """The commit that a revision names, as 12 digits.

    Raises:
        ConfigError: git knows no such commit, or this is no repository.
    """
    return commit(project, revision)[:12]


def commit(project: Path, revision: str) -> str:
    """The commit that a revision names.

    Raises:
        ConfigError: git knows no such commit, or this is no repository.
    """
    # --end-of-options: a revision that starts with a dash is a revision.
    answer = _git(
        project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False
    )
    if answer.returncode:
        inside = _git(project, "rev-parse", "--is-inside-work-tree", check=False)
        if inside.returncode:
            raise ConfigError("the project is in no git repository", where=str(project), fix="git init, and commit")
        raise ConfigError(
            f'git knows no commit "{revision}"',
            where=str(project),
            fix="git fetch first (in a workflow: fetch-depth: 0), or name another revision",
        )
    return answer.stdout.strip()


def merge_base(project: Path, base: str, head: str = "HEAD") -> str:
    """The commit that a branch started from: what came to `base` since then is no part of the branch.

    Raises:
        ConfigError: one of them is unknown, or they share no history.
    """
    answer = _git(project, "merge-base", commit(project, base), commit(project, head), check=False)
    if answer.returncode:
        raise ConfigError(
            f"{head} and {base} share no commit",
            where=str(project),
            fix="fetch the whole history (in a workflow: fetch-depth: 0)",
        )
    return answer.stdout.strip()


def changed(project: Path) -> bool:
    """Whether the working tree holds changes that no commit has (new files among them)."""
    return bool(_git(project, "status", "--porcelain", "--", ".").stdout.strip())


def differs(project: Path, revision: str, paths: Sequence[str]) -> bool:
    """Whether the working tree's files below `paths` are not those of a commit (new files count)."""
    found = _git(project, "diff", "--quiet", revision, "--", *paths, check=False)
    if found.returncode:
        return True
    return bool(_git(project, "ls-files", "--others", "--exclude-standard", "--", *paths).stdout)


def last_change(project: Path, path: str) -> str:
    """Who committed a file or folder last, and when: `commit 1a2b3c4 of 2026-11-20 by Ann`; empty if nobody did."""
    answer = _git(project, "log", "-1", "--format=commit %h of %as by %an", "--", path, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def uncommitted(project: Path, path: str) -> bool:
    """Whether a file or folder holds changes that no commit has."""
    return bool(_git(project, "status", "--porcelain", "--", path).stdout.strip())


def default_base(project: Path, environment: Mapping[str, str]) -> str:
    """What a branch is compared with: the pull request's target, else the remote's main branch, else `main`.

    Raises:
        ConfigError: none of them exists.
    """
    target = environment.get("GITHUB_BASE_REF")  # Forgejo sets it too
    names = ([f"origin/{target}", target] if target else []) + ["origin/HEAD", "origin/main", "main", "master"]
    for name in names:
        answer = _git(project, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
        if answer.returncode == 0:
            return name
    raise ConfigError(
        "no main branch is here to compare with", where=str(project), fix="lotus review --base REV, or git fetch"
    )


@contextmanager
def at(project: Path, revision: str) -> Generator[Path]:
    """The project's files as they were at `revision`, in a folder that goes with the context.

    Raises:
        ConfigError: git knows no such commit.
    """
    found = commit(project, revision)
    prefix = _git(project, "rev-parse", "--show-prefix").stdout.rstrip("\n")
    with tempfile.TemporaryDirectory(prefix="lotus-revision-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        # An index of its own: the repository's stays as it is. core.attributesFile and hooks have no part in this.
        index = Path(folder) / "index"
        answer = _git(project, "read-tree", f"{found}:{prefix}" if prefix else found, check=False, index=index)
        if answer.returncode:
            yield tree  # the project's folder did not exist at that revision: everything is new
            return
        _git(_top(project), "checkout-index", "--all", "--quiet", f"--prefix={tree}/", index=index)
        yield tree


def _top(project: Path) -> Path:
    return Path(_git(project, "rev-parse", "--show-toplevel").stdout.rstrip("\n"))


def _git(
    project: Path, *arguments: str, check: bool = True, index: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """One git command.

    Raises:
        ToolError: there is no git, or it failed although it should not.
    """
    # Variables of a surrounding git command (a hook) name another index and repository.
    inherited = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")}
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=project,
            env={**inherited, "LC_ALL": "C", **({"GIT_INDEX_FILE": str(index)} if index else {})},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise ToolError("git is not installed", where="PATH", fix="install git") from None
    if check and answer.returncode:
        lines = answer.stderr.strip().splitlines()
        raise ToolError(f"git {arguments[0]} failed: {lines[-1] if lines else answer.returncode}", where=str(project))
    return answer
