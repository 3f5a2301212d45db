"""What the files say for one stack: sources with their streams, destinations, and every fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotus.config import landing
from lotus.config.checks import Discovered, Modes
from lotus.config.connector import Connector
from lotus.config.document import read
from lotus.config.faults import Fault
from lotus.config.mappers import AnyMapper, FieldRenaming, renamed_field
from lotus.config.models import BackfillFile, ConnectionOptions, DestinationFile, SourceFile
from lotus.config.schedule import Schedule
from lotus.config.settings import Settings
from lotus.untyped import as_mapping

DESTINATIONS = "_destinations"
CONNECTORS = "_connectors"
SOURCE_FILE = "_source.json"
CONNECTION_FILE = "_connection.json"
DISCOVERED = "_discovered"
SPEC_FILE = "_spec.json"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a source, checked. `fields` is None when all are selected."""

    name: str
    namespace: str | None
    file: str
    modes: Modes
    cursor_field: tuple[str, ...] | None
    primary_key: tuple[tuple[str, ...], ...] | None
    fields: tuple[str, ...] | None
    backfill: bool | str | BackfillFile | None
    discovered: Discovered | None
    mappers: tuple[AnyMapper, ...] | None = None
    include_files: bool | None = None

    @property
    def effective_cursor(self) -> tuple[str, ...]:
        """The cursor that holds: the file's, else the source's own."""
        return self.cursor_field or (self.discovered.cursor_field if self.discovered else ())

    @property
    def effective_key(self) -> tuple[tuple[str, ...], ...]:
        """The primary key that holds: the file's, else the source's own."""
        return self.primary_key or (self.discovered.primary_key if self.discovered else ())

    @property
    def landed_fields(self) -> dict[str, str]:
        """The fields that land, with their type words, after the mappers; empty where they are not known."""
        types: Mapping[str, str] = self.discovered.fields if self.discovered else {}
        names: Iterable[str] = types if self.fields is None else self.fields
        fields = {name: types.get(name, "") for name in names}
        for mapper in self.mappers or ():
            change = renamed_field(mapper)
            if change is None or change[0] not in fields:
                continue
            before, after = change
            field_type = fields[before] if isinstance(mapper, FieldRenaming) else "string"
            fields = _with_renamed(fields, before, after, field_type)
        return fields


@dataclass(frozen=True, slots=True)
class Source:
    """One source: its connector and configuration (references unresolved)."""

    name: str
    title: str
    file: str
    connector: Connector
    settings: SourceFile
    configuration: Mapping[str, Any]
    """With this stack's values for `$config`; `$secret` as it is written."""
    manifest: Mapping[str, Any] | None = None
    specification: Mapping[str, Any] | None = None
    components: str = ""
    """The code of the manifest's own components, where the stack allows it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The folder's name, and the one before."""
        return _names(self.name, self.settings.renamed_from)


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination, references unresolved."""

    name: str
    title: str
    file: str
    connector: Connector
    settings: DestinationFile
    configuration: Mapping[str, Any]
    """With this stack's values for `$config`; `$secret` as it is written."""
    sync_modes: tuple[str, ...] | None
    specification: Mapping[str, Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The file's name, and the one before."""
        return _names(self.name, self.settings.renamed_from)


@dataclass(frozen=True, slots=True)
class Connection:
    """One folder: which streams of a source go where, how, and when. Without streams Airbyte does not get it."""

    name: str
    """The folder's name."""
    source: Source
    file: str
    settings: ConnectionOptions
    renamed_from: str | None
    destination: str
    schedule: Schedule | None
    """None where the files declare none."""
    streams: tuple[Stream, ...]

    @property
    def resource(self) -> str:
        """The connection's name in Pulumi's state."""
        return f"{self.name}-to-{self.destination}"

    @property
    def names(self) -> tuple[str, ...]:
        """The folder's name, and the one before."""
        return _names(self.name, self.renamed_from)

    @property
    def first_name(self) -> str:
        """The name that gives what the files do not say: a rename changes neither the name in Airbyte nor paths."""
        return self.renamed_from or self.name

    def title_to(self, destination: Destination) -> str:
        """The connection's name in Airbyte: as its file says, else `<Folder> → <Destination>`."""
        own = self.source.title if self.name == self.source.name else title(self.first_name)
        return self.settings.name or f"{own} → {destination.title}"

    def namespace_of(self, stream: Stream) -> str:
        """What `${NAMESPACE}` becomes; with S3 it can be nothing (docs/airbyte-behaviour.md#namespaces)."""
        return self.namespace_for(stream.namespace or "")

    def namespace_for(self, source_namespace: str) -> str:
        """The same, for a stream that the files do not have yet."""
        options = self.settings
        match options.namespace_definition or "custom_format":
            case "custom_format":
                return (options.namespace_format or self.first_name).replace("${SOURCE_NAMESPACE}", source_namespace)
            case "source":
                return source_namespace
            case _:
                return ""

    def landed_name(self, stream: Stream) -> str:
        """What `${STREAM_NAME}` becomes: the stream's name with the connection's prefix."""
        return f"{self.settings.prefix or ''}{stream.name}"

    def path_of(self, stream: Stream, configuration: Mapping[str, Any]) -> str:
        """The keys of a stream in a destination of this configuration, with only date variables left."""
        return landing.folder(configuration, self.namespace_of(stream), self.landed_name(stream)).lstrip("/")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in the files that this stack's Airbyte does not get, and why."""

    source: str
    reason: str
    stream: str = ""

    @property
    def name(self) -> str:
        """`source` or `source/stream`."""
        return f"{self.source}/{self.stream}" if self.stream else self.source


@dataclass(frozen=True, slots=True)
class Project:
    """Everything the files say for one stack. With faults in it, nothing of it may be applied."""

    settings: Settings
    sources: tuple[Source, ...] = ()
    connections: tuple[Connection, ...] = ()
    destinations: tuple[Destination, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    faults: tuple[Fault, ...] = ()
    hints: tuple[Fault, ...] = ()
    files: int = 0
    streams: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values by name; never in a message, an error or a repr."""
    unresolved: tuple[str, ...] = ()
    root: Path = Path()
    """The project's folder."""

    def offer(self, stream: Stream) -> Mapping[str, Any]:
        """The whole discovered file of a stream, which loading keeps in a compact form; empty if it was never."""
        file = self.offer_file(stream)
        document = read(file, file.name, []) if file else None
        return as_mapping(document.value) if document else {}

    def offer_file(self, stream: Stream) -> Path | None:
        """The discovered file of a stream, if it is there."""
        file = self.root / stream.discovered.file if stream.discovered else None
        return file if file is not None and file.is_file() else None

    def destination(self, name: str) -> Destination:
        """The destination of that name; faults make sure that it exists."""
        return next(d for d in self.destinations if d.name == name)

    def destination_of(self, connection: Connection) -> Destination:
        """Where a connection lands."""
        return self.destination(connection.destination)

    def title_of(self, connection: Connection) -> str:
        """A connection's name in Airbyte."""
        return connection.title_to(self.destination_of(connection))

    def connections_of(self, source: str) -> tuple[Connection, ...]:
        """The connections of a source, that of its own folder first."""
        connections = [connection for connection in self.connections if connection.source.name == source]
        return tuple(sorted(connections, key=lambda connection: (connection.name != source, connection.name)))


def _with_renamed(fields: Mapping[str, str], before: str, after: str | None, field_type: str) -> dict[str, str]:
    """The fields with one renamed in its place; without it, if `after` is None."""
    renamed: dict[str, str] = {}
    for name, kind in fields.items():
        if name != before:
            renamed[name] = kind
        elif after is not None:
            renamed[after] = field_type
    return renamed


def _names(name: str, renamed_from: str | None) -> tuple[str, ...]:
    return (name, renamed_from) if renamed_from else (name,)


def title(name: str) -> str:
    """A folder's name as people read it: `google-ads` → `Google Ads`."""
    words = re.split(r"[-_. ]+", name)
    return " ".join(w if w[:1].isupper() else w[:1].upper() + w[1:] for w in words if w)
