"""`lotus streams`: the streams that sources offer and that files sync, and new files for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lotus.catalog import ConfiguredStream, configured_streams
from lotus.config import Project, Settings, Source, Stream
from lotus.config.checks import PAIRS, modes
from lotus.config.faults import choose
from lotus.config.models import DestinationSyncMode, DiscoveredFile, StreamFile, SyncMode
from lotus.config.project import DISCOVERED
from lotus.errors import ConfigError, FaultsError
from lotus.operations import dbt
from lotus.operations.discover import discovered_folder, everything, source_named, type_text
from lotus.operations.files import json_text, stems, write
from lotus.operations.schema import FOLDER as SCHEMAS
from lotus.operations.schema import reference_to

MODES = (*PAIRS.values(), "incremental", "full_refresh")
"""What `--mode` takes: Airbyte's word for both modes, or the source's mode alone."""
_MOST = 12


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One stream of a source. `state`: synced, offered, left out, or unknown (synced, but not discovered)."""

    source: str
    stream: str
    state: str
    mode: str = ""
    cursor: str = ""
    key: str = ""
    fields: int | None = None
    offered_fields: int | None = None
    file: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One top-level field of a stream; `role` is key, cursor or both."""

    name: str
    type: str
    selected: bool
    role: str = ""


@dataclass(frozen=True, slots=True)
class StreamDetail:
    """One stream with its fields, and what the source offers for it."""

    line: StreamLine
    sync_modes: tuple[str, ...]
    fields: tuple[FieldLine, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` wrote."""

    files: tuple[str, ...]
    kept: tuple[str, ...]
    """Streams that have a file already, which is left as it is."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person says of the streams to add; None leaves it to the source."""

    fields: tuple[str, ...] | None = None
    mode: str | None = None
    cursor: str | None = None
    key: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Offered:
    """A discovered stream: its checked file, and the fields as they are written there."""

    model: DiscoveredFile
    name: str
    fields: Mapping[str, Any] = field(repr=False)


def offered(project: Path, settings: Settings, source: str) -> dict[str, _Offered]:
    """What was discovered of a source, by what a stream is called; files that cannot be read are left out.

    A name that two namespaces have is called `<namespace>.<name>`.
    """
    found: dict[tuple[str | None, str], _Offered] = {}
    folders = {discovered_folder(project, settings, source), project / settings.streams / source / DISCOVERED}
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.json")):
        if path.name.startswith(("_", ".")):
            continue
        try:
            model = DiscoveredFile.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            continue
        name = model.stream or path.stem
        found[(model.namespace, name)] = _Offered(model, name, model.fields)
    return {_called(namespace, name, found): one for (namespace, name), one in found.items()}


def _called(namespace: str | None, name: str, known: Iterable[tuple[str | None, str]]) -> str:
    """A stream's name, with its namespace in front where another namespace has one of the same name."""
    return f"{namespace}.{name}" if namespace and sum(other == name for _, other in known) > 1 else name


def list_streams(project: Path, settings: Settings, names: Sequence[str] = ()) -> list[StreamLine]:
    """Every stream of the named sources (of all, if none is named), synced or not, in name order.

    Raises:
        ConfigError: a name is no source.
    """
    files = everything(project, settings)
    known = _folders(project, settings)
    for name in names:
        if name not in known:
            fix, _, _ = choose(name, known, otherwise="lotus sources add CONNECTOR")
            raise ConfigError(f'there is no source "{name}"', where=settings.streams, fix=fix)
    found: list[StreamLine] = []
    for source in names or known:
        loaded = next((one for one in files.sources if one.name == source), None)
        found += _lines(project, settings, files, source, loaded)
    return found


def _folders(project: Path, settings: Settings) -> list[str]:
    root = project / settings.streams
    return sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] not in "_.") if root.is_dir() else []


def _lines(
    project: Path, settings: Settings, files: Project, source: str, loaded: Source | None
) -> Iterable[StreamLine]:
    there = offered(project, settings, source)
    keys = [(one.model.namespace, one.name) for one in there.values()]
    synced = {_called(stream.namespace, stream.name, keys): stream for stream in loaded.streams} if loaded else {}
    left_out = {item.stream: item.reason for item in files.left_out if item.source == source and item.stream}
    for name in sorted({*there, *synced, *left_out}):
        known = there.get(name)
        count = len(known.fields) if known else None
        if name in synced:
            yield _synced(source, name, synced[name], known, count)
        elif name in left_out:
            yield StreamLine(source, name, "left out", offered_fields=count, why=left_out[name])
        elif known:
            own = known.model
            yield StreamLine(
                source,
                name,
                "offered",
                " or ".join(own.options.sync_modes),
                ".".join(own.defaults.cursor_field),
                _key_text(own.defaults.primary_key),
                offered_fields=count,
            )


def _synced(source: str, name: str, stream: Stream, known: _Offered | None, count: int | None) -> StreamLine:
    held = stream.discovered
    cursor = stream.cursor_field or (held.cursor_field if held else ())
    return StreamLine(
        source,
        name,
        "synced" if known or held is not None else "unknown",
        stream.modes.connection_sync_mode or "",
        ".".join(cursor) if stream.modes.sync_mode == "incremental" else "",
        _key_text(stream.primary_key or (held.primary_key if held else ())),
        count if stream.fields is None else len(stream.fields),
        count,
        stream.file,
        "" if known else "not discovered",
    )


def _key_text(key: Iterable[Sequence[str]]) -> str:
    return ", ".join(".".join(path) for path in key)


def show(project: Path, settings: Settings, source: str, name: str) -> StreamDetail:
    """One stream with its fields.

    Raises:
        ConfigError: the source or the stream does not exist.
    """
    lines = list_streams(project, settings, [source])
    line = next((one for one in lines if one.stream == name), None)
    if line is None:
        fix, _, _ = choose(name, [one.stream for one in lines], otherwise=f"lotus discover {source}")
        raise ConfigError(f'source "{source}" has no stream "{name}"', fix=fix, code="LOT020")
    known = offered(project, settings, source).get(name)
    loaded = next((one for one in everything(project, settings).sources if one.name == source), None)
    stream = next((one for one in (loaded.streams if loaded else ()) if one.file == line.file), None)
    selected = None if stream is None or stream.fields is None else set(stream.fields)
    key = {part.strip() for part in line.key.split(",")}
    fields = known.fields if known else {}
    return StreamDetail(
        line,
        tuple(known.model.options.sync_modes) if known else (),
        tuple(
            FieldLine(
                each,
                type_text(entry),
                stream is not None and (selected is None or each in selected),
                ", ".join(word for word, is_it in (("key", each in key), ("cursor", each == line.cursor)) if is_it),
            )
            for each, entry in fields.items()
        ),
    )


def catalog(project: Path, settings: Settings, source: str) -> list[ConfiguredStream]:
    """What the connection of a source asks for: computed from the files, nothing is stored.

    Raises:
        FaultsError: the source's files have faults.
    """
    files = everything(project, settings)
    found = source_named(files, source)
    own = [f for f in files.faults if f.file.startswith(f"{settings.streams}/{source}/")]
    if own:
        raise FaultsError(own)
    return configured_streams(found.streams)


def add(
    project: Path,
    settings: Settings,
    source: str,
    names: Sequence[str],
    choice: Choice,
    *,
    every: bool = False,
    with_dbt: bool = False,
) -> Added:
    """Writes a file for each named stream (with `every`: for each that has none); none that is there is changed.

    Raises:
        ConfigError: a stream, field or mode that the source does not offer; nothing is written then.
        FaultsError: the new files would have faults; nothing is written then.
    """
    files = everything(project, settings)
    loaded = source_named(files, source)
    there = offered(project, settings, source)
    if not there:
        raise ConfigError(
            f'source "{source}" was never discovered', where=loaded.file, fix=f"lotus discover {source}", code="LOT035"
        )
    if with_dbt:
        dbt.dbt_project(project)  # raises before anything is written
    destination = files.destination(loaded.destination)
    taken = _taken(project, settings, source, [(one.model.namespace, one.name) for one in there.values()])
    wanted = list(dict.fromkeys(names)) if names else sorted(there)
    if not names and not every:
        raise ConfigError("no stream is named", fix=f"name some, or --all: {', '.join(sorted(there)[:_MOST])}")
    kept = [name for name in wanted if name in taken]
    notes: list[str] = []
    folder = project / settings.streams / source
    all_stems = stems((one.model.namespace, one.name) for one in there.values())
    texts: dict[Path, str] = {}
    for name in wanted:
        if name in taken:
            continue
        known = _known(there, source, name)
        content = _content(known, choice, destination.sync_modes, destination.name, notes)
        if (project / settings.streams / SCHEMAS / "stream.json").is_file():
            content = {"$schema": reference_to("stream"), **content}
        texts[folder / f"{all_stems[(known.model.namespace, known.name)]}.json"] = json_text(content)
    written = _write_checked(project, settings, texts)
    made = [path.relative_to(project).as_posix() for path in written]
    for name in wanted if with_dbt else ():
        models = dbt.add_model(project, settings, files, loaded, name, _columns(project, settings, source, name))
        made += models.files
        notes += models.notes
    return Added(tuple(made), tuple(kept), tuple(dict.fromkeys(notes)))


def _columns(project: Path, settings: Settings, source: str, stream: str) -> list[str]:
    """The columns of a stream that land, by its file."""
    return [field.name for field in show(project, settings, source, stream).fields if field.selected]


def _write_checked(project: Path, settings: Settings, texts: Mapping[Path, str]) -> list[Path]:
    """Writes the files; if one of them has a fault, all are taken away again."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            if path.exists():
                raise ConfigError("a file of this name is there already", where=str(path), fix="rename or remove it")
            write(project, path, text)
            written.append(path)
        names = {path.relative_to(project).as_posix() for path in written}
        faults = [fault for fault in everything(project, settings).faults if fault.file in names]
        if faults:
            raise FaultsError(faults)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def _taken(project: Path, settings: Settings, source: str, known: Iterable[tuple[str | None, str]]) -> set[str]:
    """The streams that have a file already, whatever it says."""
    found: set[str] = set()
    for path in (project / settings.streams / source).glob("*.json"):
        if path.name.startswith(("_", ".")):
            continue
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            content = None
        file = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        found.add(_called(file.get("namespace"), str(file.get("stream") or path.stem), known))
    return found


def _known(there: Mapping[str, _Offered], source: str, name: str) -> _Offered:
    if name in there:
        return there[name]
    fix, _, _ = choose(name, sorted(there))
    raise ConfigError(
        f'source "{source}" has no stream "{name}"',
        fix=f"{fix} (or lotus discover {source}, if it is new)",
        code="LOT020",
    )


def _content(
    known: _Offered, choice: Choice, offered_there: Sequence[str] | None, destination: str, notes: list[str]
) -> dict[str, Any]:
    """The file of a new stream: everything said, as lotus-lake's readers of the same files want it."""
    source_mode, there_mode = _wanted_modes(choice.mode)
    key = [part.split(".") for part in choice.key] if choice.key else _lists(known.model.defaults.primary_key)
    cursor = choice.cursor.split(".") if choice.cursor else list(known.model.defaults.cursor_field)
    held = modes(
        StreamFile(sync_mode=source_mode, destination_sync_mode=there_mode, cursor_field=tuple(cursor) or None),
        _compact(known),
        offered_there,
    )
    _check_modes(known, held.sync_mode, held.destination_sync_mode, offered_there, destination)
    content: dict[str, Any] = {"stream": known.name}
    if known.model.namespace:
        content["namespace"] = known.model.namespace
    content |= {"sync_mode": held.sync_mode, "destination_sync_mode": held.destination_sync_mode}
    if key:
        content["primary_key"] = key
    if held.sync_mode == "incremental" and cursor:
        content["cursor_field"] = cursor
    if choice.fields is not None:
        content["fields"] = _selected(known, choice, notes, key, cursor if held.sync_mode == "incremental" else ())[0]
    return content


def _selected(
    known: _Offered,
    choice: Choice,
    notes: list[str],
    key: Iterable[Sequence[str]] = (),
    cursor: Sequence[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """The selected fields in the source's order; key and cursor come along, for Airbyte refuses to do without."""
    named = set(choice.fields or ())
    for name in choice.fields or ():
        if name not in known.fields:
            fix, _, _ = choose(name, list(known.fields))
            nested = name.partition(".")[0] in known.fields and "." in name
            fix = f'only whole top-level fields can be selected: "{name.partition(".")[0]}"' if nested else fix
            raise ConfigError(f'stream "{known.name}" has no field "{name}"', fix=fix, code="LOT029")
    needed = {path[0] for path in key if path} | set(cursor[:1])
    if more := sorted(needed - named):
        notes.append(f"{known.name}: {', '.join(more)} selected too: key and cursor cannot be left out")
    chosen = {name: entry for name, entry in known.fields.items() if name in named | needed}
    return chosen, more


def _wanted_modes(mode: str | None) -> tuple[SyncMode | None, DestinationSyncMode | None]:
    if mode is None:
        return None, None
    if mode in ("incremental", "full_refresh"):
        return mode, None
    for pair, word in PAIRS.items():
        if word == mode:
            return cast("tuple[SyncMode, DestinationSyncMode]", pair)
    fix, _, _ = choose(mode, MODES)
    raise ConfigError(f'there is no mode "{mode}"', where="--mode", fix=fix, code="LOT012")


def _check_modes(
    known: _Offered, sync_mode: str, there_mode: str, offered_there: Sequence[str] | None, destination: str
) -> None:
    modes_of_source = known.model.options.sync_modes
    if modes_of_source and sync_mode not in modes_of_source:
        raise ConfigError(
            f'stream "{known.name}" cannot be read {sync_mode}',
            where="--mode",
            fix=f"it offers {' and '.join(modes_of_source)}",
            code="LOT021",
        )
    if offered_there and there_mode not in offered_there:
        raise ConfigError(
            f'destination "{destination}" cannot {there_mode}',
            where="--mode",
            fix=f"it offers {' and '.join(offered_there)}",
            code="LOT054",
        )


def _lists(key: Iterable[Sequence[str]]) -> list[list[str]]:
    return [list(path) for path in key]


def _compact(known: _Offered) -> Any:
    from lotus.config.checks import Discovered

    return Discovered.of(known.name, "", known.model, {})
