"""`lotus drift accept`: writes what Airbyte has into the files, leaf by leaf; git shows it, and a revert undoes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lotus.authoring.discover import discovered_folder, record
from lotus.authoring.files import stem_of, write
from lotus.authoring.fmt import formatted
from lotus.config import Connection, Destination, Source
from lotus.config.checks import MODES
from lotus.config.faults import choose
from lotus.config.project import CONNECTION_FILE, DESTINATIONS, DISCOVERED, SOURCE_FILE
from lotus.config.references import reference
from lotus.config.schedule import of_interval
from lotus.drift.scan import Drift, Line, Origin, scan, shared_source, source_of
from lotus.errors import ConfigError, ToolError
from lotus.session.preview import Step
from lotus.session.session import Session
from lotus.tools import pulumi
from lotus.untyped import as_mapping, as_mappings, is_mapping

_OPTIONS = {
    "status": "status",
    "prefix": "prefix",
    "name": "name",
    "namespaceDefinition": "namespace_definition",
    "namespaceFormat": "namespace_format",
    "nonBreakingSchemaUpdatesBehavior": "non_breaking_schema_updates_behavior",
}
"""A connection's inputs, and their keys below `connection` of `_source.json`."""

_RESTORE = "restore it: lotus drift prints the command"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The lines that were accepted, and the files that were written or deleted (relative to the project)."""

    lines: tuple[Line, ...]
    files: tuple[str, ...]


def accept(session: Session, names: Sequence[str]) -> Accepted:
    """Writes into the files what `lotus drift` found at these names, such as `shop-to-lake` or `shop/_discovered`.

    All names are checked before anything is written.

    Raises:
        ConfigError: nothing drifted there, or no file can hold it (the message says what to do instead).
        ToolError: pulumi could not plan or set a value, or what was accepted still differs.
    """
    origins = {Origin.FILES, Origin.AIRBYTE}
    if any(name.endswith(f"/{DISCOVERED}") for name in names):
        origins.add(Origin.SCHEMA)
    drift = scan(session, origins=origins | {Origin.STATE})
    accepted = {name: _acceptable(drift, name) for name in names}
    edits = _Edits(session)
    for name, lines in accepted.items():
        if name.endswith(f"/{DISCOVERED}"):
            edits.schema(name.rpartition("/")[0], drift)
            continue
        step = next(step for step in drift.plan.steps if step.name == name and (step.drifted or step.gone))
        edits.object(step, [line.leaf for line in lines])
    files = edits.write()
    lines = tuple(line for name in names for line in accepted[name])
    _check_effect(session, lines)
    return Accepted(lines, files)


def _check_effect(session: Session, accepted: Sequence[Line]) -> None:
    """Computes the drift once more with the files as they are now.

    Raises:
        ToolError: what was accepted still differs.
    """
    leaves = {(line.name, line.leaf) for line in accepted if line.origin is Origin.AIRBYTE and line.leaf}
    if not leaves:
        return
    remaining = scan(replace(session), origins={Origin.FILES, Origin.AIRBYTE}).lines
    differing = [line for line in remaining if (line.name, line.leaf) in leaves]
    if differing:
        raise ToolError(
            "the files were written, but still differ from Airbyte",
            details=[line.text for line in differing],
            where=f"stack {session.stack}",
            fix="git diff shows what was written; git restore undoes it",
        )


def _acceptable(drift: Drift, name: str) -> list[Line]:
    lines = [line for line in drift.lines if line.name == name and line.origin in (Origin.AIRBYTE, Origin.SCHEMA)]
    if not lines:
        raise _nothing(drift, name)
    return lines


def _nothing(drift: Drift, name: str) -> ConfigError:
    lines = [line for line in drift.lines if line.name == name]
    if lines:
        return ConfigError(
            f"{lines[0].text}: there is nothing to write", fix=f"{lines[0].accept}; or {lines[0].restore}"
        )
    unmanaged = [line.leaf for line in drift.unmanaged if line.name == name]
    if unmanaged:
        return _left_alone(name, unmanaged)
    names = sorted({line.name for line in drift.lines if line.origin in (Origin.AIRBYTE, Origin.SCHEMA)})
    if not names:
        return ConfigError(f'no drift at "{name}", or anywhere else', fix="lotus drift shows what differs")
    fix, _, _ = choose(name, names)
    return ConfigError(f'no drift at "{name}"', fix=fix)


def _left_alone(name: str, leaves: Sequence[str]) -> ConfigError:
    verb = "is" if len(leaves) == 1 else "are"
    return ConfigError(
        f'no drift at "{name}": {", ".join(leaves)} {verb} declared in no file, and left alone',
        fix="to manage a setting, declare it in the file of its source, destination or stream (docs/files.md)",
    )


@dataclass(slots=True)
class _Edits:
    """Edits of the files, collected first and then written."""

    session: Session
    documents: dict[str, Object] = field(default_factory=dict[str, Object])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    removed: list[str] = field(default_factory=list[str])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    later: list[Callable[[], Iterable[str]]] = field(default_factory=list[Callable[[], Iterable[str]]])

    def write(self) -> tuple[str, ...]:
        """Writes everything; the files, relative to the project."""
        files = list(self.removed)
        for folder in self.removed:
            shutil.rmtree(self.session.root / folder)
        for name, document in self.documents.items():
            if any(name.startswith(f"{folder}/") for folder in self.removed):
                continue
            if write(self.session.root, self.session.root / name, formatted(document, _kind_of(name))):
                files.append(name)
        for name, text in self.texts.items():
            if write(self.session.root, self.session.root / name, text):
                files.append(name)
        for key, value in self.config.items():
            self._set_config(key, value)
            files.append(f"Pulumi.{self.session.stack}.yaml")
        for step in self.later:
            files += step()
        return tuple(dict.fromkeys(files))

    def schema(self, name: str, drift: Drift) -> None:
        """The source's discovered files, as it offers now."""
        offer = drift.offers[name]

        def written() -> Iterable[str]:
            discovery = record(self.session.root, self.session.settings, name, offer)
            return (*discovery.written, *discovery.removed)

        self.later.append(written)

    def object(self, step: Step, leaves: Sequence[str]) -> None:
        """One object of Airbyte's: these leaves of it, or that it is gone."""
        sources = {source.name: source for source in self.session.files.sources}
        match step.kind:
            case "connection":
                connection = next(c for c in self.session.files.connections if c.resource == step.name)
                self._gone_connection(connection) if step.gone else self._connection(connection, step, leaves)
            case "source":
                self._gone_source(sources[step.name]) if step.gone else self._actor(sources[step.name], step, leaves)
            case "destination":
                self._destination(step, leaves)
            case "declarativeSourceDefinition" if not step.gone:
                self._manifest(step, leaves)
            case _:
                raise _cannot(step, "", "no file describes it alone", _RESTORE)

    def _destination(self, step: Step, leaves: Sequence[str]) -> None:
        if step.gone:
            raise _cannot(step, "", "sources of this stack land in it", "give those sources another destination first")
        self._actor(self.session.files.destination(step.name), step, leaves)

    # Connections

    def _gone_connection(self, connection: Connection) -> None:
        for stream in connection.streams:
            self._document(stream.file)["selected"] = False

    def _connection(self, connection: Connection, step: Step, leaves: Sequence[str]) -> None:
        file = self._document(connection.file)
        streams: set[str] = set()
        for leaf in leaves:
            head, _, rest = leaf.partition(".")
            if head == "streams":
                streams.add(self._stream_of(step, rest))
            elif head in ("schedule", "tags", *_OPTIONS):
                self._setting(connection, step, leaf, file)
            else:
                raise _cannot(step, leaf, "no file can hold it", _RESTORE)
        for name in sorted(streams):
            self._stream(connection, step, name)

    def _setting(self, connection: Connection, step: Step, leaf: str, file: Object) -> None:
        """One setting of a connection, where the stack does not override it."""
        setting = leaf.partition(".")[0]
        overridden = self.session.settings.overrides.get(connection.name, {})
        if ("schedule" if setting == "schedule" else "connection") in overridden:
            overrides = f"lotus:overrides of {self.session.settings.file}"
            raise _cannot(step, leaf, f"{overrides} sets it, not {connection.file}", f"edit {overrides}")
        if setting == "schedule":
            file["schedule"] = self._schedule(step)
        elif setting == "tags":
            self._tags(connection, step)
        elif setting in step.before:
            self._options(file)[_OPTIONS[setting]] = step.before[setting]
        else:
            self._options(file).pop(_OPTIONS[setting], None)

    @staticmethod
    def _options(file: Object) -> Object:
        """The options of a connection in its file."""
        return as_mapping(file.setdefault("connection", {}))

    @staticmethod
    def _schedule(step: Step) -> str | Object:
        schedule = str(step.before.get("schedule") or "manual")
        basic = of_interval(schedule)
        return {"units": basic.units, "timeUnit": basic.time_unit} if basic else schedule

    def _tags(self, connection: Connection, step: Step) -> None:
        """Names of tags; the ids are Airbyte's."""
        options = self._options(self._document(connection.file))
        live = list(as_mapping(step.before.get("tags")))
        if live:
            options["tags"] = live
        else:
            options.pop("tags", None)

    def _stream_of(self, step: Step, path: str) -> str:
        """The stream that a path below `streams` begins with; a name may hold dots itself."""
        names = {**as_mapping(step.before.get("streams")), **as_mapping(step.after.get("streams"))}
        return max((name for name in names if path == name or path.startswith(f"{name}.")), key=len)

    def _stream(self, connection: Connection, step: Step, key: str) -> None:
        """One stream's file, as Airbyte's connection has the stream."""
        live = as_mapping(step.before.get("streams")).get(key)
        name = key.rpartition("/")[2]
        synced = next((stream for stream in connection.streams if stream.name == name), None)
        path = synced.file if synced else f"{Path(connection.file).parent.as_posix()}/{stem_of(name)}.json"
        file = self._document(path)
        if live is None:
            file["selected"] = False
            return
        file.pop("selected", None)
        if synced is None:
            file |= _names_in_a_new_file(name, path, live)
        modes = MODES.get(str(live.get("syncMode")))
        if modes is None:
            raise _cannot(step, f"streams.{key}.syncMode", "the files have no such mode", _RESTORE)
        if synced is None or (synced.modes.sync_mode, synced.modes.destination_sync_mode) != modes:
            file["sync_mode"], file["destination_sync_mode"] = modes
        applied = as_mapping(as_mapping(step.after.get("streams")).get(key))
        for airbyte_key, file_key in (("cursorField", "cursor_field"), ("primaryKey", "primary_key")):
            if live.get(airbyte_key):
                file[file_key] = live[airbyte_key]
            elif file_key in file and applied.get(airbyte_key):
                del file[file_key]
        self._mappers(step, key, file, live)
        self._fields(connection.source, file, name, list(as_mapping(live.get("fields")) or {"*": ""}))

    @staticmethod
    def _mappers(step: Step, key: str, file: Object, live: Mapping[str, Any]) -> None:
        """The mappers as Airbyte has them; a key that it masks stays the reference that the file has."""
        written = file.get("mappers")
        mappers: list[Object] = []
        for index, mapper in enumerate(as_mappings(list(as_mapping(live.get("mappers")).values()))):
            settled = {**mapper}
            if settled.get("key") == "[secret]":
                same = as_mappings(written)[index : index + 1]
                if not same or reference(same[0].get("key")) is None:
                    leaf = f"streams.{key}.mappers.{index}.key"
                    raise _cannot(step, leaf, "it is a secret, which Airbyte does not show", "add the mapper by hand")
                settled["key"] = same[0]["key"]
            mappers.append(settled)
        if mappers:
            file["mappers"] = mappers
        else:
            file.pop("mappers", None)
        if live.get("includeFiles"):
            file["include_files"] = True
        else:
            file.pop("include_files", None)

    def _fields(self, source: Source, file: Object, name: str, chosen: Sequence[str]) -> None:
        if "*" in chosen:
            file.pop("fields", None)
            return
        selected = as_mapping(file.get("fields"))
        folder = discovered_folder(self.session.root, self.session.settings, source.name)
        discovered = as_mapping(_json(folder / f"{stem_of(name)}.json").get("fields"))
        ordered = [*(n for n in selected if n in chosen), *(n for n in chosen if n not in selected)]
        file["fields"] = {n: selected.get(n) or discovered.get(n) or {"type": "string"} for n in ordered}

    # Sources, destinations, manifests

    def _gone_source(self, source: Source) -> None:
        folder = Path(source.file).parent.as_posix()
        if self.session.git.uncommitted(folder):
            message = f"{folder} would be deleted, but it has uncommitted changes"
            raise ConfigError(message, where=folder, fix="commit them first, so that git can restore them")
        self.removed.append(folder)

    def _actor(self, actor: Source | Destination, step: Step, leaves: Sequence[str]) -> None:
        file = self._document(actor.file)
        overridden = self.session.settings.overrides.get(actor.name, {})
        for leaf in leaves:
            head, *path = leaf.split(".")
            if head == "name" and "name" not in overridden:
                file["name"] = step.before["name"]
            elif head == "configuration" and path and not path[-1].endswith("Type") and head not in overridden:
                self._configured(actor, step, file, path)
            else:
                raise _cannot(step, leaf, "its file does not hold this value", _RESTORE)

    def _configured(self, actor: Source | Destination, step: Step, file: Object, path: Sequence[str]) -> None:
        leaf = ".".join(("configuration", *path))
        live: Any = step.before.get("configuration")
        parent: Any = file.setdefault("configuration", {})
        for part in path[:-1]:
            if reference(parent) or isinstance(parent, list):
                break
            live = as_mapping(live).get(part)
            parent = parent.setdefault(part, {})
        last = path[-1]
        if not is_mapping(parent) or reference(parent):
            raise _cannot(step, leaf, "it is inside a list or a reference", f"edit {actor.file}")
        value = as_mapping(live).get(last)
        if value == "[secret]":
            raise _cannot(step, leaf, "it is a secret, which Airbyte does not show", "set its value again")
        referenced = reference(parent.get(last))
        if referenced is None:
            if value is None:
                parent.pop(last, None)
            else:
                parent[last] = value
        elif referenced[0] == "$secret":
            raise _cannot(step, leaf, f'the file takes its value from secret "{referenced[1]}"', _RESTORE)
        else:
            self._referenced(step, leaf, referenced[1], value)

    def _referenced(self, step: Step, leaf: str, name: str, value: Any) -> None:
        """A value that the file takes from `$config`: it is in the stack's own file, or in the environment."""
        setting = self.session.settings.values.config(name)
        if setting is None or not setting.place.startswith("lotus:config."):
            origin = f"comes from {setting.place}, which is not a file" if setting else "has no value here"
            raise _cannot(step, leaf, f'$config "{name}" {origin}', "set it there")
        self.config[name] = value

    def _set_config(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        command = ["config", "set", "--path", f"lotus:config.{name}", "--stack", self.session.stack]
        result = pulumi.run(self.session.root, [*command, "--non-interactive", "--", text], self.session.environment)
        if result.returncode:
            words = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise ToolError(f"pulumi config set failed: {words}", where=f"lotus:config.{name}", fix="set it by hand")

    def _manifest(self, step: Step, leaves: Sequence[str]) -> None:
        import yaml

        sources = {source.name: source for source in self.session.files.sources}
        source = shared_source(step.name, sources.values()) or sources[source_of(step.name, sources)]
        if any(not leaf.startswith("manifest") for leaf in leaves) or source.connector.kind != "manifest":
            raise _cannot(step, leaves[0], "its file does not hold this value", _RESTORE)
        text = yaml.safe_dump(step.before["manifest"], sort_keys=False, allow_unicode=True, width=120)
        folder = Path(self.session.settings.streams) if source.connector.shared else Path(source.file).parent
        self.texts[f"{folder.as_posix()}/{source.connector.value}"] = text

    def _document(self, name: str) -> Object:
        """A file as it is, to be edited; empty if there is none yet."""
        return self.documents.setdefault(name, _json(self.session.root / name))


def _json(path: Path) -> Object:
    return as_mapping(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _kind_of(name: str) -> str:
    if f"/{DESTINATIONS}/" in name:
        return "destination"
    kinds = {SOURCE_FILE: "source", CONNECTION_FILE: "connection"}
    return kinds.get(Path(name).name, "stream")


def _names_in_a_new_file(name: str, path: str, live: Mapping[str, Any]) -> Object:
    """What a stream's file has to say beside its own name."""
    content: Object = {}
    if name != Path(path).stem:
        content["stream"] = name
    if live.get("namespace"):
        content["namespace"] = live["namespace"]
    return content


def _cannot(step: Step, leaf: str, reason: str, fix: str) -> ConfigError:
    subject = f"{step.resource}, {leaf}" if leaf else step.resource
    return ConfigError(f"{subject}: it cannot be written into the files: {reason}", fix=fix)
