"""The folders below the streams folder: which files each has, and what is wrong with how they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lotus.config.document import Document
from lotus.config.faults import Fault, choose
from lotus.config.project import CONNECTION_FILE, DISCOVERED, SOURCE_FILE, SPEC_FILE, LeftOut
from lotus.config.reading import Files
from lotus.config.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(slots=True)
class Folder:
    """What a source's folder holds, by what it is."""

    name: str
    path: Path
    source: Path | None = None
    connection: Path | None = None
    streams: dict[str, Path] = field(default_factory=dict[str, Path])
    discovered: dict[str, Path] = field(default_factory=dict[str, Path])
    spec: Path | None = None


def missing_folder(settings: Settings) -> Fault:
    """The fault of a project without its streams folder."""
    message = f'the streams folder "{settings.streams}" does not exist'
    fix = "run lotus init, or set lotus:streams"
    if settings.places:
        return settings.fault("LOT001", message, ("streams",), fix=fix)
    return Fault("LOT001", message, settings.streams, fix=fix)


def folder_paths(files: Files, streams: Path) -> list[Path]:
    """The folders below the streams folder; a stream's file that is in none of them is a fault."""
    entries = files.entries(streams)
    for path in entries:
        if path.is_file() and path.suffix == ".json" and not path.name.startswith("_"):
            fix = f"move it into a source's folder: {files.settings.streams}/<source>/{path.name}"
            message = "the stream's file is not in a source's folder"
            files.faults.append(Fault("LOT008", message, files.name(path), fix=fix))
    return [path for path in entries if path.is_dir() and not path.name.startswith(("_", "."))]


def has_usable_name(files: Files, path: Path) -> bool:
    """Whether a folder's name can name a source; a fault if not."""
    if _NAME.fullmatch(path.name):
        return True
    message = f'"{path.name[:80]}" cannot be the name of a source'
    fix = "use letters, digits, -, _ and . (it becomes a namespace and part of paths)"
    files.faults.append(Fault("LOT009", message, files.name(path), fix=fix))
    return False


def folder_of(files: Files, path: Path) -> Folder:
    """The files of one folder; those that were probably meant to be read, and are not, are faults or hints."""
    folder = Folder(path.name, path)
    for entry in files.entries(path):
        _add_entry(files, entry, folder)
    if files.settings.discovered:
        elsewhere = files.root / files.settings.discovered / path.name
        if elsewhere.is_dir():
            _add_discovered(files, elsewhere, folder)
    return folder


def _add_entry(files: Files, entry: Path, folder: Folder) -> None:
    if entry.name == SOURCE_FILE:
        folder.source = entry
    elif entry.name == CONNECTION_FILE:
        folder.connection = entry
    elif entry.name == DISCOVERED:
        _add_discovered(files, entry, folder)
    elif entry.suffix.lower() == ".json" and not entry.name.startswith(("_", ".")):
        _add_stream(files, entry, folder)
    elif entry.is_file():
        _hint_at_unused(files, entry)


def _add_stream(files: Files, entry: Path, folder: Folder) -> None:
    if entry.is_file() and entry.suffix == ".json":
        folder.streams[entry.stem] = entry
        return
    message = "this is not a file" if not entry.is_file() else 'the file\'s ending is not ".json"'
    files.faults.append(Fault("LOT008", message, files.name(entry), fix="rename it"))


def _add_discovered(files: Files, path: Path, folder: Folder) -> None:
    for entry in files.entries(path) if path.is_dir() else ():
        if entry.name == SPEC_FILE:
            folder.spec = entry
        elif entry.suffix == ".json" and not entry.name.startswith(("_", ".")):
            folder.discovered[entry.stem] = entry


def _hint_at_unused(files: Files, path: Path) -> None:
    """A hint at a file that was probably meant to be read."""
    name, suffix = path.name, path.suffix.lower()
    if name.startswith(".") or "manifest" in name or name in ("README", "LICENSE"):
        return
    if name == "_catalog.json":
        message, fix = "this catalog is generated, and lotus does not read it", "delete it"
    elif name.startswith("_") and suffix == ".json":
        message = f'"{name}" is not read: names that start with _ are not streams'
        fix = choose(name, [SOURCE_FILE, CONNECTION_FILE], otherwise="rename it")[0]
    elif not name.startswith("_") and (suffix in (".yaml", ".yml", ".jsn", ".txt", "") or "json" in suffix):
        message, fix = f'"{name}" is not read: a stream\'s file ends in .json', f"rename it to {path.stem}.json"
    else:
        return
    files.hints.append(Fault("LOT008", message, files.name(path), fix=fix, severity="hint"))


def unknown_source(document: Document, name: str, sources: Iterable[str]) -> Fault:
    """The fault of a connection whose source no folder defines."""
    fix, allowed, near = choose(name, sources, otherwise="lotus sources add CONNECTOR")
    message = f'no folder "{name}" defines a source'
    return document.fault("LOT056", message, ("source",), fix=fix, allowed=allowed, nearest=near)


def note_missing_source(files: Files, folder: Folder, streams: bool, foreign: str) -> None:
    """A fault where a folder has streams but no source; left out where all its streams are for another reader."""
    path = files.name(folder.path)
    if streams:
        message = f'source "{folder.name}" has streams for Airbyte, but no {SOURCE_FILE}'
        fix = f'add {path}/{SOURCE_FILE} with {{"connector": "source-{folder.name}", …}}'
        files.faults.append(Fault("LOT015", message, path, fix=fix))
    elif foreign:
        files.left_out.append(LeftOut(folder.name, f"{foreign} reads all its streams, not Airbyte"))
