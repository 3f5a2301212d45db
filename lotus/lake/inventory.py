"""What is in the lake, whether the files declare it or not: every stream, as what it is.

A destination's whole bucket, folder or database is read. What no stream of the files lands there is listed with a
note: its file was removed, its connection lands somewhere else now, dlt loaded it, or nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from lotus.config import Project
from lotus.config.landing import constant_prefix, is_s3, key_format, path_name
from lotus.config.project import Connection, Destination, Stream
from lotus.errors import LotusError
from lotus.lake.databases import Database, database_of
from lotus.lake.landings import with_secrets
from lotus.lake.stores import BucketStore, FileStore, FolderStore, StoredFile
from lotus.s3 import LandingBucket

DATE_VARIABLES = ("YEAR", "MONTH", "DAY")
DATA_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
HIVE_DAY = re.compile(r"year=(\d{4})/month=(\d{1,2})/day=(\d{1,2})/")

REMOVED = "its stream file was removed"
UNKNOWN = "no connection of the files lands here"
DLT = "loaded by dlt"
DLT_INTERNAL = "dlt's own table"
NO_STREAM = "files of no stream"


@dataclass(frozen=True)
class DatedFile:
    """A file and its day: what its path says, else when it was written (UTC)."""

    file: StoredFile
    day: str


@dataclass(frozen=True)
class LandedFiles:
    """A stream's files."""

    store: FileStore
    files: tuple[DatedFile, ...]


@dataclass(frozen=True)
class LandedTable:
    """A stream's table."""

    database: Database
    schema: str
    table: str


@dataclass(frozen=True)
class Landed:
    """One stream in one place; `note` is empty for what the files declare there."""

    source: str
    stream: str
    where: str
    content: LandedFiles | LandedTable
    note: str = ""
    declared: Stream | None = None
    connection: Connection | None = None


@dataclass(frozen=True)
class Inventory:
    """Everything that is in the lake, in name order, and the places that could not be read."""

    landed: list[Landed]
    troubles: list[LotusError]


@dataclass(frozen=True)
class _Zone:
    """Where one stream lands in a store."""

    connection: Connection
    stream: Stream
    path: str


@dataclass
class _Place:
    """One store with all that lands in it."""

    store: FileStore
    formats: set[str] = field(default_factory=set[str])
    zones: list[_Zone] = field(default_factory=list[_Zone])


@dataclass
class _Group:
    """Files that belong together, and what they are."""

    source: str
    stream: str
    prefix: str
    note: str
    zone: _Zone | None = None
    files: list[DatedFile] = field(default_factory=list[DatedFile])


def inventory(project: Project) -> Inventory:
    """Everything that is in the stack's destinations.

    Raises:
        LotusError: none of them can be read.
    """
    landed: list[Landed] = []
    troubles: list[LotusError] = []
    readers: list[Callable[[], Iterator[Landed]]] = []
    readers += [partial(_in_store, project, place) for place in _places(project).values()]
    readers += [partial(_in_database, project, *each) for each in _databases(project)]
    for read in readers:
        try:
            landed += read()
        except LotusError as error:
            troubles.append(error)
    if troubles and len(troubles) == len(readers):
        raise troubles[0]
    return Inventory(sorted(landed, key=lambda each: (each.source, each.stream, each.note)), troubles)


def _store(destination: Destination, configuration: Mapping[str, Any]) -> FileStore | None:
    connector = destination.settings.connector
    if is_s3(connector):
        return BucketStore(LandingBucket.of(configuration))
    path = configuration.get("destination_path")
    if connector == "destination-local" and isinstance(path, str):
        return FolderStore(Path(path))
    return None


def _places(project: Project) -> dict[str, _Place]:
    """The stores by address: several destinations may share one."""
    places: dict[str, _Place] = {}
    for destination in project.destinations:
        configuration = with_secrets(project, destination)
        store = _store(destination, configuration)
        if store is None:
            continue
        endpoint = store.bucket.endpoint if isinstance(store, BucketStore) else ""
        place = places.setdefault(f"{endpoint} {store.url('')}", _Place(store))
        place.formats.add(key_format(configuration))
        for connection in project.connections:
            if connection.destination != destination.name:
                continue
            for stream in connection.streams:
                place.zones.append(_Zone(connection, stream, connection.path_of(stream, configuration)))
    return places


def _in_store(project: Project, place: _Place) -> Iterator[Landed]:
    files = [file for file in place.store.files() if file.key.endswith(DATA_SUFFIXES)]
    layout = _layout(project, place, files)
    groups = {(zone.connection.name, zone.stream.name, ""): _of_zone(zone) for zone in place.zones}
    for file in files:
        group, day = layout.group(file)
        group = groups.setdefault((group.source, group.stream, group.note), group)
        group.files.append(DatedFile(file, day or _hive_day(file) or file.day))
    for group in groups.values():
        yield _landed(place.store, group)


def _layout(project: Project, place: _Place, files: Sequence[StoredFile]) -> _Layout:
    zones = [(zone, key_pattern(zone.path)) for zone in place.zones]
    formats = [key_pattern(text) for text in sorted(place.formats)]
    return _Layout(project, zones, formats, {parent for file in files if (parent := _dlt_dataset(file.key))})


def _landed(store: FileStore, group: _Group) -> Landed:
    files = tuple(sorted(group.files, key=lambda each: (each.day, each.file.key)))
    where, content = store.url(group.prefix), LandedFiles(store, files)
    if group.zone is None:
        return Landed(group.source, group.stream, where, content, group.note)
    return Landed(group.source, group.stream, where, content, "", group.zone.stream, group.zone.connection)


def _of_zone(zone: _Zone) -> _Group:
    return _Group(zone.connection.name, zone.stream.name, constant_prefix(zone.path), "", zone)


@dataclass(frozen=True)
class _Layout:
    """What tells which stream a key belongs to."""

    project: Project
    zones: Sequence[tuple[_Zone, re.Pattern[str]]]
    formats: Sequence[re.Pattern[str]]
    dlt_datasets: set[str]

    def group(self, file: StoredFile) -> tuple[_Group, str]:
        """The group of a file, and the day that its key says."""
        for zone, pattern in self.zones:
            match = pattern.fullmatch(file.key)
            if match is not None:
                return _of_zone(zone), day_of(match)
        return self._undeclared_group(file.key)

    def _undeclared_group(self, key: str) -> tuple[_Group, str]:
        folder_path = PurePosixPath(key).parent
        dataset, table = folder_path.parent, folder_path.name or "files"
        if str(dataset) in self.dlt_datasets:
            note = DLT_INTERNAL if table.startswith("_dlt") else DLT
            return _Group(dataset.name or "dlt", table, f"{folder_path}/", note), ""
        for pattern in self.formats:
            match = pattern.fullmatch(key)
            if match is not None:
                return self._of_format(match, key, folder_path), day_of(match)
        prefix = f"{folder_path}/" if folder_path.name else ""
        return _Group(dataset.name or "files", table, prefix, NO_STREAM), ""

    def _of_format(self, match: re.Match[str], key: str, folder_path: PurePosixPath) -> _Group:
        names = match.groupdict()
        if "STREAM_NAME" not in names:
            return _Group("files", folder_path.name or "files", f"{folder_path}/", NO_STREAM)
        prefix = f"{key[: match.end('STREAM_NAME')]}/"
        return _undeclared(self.project, names.get("NAMESPACE") or "", names["STREAM_NAME"], prefix)


def _undeclared(project: Project, namespace: str, name: str, prefix: str) -> _Group:
    """What files of the layout are that no stream of this destination declares."""
    for connection in project.connections:
        names = {connection.name} | {connection.namespace_of(stream) for stream in connection.streams}
        if namespace not in {path_name(each) for each in names}:
            continue
        stream = name.removeprefix(path_name(connection.settings.prefix or ""))
        moved = next((each for each in connection.streams if path_name(each.name) == stream), None)
        if moved is not None:
            return _Group(
                connection.name, moved.name, prefix, f"{connection.name} lands in {connection.destination} now"
            )
        return _Group(connection.name, stream, prefix, REMOVED)
    return _Group(namespace or "files", name, prefix, UNKNOWN)


def _dlt_dataset(key: str) -> str:
    """The dataset's folder, if the key is of a table that dlt keeps for itself."""
    parents = PurePosixPath(key).parents
    return str(parents[1]) if len(parents) > 1 and parents[0].name.startswith("_dlt") else ""


def key_pattern(path: str) -> re.Pattern[str]:
    """The keys of a path format: its variables as groups, then any file name without a slash."""
    path = re.sub(r"/+", "/", path).lstrip("/")
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{_VARIABLES.get(name, '[0-9]+')})"

    escaped = re.escape(path).replace(r"\$\{", "${").replace(r"\}", "}")
    return re.compile(re.sub(r"\$\{([A-Z_]+)\}", group, escaped) + r"[^/]*")


_VARIABLES = {"UUID": "[0-9a-f-]+", "NAMESPACE": "[^/]*", "STREAM_NAME": "[^/]+"}


def day_of(match: re.Match[str]) -> str:
    """The day that a key says; empty if it says none."""
    variables = match.groupdict()
    if not all(part in variables for part in DATE_VARIABLES):
        return ""
    return "-".join(variables[part] for part in DATE_VARIABLES)


def _hive_day(file: StoredFile) -> str:
    match = HIVE_DAY.search(file.key)
    return "-".join(part.zfill(2) for part in match.groups()) if match else ""


def _databases(project: Project) -> Iterable[tuple[Destination, Database]]:
    for destination in project.destinations:
        database = database_of(destination.settings.connector, with_secrets(project, destination))
        if database is not None:
            yield destination, database


def _in_database(project: Project, destination: Destination, database: Database) -> Iterator[Landed]:
    declared: dict[tuple[str, str], _Zone] = {}
    for connection in project.connections:
        if connection.destination == destination.name:
            for stream in connection.streams:
                name = (connection.namespace_of(stream) or database.default_schema, connection.landed_name(stream))
                declared[database.place(*name)] = _Zone(connection, stream, "")
    for schema, table in database.tables():
        zone = declared.get((schema, table))
        content = LandedTable(database, schema, table)
        where = f"{database.url} {schema}.{table}"
        if zone is not None:
            yield Landed(zone.connection.name, zone.stream.name, where, content, "", zone.stream, zone.connection)
        else:
            group = _undeclared(project, schema, table, "")
            yield Landed(group.source, group.stream, where, content, group.note)
