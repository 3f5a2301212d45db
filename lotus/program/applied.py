"""Which files were applied last: the state has their digest, and git knows the commit that has them.

The digest is made as git makes its own names of a folder and a file, so that any checkout finds the commit, also where
the apply had none (an operator's pod has files and no history).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from lotus.config import Settings
from lotus.tools.git import Git

_COMMITS = 500
"""How far back the applied files are looked for."""
NAME_LENGTH = 12
ABSENT = "-"


def files_digest(root: Path, settings: Settings) -> str:
    """The names that git would give the folder of the streams, the schemas' if it is another, and the stack's file.

    Empty where a file cannot be read: no commit is known to have it.
    """
    try:
        return " ".join(_name(root / path) for path in paths(settings))
    except OSError:
        return ""


def paths(settings: Settings) -> tuple[str, ...]:
    """What is compared: the stack's file comes last."""
    folders = dict.fromkeys([settings.streams, settings.discovered or settings.streams])
    return (*folders, f"Pulumi.{settings.stack}.yaml")


def commit_with(git: Git, files: str, settings: Settings) -> str | None:
    """The newest commit with the files of this digest, 12 digits; None if none of the last ones has them.

    An operator writes its own settings into the stack's file, so a commit with the same folders does as well.
    """
    compared = paths(settings)
    commits = git.run("log", "--all", "--format=%H", "-n", str(_COMMITS), "--", *compared).stdout.split()
    prefix = git.run("rev-parse", "--show-prefix").stdout.rstrip("\n")
    asked = "".join(f"{commit}:{prefix}{path}\n" for commit in commits for path in compared)
    names = git.run("cat-file", "--batch-check=%(objectname)", text=asked).stdout.splitlines()
    folders = files.split()[:-1]
    same_folders: str | None = None
    for index, commit in enumerate(commits):
        at = index * len(compared)
        found = [ABSENT if name.endswith(" missing") else name for name in names[at : at + len(compared)]]
        if found == files.split():
            return commit[:NAME_LENGTH]
        if found[:-1] == folders and same_folders is None:
            same_folders = commit[:NAME_LENGTH]
    return same_folders


def _name(path: Path) -> str:
    if path.is_dir():
        return _tree(path).hex()
    return _object("blob", path.read_bytes()).hex() if path.is_file() else ABSENT


def _tree(folder: Path) -> bytes:
    return _object("tree", _content(folder))


def _content(folder: Path) -> bytes:
    return b"".join(content for _, content in sorted(_entries(folder)))


def _entries(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Each entry by what git sorts it by: a folder as if its name ended with a slash. No commit has an empty folder."""
    for entry in os.scandir(folder):
        name = os.fsencode(entry.name)
        if entry.is_symlink():
            yield name, b"120000 " + name + b"\0" + _object("blob", os.fsencode(Path(entry.path).readlink()))
        elif entry.is_dir():
            if content := _content(Path(entry.path)):
                yield name + b"/", b"40000 " + name + b"\0" + _object("tree", content)
        elif entry.is_file():
            mode = b"100755 " if entry.stat().st_mode & 0o100 else b"100644 "
            yield name, mode + name + b"\0" + _object("blob", Path(entry.path).read_bytes())


def _object(kind: str, content: bytes) -> bytes:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).digest()
