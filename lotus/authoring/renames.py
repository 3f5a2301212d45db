"""Renames that validate sees: those without `renamed_from`, and those whose `renamed_from` can go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lotus.config import Connection, Fault, Project, Settings, load
from lotus.config.document import read
from lotus.errors import LotusError
from lotus.impact.compare import same_source
from lotus.tools.git import Git


def rename_hints(root: Path, settings: Settings, project: Project) -> list[Fault]:
    """Hints, by comparing the files with those where the branch left the main branch; none outside of git."""
    try:
        git = Git(root)
        base = git.merge_base(git.default_base(os.environ))
        renamed = [c for c in project.connections if c.renamed_from]
        if not renamed and not git.differs(base, [settings.streams]):
            return []
        with git.at(base) as folder:
            if not (folder / settings.streams).is_dir():
                return []
            before = load(folder, settings, resolve=False)
    except LotusError:
        return []
    return [*_missing(root, before, project), *_finished(root, before, renamed)]


def _missing(root: Path, before: Project, after: Project) -> Iterator[Fault]:
    """New folders with the source and streams of a removed one."""
    old_names = {connection.name for connection in before.connections}
    candidates = _unclaimed(before, after)
    for connection in after.connections:
        if connection.name in old_names or connection.renamed_from:
            continue
        match = next((candidate for candidate in candidates if _same(candidate, connection)), None)
        if match is not None:
            message = f'"{connection.name}" looks like "{match.name}" under another name: its sync state would be lost'
            yield _hint(root, connection, message, f'add "renamed_from": "{match.name}"', ())


def _unclaimed(before: Project, after: Project) -> list[Connection]:
    """The removed folders that no `renamed_from` names."""
    taken = {name for connection in after.connections for name in connection.names}
    return [connection for connection in before.connections if connection.name not in taken]


def _finished(root: Path, before: Project, renamed: list[Connection]) -> Iterator[Fault]:
    former_names = {connection.name: connection.renamed_from for connection in before.connections}
    for connection in renamed:
        if former_names.get(connection.name) == connection.renamed_from:
            message = f'"renamed_from" of "{connection.name}" can go once every stack has applied it'
            name = connection.renamed_from
            fix = f'first write what "{name}" gives: the names in Airbyte, and "namespace_format": "{name}"'
            yield _hint(root, connection, message, fix, ("renamed_from",))


def _same(old: Connection, new: Connection) -> bool:
    return same_source(old.source, new.source) and _names(old) == _names(new)


def _names(connection: Connection) -> set[str]:
    return {stream.name for stream in connection.streams}


def _hint(root: Path, connection: Connection, message: str, fix: str, at: tuple[str, ...]) -> Fault:
    document = read(root / connection.file, connection.file, [])
    if document is None:
        return Fault("LOT058", message, connection.file, fix=fix, severity="hint")
    return document.fault("LOT058", message, at, fix=fix, severity="hint")
