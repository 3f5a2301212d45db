"""All of the user's files, read and checked in one go: load, check, resolve, cross-check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lotus.config import dbt
from lotus.config.connection_options import check_options, schedule_of
from lotus.config.connector_settings import check_configuration, read_spec
from lotus.config.crosscheck import (
    check_keys,
    check_landing,
    check_renames,
    check_settings,
    check_streams,
    check_values,
)
from lotus.config.destinations import Destinations, check_destination, read_destinations
from lotus.config.document import Document
from lotus.config.faults import in_order
from lotus.config.folders import (
    Folder,
    folder_of,
    folder_paths,
    has_usable_name,
    missing_folder,
    note_missing_source,
    unknown_source,
)
from lotus.config.manifest import specification_of
from lotus.config.models import ConnectionFile, SourceFile
from lotus.config.project import (
    CONNECTION_FILE,
    CONNECTORS,
    DESTINATIONS,
    SOURCE_FILE,
    Connection,
    Destination,
    LeftOut,
    Project,
    Source,
    Stream,
    title,
)
from lotus.config.reading import Files
from lotus.config.resolution import Resolution
from lotus.config.schedule import Schedule
from lotus.config.settings import Settings
from lotus.config.shared_connectors import SharedConnector, read_connectors
from lotus.config.source_files import check_delivery, components_of, connector_of
from lotus.config.stream_files import Offers, StreamFiles


def load(root: Path, settings: Settings, *, resolve: bool = True) -> Project:
    """All files below `root`, checked; faults are in the result and are not raised.

    Args:
        resolve: look up `$config` and `$secret` for this stack; False checks the files alone.
    """
    return _Loader(root, settings, resolve).load()


class _Loader:
    """Reads file by file, keeps small results, and lets every document go before the next one."""

    def __init__(self, root: Path, settings: Settings, resolve: bool) -> None:
        self.files = Files(root, settings)
        self.settings = settings
        self.resolve = resolve
        self.resolution = Resolution(settings, self.files.faults)
        self.resolved: dict[str, Destination] = {}
        self.sources: dict[str, Source] = {}
        self.connectors: dict[str, SharedConnector | None] = {}
        self.offers: dict[str, Offers] = {}
        self.read_sources: set[str] = set()
        """The sources that some stream's file is for."""

    def load(self) -> Project:
        files = self.files
        streams = files.root / self.settings.streams
        if not streams.is_dir():
            files.faults.append(missing_folder(self.settings))
            return self._project([], {})
        destinations = read_destinations(files, streams / DESTINATIONS)
        self.connectors = read_connectors(files, streams / CONNECTORS)
        paths = folder_paths(files, streams)
        folders = [folder_of(files, path) for path in paths if has_usable_name(files, path)]
        connections = self._connections(folders, destinations)
        return self._checked(connections, [path.name for path in paths], destinations.by_name)

    def _connections(self, folders: Sequence[Folder], destinations: Destinations) -> list[Connection]:
        """The connections of all folders; those of other sources last, when every source is read."""
        connections = [
            self._of_own_source(each, destinations) for each in folders if each.source or not each.connection
        ]
        sources = {each.name: each for each in folders if each.source}
        for folder in folders:
            if folder.connection:
                connections.append(self._of_other_source(folder, folder.connection, sources, destinations))
        return [connection for connection in connections if connection]

    def _checked(
        self, connections: list[Connection], folders: list[str], destinations: Mapping[str, Destination]
    ) -> Project:
        """What only all files together can tell."""
        files = self.files
        check_settings(files, folders, self.connectors, destinations)
        if self.resolve and not files.faults:
            check_values(files, self.resolution.used)
        connections.sort(key=lambda connection: connection.name)
        check_landing(files, connections, {**destinations, **self.resolved})
        check_keys(files, connections)
        check_renames(files, connections, destinations)
        check_streams(files, self.sources.values(), self.read_sources)
        files.hints += dbt.hints(files.root, [(c.name, s.name, s.file) for c in connections for s in c.streams])
        return self._project(connections, destinations)

    def _project(self, connections: list[Connection], destinations: Mapping[str, Destination]) -> Project:
        files = self.files
        return Project(
            self.settings,
            tuple(self.sources.values()),
            tuple(connections),
            tuple(self.resolved.get(name, destination) for name, destination in destinations.items()),
            tuple(files.left_out),
            tuple(in_order(files.faults)),
            tuple(in_order(files.hints)),
            files.count,
            files.streams,
            self.resolution.secrets,
            tuple(self.resolution.unresolved),
            files.root,
        )

    def _of_own_source(self, folder: Folder, destinations: Destinations) -> Connection | None:
        """The connection of a folder that defines its source, which is kept in `sources`."""
        files = self.files
        reason = self._reason_left_out(folder, folder.name)
        entry = files.model(folder.source, folder.name, SourceFile) if folder.source else None
        destination = destinations.chosen(*entry) if entry else None
        stream_files = self._stream_files(folder, folder, destination, reason)
        streams = stream_files.streams(listed=reason is None)
        if folder.source is None:
            note_missing_source(files, folder, bool(streams), "" if reason else stream_files.foreign)
        if entry is None:
            return None
        document, model = entry
        source = self._source(document, model, folder, used=not reason and destination is not None)
        schedule = schedule_of(files, document, model.schedule)
        check_options(files, document, model.connection)
        if source is None or destination is None:
            return None
        self.sources[source.name] = source
        return self._connection(document, model, source, destination, tuple(streams), schedule)

    def _of_other_source(
        self, folder: Folder, file: Path, sources: Mapping[str, Folder], destinations: Destinations
    ) -> Connection | None:
        """The connection of a folder that names the source of another one."""
        files = self.files
        entry = files.model(file, folder.name, ConnectionFile)
        if entry is None:
            return None
        document, model = entry
        if folder.source:
            message = f"{CONNECTION_FILE} is beside {SOURCE_FILE}: a folder is one connection"
            files.faults.append(document.fault("LOT014", message, fix="move it and its streams into another folder"))
            return None
        if model.source not in sources:
            files.faults.append(unknown_source(document, model.source, sources))
            return None
        reason = self._reason_left_out(folder, model.source)
        destination = destinations.chosen(document, model)
        streams = self._stream_files(folder, sources[model.source], destination, reason).streams(listed=reason is None)
        schedule = schedule_of(files, document, model.schedule)
        check_options(files, document, model.connection)
        source = self.sources.get(model.source)
        if source is None or destination is None or reason:
            return None
        return self._connection(document, model, source, destination, tuple(streams), schedule)

    def _reason_left_out(self, folder: Folder, source: str) -> str | None:
        """Why the stack leaves out the folder, or its source; it goes to what is left out."""
        reason = self.settings.reason_left_out(folder.name)
        if reason is None and self.settings.reason_left_out(source):
            reason = f'this stack leaves out its source "{source}"'
        if reason:
            self.files.left_out.append(LeftOut(folder.name, reason))
        return reason

    def _stream_files(
        self, folder: Folder, source: Folder, destination: Destination | None, reason: str | None
    ) -> StreamFiles:
        """The folder's streams as its source offers them; what is left out gets no values."""
        if folder.streams:
            self.read_sources.add(source.name)
        resolution = self.resolution if self.resolve and not reason else None
        offers = self.offers.setdefault(source.name, Offers(self.files, source))
        return StreamFiles(self.files, folder, offers, destination, resolution)

    def _connection(
        self,
        document: Document,
        model: SourceFile | ConnectionFile,
        source: Source,
        destination: Destination,
        streams: tuple[Stream, ...],
        schedule: Schedule | None,
    ) -> Connection:
        if self.resolve:
            self._resolve_destination(destination)
        return Connection(
            Path(document.file).parent.name,
            source,
            document.file,
            model.connection,
            model.renamed_from,
            destination.name,
            schedule,
            streams,
        )

    def _source(self, document: Document, model: SourceFile, folder: Folder, *, used: bool) -> Source | None:
        """The source that a file defines; None after faults, and where it is not used."""
        files, name = self.files, folder.name
        connector, manifest = connector_of(files, document, model, folder.path, self.connectors)
        spec = read_spec(files, folder.spec).specification if folder.spec else specification_of(manifest)
        check_configuration(files, document, model.configuration, spec, name)
        check_delivery(files, document, model.configuration)
        components = components_of(files, model, folder.path)
        if connector is None or not used:
            return None
        configuration = model.configuration
        if self.resolve:
            configuration = self.resolution.configuration(document, configuration, spec)
            check_configuration(files, document, configuration, spec, name)
        return Source(
            name,
            model.name or title(model.renamed_from or name),
            document.file,
            connector,
            model,
            configuration,
            manifest,
            spec,
            components=components,
        )

    def _resolve_destination(self, destination: Destination) -> None:
        """Gives a destination that is used its values, once."""
        if destination.name in self.resolved:
            return
        document = self.files.again(destination.file, f"{DESTINATIONS}/{destination.name}")
        if document is None:
            return
        model, spec = destination.settings, destination.specification
        configuration = self.resolution.configuration(document, model.configuration, spec)
        check_destination(self.files, document, model, configuration, spec, destination.name)
        self.resolved[destination.name] = replace(destination, configuration=configuration)
