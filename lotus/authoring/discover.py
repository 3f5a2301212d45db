"""`lotus discover`: what each source offers, one file per stream, and what changed since it was last asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pulumi_airbyte.api import Airbyte

from lotus.authoring import connectors
from lotus.authoring.connectors import ConnectorTrial, Specification
from lotus.authoring.files import inside, json_text, stems, write
from lotus.config import Connection, Project, Settings, Source
from lotus.config.discovered import discovered_file
from lotus.config.faults import choose
from lotus.config.offer_changes import offer_changes
from lotus.config.project import CONNECTION_FILE, DISCOVERED, SPEC_FILE
from lotus.errors import ConfigError, FaultsError
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session
from lotus.untyped import as_mapping, is_mapping
from lotus.words import counted

What = Literal["added", "removed", "retyped", "changed"]
Say = Callable[[str], None]
Key = tuple[str | None, str]
"""A stream's namespace and name."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference to what was discovered before.

    `field` is a dotted path, or empty for the stream as a whole. `breaking`: what reads the stream may fail, or rows
    may be missed. `used`: a file of the project syncs it.
    """

    stream: str
    what: What
    field: str = ""
    before: str = ""
    after: str = ""
    breaking: bool = False
    used: bool = False

    def text(self) -> str:
        """The change as one line."""
        subject = f"{self.stream}.{self.field}" if self.field else self.stream
        values = f": {self.before or 'nothing'} → {self.after or 'nothing'}" if self.before or self.after else ""
        mark = ""
        if self.breaking:
            mark = "  BREAKING" if self.used else "  BREAKING (not synced)"
        return f"{subject} {self.what}{values}{mark}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """The result for one source: `written` and `removed` are files, relative to the project."""

    source: str
    connector: str
    version: str
    streams: int
    changes: tuple[SchemaChange, ...]
    written: tuple[str, ...]
    removed: tuple[str, ...]
    first: bool
    """Nothing was discovered before, so everything is new."""

    @property
    def breaking(self) -> bool:
        """Whether something that the project syncs is broken by it."""
        return any(change.breaking and change.used for change in self.changes)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source answers: its spec and the streams of its catalog, as files."""

    specification: Specification
    streams: tuple[dict[str, Any], ...]


def discover(
    session: Session,
    names: Sequence[str],
    *,
    check: bool = False,
    say: Say = lambda _line: None,
) -> list[Discovery]:
    """Asks the named sources (all of the stack, if none is named) through the stack's Airbyte, and writes the files.

    With `check` nothing is written.

    Raises:
        ConfigError: no such source, or its file has faults.
        SecretError: a secret of it has no value here.
        UnavailableError, RemoteError: Airbyte does not answer, or the connector fails.
    """
    settings, files = session.settings, session.files
    chosen = [source_named(files, name) for name in names]
    if not names:
        chosen = [source for source in files.sources if settings.reason_left_out(source.name) is None]
    connectors.install_pinned(session, chosen, say)
    with in_our_words():
        return asyncio.run(_discover(session, chosen, check, say))


def source_named(files: Project, name: str) -> Source:
    """The source that a folder reads, as far as its own file allows; faults in its streams do not matter.

    Raises:
        ConfigError: there is none; FaultsError: its file has faults.
    """
    return connection_named(files, name).source


def connection_named(files: Project, name: str) -> Connection:
    """The connection of that folder, as far as its own file allows; faults in its streams do not matter.

    Raises:
        ConfigError: there is none; FaultsError: its file has faults.
    """
    match = next((connection for connection in files.connections if connection.name == name), None)
    if match is not None:
        return match
    folder = f"{files.settings.streams}/{name}"
    faults = [
        f for f in files.faults if f.file == folder or f.file.startswith((f"{folder}/_", "streams/_destinations/"))
    ]
    if faults:
        raise FaultsError(faults)
    fix, _, _ = choose(name, [c.name for c in files.connections], otherwise="lotus sources add CONNECTOR")
    raise ConfigError(f'there is no source "{name}"', where=folder, fix=fix)


async def _discover(
    session: Session,
    sources: Sequence[Source],
    check: bool,
    say: Say,
) -> list[Discovery]:
    discoveries: list[Discovery] = []
    async with session.airbyte() as airbyte:
        for source in sources:
            say(f"{source.name}: asking {source.settings.connector_text}")
            offer = await ask(airbyte, session.workspace, connectors.trial_of(session.settings, source))
            discoveries.append(record(session.root, session.settings, source.name, offer, check=check))
    return discoveries


async def ask(airbyte: Airbyte, workspace: str, trial: ConnectorTrial) -> Offer:
    """What a source offers, by its own discover."""
    async with connectors.definition(airbyte, workspace, trial) as definition:
        specification = await connectors.specification_of(airbyte, workspace, trial, definition)
        async with connectors.stored(airbyte, workspace, trial, definition) as source_id:
            catalog = await connectors.discovered(airbyte, source_id, trial)
    return offer_of(specification, catalog)


def offer_of(specification: Specification, catalog: Mapping[str, Any]) -> Offer:
    """A catalog of the config API as files."""
    streams = [discovered_file(as_mapping(entry["stream"])) for entry in catalog.get("streams") or []]
    return Offer(specification, tuple(streams))


def record(project: Path, settings: Settings, source: str, offer: Offer, *, check: bool = False) -> Discovery:
    """Writes what a source offers into its folder, and takes away the files of streams that are gone."""
    folder = discovered_folder(project, settings, source)
    inside(project, folder)
    before = _before(folder)
    files = _offered_files(folder, offer, before)
    changes: list[SchemaChange] = []
    if before:
        changes += _stream_changes(
            _by_key(before),
            {_key_of(stream): stream for stream in offer.streams},
            used_fields(project, settings, source),
        )
        changes += _spec_changes(_json(folder / SPEC_FILE), files[folder / SPEC_FILE])
    stale = [path for path in before if path not in files]
    if check:
        written = [path for path, content in files.items() if _text(path) != json_text(content)]
    else:
        written = [path for path, content in files.items() if write(project, path, json_text(content))]
        for path in stale:
            inside(project, path).unlink()
    specification = offer.specification
    return Discovery(
        source,
        specification.connector or "manifest",
        specification.version,
        len(offer.streams),
        tuple(changes),
        tuple(path.relative_to(project).as_posix() for path in sorted(written)),
        tuple(path.relative_to(project).as_posix() for path in stale),
        first=not before,
    )


def _key_of(stream: Mapping[str, Any]) -> Key:
    return stream.get("namespace"), stream["stream"]


def _by_key(before: Mapping[Path, Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    """Discovered files by namespace and stream."""
    return {(content.get("namespace"), content.get("stream", path.stem)): content for path, content in before.items()}


def _offered_files(folder: Path, offer: Offer, before: Mapping[Path, Mapping[str, Any]]) -> dict[Path, dict[str, Any]]:
    """What the folder has to contain: the spec, and one file for each stream."""
    old = _by_key(before)
    files: dict[Path, dict[str, Any]] = {folder / SPEC_FILE: offer.specification.file()}
    names = stems(_key_of(stream) for stream in offer.streams)
    for stream in offer.streams:
        key = _key_of(stream)
        files[folder / f"{names[key]}.json"] = _in_known_order(stream, old.get(key))
    return files


def discovered_folder(project: Path, settings: Settings, source: str) -> Path:
    """Where the discovered files of a source lie."""
    if settings.discovered:
        return project / settings.discovered / source
    return project / settings.streams / source / DISCOVERED


def _before(folder: Path) -> dict[Path, dict[str, Any]]:
    """The discovered files that are there; an unreadable file counts as empty and is rewritten."""
    if not folder.is_dir():
        return {}
    paths = [p for p in sorted(folder.glob("*.json")) if not p.name.startswith(("_", "."))]
    return {path: _json(path) for path in paths}


def _json(path: Path) -> dict[str, Any]:
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return as_mapping(value)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _in_known_order(new: Any, old: Any) -> Any:
    """`new` with its keys in the order that `old` has them, new ones at the end.

    Some servers store schemas without an order; a file must not change for that.
    """
    if not is_mapping(new) or not is_mapping(old):
        return new
    names = [*(name for name in old if name in new), *(name for name in new if name not in old)]
    return {name: _in_known_order(new[name], old.get(name)) for name in names}


def used_fields(project: Path, settings: Settings, source: str) -> dict[str, frozenset[str] | None]:
    """What the stream files of a source's connections sync, by stream name; files with faults are left out."""
    synced: dict[str, frozenset[str] | None] = {}
    for path in _stream_files(project / settings.streams, source):
        content = _json(path)
        if content.get("selected", True) is not True or content.get("connector", "airbyte") != "airbyte":
            continue
        fields: Any = content.get("fields")
        name = str(content.get("stream") or path.stem)
        selected = frozenset(fields) if is_mapping(fields) else None
        others = synced.get(name, frozenset())
        synced[name] = None if selected is None or others is None else others | selected
    return synced


def _stream_files(streams: Path, source: str) -> Iterable[Path]:
    """The stream files of the source's folder, and of the folders of its other connections."""
    others = [path.parent for path in streams.glob(f"*/{CONNECTION_FILE}") if _json(path).get("source") == source]
    for folder in (streams / source, *sorted(others)):
        yield from (path for path in sorted(folder.glob("*.json")) if not path.name.startswith(("_", ".")))


def _stream_changes(
    old: Mapping[Key, Mapping[str, Any]],
    new: Mapping[Key, Mapping[str, Any]],
    selections: Mapping[str, frozenset[str] | None],
) -> Iterable[SchemaChange]:
    for key in sorted({*old, *new}, key=lambda k: (k[1], k[0] or "")):
        name = f"{key[0]}.{key[1]}" if key[0] else key[1]
        synced = key[1] in selections
        if key not in new:
            yield SchemaChange(name, "removed", breaking=True, used=synced)
        elif key not in old:
            yield SchemaChange(name, "added", after=f"{counted(len(new[key]['fields']), 'field')}")
        else:
            yield from _changes_of(name, old[key], new[key], synced, selections.get(key[1]))


def _changes_of(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], synced: bool, selected: frozenset[str] | None
) -> Iterable[SchemaChange]:
    for change in offer_changes(old, new):
        chosen = synced and (not change.is_field or selected is None or change.path[0] in selected)
        path = ".".join(change.path)
        yield SchemaChange(name, change.what, path, change.before, change.after, change.breaking, chosen)


def _spec_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[SchemaChange]:
    if not old:
        return
    if old.get("version") != new.get("version"):
        yield SchemaChange("the connector", "changed", "", str(old.get("version") or ""), str(new.get("version") or ""))
    first, second = _settings_of(old), _settings_of(new)
    required = set((new["connection_specification"]).get("required") or [])
    for name in sorted({*first, *second}):
        if name not in second:
            yield SchemaChange("the connector's settings", "removed", name, breaking=True)
        elif name not in first:
            yield SchemaChange("the connector's settings", "added", name, breaking=name in required)
        elif first[name] != second[name]:
            yield SchemaChange("the connector's settings", "changed", name)


def _settings_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("connection_specification") or {}).get("properties") or {}
