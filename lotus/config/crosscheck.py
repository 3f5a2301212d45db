"""What only all files together can tell: settings that name nothing, streams that land on one path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lotus.config import landing
from lotus.config.document import Pointer
from lotus.config.faults import Fault, choose
from lotus.config.mapper_checks import joined_keys
from lotus.config.project import CONNECTORS, DESTINATIONS, Connection, Destination, Source, Stream
from lotus.config.reading import Files
from lotus.config.references import Kind
from lotus.untyped import as_mapping


def check_settings(
    files: Files, folders: Sequence[str], connectors: Iterable[str], destinations: Mapping[str, Destination]
) -> None:
    """Names in the stack's settings that no file has."""
    _check_choices(files, folders)
    _check_left_out(files, folders)
    _check_overrides(files, [*folders, *connectors, *(f"{DESTINATIONS}/{name}" for name in destinations)])
    _check_adopted(files, folders, connectors, destinations)


def _check_choices(files: Files, folders: Sequence[str]) -> None:
    settings = files.settings
    choices = [("include", name, i) for i, name in enumerate(settings.include or ())]
    choices += [("exclude", name, i) for i, name in enumerate(settings.exclude)]
    for key, name, index in choices:
        if name not in folders:
            fix, allowed, near = choose(name, folders)
            message = f'lotus:sources {key}s "{name}", but there is no such source'
            at: Pointer = ("sources", key, index)
            files.faults.append(settings.fault("LOT072", message, at, fix=fix, allowed=allowed, nearest=near))


def _check_left_out(files: Files, folders: Sequence[str]) -> None:
    for name in files.settings.left_out:
        if name not in folders:
            message = f'LOTUS_LEAVE_OUT names "{name}", but there is no such source'
            files.hints.append(Fault("LOT072", message, "environment variable LOTUS_LEAVE_OUT", severity="hint"))


def _check_adopted(
    files: Files, folders: Sequence[str], connectors: Iterable[str], destinations: Mapping[str, Destination]
) -> None:
    """Names that no file has: what they name would not be taken over. (Tags are names of Airbyte's.)"""
    settings = files.settings
    definitions = [*folders, *(f"{CONNECTORS}/{name}" for name in connectors)]
    definitions += [f"{DESTINATIONS}/{name}" for name in destinations]
    names_of: dict[str, Sequence[str]] = {
        "sources": folders,
        "connections": folders,
        "destinations": [*destinations],
        "definitions": definitions,
    }
    for kind_name, names in names_of.items():
        for name in settings.adopt.get(kind_name, {}):
            broken = (
                kind_name == "destinations"
                and (files.root / settings.streams / DESTINATIONS / f"{name}.json").is_file()
            )
            if name not in names and not broken:
                message = f'lotus:adopt has "{name}" among its {kind_name}, and no file below {settings.streams} has'
                fix, allowed, near = choose(name, names)
                at: Pointer = ("adopt", kind_name, name)
                files.faults.append(settings.fault("LOT072", message, at, fix=fix, allowed=allowed, nearest=near))


def _check_overrides(files: Files, keys: Sequence[str]) -> None:
    settings = files.settings
    for name in settings.overrides:
        if name not in files.overridden:
            message = f'lotus:overrides has "{name}", which is not a file below {settings.streams}'
            fix, allowed, near = choose(name, keys)
            at: Pointer = ("overrides", name)
            files.faults.append(settings.fault("LOT073", message, at, fix=fix, allowed=allowed, nearest=near))


def check_values(files: Files, used: set[tuple[Kind, str]]) -> None:
    """Hints at values of the stack that no file uses."""
    settings = files.settings
    if any(not item.stream for item in files.left_out):
        return  # the values of sources that the stack leaves out may stand in its settings all the same
    names = [("$config", name) for name in settings.values.config_names()]
    names += [("$secret", name) for name in settings.values.secret_names()]
    for kind, name in names:
        if (kind, name) not in used:
            setting = "config" if kind == "$config" else "secrets"
            message = f"lotus:{setting}.{name} is used by no file"
            at: Pointer = (setting, name)
            files.hints.append(settings.fault("LOT074", message, at, fix="remove it", severity="hint"))


def check_landing(files: Files, connections: Sequence[Connection], destinations: Mapping[str, Destination]) -> None:
    """Two streams whose files would mix, in one destination."""
    places: defaultdict[tuple[str, str], list[tuple[Connection, Stream]]] = defaultdict(list)
    for connection in connections:
        destination = destinations[connection.destination]
        if not landing.is_s3(destination.settings.connector):
            continue
        for stream in connection.streams:
            namespace, name = connection.namespace_of(stream), connection.landed_name(stream)
            folder = landing.folder(destination.configuration, namespace, name)
            places[(destination.name, folder)].append((connection, stream))
    for (destination_name, folder), neighbours in places.items():
        first_connection, first = neighbours[0]
        for connection, stream in neighbours[1:]:
            message = (
                f"streams {first_connection.name}/{first.name} and {connection.name}/{stream.name} land on one path of "
                f'"{destination_name}": {folder}'
            )
            if first_connection is connection:
                fix = "paths keep letters, digits and some marks, so both names become one: leave one out of "
                files.faults.append(_fault_at_stream(files, stream, message, fix + connection.name))
                continue
            other = _fault_at_options(files, first_connection, message).where
            fix = f'give one of them another "namespace_format" or "prefix"; the other one: {other}'
            files.faults.append(_fault_at_options(files, connection, message, fix))


def check_renames(files: Files, connections: Sequence[Connection], destinations: Mapping[str, Destination]) -> None:
    """Names before that are still in use, or that two files claim."""
    _check_renames(files, [(c.file, c.name, c.name, c.renamed_from) for c in connections])
    renamed = [(d.file, f"{DESTINATIONS}/{d.name}", d.name, d.settings.renamed_from) for d in destinations.values()]
    _check_renames(files, renamed)


def _check_renames(files: Files, renamed: Sequence[tuple[str, str, str, str | None]]) -> None:
    """Each has its file, its key among the overrides, its name, and the one before."""
    names = {name for _, _, name, _ in renamed}
    taken: dict[str, str] = {}
    for file, key, _, before in renamed:
        if before is None:
            continue
        message = ""
        if before in names:
            message = f'"{before}" is still there, so nothing was renamed from it'
        elif before in taken:
            message = f'"{before}" cannot have become two: {taken[before]} is renamed from it too'
        taken[before] = file
        document = files.again(file, key) if message else None
        if document:
            fix = "take renamed_from out"
            files.faults.append(document.fault("LOT057", message, ("renamed_from",), fix=fix))


def check_keys(files: Files, connections: Sequence[Connection]) -> None:
    """Hints at keys that land hashed in one stream and in clear text in another that is joined with it."""
    for connection in connections:
        for stream, index, field, other in joined_keys(connection):
            document = files.again(stream.file, f"{connection.name}/{Path(stream.file).stem}")
            if document is None:
                continue
            message = f'stream "{stream.name}" hashes "{field}", and "{other}" lands in clear text: they no longer join'
            at: Pointer = ("mappers", index, "targetField")
            fix = "hash both by the same method, or neither"
            files.hints.append(document.fault("LOT038", message, at, fix=fix, severity="hint"))


def check_streams(files: Files, sources: Iterable[Source], read_sources: set[str]) -> None:
    """Hints at sources that no stream's file is for."""
    for source in sources:
        if source.name not in read_sources:
            folder = source.file.rsplit("/", 1)[0]
            message = f'source "{source.name}" has no streams for Airbyte: it gets no connection'
            fix = f"add {folder}/<stream>.json with {{}} in it"
            document = files.again(source.file)
            hint = document.fault("LOT017", message, fix=fix, severity="hint") if document else None
            files.hints += [hint] if hint else []


def _fault_at_stream(files: Files, stream: Stream, message: str, fix: str) -> Fault:
    document = files.again(stream.file)
    if document is None:
        return Fault("LOT055", message, stream.file, 1, 1, 1, fix=fix)
    return document.fault("LOT055", message, ("stream",), fix=fix)


def _fault_at_options(files: Files, connection: Connection, message: str, fix: str = "") -> Fault:
    """At what decides the path: the connection's namespace or prefix, in its file or in the stack's override."""
    document = files.again(connection.file, connection.name)
    if document is None:
        return Fault("LOT055", message, connection.file, 1, 1, 1, fix=fix)
    options = as_mapping(as_mapping(document.value).get("connection"))
    decides = next((key for key in ("namespace_format", "prefix") if key in options), "")
    return document.fault("LOT055", message, ("connection", decides), fix=fix)
