"""`lotus fmt`: every JSON file of the project in one form, so that a diff shows what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.authoring.files import json_text, write
from lotus.config import Fault
from lotus.config.document import read
from lotus.config.loading import file_settings
from lotus.config.models import (
    ConnectionFile,
    ConnectorFile,
    DestinationFile,
    DiscoveredFile,
    SourceFile,
    SpecFile,
    StreamFile,
)
from lotus.config.project import CONNECTION_FILE, CONNECTORS, DESTINATIONS, DISCOVERED, SOURCE_FILE, SPEC_FILE
from lotus.untyped import is_mapping

KINDS = {
    "source": SourceFile,
    "connection": ConnectionFile,
    "stream": StreamFile,
    "destination": DestinationFile,
    "connector": ConnectorFile,
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
    if path.suffix != ".json" or len(parts) < 2:
        return None
    if parts[0] == DESTINATIONS:
        return _kind_of_a_destinations_file(parts)
    if parts[0] == CONNECTORS:
        return "connector" if len(parts) == 2 and not parts[1].startswith(("_", ".")) else None
    if parts[0].startswith(("_", ".")):
        return None
    return _kind_of_a_sources_file(parts)


def _kind_of_a_destinations_file(parts: Sequence[str]) -> str | None:
    if parts[-1].startswith(("_", ".")):
        return None
    if len(parts) == 2:
        return "destination"
    return "spec" if len(parts) == 3 and parts[1] == DISCOVERED else None


def _kind_of_a_sources_file(parts: Sequence[str]) -> str | None:
    if len(parts) == 2:
        reserved, kind = {SOURCE_FILE: "source", CONNECTION_FILE: "connection"}, "stream"
    elif len(parts) == 3 and parts[1] == DISCOVERED:
        reserved, kind = {SPEC_FILE: "spec"}, "discovered"
    else:
        return None
    name = parts[-1]
    return reserved.get(name) if name.startswith(("_", ".")) else kind


def formatted(value: dict[str, Any], kind: str) -> str:
    """The text of a file: the keys of its kind in the order of the docs, all others where they are."""
    order = [field.alias or name for name, field in KINDS[kind].model_fields.items()]
    ordered = {name: value[name] for name in order if name in value}
    return json_text({**ordered, **{name: item for name, item in value.items() if name not in ordered}})


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
        if document is None or len(faults) > before or not is_mapping(document.value):
            continue
        text = formatted(document.value, kind)
        if text == document.text:
            unchanged += 1
            continue
        changed.append(file)
        if not check:
            write(project, path, text)
    return Formatted(tuple(changed), unchanged, tuple(faults))
