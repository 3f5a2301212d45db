"""`lotus drift accept`: the files become what is there, leaf by leaf; git shows it, and a revert undoes it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lotus import revisions
from lotus.config import Destination, Project, Settings, Source
from lotus.config.checks import PAIRS
from lotus.config.faults import choose
from lotus.config.project import DESTINATIONS, DISCOVERED, SOURCE_FILE
from lotus.config.references import reference
from lotus.errors import ConfigError, ToolError
from lotus.operations.discover import discovered_folder, everything, record, settings_of
from lotus.operations.drift import Drift, Line, Origin, look, source_of
from lotus.operations.files import stem_of, write
from lotus.operations.fmt import formatted
from lotus.operations.plan import Step
from lotus.tools import find

_OPTIONS = {
    "status": "status",
    "prefix": "prefix",
    "name": "name",
    "namespaceDefinition": "namespace_definition",
    "namespaceFormat": "namespace_format",
    "nonBreakingSchemaUpdatesBehavior": "non_breaking_schema_updates_behavior",
}
"""A connection's inputs, and their keys below `connection` of `_source.json`."""

_MODES = {mode: pair for pair, mode in PAIRS.items()}
"""Airbyte's mode of a stream in a connection → `sync_mode` and `destination_sync_mode` of its file."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was taken over: the lines, and the files that were written or deleted (relative to the project)."""

    lines: tuple[Line, ...]
    files: tuple[str, ...]


def accept(project: Path, stack: str, environment: Mapping[str, str], names: Sequence[str]) -> Accepted:
    """Writes into the files what `lotus drift` found at these names, such as `shop-to-lake` or `shop/_discovered`.

    All names are checked before anything is written.

    Raises:
        ConfigError: nothing drifted there, or no file can say what is there (the message says what to do instead).
        ToolError: pulumi could not plan, or could not set a value.
    """
    origins = {Origin.FILES, Origin.AIRBYTE}
    if any(name.endswith(f"/{DISCOVERED}") for name in names):
        origins.add(Origin.SCHEMA)
    found = look(project, stack, environment, origins=origins | {Origin.STATE})
    chosen: list[Line] = []
    for name in names:
        lines = [line for line in found.lines if line.name == name and line.origin in (Origin.AIRBYTE, Origin.SCHEMA)]
        if not lines:
            raise _nothing(found, name)
        chosen += lines
    settings = settings_of(project, stack, environment)
    edits = _Edits(project, stack, environment, settings, everything(project, settings))
    for name in names:
        if name.endswith(f"/{DISCOVERED}"):
            edits.schema(name.rpartition("/")[0], found)
            continue
        step = next(step for step in found.plan.steps if step.name == name and (step.drifted or step.gone))
        edits.object(step, [line.leaf for line in chosen if line.name == name])
    return Accepted(tuple(chosen), edits.write())


def _nothing(found: Drift, name: str) -> ConfigError:
    other = [line for line in found.lines if line.name == name]
    if other:
        return ConfigError(
            f"{other[0].text}: there is nothing to write", fix=f"{other[0].accept}; or {other[0].restore}"
        )
    known = sorted({line.name for line in found.lines if line.origin in (Origin.AIRBYTE, Origin.SCHEMA)})
    if not known:
        return ConfigError(f'nothing drifted at "{name}", nor anywhere else', fix="lotus drift shows what differs")
    fix, _, _ = choose(name, known)
    return ConfigError(f'nothing drifted at "{name}"', fix=fix)


@dataclass(slots=True)
class _Edits:
    """Edits of the files, collected first and then written."""

    project: Path
    stack: str
    environment: Mapping[str, str]
    settings: Settings
    files: Project
    documents: dict[str, Object] = field(default_factory=dict[str, Object])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    removed: list[str] = field(default_factory=list[str])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    later: list[Callable[[], Iterable[str]]] = field(default_factory=list[Callable[[], Iterable[str]]])

    def write(self) -> tuple[str, ...]:
        """Writes everything; the files, relative to the project."""
        done = list(self.removed)
        for folder in self.removed:
            shutil.rmtree(self.project / folder)
        for name, document in self.documents.items():
            if any(name.startswith(f"{folder}/") for folder in self.removed):
                continue
            kind = (
                "destination" if f"/{DESTINATIONS}/" in name else "source" if name.endswith(SOURCE_FILE) else "stream"
            )
            if write(self.project, self.project / name, formatted(document, kind)):
                done.append(name)
        for name, text in self.texts.items():
            if write(self.project, self.project / name, text):
                done.append(name)
        for key, value in self.config.items():
            self._set_config(key, value)
            done.append(f"Pulumi.{self.stack}.yaml")
        for step in self.later:
            done += step()
        return tuple(dict.fromkeys(done))

    def schema(self, name: str, found: Drift) -> None:
        """The source's discovered files, as it offers now."""
        offer = found.offers[name]

        def written() -> Iterable[str]:
            discovery = record(self.project, self.settings, name, offer)
            return (*discovery.written, *discovery.removed)

        self.later.append(written)

    def object(self, step: Step, leaves: Sequence[str]) -> None:
        """One object of Airbyte's: these leaves of it, or that it is gone."""
        sources = {source.name: source for source in self.files.sources}
        match step.kind:
            case "connection":
                source = sources[source_of(step.name, sources)]
                self._gone_connection(source) if step.gone else self._connection(source, step, leaves)
            case "source":
                self._gone_source(sources[step.name]) if step.gone else self._actor(sources[step.name], step, leaves)
            case "destination":
                destination = self.files.destination(step.name)
                if step.gone:
                    raise _cannot(step, "", "sources of this stack land in it", "let them land elsewhere first")
                self._actor(destination, step, leaves)
            case "declarativeSourceDefinition" if not step.gone:
                self._manifest(sources[source_of(step.name, sources)], step, leaves)
            case _:
                raise _cannot(step, "", "no file stands for it alone", "put it back")

    # Connections

    def _gone_connection(self, source: Source) -> None:
        for stream in source.streams:
            self._document(stream.file)["selected"] = False

    def _connection(self, source: Source, step: Step, leaves: Sequence[str]) -> None:
        file = self._document(source.file)
        overridden = self.settings.overrides.get(source.name, {})
        streams: set[str] = set()
        for leaf in leaves:
            head, _, rest = leaf.partition(".")
            if head == "streams":
                streams.add(self._stream_of(step, rest))
            elif head == "schedule" and "schedule" not in overridden:
                file["schedule"] = self._schedule(step)
            elif head in _OPTIONS and "connection" not in overridden:
                options = cast("Object", file.setdefault("connection", {}))
                if head in step.before:
                    options[_OPTIONS[head]] = step.before[head]
                else:
                    options.pop(_OPTIONS[head], None)
            elif head in ("schedule", *_OPTIONS):
                where = f"lotus:overrides of {self.settings.file}"
                raise _cannot(step, leaf, f"{where} says it, not {source.file}", f"edit {where}")
            else:
                raise _cannot(step, leaf, "no file has a word for it", "put it back")
        for name in sorted(streams):
            self._stream(source, step, name)

    def _schedule(self, step: Step) -> str:
        schedule = str(step.before.get("schedule") or "manual")
        if schedule == "basic":
            fix = "give it a cron expression in Airbyte, or put it back"
            raise _cannot(step, "schedule", "an interval has no word in the files", fix)
        return schedule

    def _stream_of(self, step: Step, path: str) -> str:
        """The stream that a path below `streams` begins with; a name may hold dots itself."""
        names = {**cast("Object", step.before.get("streams") or {}), **cast("Object", step.after.get("streams") or {})}
        return max((name for name in names if path == name or path.startswith(f"{name}.")), key=len)

    def _stream(self, source: Source, step: Step, key: str) -> None:
        """One stream's file, as Airbyte's connection has the stream."""
        there = cast("Object | None", cast("Object", step.before.get("streams") or {}).get(key))
        name = key.rpartition("/")[2]
        declared = next((stream for stream in source.streams if stream.name == name), None)
        path = declared.file if declared else f"{Path(source.file).parent.as_posix()}/{stem_of(name)}.json"
        file = self._document(path)
        if there is None:
            file["selected"] = False
            return
        file.pop("selected", None)
        if declared is None and name != Path(path).stem:
            file["stream"] = name
        if declared is None and there.get("namespace"):
            file["namespace"] = there["namespace"]
        modes = _MODES.get(str(there.get("syncMode")))
        if modes is None:
            raise _cannot(step, f"streams.{key}.syncMode", "the files have no such mode", "put it back")
        if declared is None or (declared.modes.sync_mode, declared.modes.destination_sync_mode) != modes:
            file["sync_mode"], file["destination_sync_mode"] = modes
        for theirs, ours in (("cursorField", "cursor_field"), ("primaryKey", "primary_key")):
            if there.get(theirs):
                file[ours] = there[theirs]
            elif ours in file and cast("Object", step.after.get("streams") or {}).get(key, {}).get(theirs):
                del file[ours]
        self._fields(source, file, name, list(cast("Object", there.get("fields") or {"*": ""})))

    def _fields(self, source: Source, file: Object, name: str, chosen: Sequence[str]) -> None:
        if "*" in chosen:
            file.pop("fields", None)
            return
        held = cast("Object", file.get("fields") or {})
        folder = discovered_folder(self.project, self.settings, source.name)
        offered = _json(folder / f"{stem_of(name)}.json").get("fields") or {}
        ordered = [*(n for n in held if n in chosen), *(n for n in chosen if n not in held)]
        file["fields"] = {n: held.get(n) or cast("Object", offered).get(n) or {"type": "string"} for n in ordered}

    # Sources, destinations, manifests

    def _gone_source(self, source: Source) -> None:
        folder = Path(source.file).parent.as_posix()
        if revisions.uncommitted(self.project, folder):
            what = f"{folder} would be deleted, and holds changes that no commit has"
            raise ConfigError(what, where=folder, fix="commit them first, so that git can bring them back")
        self.removed.append(folder)

    def _actor(self, declared: Source | Destination, step: Step, leaves: Sequence[str]) -> None:
        file = self._document(declared.file)
        overridden = self.settings.overrides.get(declared.name, {})
        for leaf in leaves:
            head, *path = leaf.split(".")
            if head == "name" and "name" not in overridden:
                file["name"] = step.before["name"]
            elif head == "configuration" and path and not path[-1].endswith("Type") and head not in overridden:
                self._configured(declared, step, file, path)
            else:
                raise _cannot(step, leaf, "no file of its own says it", "put it back")

    def _configured(self, declared: Source | Destination, step: Step, file: Object, path: Sequence[str]) -> None:
        leaf = ".".join(("configuration", *path))
        there: Any = step.before.get("configuration")
        held: Any = file.setdefault("configuration", {})
        for part in path[:-1]:
            if reference(held) or isinstance(held, list):
                break
            there = cast("Object", there).get(part) if isinstance(there, dict) else None
            held = cast("Object", held).setdefault(part, {})
        last = path[-1]
        if not isinstance(held, dict) or reference(cast("Any", held)):
            raise _cannot(step, leaf, "it is an element of a list, or inside of a reference", f"edit {declared.file}")
        target = cast("Object", held)
        value: Any = cast("Object", there).get(last) if isinstance(there, dict) else None
        if value == "[secret]":
            raise _cannot(step, leaf, "it is a secret, which Airbyte does not show", "set its value anew")
        named = reference(target.get(last))
        if named is None:
            if value is None:
                target.pop(last, None)
            else:
                target[last] = value
        elif named[0] == "$secret":
            raise _cannot(step, leaf, f'the file takes it from secret "{named[1]}"', "put it back")
        else:
            self._referenced(step, leaf, named[1], value)

    def _referenced(self, step: Step, leaf: str, name: str, value: Any) -> None:
        """A value that the file takes from `$config`: it stands in the stack's own file, or in the environment."""
        found = self.settings.values.config(name)
        if found is None or not found.place.startswith("lotus:config."):
            place = found.place if found else "nothing here"
            raise _cannot(step, leaf, f'$config "{name}" comes from {place}, which is no file', "set it there")
        self.config[name] = value

    def _set_config(self, name: str, value: Any) -> None:
        program = find("pulumi")
        text = value if isinstance(value, str) else json.dumps(value)
        command = ["config", "set", "--path", f"lotus:config.{name}", "--stack", self.stack, "--non-interactive"]
        answer = subprocess.run(
            [str(program), *command, "--", text],
            cwd=self.project,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            words = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ToolError(f"pulumi config set failed: {words}", where=f"lotus:config.{name}", fix="set it by hand")

    def _manifest(self, source: Source, step: Step, leaves: Sequence[str]) -> None:
        import yaml

        if any(not leaf.startswith("manifest") for leaf in leaves) or source.settings.manifest is None:
            raise _cannot(step, leaves[0], "no file of its own says it", "put it back")
        text = yaml.safe_dump(step.before["manifest"], sort_keys=False, allow_unicode=True, width=120)
        self.texts[f"{Path(source.file).parent.as_posix()}/{source.settings.manifest}"] = text

    def _document(self, name: str) -> Object:
        """A file as it is, to be edited; empty if there is none yet."""
        return self.documents.setdefault(name, _json(self.project / name))


def _json(path: Path) -> Object:
    return cast("Object", json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _cannot(step: Step, leaf: str, why: str, fix: str) -> ConfigError:
    place = f"{step.resource}, {leaf}" if leaf else step.resource
    return ConfigError(f"{place}: it cannot be written into the files: {why}", fix=fix)
