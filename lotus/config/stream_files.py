"""The streams of a folder: each file checked against what its source offers and what its destination takes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lotus.config.checks import Discovered, StreamChecks, modes
from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.folders import Folder
from lotus.config.mapper_checks import check_mappers
from lotus.config.models import DiscoveredFile, StreamFile
from lotus.config.project import SOURCE_FILE, Destination, LeftOut, Stream
from lotus.config.reading import Files
from lotus.config.resolution import Resolution
from lotus.config.shape import check_fields, checked, compact
from lotus.untyped import is_mapping


class Offers:
    """What was discovered of a source, file by file, each once; nothing is read that no stream asks for."""

    def __init__(self, files: Files, folder: Folder) -> None:
        self._files = files
        self._folder = folder
        self._read: dict[str, Discovered | None] = {}
        self._by_name: defaultdict[str, list[Discovered]] | None = None

    @property
    def source(self) -> str:
        """The source's name."""
        return self._folder.name

    @property
    def discovered(self) -> bool:
        """Whether anything was discovered."""
        return bool(self._folder.discovered)

    @property
    def names(self) -> list[str]:
        """The names of its streams, as far as they are known."""
        return sorted(set(self._folder.discovered) | set(self._by_name or {}))

    def has(self, name: str) -> bool:
        """Whether there is a file for the stream; it may have faults, which are said already."""
        return name in self._folder.discovered or name in (self._by_name or {})

    def of(self, document: Document, name: str, namespace: str | None) -> Discovered | None:
        """What was discovered of a stream: the file of its name, or the one that names it inside."""
        if name in self._folder.discovered:
            discovered = self._file(name)
            if discovered is None or (discovered.name == name and namespace in (None, discovered.namespace)):
                return discovered
        same_name = self._all().get(name, [])
        matches = [discovered for discovered in same_name if namespace in (None, discovered.namespace)]
        namespaces = tuple(discovered.namespace or "" for discovered in same_name)
        if same_name and not matches:
            message = f'stream "{name}" is not offered in namespace "{namespace}"'
            fix = f'write "namespace": "{namespaces[0]}"' if namespaces[0] else "leave namespace out"
            self._files.faults.append(document.fault("LOT020", message, ("namespace",), fix=fix, allowed=namespaces))
        if len(matches) > 1:
            message = f'stream "{name}" is in several namespaces of its source: {", ".join(namespaces)}'
            fix = f'add "namespace": "{namespaces[0]}"'
            self._files.faults.append(document.fault("LOT020", message, ("stream",), fix=fix, allowed=namespaces))
        return matches[0] if matches else None

    def _all(self) -> defaultdict[str, list[Discovered]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for stem in self._folder.discovered:
                discovered = self._file(stem)
                if discovered:
                    self._by_name[discovered.name].append(discovered)
        return self._by_name

    def _file(self, stem: str) -> Discovered | None:
        if stem not in self._read:
            self._read[stem] = self._discovered(self._folder.discovered[stem], stem)
        return self._read[stem]

    def _discovered(self, path: Path, stem: str) -> Discovered | None:
        document = self._files.read(path)
        model = checked(document, DiscoveredFile, self._files.faults) if document else None
        if document is None or model is None:
            return None
        check_fields(document, model.fields, self._files.faults)
        return Discovered.of(stem, self._files.name(path), model, compact(model.fields))


class StreamFiles:
    """Reads the streams of one folder; with a `resolution`, the secrets of their mappers get their values."""

    def __init__(
        self,
        files: Files,
        folder: Folder,
        offers: Offers,
        destination: Destination | None,
        resolution: Resolution | None = None,
    ) -> None:
        self._resolution = resolution
        self._files = files
        self._folder = folder
        self._offers = offers
        self._destination = destination
        self.foreign = ""
        """Who else reads some of them."""

    def streams(self, *, listed: bool) -> list[Stream]:
        """The streams that Airbyte reads; with `listed`, the others are added to what is left out."""
        streams: list[Stream] = []
        files_by_stream: dict[tuple[str | None, str], str] = {}
        for stem, path in self._folder.streams.items():
            entry = self._airbyte_file(stem, path, listed)
            if entry is None:
                continue
            document, model = entry
            name = model.stream or stem
            key = (model.namespace, name)
            if key in files_by_stream:
                message = f'stream "{name}" is in two files; the other one is {files_by_stream[key]}'
                self._files.faults.append(document.fault("LOT018", message, ("stream",), fix="delete one of them"))
            files_by_stream[key] = document.file
            stream = self._stream(document, model, name)
            if stream.discovered or not self._offers.discovered:
                self._check_name(document, model, stem)
            if model.selected:
                streams.append(stream)
            elif listed:
                self._files.left_out.append(LeftOut(self._folder.name, '"selected" is false', name))
        return streams

    def _airbyte_file(self, stem: str, path: Path, listed: bool) -> tuple[Document, StreamFile] | None:
        """A stream's file; None after faults, and for a stream that somebody else reads."""
        entry = self._files.model(path, f"{self._folder.name}/{stem}", StreamFile)
        if entry is None:
            return None
        document, model = entry
        self._files.streams += 1
        if model.fields:
            check_fields(document, model.fields, self._files.faults)
        if not model.is_airbyte:
            self._check_foreign(document, str(model.connector), stem, listed)
            return None
        return entry

    def _check_foreign(self, document: Document, connector: str, stem: str, listed: bool) -> None:
        """A stream that somebody else reads: listed, and otherwise let alone."""
        self.foreign = connector
        if connector != "dlt":
            fix, allowed, near = choose(connector, ("dlt", "airbyte"))
            message = f'"connector" of a stream cannot be "{connector}"'
            at: Pointer = ("connector",)
            self._files.faults.append(document.fault("LOT012", message, at, fix=fix, allowed=allowed, nearest=near))
        elif listed:
            self._files.left_out.append(LeftOut(self._folder.name, "dlt reads it, not Airbyte", stem))

    def _stream(self, document: Document, model: StreamFile, name: str) -> Stream:
        discovered = self._offers.of(document, name, model.namespace)
        if discovered is None and not self._offers.has(name):
            self._not_discovered(document, name)
        destination = self._destination
        destination_modes = destination.sync_modes if destination else None
        pair = modes(model, discovered, destination_modes)
        parquet = destination is not None and _is_parquet(destination.settings.configuration)
        checks = StreamChecks(document, model, name, discovered, (self._files.faults, self._files.hints))
        checks.run(pair, destination_modes, destination.name if destination else "", parquet)
        stream = Stream(
            name,
            model.namespace or (discovered.namespace if discovered else None),
            document.file,
            pair,
            model.cursor_field or None,
            model.primary_key or None,
            None if model.fields is None else tuple(model.fields),
            model.backfill,
            discovered,
            model.mappers,
            model.include_files,
        )
        fields = model.fields or (discovered.fields if discovered else {})
        if stream.mappers and fields:
            check_mappers(document, stream, fields, self._files.faults)
        if stream.mappers and self._resolution:
            self._resolution.check(document, document.value["mappers"], ("mappers",))
        return stream

    def _check_name(self, document: Document, model: StreamFile, stem: str) -> None:
        if model.stream and model.stream != stem and _may_name_a_file(model.stream):
            message = f'the file is called "{stem}", its stream "{model.stream}"'
            fix = f"rename the file to {model.stream}.json: Dagster takes the file's name"
            self._files.hints.append(document.fault("LOT016", message, ("stream",), fix=fix, severity="hint"))
        for key in ("schedule", "initial_value"):
            if getattr(model, key) is not None:
                message = f'"{key}" of a stream is dlt\'s'
                fix = f"remove it; the schedule belongs in {SOURCE_FILE}" if key == "schedule" else "remove it"
                self._files.faults.append(document.fault("LOT014", message, (key,), key=True, fix=fix))

    def _not_discovered(self, document: Document, name: str) -> None:
        source = self._offers.source
        if not self._offers.discovered:
            message = f'source "{source}" was never discovered: modes, keys and fields are not checked'
            folder = document.file.rsplit("/", 1)[0]
            fix = f"lotus discover {source}"
            self._files.hints.append(Fault("LOT035", message, folder, fix=fix, severity="hint"))
            return
        fix, allowed, near = choose(name, self._offers.names)
        message = f'source "{source}" has no stream "{name}"'
        fix = f"{fix} (or lotus discover {source}, if it is new)"
        self._files.faults.append(
            document.fault("LOT020", message, ("stream",), fix=fix, allowed=allowed, nearest=near)
        )


def _may_name_a_file(stream: str) -> bool:
    """Whether a file can be called as a stream: `_source` and its like are files of their own, others are no names."""
    return re.fullmatch(r"[A-Za-z0-9][^/\\\x00-\x1f]{0,200}", stream) is not None


def _is_parquet(configuration: Mapping[str, Any]) -> bool:
    form: Any = configuration.get("format")
    return is_mapping(form) and form.get("format_type") in ("Parquet", "Avro")
