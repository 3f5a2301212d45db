"""State in git: a second state, out of date from the next apply on, with every id and the encrypted secrets in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lotus.config.faults import Fault
from lotus.config.pulumi_yaml import project_name
from lotus.errors import ToolError
from lotus.tools.git import Git

_HEAD = 65536
"""Bytes of a JSON file that are looked at: an export names its stack's URN at the top."""


def committed_state(root: Path) -> list[Fault]:
    """Files that git has, or would add, and that are state: Pulumi's folder, an export or checkpoint, Terraform's."""
    return [
        Fault(
            "LOT095",
            f"{kind} is in git",
            name,
            fix=f"git rm -r --cached {name}, add it to .gitignore; the state is in its bucket (docs/one-writer.md)",
        )
        for name, kind in _state_files(root, project_name(root))
    ]


def _state_files(root: Path, project: str) -> Iterator[tuple[str, str]]:
    """Path and kind; the project's name tells its own state from that of others, such as a test's."""
    folders: set[str] = set()
    for name in _files(root):
        path = PurePosixPath(name)
        if ".pulumi" in path.parts:
            folder = "/".join(path.parts[: path.parts.index(".pulumi") + 1])
            if folder not in folders:
                folders.add(folder)
                yield folder, "a folder of Pulumi's state"
        elif path.name.endswith((".tfstate", ".tfstate.backup")):
            yield name, "Terraform's state"
        elif path.suffix == ".json" and _is_state(root / name, project):
            yield name, f"an export of the state of {project}"


def _is_state(file: Path, project: str) -> bool:
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False  # deleted, and not yet from git's index
    return bool(project) and re.search(rb'"urn:pulumi:[^:"]+::' + re.escape(project.encode()) + b"::", head) is not None


def _files(root: Path) -> list[str]:
    """Below the project, what git tracks and what `git add .` would; without git, what lies in Pulumi's own folder."""
    try:
        result = Git(root).run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".", check=False)
    except ToolError:
        result = None
    if result is None or result.returncode:
        return [".pulumi/"] if (root / ".pulumi").is_dir() else []
    return [name for name in result.stdout.split("\0") if name]
