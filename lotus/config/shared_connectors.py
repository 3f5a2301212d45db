"""Connectors that several sources share: a manifest or an image each, below `_connectors`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.config.connector import Connector
from lotus.config.faults import Fault
from lotus.config.manifest import read_manifest
from lotus.config.models import ConnectorFile
from lotus.config.project import CONNECTORS
from lotus.config.reading import Files

_IMAGE = re.compile(r"(?P<repository>[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+):(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})")
_MANIFESTS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SharedConnector:
    """One of them; `manifest` is None for an image."""

    name: str
    file: str
    connector: Connector
    manifest: Mapping[str, Any] | None = None


def read_connectors(files: Files, folder: Path) -> dict[str, SharedConnector | None]:
    """All shared connectors by what a source calls them, `_connectors/<name>`; None for one with faults."""
    connectors: dict[str, SharedConnector | None] = {}
    for path in files.entries(folder) if folder.is_dir() else ():
        if path.name.startswith((".", "_")) or path.suffix not in (".json", *_MANIFESTS):
            continue
        key = f"{CONNECTORS}/{path.stem}"
        if key in connectors:
            message = f'"{path.stem}" is there as a manifest and as an image'
            files.faults.append(Fault("LOT014", message, files.name(path), fix="delete one of them"))
        connectors[key] = _image(files, path) if path.suffix == ".json" else _manifest(files, path)
    return connectors


def _manifest(files: Files, path: Path) -> SharedConnector | None:
    files.count += 1
    manifest = read_manifest(path, files.name(path), files.faults, custom=False)
    if manifest is None:
        return None
    connector = Connector("manifest", f"{CONNECTORS}/{path.name}", shared=path.stem)
    return SharedConnector(path.stem, files.name(path), connector, manifest)


def _image(files: Files, path: Path) -> SharedConnector | None:
    entry = files.model(path, f"{CONNECTORS}/{path.stem}", ConnectorFile)
    if entry is None:
        return None
    document, model = entry
    match = _IMAGE.fullmatch(model.image)
    if match is None:
        message = f'"{model.image}" is not an image with its repository and tag'
        fix = 'write it like "ghcr.io/acme/source-shop:1.2.3"'
        files.faults.append(document.fault("LOT040", message, ("image",), fix=fix))
        return None
    connector = Connector("image", match["repository"], match["tag"], shared=path.stem)
    return SharedConnector(path.stem, files.name(path), connector)
