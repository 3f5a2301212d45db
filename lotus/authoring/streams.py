"""`lotus streams`: the streams that sources offer and that files sync, and new files for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from lotus.authoring import dbt
from lotus.authoring.discover import connection_named, discovered_folder
from lotus.authoring.files import json_text, stems, write
from lotus.authoring.schema import FOLDER as SCHEMAS
from lotus.authoring.schema import reference_to
from lotus.config import Stream
from lotus.config.checks import PAIRS, modes
from lotus.config.faults import choose
from lotus.config.models import DestinationSyncMode, DiscoveredFile, StreamFile, SyncMode
from lotus.config.offer_changes import type_text
from lotus.config.project import DISCOVERED
from lotus.errors import ConfigError, FaultsError
from lotus.program.connection_inputs import ConfiguredStream, configured_streams
from lotus.session.session import Session
from lotus.untyped import as_mapping

MODES = (*PAIRS.values(), "incremental", "full_refresh")
"""What `--mode` takes: Airbyte's name for both modes, or the source's mode alone."""
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
    """A person's choices for the streams to add; None leaves it to the source."""

    fields: tuple[str, ...] | None = None
    mode: str | None = None
    cursor: str | None = None
    key: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Offer:
    """A discovered stream: its checked file, and the fields as they are written there."""

    model: DiscoveredFile
    name: str
    fields: Mapping[str, Any] = field(repr=False)


def offered_streams(session: Session, source: str) -> dict[str, _Offer]:
    """What was discovered of a source, by what a stream is called; files that cannot be read are left out.

    A name that two namespaces have is called `<namespace>.<name>`.
    """
    streams: dict[tuple[str | None, str], _Offer] = {}
    settings = session.settings
    source = _source_of(session, source)
    folders = {
        discovered_folder(session.root, settings, source),
        session.root / settings.streams / source / DISCOVERED,
    }
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.json")):
        if path.name.startswith(("_", ".")):
            continue
        try:
            model = DiscoveredFile.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            continue
        name = model.stream or path.stem
        streams[(model.namespace, name)] = _Offer(model, name, model.fields)
    return {_display_name(namespace, name, streams): stream for (namespace, name), stream in streams.items()}


def _display_name(namespace: str | None, name: str, keys: Iterable[tuple[str | None, str]]) -> str:
    """A stream's name, with its namespace in front where another namespace has one of the same name."""
    return f"{namespace}.{name}" if namespace and sum(other == name for _, other in keys) > 1 else name


def list_streams(session: Session, names: Sequence[str] = ()) -> list[StreamLine]:
    """Every stream of the named sources (of all, if none is named), synced or not, in name order.

    Raises:
        ConfigError: a name is no source.
    """
    folders = _folders(session)
    for name in names:
        if name not in folders:
            fix, _, _ = choose(name, folders, otherwise="lotus sources add CONNECTOR")
            raise ConfigError(f'there is no source "{name}"', where=session.settings.streams, fix=fix)
    lines: list[StreamLine] = []
    for source in names or folders:
        lines += _lines(session, source)
    return lines


def _streams_of(session: Session, source: str) -> tuple[Stream, ...]:
    """The streams that the files of a source sync; none where the source cannot be loaded."""
    return next((loaded.streams for loaded in session.files.connections if loaded.name == source), ())


def _source_of(session: Session, folder: str) -> str:
    """The source that a folder reads: its own, unless it is another connection of one."""
    return next((loaded.source.name for loaded in session.files.connections if loaded.name == folder), folder)


def _folders(session: Session) -> list[str]:
    root = session.root / session.settings.streams
    return sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] not in "_.") if root.is_dir() else []


def _lines(session: Session, source: str) -> Iterable[StreamLine]:
    offers = offered_streams(session, source)
    keys = [(offer.model.namespace, offer.name) for offer in offers.values()]
    synced = {_display_name(s.namespace, s.name, keys): s for s in _streams_of(session, source)}
    left_out = {item.stream: item.reason for item in session.files.left_out if item.source == source and item.stream}
    for name in sorted({*offers, *synced, *left_out}):
        offer = offers.get(name)
        count = len(offer.fields) if offer else None
        if name in synced:
            yield _synced(source, name, synced[name], offer, count)
        elif name in left_out:
            yield StreamLine(source, name, "left out", offered_fields=count, why=left_out[name])
        elif offer:
            yield _offered(source, name, offer.model, count)


def _offered(source: str, name: str, model: DiscoveredFile, count: int | None) -> StreamLine:
    return StreamLine(
        source,
        name,
        "offered",
        " or ".join(model.options.sync_modes),
        ".".join(model.defaults.cursor_field),
        _key_text(model.defaults.primary_key),
        offered_fields=count,
    )


def _synced(source: str, name: str, stream: Stream, offer: _Offer | None, count: int | None) -> StreamLine:
    cursor, key = stream.cursor_field or (), stream.primary_key or ()
    discovered = stream.discovered
    if discovered:
        cursor, key = cursor or discovered.cursor_field, key or discovered.primary_key
    return StreamLine(
        source,
        name,
        "synced" if offer or discovered is not None else "unknown",
        stream.modes.connection_sync_mode or "",
        ".".join(cursor) if stream.modes.sync_mode == "incremental" else "",
        _key_text(key),
        count if stream.fields is None else len(stream.fields),
        count,
        stream.file,
        "" if offer else "not discovered",
    )


def _key_text(key: Iterable[Sequence[str]]) -> str:
    return ", ".join(".".join(path) for path in key)


def show(session: Session, source: str, name: str) -> StreamDetail:
    """One stream with its fields.

    Raises:
        ConfigError: the source or the stream does not exist.
    """
    lines = list_streams(session, [source])
    line = next((candidate for candidate in lines if candidate.stream == name), None)
    if line is None:
        fix, _, _ = choose(name, [candidate.stream for candidate in lines], otherwise=f"lotus discover {source}")
        raise ConfigError(f'source "{source}" has no stream "{name}"', fix=fix, code="LOT020")
    offer = offered_streams(session, source).get(name)
    stream = next((candidate for candidate in _streams_of(session, source) if candidate.file == line.file), None)
    return StreamDetail(
        line,
        tuple(offer.model.options.sync_modes) if offer else (),
        tuple(_field_line(each, entry, line, stream) for each, entry in (offer.fields if offer else {}).items()),
    )


def _field_line(name: str, entry: Any, line: StreamLine, stream: Stream | None) -> FieldLine:
    roles: list[str] = []
    if name in {part.strip() for part in line.key.split(",")}:
        roles.append("key")
    if name == line.cursor:
        roles.append("cursor")
    selected = stream is not None and (stream.fields is None or name in stream.fields)
    return FieldLine(name, type_text(entry), selected, ", ".join(roles))


def catalog(session: Session, source: str) -> list[ConfiguredStream]:
    """What the connection of a source asks for: computed from the files, nothing is stored.

    Raises:
        FaultsError: the source's files have faults.
    """
    files = session.files
    loaded = connection_named(files, source)
    faults = [f for f in files.faults if f.file.startswith(f"{session.settings.streams}/{source}/")]
    if faults:
        raise FaultsError(faults)
    return configured_streams(loaded.streams)


def add_streams(
    session: Session,
    source: str,
    names: Sequence[str],
    choice: Choice,
    *,
    every: bool = False,
    with_dbt: bool = False,
) -> Added:
    """Writes a file for each named stream (with `every`: for each that has none); existing files stay as they are.

    Raises:
        ConfigError: a stream, field or mode that the source does not offer; nothing is written then.
        FaultsError: the new files would have faults; nothing is written then.
    """
    files = session.files
    loaded = connection_named(files, source)
    offers = offered_streams(session, source)
    if not offers:
        raise ConfigError(
            f'source "{source}" was never discovered', where=loaded.file, fix=f"lotus discover {source}", code="LOT035"
        )
    if with_dbt:
        dbt.dbt_project(session.root)  # raises before anything is written
    destination = files.destination_of(loaded)
    taken = _taken(session, source, [(offer.model.namespace, offer.name) for offer in offers.values()])
    chosen = _chosen(offers, names, every=every)
    taken_names = [name for name in chosen if name in taken]
    notes: list[str] = []
    folder = session.root / session.settings.streams / source
    all_stems = stems((offer.model.namespace, offer.name) for offer in offers.values())
    texts: dict[Path, str] = {}
    for name in chosen:
        if name in taken:
            continue
        offer = _offered_stream(offers, source, name)
        content = _content(offer, choice, destination.sync_modes, destination.name, notes)
        if (session.root / session.settings.streams / SCHEMAS / "stream.json").is_file():
            content = {"$schema": reference_to("stream"), **content}
        texts[folder / f"{all_stems[(offer.model.namespace, offer.name)]}.json"] = json_text(content)
    files_written = [path.relative_to(session.root).as_posix() for path in _write_checked(session, texts)]
    after = replace(session)  # the files of now
    for name in chosen if with_dbt else ():
        namespace = _offered_stream(offers, source, name).model.namespace or ""
        columns = _columns(after, source, name)
        models = dbt.add_model(session.root, session.settings, files, loaded, name, columns, namespace=namespace)
        files_written += models.files
        notes += models.notes
    return Added(tuple(files_written), tuple(taken_names), tuple(dict.fromkeys(notes)))


def _chosen(offers: Mapping[str, _Offer], names: Sequence[str], *, every: bool) -> list[str]:
    if names:
        return list(dict.fromkeys(names))
    if not every:
        raise ConfigError("no stream is named", fix=f"name some, or --all: {', '.join(sorted(offers)[:_MOST])}")
    return sorted(offers)


def _columns(session: Session, source: str, stream: str) -> list[str]:
    """The columns of a stream that land, by its file."""
    return [field.name for field in show(session, source, stream).fields if field.selected]


def _write_checked(session: Session, texts: Mapping[Path, str]) -> list[Path]:
    """Writes the files; if one of them has a fault, all are removed again."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            if path.exists():
                raise ConfigError("a file of this name exists already", where=str(path), fix="rename or remove it")
            write(session.root, path, text)
            written.append(path)
        names = {path.relative_to(session.root).as_posix() for path in written}
        faults = [fault for fault in replace(session).files.faults if fault.file in names]
        if faults:
            raise FaultsError(faults)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def _taken(session: Session, source: str, keys: Iterable[tuple[str | None, str]]) -> set[str]:
    """The streams that have a file already, whatever is in it."""
    names: set[str] = set()
    for path in (session.root / session.settings.streams / source).glob("*.json"):
        if path.name.startswith(("_", ".")):
            continue
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            content = None
        file = as_mapping(content)
        names.add(_display_name(file.get("namespace"), str(file.get("stream") or path.stem), keys))
    return names


def _offered_stream(offers: Mapping[str, _Offer], source: str, name: str) -> _Offer:
    if name in offers:
        return offers[name]
    fix, _, _ = choose(name, sorted(offers))
    raise ConfigError(
        f'source "{source}" has no stream "{name}"',
        fix=f"{fix} (or lotus discover {source}, if it is new)",
        code="LOT020",
    )


def _content(
    offer: _Offer, choice: Choice, destination_modes: Sequence[str] | None, destination: str, notes: list[str]
) -> dict[str, Any]:
    """The file of a new stream, with every setting explicit, as other readers of the same files need it."""
    source_mode, destination_mode = _modes_of(choice.mode)
    key = [part.split(".") for part in choice.key] if choice.key else _lists(offer.model.defaults.primary_key)
    cursor = choice.cursor.split(".") if choice.cursor else list(offer.model.defaults.cursor_field)
    selected = modes(
        StreamFile(sync_mode=source_mode, destination_sync_mode=destination_mode, cursor_field=tuple(cursor) or None),
        _compact(offer),
        destination_modes,
    )
    _check_modes(offer, selected.sync_mode, selected.destination_sync_mode, destination_modes, destination)
    content: dict[str, Any] = {"stream": offer.name}
    if offer.model.namespace:
        content["namespace"] = offer.model.namespace
    content |= {"sync_mode": selected.sync_mode, "destination_sync_mode": selected.destination_sync_mode}
    if key:
        content["primary_key"] = key
    if selected.sync_mode == "incremental" and cursor:
        content["cursor_field"] = cursor
    if choice.fields is not None:
        content["fields"] = _selected(offer, choice, notes, key, cursor if selected.sync_mode == "incremental" else ())[
            0
        ]
    return content


def _selected(
    offer: _Offer,
    choice: Choice,
    notes: list[str],
    key: Iterable[Sequence[str]] = (),
    cursor: Sequence[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """The selected fields in the source's order, with key and cursor (docs/airbyte-behaviour.md#field-selection)."""
    names = set(choice.fields or ())
    for name in choice.fields or ():
        if name not in offer.fields:
            raise _no_field(offer, name)
    needed = {path[0] for path in key if path} | set(cursor[:1])
    if more := sorted(needed - names):
        notes.append(f"{offer.name}: {', '.join(more)} also selected: key and cursor are required")
    chosen = {name: entry for name, entry in offer.fields.items() if name in names | needed}
    return chosen, more


def _no_field(offer: _Offer, name: str) -> ConfigError:
    top = name.partition(".")[0]
    fix, _, _ = choose(name, list(offer.fields))
    if top in offer.fields:
        fix = f'only whole top-level fields can be selected: "{top}"'
    return ConfigError(f'stream "{offer.name}" has no field "{name}"', fix=fix, code="LOT029")


def _modes_of(mode: str | None) -> tuple[SyncMode | None, DestinationSyncMode | None]:
    if mode is None:
        return None, None
    if mode in ("incremental", "full_refresh"):
        return mode, None
    for pair, airbyte_mode in PAIRS.items():
        if airbyte_mode == mode:
            return cast("tuple[SyncMode, DestinationSyncMode]", pair)
    fix, _, _ = choose(mode, MODES)
    raise ConfigError(f'there is no mode "{mode}"', where="--mode", fix=fix, code="LOT012")


def _check_modes(
    offer: _Offer, sync_mode: str, destination_mode: str, destination_modes: Sequence[str] | None, destination: str
) -> None:
    modes_of_source = offer.model.options.sync_modes
    if modes_of_source and sync_mode not in modes_of_source:
        raise ConfigError(
            f'stream "{offer.name}" does not offer {sync_mode}',
            where="--mode",
            fix=f"it offers {' and '.join(modes_of_source)}",
            code="LOT021",
        )
    if destination_modes and destination_mode not in destination_modes:
        raise ConfigError(
            f'destination "{destination}" does not offer {destination_mode}',
            where="--mode",
            fix=f"it offers {' and '.join(destination_modes)}",
            code="LOT054",
        )


def _lists(key: Iterable[Sequence[str]]) -> list[list[str]]:
    return [list(path) for path in key]


def _compact(offer: _Offer) -> Any:
    from lotus.config.checks import Discovered

    return Discovered.of(offer.name, "", offer.model, {})
