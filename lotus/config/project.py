"""All of the user's files, read and checked in one go: sources with their streams, destinations, and every fault."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from lotus.config import connector as connectors
from lotus.config import dbt, landing
from lotus.config.checks import Discovered, Modes, StreamChecks, modes
from lotus.config.connector import Connector
from lotus.config.cron import Cron, CronError
from lotus.config.document import Document, Pointer, read, read_text
from lotus.config.faults import Fault, choose, in_order
from lotus.config.models import BackfillFile, DestinationFile, DiscoveredFile, SourceFile, SpecFile, StreamFile
from lotus.config.resolution import Resolution
from lotus.config.settings import Settings
from lotus.config.shape import check_fields, checked, compact
from lotus.config.specification import Configuration, reduced

DESTINATIONS = "_destinations"
SOURCE_FILE = "_source.json"
DISCOVERED = "_discovered"
SPEC_FILE = "_spec.json"

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_MAX_FILES = 100_000


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


@dataclass(frozen=True, slots=True)
class Source:
    """One source: its connector, configuration (references unresolved), streams, and its connection's options."""

    name: str
    title: str
    file: str
    connector: Connector
    settings: SourceFile
    configuration: Mapping[str, Any]
    """With this stack's values for `$config`; `$secret` as it is written."""
    destination: str
    schedule: str | None
    streams: tuple[Stream, ...]
    manifest: Mapping[str, Any] | None = None
    specification: Mapping[str, Any] | None = None

    def connection_to(self, destination: Destination) -> str:
        """The connection's name in Airbyte: as `_source.json` says, else `<Source> → <Destination>`."""
        return self.settings.connection.name or f"{self.title} → {destination.title}"

    def namespace_of(self, stream: Stream) -> str:
        """What `${NAMESPACE}` becomes; with S3 there is no namespace of the destination's own (airbyte-api.md (c))."""
        options = self.settings.connection
        match options.namespace_definition or "custom_format":
            case "custom_format":
                return (options.namespace_format or self.name).replace("${SOURCE_NAMESPACE}", stream.namespace or "")
            case "source":
                return stream.namespace or ""
            case _:
                return ""

    def landed_name(self, stream: Stream) -> str:
        """What `${STREAM_NAME}` becomes: the stream's name with the connection's prefix."""
        return f"{self.settings.connection.prefix or ''}{stream.name}"


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
    destinations: tuple[Destination, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    faults: tuple[Fault, ...] = ()
    hints: tuple[Fault, ...] = ()
    files: int = 0
    streams: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values by name; never in a message, an error or a repr."""
    unresolved: tuple[str, ...] = ()

    def destination(self, name: str) -> Destination:
        """The destination of that name; faults make sure that it exists."""
        return next(d for d in self.destinations if d.name == name)


def title(name: str) -> str:
    """A folder's name as people read it: `google-ads` → `Google Ads`."""
    words = re.split(r"[-_. ]+", name)
    return " ".join(w if w[:1].isupper() else w[:1].upper() + w[1:] for w in words if w)


def load(root: Path, settings: Settings, *, resolve: bool = True) -> Project:
    """All files below `root`, checked; mistakes are in the result, nothing is raised for them.

    Args:
        resolve: look up `$config` and `$secret` for this stack; False checks the files alone.
    """
    return _Loader(root, settings, resolve).load()


@dataclass(slots=True)
class _SourceFiles:
    """What a source's folder holds, by what it is."""

    name: str
    source: Path | None = None
    streams: dict[str, Path] = field(default_factory=dict[str, Path])
    discovered: dict[str, Path] = field(default_factory=dict[str, Path])
    spec: Path | None = None
    by_name: defaultdict[str, list[Discovered]] | None = None


@dataclass(slots=True)
class _Specs:
    specification: Mapping[str, Any] | None = None
    sync_modes: tuple[str, ...] | None = None


class _Loader:
    """Reads file by file, keeps small results, and lets every document go before the next one."""

    def __init__(self, root: Path, settings: Settings, resolve: bool) -> None:
        self.root = root
        self.settings = settings
        self.resolve = resolve
        self.faults: list[Fault] = list(settings.faults)
        self.hints: list[Fault] = []
        self.left_out: list[LeftOut] = []
        self.files = 0
        self.count = 0
        self.resolution = Resolution(settings, self.faults)
        self.resolved_destinations: dict[str, Destination] = {}
        self.overridden: set[str] = set()
        self.faulty_destinations = False
        self._inside = root.resolve()

    def load(self) -> Project:
        folder = self.root / self.settings.streams
        if not folder.is_dir():
            what = f'there is no folder "{self.settings.streams}" with streams'
            self.faults.append(
                self.settings.fault("LOT001", what, ("streams",), fix="lotus init makes one, or set lotus:streams")
                if self.settings.places
                else Fault("LOT001", what, self.settings.streams, fix="lotus init makes one, or set lotus:streams")
            )
            return self._project([], [])
        destinations = self._destinations(folder / DESTINATIONS)
        folders = [p for p in self._entries(folder) if p.is_dir() and not p.name.startswith(("_", "."))]
        for path in self._entries(folder):
            if path.is_file() and path.suffix == ".json" and not path.name.startswith("_"):
                file = self._file(path)
                fix = f"move it into a source's folder: {self.settings.streams}/<source>/{path.name}"
                self.faults.append(Fault("LOT008", "a stream's file outside of any source's folder", file, fix=fix))
        sources = [s for s in (self._source(p, destinations) for p in folders) if s]
        self._check_settings(sources, [p.name for p in folders], destinations)
        self._check_landing(sources, destinations)
        self.hints += dbt.hints(self.root, [(s.name, t.name, t.file) for s in sources for t in s.streams])
        return self._project(sources, list(destinations.values()))

    def _project(self, sources: list[Source], destinations: list[Destination]) -> Project:
        return Project(
            self.settings,
            tuple(sources),
            tuple(self.resolved_destinations.get(d.name, d) for d in destinations),
            tuple(self.left_out),
            tuple(in_order(self.faults)),
            tuple(in_order(self.hints)),
            self.files,
            self.count,
            self.resolution.secrets,
            tuple(self.resolution.unresolved),
        )

    # Files and folders

    def _file(self, path: Path) -> str:
        """The name of a file in messages: relative to the project, with slashes."""
        return path.relative_to(self.root).as_posix()

    def _entries(self, folder: Path) -> list[Path]:
        """A folder's entries in name order; what leads out of the project or differs only in case is a fault."""
        try:
            entries = sorted(folder.iterdir(), key=lambda p: p.name)
        except OSError as error:
            what = f"the folder cannot be read: {error.strerror}"
            self.faults.append(Fault("LOT001", what, self._file(folder), fix="check its permissions"))
            return []
        kept: list[Path] = []
        seen: dict[str, str] = {}
        for path in entries:
            if path.is_symlink() and not self._stays_inside(path):
                what = "the link leads out of the project (or nowhere)"
                fix = "put the file itself here: a checkout elsewhere has not what the link points to"
                self.faults.append(Fault("LOT006", what, self._file(path), fix=fix))
                continue
            other = seen.setdefault(path.name.casefold(), path.name)
            if other != path.name:
                what = f'"{other}" and "{path.name}" differ only in case'
                fix = "rename one: on macOS and Windows they are one file"
                self.faults.append(Fault("LOT007", what, self._file(path), fix=fix))
            kept.append(path)
        return kept

    def _stays_inside(self, path: Path) -> bool:
        try:
            return path.resolve(strict=True).is_relative_to(self._inside)
        except (OSError, RuntimeError):
            return False

    def _read(self, path: Path) -> Document | None:
        self.files += 1
        return read(path, self._file(path), self.faults)

    def _override(self, document: Document, key: str) -> Document:
        """The document with the stack's override laid over it (objects merge, null takes away)."""
        override = self.settings.overrides.get(key)
        if override is None or not isinstance(document.value, dict):
            return document
        self.overridden.add(key)
        return _Overlaid(document, override, key, self.settings)

    # Destinations

    def _destinations(self, folder: Path) -> dict[str, Destination]:
        found: dict[str, Destination] = {}
        if not folder.is_dir():
            return found
        for path in self._entries(folder):
            if path.suffix == ".json" and not path.name.startswith((".", "_")):
                destination = self._destination(path)
                self.faulty_destinations |= destination is None
                if destination:
                    found[destination.name] = destination
        return found

    def _destination(self, path: Path) -> Destination | None:
        raw = self._read(path)
        if raw is None:
            return None
        document = self._override(raw, f"{DESTINATIONS}/{path.stem}")
        model = checked(document, DestinationFile, self.faults)
        if model is None:
            return None
        connector = connectors.parse(model.connector, "destination")
        if isinstance(connector, str):
            fix = connectors.suggestion(model.connector, "destination")
            self.faults.append(document.fault("LOT040", connector, ("connector",), fix=fix))
            return None
        specs = self._spec(path.parent / DISCOVERED / path.name)
        what = path.stem
        self._configuration(document, model.configuration, specs.specification, what)
        if landing.is_s3(model.connector):
            landing.check_paths(document, model.configuration, self.faults, self.hints)
        offered = specs.sync_modes or (("overwrite", "append") if landing.is_s3(model.connector) else None)
        return Destination(
            path.stem,
            model.name or title(path.stem),
            self._file(path),
            connector,
            model,
            model.configuration,
            offered,
            specs.specification,
        )

    def _spec(self, path: Path) -> _Specs:
        if not path.is_file():
            return _Specs()
        document = self._read(path)
        model = checked(document, SpecFile, self.faults) if document else None
        if model is None:
            return _Specs()
        return _Specs(reduced(model.connection_specification), model.supported_destination_sync_modes)

    def _configuration(
        self, document: Document, configuration: dict[str, Any], spec: Mapping[str, Any] | None, what: str
    ) -> None:
        check = Configuration(document, self.faults, what=what)
        check.check_references(configuration)
        if spec is not None:
            check.check(spec, configuration)

    # Sources

    def _source(self, folder: Path, destinations: Mapping[str, Destination]) -> Source | None:
        if not _FOLDER.fullmatch(folder.name):
            what = f'"{folder.name[:80]}" cannot be the name of a source'
            fix = "use letters, digits, -, _ and . (it becomes a namespace and part of paths)"
            self.faults.append(Fault("LOT009", what, self._file(folder), fix=fix))
            return None
        files = self._source_files(folder)
        reason = self.settings.reason_left_out(folder.name)
        if reason:
            self.left_out.append(LeftOut(folder.name, reason))
        document, model = self._source_file(files)
        destination = self._destination_of(document, model, destinations)
        streams, foreign = self._streams(files, destination, reason is None)
        if files.source is None and streams:
            what = f'source "{folder.name}" has streams for Airbyte, but no {SOURCE_FILE}'
            fix = f'add {self._file(folder)}/{SOURCE_FILE} with {{"connector": "source-{folder.name}", …}}'
            self.faults.append(Fault("LOT015", what, self._file(folder), fix=fix))
        if files.source is None and not streams and foreign and not reason:
            self.left_out.append(LeftOut(folder.name, f"{foreign} reads all its streams, not Airbyte"))
        if document is None or model is None:
            return None
        connector, manifest = self._connector(document, model, folder)
        specification = self._spec(files.spec).specification if files.spec else _manifest_spec(manifest)
        self._configuration(document, model.configuration, specification, folder.name)
        schedule = self._schedule(document, model.schedule)
        self._check_connection(document, model)
        if not files.streams:
            what = f'source "{folder.name}" has no streams for Airbyte: it gets no connection'
            fix = f"add {self._file(folder)}/<stream>.json with {{}} in it"
            self.hints.append(document.fault("LOT017", what, fix=fix, severity="hint"))
        if connector is None or destination is None or reason:
            return None
        configuration = model.configuration
        if self.resolve:
            configuration = self._resolved(document, model, specification, folder.name)
            self._resolve_destination(destination)
        return Source(
            folder.name,
            model.name or title(folder.name),
            self._file(cast(Path, files.source)),
            connector,
            model,
            configuration,
            destination.name,
            schedule,
            tuple(streams),
            manifest,
            specification,
        )

    def _source_files(self, folder: Path) -> _SourceFiles:
        files = _SourceFiles(folder.name)
        for path in self._entries(folder):
            if path.name == SOURCE_FILE:
                files.source = path
            elif path.name == DISCOVERED:
                self._discovered_files(path, files)
            elif path.suffix.lower() == ".json" and not path.name.startswith(("_", ".")):
                if path.is_file() and path.suffix == ".json":
                    files.streams[path.stem] = path
                else:
                    what = "this is no file" if not path.is_file() else 'the file\'s ending is not ".json"'
                    self.faults.append(Fault("LOT008", what, self._file(path), fix="rename it"))
            elif path.is_file():
                self._unused(path)
        if self.settings.discovered:
            elsewhere = self.root / self.settings.discovered / folder.name
            if elsewhere.is_dir():
                self._discovered_files(elsewhere, files)
        return files

    def _discovered_files(self, folder: Path, files: _SourceFiles) -> None:
        for path in self._entries(folder) if folder.is_dir() else ():
            if path.name == SPEC_FILE:
                files.spec = path
            elif path.suffix == ".json" and not path.name.startswith(("_", ".")):
                files.discovered[path.stem] = path

    def _unused(self, path: Path) -> None:
        """A hint at a file that was probably meant to be read."""
        name, suffix = path.name, path.suffix.lower()
        if name.startswith(".") or "manifest" in name or name in ("README", "LICENSE"):
            return
        if name == "_catalog.json":
            what, fix = "a generated catalog: lotus computes it, and nobody reads this file", "delete it"
        elif name.startswith("_") and suffix == ".json":
            what = f'"{name}" is not read: names that start with _ are not streams'
            fix = choose(name, [SOURCE_FILE], otherwise="rename it")[0]
        elif not name.startswith("_") and (suffix in (".yaml", ".yml", ".jsn", ".txt", "") or "json" in suffix):
            what, fix = f'"{name}" is not read: a stream\'s file ends in .json', f"rename it to {path.stem}.json"
        else:
            return
        self.hints.append(Fault("LOT008", what, self._file(path), fix=fix, severity="hint"))

    def _source_file(self, files: _SourceFiles) -> tuple[Document | None, SourceFile | None]:
        if files.source is None:
            return None, None
        raw = self._read(files.source)
        document = self._override(raw, files.name) if raw else None
        return document, checked(document, SourceFile, self.faults) if document else None

    def _connector(
        self, document: Document, model: SourceFile, folder: Path
    ) -> tuple[Connector | None, Mapping[str, Any] | None]:
        if model.connector and model.manifest:
            what = '"connector" and "manifest" cannot both be given'
            fix = "keep the one that reads this source"
            self.faults.append(document.fault("LOT014", what, ("manifest",), key=True, fix=fix))
            return None, None
        if model.manifest:
            manifest = self._manifest(document, model.manifest, folder)
            return (Connector("manifest", model.manifest) if manifest is not None else None), manifest
        if not model.connector:
            what = f'source "{folder.name}" names no connector'
            fix = f'add "connector": "source-{folder.name}", or "manifest": "_manifest.yaml"'
            self.faults.append(document.fault("LOT013", what, fix=fix))
            return None, None
        connector = connectors.parse(model.connector, "source")
        if isinstance(connector, str):
            fix = connectors.suggestion(model.connector, "source")
            self.faults.append(document.fault("LOT040", connector, ("connector",), fix=fix))
            return None, None
        return connector, None

    def _manifest(self, document: Document, name: str, folder: Path) -> Mapping[str, Any] | None:
        path = folder / name
        if not path.is_file():
            candidates = [p.name for p in folder.iterdir() if p.suffix in (".yaml", ".yml") or "manifest" in p.name]
            fix, allowed, near = choose(name, candidates, otherwise=f"add {self._file(folder)}/{name}")
            what = f'the manifest "{name}" does not exist'
            self.faults.append(document.fault("LOT041", what, ("manifest",), fix=fix, allowed=allowed, nearest=near))
            return None
        if not self._stays_inside(path) or not path.resolve().is_relative_to(self._inside):
            what = f'the manifest "{name}" lies outside of the project'
            self.faults.append(document.fault("LOT006", what, ("manifest",), fix="put it into the source's folder"))
            return None
        self.files += 1
        return _read_manifest(path, path.resolve().relative_to(self._inside).as_posix(), self.faults)

    def _destination_of(
        self, document: Document | None, model: SourceFile | None, destinations: Mapping[str, Destination]
    ) -> Destination | None:
        if document is None or model is None:
            return None
        if model.destination:
            if self.faulty_destinations and model.destination not in destinations:
                return None
            if model.destination in destinations:
                return destinations[model.destination]
            fix, allowed, near = choose(
                model.destination, destinations, otherwise=f"add {self.settings.streams}/{DESTINATIONS}/…"
            )
            what = f'there is no destination "{model.destination}"'
            at: Pointer = ("destination",)
            self.faults.append(document.fault("LOT052", what, at, fix=fix, allowed=allowed, nearest=near))
            return None
        if len(destinations) == 1 or (not destinations and self.faulty_destinations):
            return next(iter(destinations.values()), None)
        names = ", ".join(sorted(destinations))
        what = "no destination is named" + (
            f", and there are several: {names}" if destinations else ", and none exists"
        )
        fix = (
            'add "destination": "…"'
            if destinations
            else f"add {self.settings.streams}/{DESTINATIONS}/lake.json (lotus destinations add does)"
        )
        self.faults.append(document.fault("LOT052", what, fix=fix, allowed=tuple(sorted(destinations))))
        return None

    def _schedule(self, document: Document, schedule: str | None) -> str | None:
        if schedule is None or schedule == "manual":
            return None
        try:
            cron = Cron(schedule)
            if not cron.runs(datetime.now(UTC), 1):
                what = f'schedule "{schedule}" never runs (again)'
                self.faults.append(document.fault("LOT051", what, ("schedule",), fix="check day, month and year"))
        except CronError as error:
            what = f'schedule "{schedule}": {error}'
            code = "LOT051" if "never" in str(error) else "LOT050"
            self.faults.append(document.fault(code, what, ("schedule",), fix=error.fix))
            return None
        return cron.expression

    def _check_connection(self, document: Document, model: SourceFile) -> None:
        options = model.connection
        definition = options.namespace_definition
        if options.namespace_format is not None and definition not in (None, "custom_format"):
            what = f'"namespace_format" says nothing with "namespace_definition": "{definition}"'
            fix = "take it away, or use custom_format"
            at: Pointer = ("connection", "namespace_format")
            self.faults.append(document.fault("LOT053", what, at, key=True, fix=fix))
        for key, text in (("namespace_format", options.namespace_format), ("prefix", options.prefix)):
            if text is None:
                continue
            at = ("connection", key)
            rest = text.replace("${SOURCE_NAMESPACE}", "") if key == "namespace_format" else text
            stray = re.search(r"\$\{?[A-Za-z_]*\}?", rest)
            if stray:
                what = f'"{key}" holds "{stray.group()}", which Airbyte does not replace'
                fix = (
                    "only ${SOURCE_NAMESPACE} is known here" if key == "namespace_format" else "a prefix is plain text"
                )
                self.faults.append(document.fault("LOT053", what, at, fix=fix))
            elif landing.path_name(rest) != rest or "/" in rest or rest != rest.strip():
                what = f'"{key}" would land as "{landing.path_name(rest)}"'
                fix = "use letters, digits, - and _"
                self.faults.append(document.fault("LOT053", what, at, fix=fix))
        if options.namespace_format == "":
            what = '"namespace_format" is empty: streams of all sources would land side by side'
            fix = "leave it out for the folder's name"
            self.faults.append(document.fault("LOT053", what, ("connection", "namespace_format"), fix=fix))

    # Streams

    def _streams(self, files: _SourceFiles, destination: Destination | None, listed: bool) -> tuple[list[Stream], str]:
        """The streams that Airbyte reads, and who else reads some of them."""
        found: list[Stream] = []
        foreign = ""
        names: dict[tuple[str | None, str], str] = {}
        for stem, path in files.streams.items():
            raw = self._read(path)
            document = self._override(raw, f"{files.name}/{stem}") if raw else None
            model = checked(document, StreamFile, self.faults) if document else None
            if document is None or model is None:
                continue
            self.count += 1
            if model.fields:
                check_fields(document, model.fields, self.faults)
            if not model.is_airbyte:
                foreign = str(model.connector)
                self._foreign(document, foreign, files.name, stem, listed)
                continue
            name = model.stream or stem
            key = (model.namespace, name)
            if key in names:
                what = f'stream "{name}" stands in two files; the other one is {names[key]}'
                self.faults.append(document.fault("LOT018", what, ("stream",), fix="delete one of them"))
            names[key] = document.file
            stream = self._stream(document, model, name, files, destination)
            if stream.discovered or not files.discovered:
                self._check_name(document, model, stem)
            if model.selected:
                found.append(stream)
            elif listed:
                self.left_out.append(LeftOut(files.name, '"selected" is false', name))
        return found, foreign

    def _foreign(self, document: Document, connector: str, source: str, stem: str, listed: bool) -> None:
        """A stream that somebody else reads: listed, and otherwise let alone."""
        if connector != "dlt":
            fix, allowed, near = choose(connector, ("dlt", "airbyte"))
            what = f'"connector" of a stream cannot be "{connector}"'
            at: Pointer = ("connector",)
            self.faults.append(document.fault("LOT012", what, at, fix=fix, allowed=allowed, nearest=near))
        elif listed:
            self.left_out.append(LeftOut(source, "dlt reads it, not Airbyte", stem))

    def _stream(
        self, document: Document, model: StreamFile, name: str, files: _SourceFiles, destination: Destination | None
    ) -> Stream:
        known = self._known(document, files, name, model.namespace)
        if known is None and not self._unreadable(files, name) and name not in (files.by_name or {}):
            self._not_discovered(document, files, name)
        offered = destination.sync_modes if destination else None
        held = modes(model, known, offered)
        parquet = destination is not None and _is_parquet(destination.settings.configuration)
        checks = StreamChecks(document, model, name, known, (self.faults, self.hints))
        checks.run(held, offered, destination.name if destination else "", parquet)
        return Stream(
            name,
            model.namespace or (known.namespace if known else None),
            document.file,
            held,
            model.cursor_field or None,
            model.primary_key or None,
            None if model.fields is None else tuple(model.fields),
            model.backfill,
            known,
        )

    def _known(self, document: Document, files: _SourceFiles, name: str, namespace: str | None) -> Discovered | None:
        """What was discovered of a stream: the file of its name, or the one that names it inside."""
        if name in files.discovered:
            known = self._discovered(files.discovered[name], name)
            if known is None or (known.name == name and namespace in (None, known.namespace)):
                return known
        if files.by_name is None:
            files.by_name = defaultdict(list)
            for stem, path in files.discovered.items():
                known = self._discovered(path, stem)
                if known:
                    files.by_name[known.name].append(known)
        named = files.by_name.get(name, [])
        found = [known for known in named if namespace in (None, known.namespace)]
        if named and not found:
            offered = tuple(known.namespace or "" for known in named)
            what = f'stream "{name}" is not offered in namespace "{namespace}"'
            fix = f'write "namespace": "{offered[0]}"' if offered[0] else "leave namespace out"
            self.faults.append(document.fault("LOT020", what, ("namespace",), fix=fix, allowed=offered))
        if len(found) > 1:
            offered = tuple(known.namespace or "" for known in found)
            what = f'stream "{name}" stands in several namespaces of its source: {", ".join(offered)}'
            fix = f'add "namespace": "{offered[0]}"'
            self.faults.append(document.fault("LOT020", what, ("stream",), fix=fix, allowed=offered))
        return found[0] if found else None

    @staticmethod
    def _unreadable(files: _SourceFiles, name: str) -> bool:
        """Whether the stream's discovered file is there but has faults of its own, which are said already."""
        return name in files.discovered

    def _check_name(self, document: Document, model: StreamFile, stem: str) -> None:
        if model.stream and model.stream != stem:
            what = f'the file is called "{stem}", its stream "{model.stream}"'
            fix = f"rename the file to {model.stream}.json: Dagster takes the file's name"
            self.hints.append(document.fault("LOT016", what, ("stream",), fix=fix, severity="hint"))
        for key in ("schedule", "initial_value"):
            if getattr(model, key) is not None:
                what = f'"{key}" of a stream is dlt\'s'
                fix = f"take it away; a schedule stands in {SOURCE_FILE}" if key == "schedule" else "take it away"
                self.faults.append(document.fault("LOT014", what, (key,), key=True, fix=fix))

    def _discovered(self, path: Path, stem: str) -> Discovered | None:
        document = self._read(path)
        model = checked(document, DiscoveredFile, self.faults) if document else None
        if document is None or model is None:
            return None
        check_fields(document, model.fields, self.faults)
        return Discovered.of(stem, self._file(path), model, compact(model.fields))

    def _not_discovered(self, document: Document, files: _SourceFiles, name: str) -> None:
        if not files.discovered:
            what = f'source "{files.name}" was never discovered: modes, keys and fields are not checked'
            fix = f"lotus discover {files.name}"
            folder = document.file.rsplit("/", 1)[0]
            self.hints.append(Fault("LOT035", what, folder, fix=fix, severity="hint"))
            return
        known = sorted(set(files.discovered) | set(files.by_name or {}))
        fix, allowed, near = choose(name, known)
        what = f'source "{files.name}" has no stream "{name}"'
        fix = f"{fix} (or lotus discover {files.name}, if it is new)"
        self.faults.append(document.fault("LOT020", what, ("stream",), fix=fix, allowed=allowed, nearest=near))

    # References

    def _resolved(
        self, document: Document, model: SourceFile | DestinationFile, spec: Mapping[str, Any] | None, what: str
    ) -> dict[str, Any]:
        """The configuration with this stack's values, checked once more with them."""
        configuration = self.resolution.configuration(document, model.configuration, spec)
        self._configuration(document, configuration, spec, what)
        if isinstance(model, DestinationFile) and landing.is_s3(model.connector):
            landing.check_paths(document, configuration, self.faults, self.hints)
        return configuration

    def _resolve_destination(self, destination: Destination) -> Destination:
        raw = read(self.root / destination.file, destination.file, [])
        if raw is None or destination.name in self.resolved_destinations:
            return self.resolved_destinations.get(destination.name, destination)
        document = self._override(raw, f"{DESTINATIONS}/{destination.name}")
        configuration = self._resolved(document, destination.settings, destination.specification, destination.name)
        return self.resolved_destinations.setdefault(
            destination.name, replace(destination, configuration=configuration)
        )

    # The whole

    def _check_settings(
        self, sources: Sequence[Source], folders: Sequence[str], destinations: Mapping[str, Destination]
    ) -> None:
        settings = self.settings
        named = [("include", name, i) for i, name in enumerate(settings.include or ())]
        named += [("exclude", name, i) for i, name in enumerate(settings.exclude)]
        for key, name, index in named:
            if name not in folders:
                fix, allowed, near = choose(name, folders)
                what = f'lotus:sources {key}s "{name}", and there is no such source'
                at: Pointer = ("sources", key, index)
                self.faults.append(settings.fault("LOT072", what, at, fix=fix, allowed=allowed, nearest=near))
        for name in settings.left_out:
            if name not in folders:
                what = f'LOTUS_LEAVE_OUT names "{name}", and there is no such source'
                self.hints.append(Fault("LOT072", what, "environment variable LOTUS_LEAVE_OUT", severity="hint"))
        for name in settings.overrides:
            if name not in self.overridden:
                what = f'lotus:overrides has "{name}", which is no file below {settings.streams}'
                known = [*folders, *(f"{DESTINATIONS}/{d}" for d in destinations)]
                fix, allowed, near = choose(name, known)
                self.faults.append(
                    settings.fault("LOT073", what, ("overrides", name), fix=fix, allowed=allowed, nearest=near)
                )
        if self.resolve and not self.faults and not self._leaves_out_sources():
            for kind, names in (
                ("$config", settings.values.config_names()),
                ("$secret", settings.values.secret_names()),
            ):
                for name in names:
                    if (kind, name) not in self.resolution.used:
                        setting = "config" if kind == "$config" else "secrets"
                        what = f"lotus:{setting}.{name} is used by no file"
                        self.hints.append(
                            settings.fault("LOT074", what, (setting, name), fix="remove it", severity="hint")
                        )

    def _leaves_out_sources(self) -> bool:
        """Whether this stack leaves out sources, whose values may stand in its settings all the same."""
        return any(not item.stream for item in self.left_out)

    def _check_landing(self, sources: Sequence[Source], destinations: Mapping[str, Destination]) -> None:
        """Two streams whose files would mix, in one destination."""
        places: defaultdict[tuple[str, str], list[tuple[Source, Stream]]] = defaultdict(list)
        for source in sources:
            destination = destinations[source.destination]
            if not landing.is_s3(destination.settings.connector):
                continue
            configuration = self.resolved_destinations.get(destination.name, destination).configuration
            for stream in source.streams:
                folder = landing.folder(configuration, source.namespace_of(stream), source.landed_name(stream))
                places[(destination.name, folder)].append((source, stream))
        for (destination_name, folder), landed in places.items():
            for source, stream in landed[1:]:
                first_source, first = landed[0]
                what = (
                    f'streams {first_source.name}/{first.name} and {source.name}/{stream.name} land on one path of "'
                    f'{destination_name}": {folder}'
                )
                self.faults.append(self._landing_fault(what, source, stream, within=first_source is source))

    def _landing_fault(self, what: str, source: Source, stream: Stream, *, within: bool) -> Fault:
        """At what decides the path: the source's namespace or prefix, or the stream's own name within one source."""
        place = (self.root / stream.file).parent / SOURCE_FILE
        file = self.root / stream.file if within or not place.is_file() else place
        document = read(file, self._file(file), [])
        fix = f'give one source another "namespace_format" or "prefix" in {SOURCE_FILE}'
        if within:
            fix = f"paths keep letters, digits and some marks, so both names become one: leave one out of {source.name}"
        if document is None:
            return Fault("LOT055", what, stream.file, 1, 1, 1, fix=fix)
        options = document.value.get("connection") if isinstance(document.value, dict) else None
        decides = next((key for key in ("namespace_format", "prefix") if options and key in options), None)
        return document.fault("LOT055", what, ("stream",) if within else ("connection", decides or ""), fix=fix)


class _Overlaid(Document):
    """A document with a stack's override laid over: faults inside the override are at the stack's file."""

    __slots__ = ("_key", "_override", "_settings")

    def __init__(self, document: Document, override: Mapping[str, Any], key: str, settings: Settings) -> None:
        super().__init__(document.file, document.text, _merged(document.value, override))
        self._override = override
        self._key = key
        self._settings = settings

    def fault(self, code: str, what: str, pointer: Sequence[str | int] = (), **more: Any) -> Fault:
        value: Any = self._override
        depth = 0
        for part in pointer:
            if isinstance(value, Mapping) and part in value:
                value = cast("Mapping[str, Any]", value)[str(part)]
                depth += 1
            else:
                break
        leaf = depth == len(pointer) or not isinstance(value, Mapping)
        if depth and leaf:
            more.pop("key", None)
            return self._settings.fault(code, what, ("overrides", self._key, *pointer[:depth]), **more)
        return super().fault(code, what, pointer, **more)


def _merged(value: Any, override: Any) -> Any:
    """JSON merge patch (RFC 7396): objects merge, null removes, anything else replaces. References are values."""
    if not isinstance(override, Mapping) or not isinstance(value, dict) or any(k.startswith("$") for k in override):
        return deepcopy(override)
    result = dict(cast("dict[str, Any]", value))
    for key, item in cast("Mapping[str, Any]", override).items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), item)
    return result


def _is_parquet(configuration: Mapping[str, Any]) -> bool:
    form: Any = configuration.get("format")
    return isinstance(form, dict) and cast("dict[str, Any]", form).get("format_type") in ("Parquet", "Avro")


def _manifest_spec(manifest: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    spec: Any = (manifest or {}).get("spec")
    found: Any = cast("dict[str, Any]", spec).get("connection_specification") if isinstance(spec, dict) else None
    return reduced(cast("dict[str, Any]", found)) if isinstance(found, dict) else None


def _read_manifest(path: Path, file: str, faults: list[Fault]) -> Mapping[str, Any] | None:
    text = read_text(path, file, faults)
    if text is None:
        return None
    try:
        value: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        excerpt = text.splitlines()[line - 1] if mark and line <= len(text.splitlines()) else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        faults.append(Fault("LOT041", f"the manifest is not YAML: {problem}", file, line, column, 1, excerpt))
        return None
    except RecursionError:
        faults.append(Fault("LOT005", "the manifest is nested too deeply", file))
        return None
    if not isinstance(value, dict):
        faults.append(Fault("LOT041", "the manifest holds no mapping", file, fix="it starts with version: and type:"))
        return None
    manifest = cast("dict[str, Any]", value)
    if manifest.get("type") != "DeclarativeSource":
        what, fix = "the manifest is no DeclarativeSource", "write type: DeclarativeSource"
        faults.append(Fault("LOT041", what, file, 1, 1, 1, fix=fix))
        return None
    missing = [key for key in ("version", "check", "streams") if key not in manifest and key != "streams"]
    if "streams" not in manifest and "dynamic_streams" not in manifest:
        missing.append("streams")
    for key in missing:
        faults.append(Fault("LOT041", f'the manifest lacks "{key}"', file, 1, 1, 1, fix=f"add {key}:"))
    return None if missing else manifest
