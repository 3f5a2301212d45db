"""A source's own file, read and checked: its connector, or the manifest that is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from lotus.config import connector as connectors
from lotus.config.connector import Connector
from lotus.config.document import Document, read_text
from lotus.config.faults import choose
from lotus.config.manifest import COMPONENTS, read_manifest
from lotus.config.models import PackageFile, SourceFile
from lotus.config.project import CONNECTORS
from lotus.config.reading import Files
from lotus.config.shared_connectors import SharedConnector
from lotus.untyped import is_mapping

Reader = tuple[Connector | None, Mapping[str, Any] | None]
"""What reads a source: its connector, and the manifest if it is one; no connector after a fault."""


def connector_of(
    files: Files,
    document: Document,
    model: SourceFile,
    folder: Path,
    shared: Mapping[str, SharedConnector | None],
) -> Reader:
    """The connector that a source's file names; `shared` are those below `_connectors`."""
    if model.connector and model.manifest:
        message = '"connector" and "manifest" cannot both be given'
        fix = "keep the one that reads this source"
        files.faults.append(document.fault("LOT014", message, ("manifest",), key=True, fix=fix))
        return None, None
    if model.manifest:
        manifest = _manifest(files, document, model.manifest, folder)
        return (Connector("manifest", model.manifest) if manifest is not None else None), manifest
    if not model.connector:
        message = f'source "{folder.name}" names no connector'
        fix = f'add "connector": "source-{folder.name}", or "manifest": "_manifest.yaml"'
        files.faults.append(document.fault("LOT013", message, fix=fix))
        return None, None
    if isinstance(model.connector, str) and model.connector.startswith(f"{CONNECTORS}/"):
        return _shared(files, document, model.connector, shared)
    return named_connector(files, document, model.connector, "source"), None


def named_connector(
    files: Files, document: Document, name: str | PackageFile, role: Literal["source", "destination"]
) -> Connector | None:
    """The connector that a file names; None after a fault. A misspelt one is a fault, too."""
    if isinstance(name, PackageFile):
        text = name.package
        connector = connectors.parse_package(text, name.python or "", name.overrides, role)
    else:
        text = name
        connector = connectors.parse(text, role)
    if isinstance(connector, str):
        fix = connectors.suggestion(text, role)
        files.faults.append(document.fault("LOT040", connector, ("connector",), fix=fix))
        return None
    if near := connectors.misspelt(connector, role):
        message = f'there is no connector "{role}-{connector.value}"'
        fix = f'did you mean "{near}"? `lotus connectors` lists all'
        files.faults.append(document.fault("LOT040", message, ("connector",), fix=fix, nearest=near))
    return connector


def components_of(files: Files, model: SourceFile, folder: Path) -> str:
    """The code beside a manifest; empty where there is none, or the stack does not allow it."""
    if not model.manifest or not files.settings.components:
        return ""
    path = (folder / model.manifest).with_name(COMPONENTS)
    if not path.is_file() or not files.stays_inside(path):
        return ""
    return read_text(path, files.name(path), files.faults) or ""


def check_delivery(files: Files, document: Document, configuration: Mapping[str, Any]) -> None:
    """Copying files as they are is refused: nothing would land, and the job would count as a success."""
    method: Any = configuration.get("delivery_method")
    if is_mapping(method) and method.get("delivery_type") == "use_file_transfer":
        pointer = ("configuration", "delivery_method", "delivery_type")
        message = "lotus does not transfer files: connections land records"
        fix = 'write "delivery_type": "use_records_transfer"'
        files.faults.append(document.fault("LOT059", message, pointer, fix=fix))


def _shared(files: Files, document: Document, name: str, shared: Mapping[str, SharedConnector | None]) -> Reader:
    if name not in shared:
        otherwise = f"add {files.settings.streams}/{name}.yaml (a manifest) or {name}.json (an image)"
        fix, allowed, near = choose(name, shared, otherwise=otherwise)
        message = f'there is no shared connector "{name}"'
        files.faults.append(document.fault("LOT040", message, ("connector",), fix=fix, allowed=allowed, nearest=near))
        return None, None
    match = shared[name]
    return (match.connector, match.manifest) if match else (None, None)


def _manifest(files: Files, document: Document, name: str, folder: Path) -> Mapping[str, Any] | None:
    path = folder / name
    if not path.is_file():
        candidates = [p.name for p in folder.iterdir() if p.suffix in (".yaml", ".yml") or "manifest" in p.name]
        fix, allowed, near = choose(name, candidates, otherwise=f"add {files.name(folder)}/{name}")
        message = f'the manifest "{name}" does not exist'
        files.faults.append(document.fault("LOT041", message, ("manifest",), fix=fix, allowed=allowed, nearest=near))
        return None
    if not files.stays_inside(path):
        message = f'the manifest "{name}" is outside the project'
        files.faults.append(document.fault("LOT006", message, ("manifest",), fix="put it into the source's folder"))
        return None
    files.count += 1
    custom = files.settings.components and path.with_name(COMPONENTS).is_file()
    return read_manifest(path, files.resolved_name(path), files.faults, custom=custom)
