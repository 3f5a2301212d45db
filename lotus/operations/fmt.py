"""`lotus fmt`: every JSON file of the project in one form, so that a diff shows what was meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lotus.config import Fault
from lotus.config.document import read
from lotus.config.models import DestinationFile, DiscoveredFile, SourceFile, SpecFile, StreamFile
from lotus.config.project import DESTINATIONS, DISCOVERED, SOURCE_FILE, SPEC_FILE
from lotus.operations.files import file_settings, json_text, write

KINDS = {
    "source": SourceFile,
    "stream": StreamFile,
    "destination": DestinationFile,
    "discovered": DiscoveredFile,
    "spec": SpecFile,
}
"""Every kind of JSON file by its name, with the model that knows its keys."""


@dataclass(frozen=True, slots=True)
class Formatted:
    """What a run found: files that were (or would be) rewritten, and those that are no JSON."""

    changed: tuple[str, ...]
    unchanged: int
    faults: tuple[Fault, ...]


def kind_of(path: Path, streams: Path) -> str | None:
    """Which kind of file a path below the streams folder is; None for what lotus does not read."""
    parts = path.relative_to(streams).parts
    name = parts[-1]
    if path.suffix != ".json" or len(parts) < 2:
        return None
    in_discovered = parts[-2] == DISCOVERED
    if parts[0] == DESTINATIONS:
        known = len(parts) == 2 or (len(parts) == 3 and in_discovered)
        return ("spec" if in_discovered else "destination") if known and not name.startswith(("_", ".")) else None
    if parts[0].startswith(("_", ".")) or name.startswith("."):
        return None
    if in_discovered and len(parts) == 3:
        return "spec" if name == SPEC_FILE else None if name.startswith("_") else "discovered"
    if len(parts) != 2:
        return None
    return "source" if name == SOURCE_FILE else None if name.startswith("_") else "stream"


def formatted(value: dict[str, Any], kind: str) -> str:
    """The text of a file: the keys of its kind in the order of the docs, all others where they are."""
    order = [field.alias or name for name, field in KINDS[kind].model_fields.items()]
    known = {name: value[name] for name in order if name in value}
    return json_text({**known, **{name: item for name, item in value.items() if name not in known}})


def fmt(project: Path, *, check: bool = False, stack: str | None = None) -> Formatted:
    """Rewrites every file of the streams folder that is not in lotus's form; with `check`, only names them.

    Files with faults are left as they are, and reported.
    """
    settings = file_settings(project, stack)
    streams = project / settings.streams
    changed: list[str] = []
    faults: list[Fault] = []
    unchanged = 0
    for path in sorted(streams.rglob("*.json")):
        kind = kind_of(path, streams)
        if kind is None or path.is_symlink() or not path.is_file():
            continue
        file = path.relative_to(project).as_posix()
        before = len(faults)
        document = read(path, file, faults)
        if document is None or len(faults) > before or not isinstance(document.value, dict):
            continue
        text = formatted(cast("dict[str, Any]", document.value), kind)
        if text == document.text:
            unchanged += 1
            continue
        changed.append(file)
        if not check:
            write(project, path, text)
    return Formatted(tuple(changed), unchanged, tuple(faults))
