"""Where the project has dbt: does every stream have its model, its entry among the sources, and does dbt look there?

lotus-lake's conventions: a model `int_<source>__<stream>.sql`, a sources file that lists the stream as a table of its
source. Both are written by hand, and forgetting `model-paths` makes dbt skip a model silently.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lotus.config.faults import Fault
from lotus.untyped import as_mapping, is_list, is_mapping

PROJECT_FILE = "dbt_project.yml"
_SKIPPED = frozenset({"target", "dbt_packages", "node_modules", "logs"})
_DEPTH = 3
"""How deep below the project's folder a dbt project is looked for (lotus-lake: orchestration/dag)."""


@dataclass(frozen=True, slots=True)
class DbtProject:
    """A dbt project's models and sources, by name."""

    folder: Path
    file: str
    model_paths: tuple[str, ...]
    models: dict[str, Path]
    tables: frozenset[tuple[str, str]]


def find(root: Path) -> list[DbtProject]:
    """The dbt projects below a folder; usually none or one."""
    return [_read(root, path) for path in _walk(root, _DEPTH) if path.name == PROJECT_FILE]


def hints(root: Path, streams: Iterable[tuple[str, str, str]]) -> list[Fault]:
    """What dbt lacks for streams, given as (source, stream, file)."""
    projects = find(root)
    if not projects:
        return []
    faults: list[Fault] = []
    for source, stream, file in streams:
        name = model_name(source, stream)
        project = next((p for p in projects if name in p.models), None)
        if project is None:
            message = f'stream "{stream}" has no dbt model {name}.sql'
            fix = f"lotus streams add {source} {stream} --dbt"
            faults.append(Fault("LOT080", message, file, fix=fix, severity="hint"))
            continue
        folder = project.models[name].parent.relative_to(project.folder).as_posix()
        if not any(
            folder == p or folder.startswith(f"{p.rstrip('/')}/") or p in (".", "") for p in project.model_paths
        ):
            message = f"dbt does not look into {folder}, where {name}.sql is: it is never built"
            fix = f"add {folder} to model-paths"
            faults.append(Fault("LOT081", message, project.file, fix=fix, severity="hint"))
        if (source, stream) not in project.tables:
            message = f'stream "{stream}" is not a table of source "{source}" in dbt'
            fix = f"add it to {folder}/_{source}__sources.yml"
            faults.append(Fault("LOT082", message, file, fix=fix, severity="hint"))
    return faults


def model_name(source: str, stream: str) -> str:
    """The model of a stream."""
    return f"int_{source}__{stream}"


def _read(root: Path, path: Path) -> DbtProject:
    settings = _yaml(path)
    paths = settings.get("model-paths", ["models"])
    models: dict[str, Path] = {}
    tables: set[tuple[str, str]] = set()
    for file in _walk(path.parent, 12):
        if file.suffix == ".sql":
            models.setdefault(file.stem, file)
        elif file.suffix in (".yml", ".yaml") and file != path:
            tables.update(_tables(_yaml(file)))
    return DbtProject(
        path.parent,
        path.relative_to(root).as_posix(),
        tuple(str(p).removeprefix("./").rstrip("/") for p in paths) if is_list(paths) else (),
        models,
        frozenset(tables),
    )


def _tables(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for source in _objects(content.get("sources")):
        for table in _objects(source.get("tables")):
            yield str(source.get("name")), str(table.get("name"))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if is_mapping(v)] if is_list(value) else []


def _yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; {} for what cannot be read, which is dbt's to complain about (its files may hold templates)."""
    try:
        value: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return {}
    return as_mapping(value)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Files below a folder, without hidden folders, environments and what tools generate; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_file():
            yield Path(entry.path)
        elif depth and entry.name not in _SKIPPED and not (Path(entry.path) / "pyvenv.cfg").exists():
            yield from _walk(Path(entry.path), depth - 1)
