"""The folder `.lotus/` of a clone: keys, secrets and data of this machine, which git must never take.

The folder ignores itself, so that `git add .` is safe whatever the project's own .gitignore says.
"""

from __future__ import annotations

from pathlib import Path

PRIVATE = ".lotus"
_IGNORES_ITSELF = "# Keys and data of this machine: nothing in here belongs in git.\n*\n"


def private_folder(project: Path, *parts: str) -> Path:
    """Where a part of `.lotus/` is; nothing is created."""
    return project.joinpath(PRIVATE, *parts)


def make_folder(folder: Path) -> None:
    """Has the folder; inside of a `.lotus/` that one ignores itself, and only the owner can enter the folder."""
    private = next((place for place in (folder, *folder.parents) if place.name == PRIVATE), None)
    folder.mkdir(parents=True, exist_ok=True)
    if private is None:
        return
    folder.chmod(0o700)
    ignore = private / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORES_ITSELF)
