"""Git, as far as lotus asks it: commits, what differs from them, and the project as it was at a revision."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lotus.errors import ConfigError, ToolError

_REMOTE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Git:
    """Git in a folder of a checkout."""

    folder: Path

    def short(self, revision: str) -> str:
        """The commit that a revision names, as 12 digits.

        Raises:
            ConfigError: git knows no such commit, or this is no repository.
        """
        return self.commit(revision)[:12]

    def commit(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            ConfigError: git knows no such commit, or this is no repository.
        """
        # --end-of-options: a revision that starts with a dash is a revision.
        process = self.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False
        )
        if process.returncode:
            inside = self.run("rev-parse", "--is-inside-work-tree", check=False)
            if inside.returncode:
                raise ConfigError(
                    "the project is not in a git repository", where=str(self.folder), fix="git init, and commit"
                )
            raise ConfigError(
                f'git does not know the commit "{revision}"',
                where=str(self.folder),
                fix="git fetch first (in a workflow: fetch-depth: 0), or name another revision",
            )
        return process.stdout.strip()

    def merge_base(self, base: str, head: str = "HEAD") -> str:
        """The commit that a branch started from: what came to `base` since then is no part of the branch.

        Raises:
            ConfigError: one of them is unknown, or they share no history.
        """
        process = self.run("merge-base", self.commit(base), self.commit(head), check=False)
        if process.returncode:
            raise ConfigError(
                f"{head} and {base} share no commit",
                where=str(self.folder),
                fix="fetch the whole history (in a workflow: fetch-depth: 0)",
            )
        return process.stdout.strip()

    def changed(self) -> bool:
        """Whether the working tree holds changes that no commit has (new files among them)."""
        return bool(self.run("status", "--porcelain", "--", ".").stdout.strip())

    def differs(self, revision: str, paths: Sequence[str]) -> bool:
        """Whether the working tree's files below `paths` are not those of a commit (new files count)."""
        process = self.run("diff", "--quiet", revision, "--", *paths, check=False)
        if process.returncode:
            return True
        return bool(self.run("ls-files", "--others", "--exclude-standard", "--", *paths).stdout)

    def last_change(self, path: str) -> str:
        """Who committed a file or folder last, and when: `commit 1a2b3c4 of 2026-11-20 by Ann`; empty if nobody did."""
        process = self.run("log", "-1", "--format=commit %h of %as by %an", "--", path, check=False)
        return process.stdout.strip() if process.returncode == 0 else ""

    def uncommitted(self, path: str) -> bool:
        """Whether a file or folder holds changes that no commit has."""
        return bool(self.run("status", "--porcelain", "--", path).stdout.strip())

    def default_base(self, environment: Mapping[str, str]) -> str:
        """What a branch is compared with: the pull request's target, else the remote's main branch, else `main`.

        Raises:
            ConfigError: none of them exists.
        """
        target = environment.get("GITHUB_BASE_REF")  # Forgejo sets it too
        names = ([f"origin/{target}", target] if target else []) + ["origin/HEAD", "origin/main", "main", "master"]
        for name in names:
            process = self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
            if process.returncode == 0:
                return name
        raise ConfigError(
            "there is no main branch to compare with",
            where=str(self.folder),
            fix="lotus review --base REV, or git fetch",
        )

    @contextmanager
    def at(self, revision: str) -> Generator[Path]:
        """The project's files as they were at `revision`, in a folder that goes with the context.

        Raises:
            ConfigError: git knows no such commit.
        """
        commit = self.commit(revision)
        prefix = self.run("rev-parse", "--show-prefix").stdout.rstrip("\n")
        with tempfile.TemporaryDirectory(prefix="lotus-revision-") as folder:
            tree = Path(folder) / "tree"
            tree.mkdir()
            # An index of its own: the repository's stays as it is. core.attributesFile and hooks have no part in this.
            separate_index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            process = self.run(
                "read-tree", f"{commit}:{prefix}" if prefix else commit, check=False, environment=separate_index
            )
            if process.returncode:
                yield tree  # the project's folder did not exist at that revision: everything is new
                return
            Git(self._top()).run("checkout-index", "--all", "--quiet", f"--prefix={tree}/", environment=separate_index)
            yield tree

    def _top(self) -> Path:
        return Path(self.run("rev-parse", "--show-toplevel").stdout.rstrip("\n"))

    def remote_commit(self, remote: str, branch: str) -> str:
        """The newest commit of a branch at a remote, asked over the network; nobody is asked for a password.

        Raises:
            ToolError: git is not installed, or the remote does not answer.
            ConfigError: the remote has no such branch, or refuses.
        """
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
        arguments = ("ls-remote", "--exit-code", "--", remote, f"refs/heads/{branch}")
        process = self.run(*arguments, check=False, environment=quiet, seconds=_REMOTE_SECONDS)
        if process.returncode:
            lines = process.stderr.strip().splitlines()
            raise ConfigError(lines[-1] if lines else f'{remote} has no branch "{branch}"', where=remote)
        return process.stdout.split()[0]

    def run(
        self,
        *arguments: str,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        seconds: float | None = None,
        text: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """One git command.

        Args:
            environment: variables beside those of the process.
            seconds: how long it may take.
            text: its input.

        Raises:
            ToolError: there is no git, it took too long, or it failed although it should not.
        """
        # Variables of a surrounding git command (a hook) name another index and repository.
        inherited = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")}
        try:
            process = subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env={**inherited, "LC_ALL": "C", **(environment or {})},
                input=text,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise ToolError("git is not installed", where="PATH", fix="install git") from None
        except subprocess.TimeoutExpired:
            raise ToolError(f"git {arguments[0]} did not end within {seconds:.0f} s", where=str(self.folder)) from None
        if check and process.returncode:
            lines = process.stderr.strip().splitlines()
            raise ToolError(
                f"git {arguments[0]} failed: {lines[-1] if lines else process.returncode}", where=str(self.folder)
            )
        return process
