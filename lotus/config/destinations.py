"""The destinations' files, read and checked, and which of them a source lands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotus.config import landing
from lotus.config.connector_settings import check_configuration, read_spec
from lotus.config.document import Document, Pointer
from lotus.config.faults import choose
from lotus.config.models import ConnectionFile, DestinationFile, SourceFile
from lotus.config.project import DESTINATIONS, DISCOVERED, Destination, title
from lotus.config.reading import Files
from lotus.config.source_files import named_connector


@dataclass(slots=True)
class Destinations:
    """All destinations by name; `faulty`: a file has faults, so that its destination is missing here."""

    files: Files
    by_name: dict[str, Destination] = field(default_factory=dict[str, Destination])
    faulty: bool = False

    @property
    def default(self) -> Destination | None:
        """The one that says so."""
        return next((destination for destination in self.by_name.values() if destination.settings.default), None)

    def chosen(self, document: Document, model: SourceFile | ConnectionFile) -> Destination | None:
        """The destination that a connection names, or the default or only one; None after a fault."""
        if model.destination:
            return self._named(document, model.destination)
        if self.default:
            return self.default
        if len(self.by_name) == 1 or (not self.by_name and self.faulty):
            return next(iter(self.by_name.values()), None)
        names = ", ".join(sorted(self.by_name))
        folder = f"{self.files.settings.streams}/{DESTINATIONS}"
        message, fix = (
            "no destination is named, and none exists",
            f"add {folder}/lake.json (lotus destinations add does)",
        )
        if self.by_name:
            message = f"no destination is named, and there are several: {names}"
            fix = f'add "destination": "…", or "default": true to one of {folder}'
        self.files.faults.append(document.fault("LOT052", message, fix=fix, allowed=tuple(sorted(self.by_name))))
        return None

    def _named(self, document: Document, name: str) -> Destination | None:
        if name in self.by_name:
            return self.by_name[name]
        if self.faulty:
            return None
        fix, allowed, near = choose(name, self.by_name, otherwise=f"add {self.files.settings.streams}/{DESTINATIONS}/…")
        message = f'there is no destination "{name}"'
        at: Pointer = ("destination",)
        self.files.faults.append(document.fault("LOT052", message, at, fix=fix, allowed=allowed, nearest=near))
        return None


def read_destinations(files: Files, folder: Path) -> Destinations:
    """All destinations of the folder."""
    destinations = Destinations(files)
    for path in files.entries(folder) if folder.is_dir() else ():
        if path.suffix == ".json" and not path.name.startswith((".", "_")):
            destination = _destination(destinations, path)
            destinations.faulty |= destination is None
            if destination:
                destinations.by_name[destination.name] = destination
    return destinations


def _destination(destinations: Destinations, path: Path) -> Destination | None:
    files = destinations.files
    entry = files.model(path, f"{DESTINATIONS}/{path.stem}", DestinationFile)
    if entry is None:
        return None
    document, model = entry
    if model.default and destinations.default:
        message = f'"{path.stem}" is the default destination, and so is "{destinations.default.name}"'
        files.faults.append(document.fault("LOT052", message, ("default",), fix="keep one of them"))
    connector = named_connector(files, document, model.connector, "destination")
    if connector is None:
        return None
    spec = read_spec(files, path.parent / DISCOVERED / path.name)
    check_destination(files, document, model, model.configuration, spec.specification, path.stem)
    sync_modes = spec.sync_modes or (("overwrite", "append") if landing.is_s3(model.connector) else None)
    return Destination(
        path.stem,
        model.name or title(model.renamed_from or path.stem),
        files.name(path),
        connector,
        model,
        model.configuration,
        sync_modes,
        spec.specification,
    )


def check_destination(
    files: Files,
    document: Document,
    model: DestinationFile,
    configuration: dict[str, Any],
    spec: Mapping[str, Any] | None,
    name: str,
) -> None:
    """Faults of a destination's settings, its paths among them."""
    check_configuration(files, document, configuration, spec, name)
    if landing.is_s3(model.connector):
        landing.check_paths(document, configuration, files.faults, files.hints)
