"""`lotus discover`: what each source offers, one file per stream, and what changed since it was last asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from pulumi_airbyte.api import Airbyte

from lotus.config import Project, Settings, Source, from_stack_file, load
from lotus.config.discovered import discovered_file
from lotus.config.faults import choose
from lotus.config.project import DISCOVERED, SPEC_FILE
from lotus.errors import ConfigError, FaultsError
from lotus.operations import connectors
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.connectors import Specification, Wanted
from lotus.operations.files import inside, json_text, stems, write

What = Literal["added", "removed", "retyped", "changed"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Change:
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
        place = f"{self.stream}.{self.field}" if self.field else self.stream
        values = f": {self.before or 'nothing'} → {self.after or 'nothing'}" if self.before or self.after else ""
        mark = ("  BREAKING" + ("" if self.used else " (not synced)")) if self.breaking else ""
        return f"{place} {self.what}{values}{mark}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What became of one source: `written` and `removed` are files, relative to the project."""

    source: str
    connector: str
    version: str
    streams: int
    changes: tuple[Change, ...]
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
    project: Path,
    stack: str,
    environment: Mapping[str, str],
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
    settings = settings_of(project, stack, environment)
    files = everything(project, settings)
    chosen = [source_named(files, name) for name in names]
    if not names:
        chosen = [source for source in files.sources if settings.reason_left_out(source.name) is None]
    with in_our_words():
        return asyncio.run(_discover(project, stack, environment, settings, chosen, check, say))


def settings_of(project: Path, stack: str, environment: Mapping[str, str]) -> Settings:
    """The stack's settings.

    Raises:
        FaultsError: they have faults, or the stack does not exist.
    """
    settings = from_stack_file(project, stack, environment=environment)
    if settings.faults:
        raise FaultsError(settings.faults)
    return settings


def everything(project: Path, settings: Settings) -> Project:
    """All sources of the files, also those that the stack leaves out; values are not looked up."""
    return load(project, replace(settings, include=None, exclude=(), left_out={}), resolve=False)


def source_named(files: Project, name: str) -> Source:
    """The source of that folder, as far as its own file allows; faults in its streams do not matter.

    Raises:
        ConfigError: there is none; FaultsError: its file has faults.
    """
    found = next((source for source in files.sources if source.name == name), None)
    if found is not None:
        return found
    folder = f"{files.settings.streams}/{name}"
    own = [f for f in files.faults if f.file == folder or f.file.startswith((f"{folder}/_", "streams/_destinations/"))]
    if own:
        raise FaultsError(own)
    fix, _, _ = choose(name, [source.name for source in files.sources], otherwise="lotus sources add CONNECTOR")
    raise ConfigError(f'there is no source "{name}"', where=folder, fix=fix)


async def _discover(
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    settings: Settings,
    sources: Sequence[Source],
    check: bool,
    say: Say,
) -> list[Discovery]:
    workspace = connectors.workspace_of(settings)
    found: list[Discovery] = []
    async with client(project, stack, environment) as airbyte:
        for source in sources:
            say(f"{source.name}: asking {source.settings.connector or source.settings.manifest}")
            offer = await ask(airbyte, workspace, connectors.wanted(settings, source))
            found.append(record(project, settings, source.name, offer, check=check))
    return found


async def ask(airbyte: Airbyte, workspace: str, source: Wanted) -> Offer:
    """What a source offers, by its own discover."""
    async with connectors.definition(airbyte, workspace, source) as definition:
        specification = await connectors.specification(airbyte, workspace, source, definition)
        async with connectors.stored(airbyte, workspace, source, definition) as source_id:
            catalog = await airbyte.discover(source_id)
    return offer_of(specification, catalog)


def offer_of(specification: Specification, catalog: Mapping[str, Any]) -> Offer:
    """A catalog of the config API as files."""
    streams = [discovered_file(cast("dict[str, Any]", one["stream"])) for one in catalog.get("streams") or []]
    return Offer(specification, tuple(streams))


def record(project: Path, settings: Settings, source: str, offer: Offer, *, check: bool = False) -> Discovery:
    """Writes what a source offers into its folder, and takes away the files of streams that are gone."""
    folder = discovered_folder(project, settings, source)
    inside(project, folder)
    before = _before(folder)
    old = {(content.get("namespace"), content.get("stream", path.stem)): content for path, content in before.items()}
    files: dict[Path, dict[str, Any]] = {folder / SPEC_FILE: offer.specification.file()}
    names = stems((stream.get("namespace"), stream["stream"]) for stream in offer.streams)
    for stream in offer.streams:
        key = (stream.get("namespace"), stream["stream"])
        files[folder / f"{names[key]}.json"] = _in_known_order(stream, old.get(key))
    used = used_fields(project, settings, source)
    changes = [
        *_stream_changes(old, {(s.get("namespace"), s["stream"]): s for s in offer.streams}, used),
        *_spec_changes(_json(folder / SPEC_FILE), files[folder / SPEC_FILE]),
    ]
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
        tuple(changes) if before else (),
        tuple(path.relative_to(project).as_posix() for path in sorted(written)),
        tuple(path.relative_to(project).as_posix() for path in stale),
        first=not before,
    )


def discovered_folder(project: Path, settings: Settings, source: str) -> Path:
    """Where the discovered files of a source lie."""
    if settings.discovered:
        return project / settings.discovered / source
    return project / settings.streams / source / DISCOVERED


def _before(folder: Path) -> dict[Path, dict[str, Any]]:
    """The discovered files that are there; one that cannot be read counts as empty, and is written anew."""
    if not folder.is_dir():
        return {}
    paths = [p for p in sorted(folder.glob("*.json")) if not p.name.startswith(("_", "."))]
    return {path: _json(path) for path in paths}


def _json(path: Path) -> dict[str, Any]:
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _in_known_order(new: Any, old: Any) -> Any:
    """`new` with its keys in the order that `old` has them, new ones at the end.

    Some servers store schemas without an order; a file must not change for that.
    """
    if isinstance(new, dict) and isinstance(old, dict):
        fresh, known = cast("dict[str, Any]", new), cast("dict[str, Any]", old)
        names = [*(name for name in known if name in fresh), *(name for name in fresh if name not in known)]
        return {name: _in_known_order(fresh[name], known.get(name)) for name in names}
    return new


Key = tuple[str | None, str]


def used_fields(project: Path, settings: Settings, source: str) -> dict[str, frozenset[str] | None]:
    """What the stream files of a source sync, by stream name; files with faults are left out."""
    found: dict[str, frozenset[str] | None] = {}
    for path in sorted((project / settings.streams / source).glob("*.json")):
        if path.name.startswith(("_", ".")):
            continue
        content = _json(path)
        if content.get("selected", True) is not True or content.get("connector", "airbyte") != "airbyte":
            continue
        fields: Any = content.get("fields")
        name = str(content.get("stream") or path.stem)
        found[name] = frozenset(cast("dict[str, Any]", fields)) if isinstance(fields, dict) else None
    return found


def _stream_changes(
    old: Mapping[Key, Mapping[str, Any]],
    new: Mapping[Key, Mapping[str, Any]],
    used: Mapping[str, frozenset[str] | None],
) -> Iterable[Change]:
    for key in sorted({*old, *new}, key=lambda k: (k[1], k[0] or "")):
        name = f"{key[0]}.{key[1]}" if key[0] else key[1]
        synced = key[1] in used
        if key not in new:
            yield Change(name, "removed", breaking=True, used=synced)
        elif key not in old:
            yield Change(name, "added", after=f"{len(new[key]['fields'])} fields")
        else:
            yield from _changes_of(name, old[key], new[key], synced, used.get(key[1]))


def _changes_of(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], synced: bool, selected: frozenset[str] | None
) -> Iterable[Change]:
    before, after = _modes(old), _modes(new)
    if before != after:
        lost = bool(set(before) - set(after))
        yield Change(name, "changed", "sync_modes", ", ".join(before), ", ".join(after), lost, synced)
    for key in ("primary_key", "cursor_field"):
        first, second = _default(old, key), _default(new, key)
        if first != second:
            yield Change(name, "changed", key, _path_text(first), _path_text(second), bool(first), synced)
    for path, what, first, second in _field_changes(old.get("fields") or {}, new.get("fields") or {}, ()):
        chosen = synced and (selected is None or path[0] in selected)
        yield Change(name, what, ".".join(path), first, second, what != "added", chosen)


def _modes(content: Mapping[str, Any]) -> list[str]:
    return sorted((content.get("options") or {}).get("sync_modes") or [])


def _default(content: Mapping[str, Any], key: str) -> Any:
    return (content.get("defaults") or {}).get(key) or []


def _path_text(value: Any) -> str:
    parts = [".".join(map(str, v)) if isinstance(v, list) else str(v) for v in cast("list[Any]", value)]
    return ", ".join(parts)


def _field_changes(
    old: Any, new: Any, path: tuple[str, ...]
) -> Iterable[tuple[tuple[str, ...], Literal["added", "removed", "retyped"], str, str]]:
    for name in [*old, *(name for name in new if name not in old)]:
        here = (*path, name)
        if name not in new:
            yield here, "removed", type_text(old[name]), ""
        elif name not in old:
            yield here, "added", "", type_text(new[name])
        elif type_text(old[name]) != type_text(new[name]):
            yield here, "retyped", type_text(old[name]), type_text(new[name])
        else:
            yield from _field_changes(inner_fields(old[name]), inner_fields(new[name]), here)


def inner_fields(entry: Any) -> dict[str, Any]:
    """The fields inside a field: an object's properties, or those of the objects in an array."""
    if not isinstance(entry, dict):
        return {}
    field = cast("dict[str, Any]", entry)
    if field.get("type") == "array":
        items: Any = field.get("items")
        is_map = isinstance(items, dict) and all(isinstance(v, dict) for v in cast("dict[str, Any]", items).values())
        return cast("dict[str, Any]", items) if is_map else {}
    properties: Any = field.get("properties")
    return cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}


def type_text(entry: Any) -> str:
    """A field's type as people read it: `string (date-time)`, `array of integer`."""
    if not isinstance(entry, dict):
        return "unknown"
    field = cast("dict[str, Any]", entry)
    text = str(field.get("type", "unknown"))
    items: Any = field.get("items")
    if text == "array" and isinstance(items, dict) and isinstance(cast("dict[str, Any]", items).get("type"), str):
        return f"array of {cast('dict[str, Any]', items)['type']}"
    extra = field.get("airbyte_type") or field.get("format")
    return f"{text} ({extra})" if extra else text


def _spec_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    if not old:
        return
    if old.get("version") != new.get("version"):
        yield Change("the connector", "changed", "", str(old.get("version") or ""), str(new.get("version") or ""))
    first, second = _settings_of(old), _settings_of(new)
    required = set((new["connection_specification"]).get("required") or [])
    for name in sorted({*first, *second}):
        if name not in second:
            yield Change("the connector's settings", "removed", name, breaking=True)
        elif name not in first:
            yield Change("the connector's settings", "added", name, breaking=name in required)
        elif first[name] != second[name]:
            yield Change("the connector's settings", "changed", name)


def _settings_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("connection_specification") or {}).get("properties") or {}
