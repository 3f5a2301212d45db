"""`lotus adopt`: files for what somebody made in Airbyte, and the ids that the next apply takes over."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pulumi_airbyte.api import Airbyte, Object
from pulumi_airbyte.provider.values import MASK

from lotus.authoring.files import stems, write
from lotus.authoring.fmt import formatted
from lotus.authoring.questions import secret_name
from lotus.config.checks import MODES
from lotus.config.faults import choose
from lotus.config.project import CONNECTION_FILE, DESTINATIONS, SOURCE_FILE, title
from lotus.config.schedule import of_interval
from lotus.errors import ConfigError, FaultsError
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session
from lotus.state.managed import managed
from lotus.untyped import as_list, as_mapping, as_mappings

DEFAULT_BEHAVIOR = "propagate_columns"


@dataclass(frozen=True, slots=True)
class Adopted:
    """One object: where its file is, what Airbyte alone goes on deciding, and the secrets that it has."""

    kind: str
    """`source`, `destination` or `connection`."""
    title: str
    """Its name in Airbyte."""
    id: str
    name: str
    """Its name in the files."""
    file: str
    unmanaged: tuple[str, ...] = ()
    """Settings that the file does not declare: they stay as they are in Airbyte."""
    secrets: tuple[str, ...] = ()
    """Names; Airbyte keeps the values that it has."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would be written; `skipped` has what is left alone, and why."""

    objects: tuple[Adopted, ...]
    files: Mapping[str, str]
    """Texts by file, relative to the project."""
    skipped: tuple[str, ...]


def adopt(session: Session, names: Sequence[str], *, everything: bool = False) -> Adoption:
    """Plans files for the objects of these names (or ids) in the stack's workspace, with what they need and feed.

    A source brings its connections, a connection its source and destination. What the stack's settings take over
    already is left out.

    Raises:
        ConfigError: no object has the name, several have, or nothing was named.
        FaultsError: the files have faults.
        UnavailableError, RemoteError: Airbyte does not answer.
    """
    if session.files.faults:
        raise FaultsError(session.files.faults)
    if not names and not everything:
        raise ConfigError("nothing was named", fix="name sources, destinations or connections, or say --all")
    stored = managed(session.root, session.stack, session.environment)
    with in_our_words():
        workspace = asyncio.run(_workspace(session))
    managed_names = {each.id: each.urn.rsplit("::", 1)[-1] for each in stored}
    managed_names |= {id: name for ids in session.settings.adopt.values() for name, id in ids.items()}
    return _Plan(session, workspace, managed_names).of(_chosen(workspace, names) if names else None)


def write_adoption(session: Session, adoption: Adoption) -> list[str]:
    """Writes the files, then the ids into the stack's file; names of what was written."""
    root = session.root
    written = [name for name, text in adoption.files.items() if write(root, root / name, text)]
    settings = session.settings
    ids: dict[str, dict[str, str]] = {kind: {**names} for kind, names in settings.adopt.items()}
    for each in adoption.objects:
        ids.setdefault(f"{each.kind}s", {})[each.name] = each.id
    stack_file = root / settings.file
    if write(root, stack_file, with_adopted(stack_file.read_text(encoding="utf-8"), ids)):
        written.append(settings.file)
    return written


def remove_used_ids(session: Session) -> list[str]:
    """Takes out of `lotus:adopt` the ids that the state has; what was taken out, as `kind name`.

    Raises:
        FaultsError: the settings have faults.
        ConfigError, UnavailableError, RemoteError: the state cannot be read.
    """
    settings = session.settings
    taken = {each.id for each in managed(session.root, session.stack, session.environment)}
    rest = {kind: {n: id for n, id in ids.items() if id not in taken} for kind, ids in settings.adopt.items()}
    removed = [f"{kind} {n}" for kind, ids in settings.adopt.items() for n, id in ids.items() if id in taken]
    if removed:
        stack_file = session.root / settings.file
        write(session.root, stack_file, with_adopted(stack_file.read_text(encoding="utf-8"), rest))
    return removed


def with_adopted(text: str, ids: Mapping[str, Mapping[str, str]]) -> str:
    """A stack's file with these ids as `lotus:adopt`, everything else as it is; without ids, without the setting."""
    lines = text.splitlines()
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    config = next((value for key, value in root.value if key.value == "config"), None) if root else None
    block = _block(ids)
    if config is None:
        return "\n".join([*lines, "config:", *block]) + "\n"
    entries = {str(key.value): (key, value) for key, value in config.value}
    before = entries.get("lotus:adopt")
    if before:
        start, end = before[0].start_mark.line, _end(before[1])
    else:
        last = max((_end(value) for _, value in config.value), default=config.end_mark.line)
        start = end = last
    return "\n".join([*lines[:start], *block, *lines[end:]]) + "\n"


def _end(node: Any) -> int:
    """The line behind a value. (A block's own mark lies behind the blank lines and comments that follow it.)"""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.line) + (1 if node.end_mark.column else 0)


def _block(ids: Mapping[str, Mapping[str, str]]) -> list[str]:
    kinds = {kind: names for kind, names in ids.items() if names}
    if not kinds:
        return []
    text = yaml.safe_dump({"lotus:adopt": kinds}, allow_unicode=True, sort_keys=False, width=1000)
    return [f"  {line}" for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class _Workspace:
    """What Airbyte has, by id; connections that were deleted are not among it."""

    sources: Mapping[str, Object]
    destinations: Mapping[str, Object]
    connections: Mapping[str, Object]

    def of_kind(self) -> Iterable[tuple[str, Mapping[str, Object]]]:
        return ("source", self.sources), ("destination", self.destinations), ("connection", self.connections)


async def _workspace(session: Session) -> _Workspace:
    async with session.airbyte() as airbyte:
        sources, destinations, connections = [await _listed(airbyte, session.workspace, kind) for kind in _KINDS]
    alive = {id: item for id, item in connections.items() if item.get("status") != "deprecated"}
    return _Workspace(sources, destinations, alive)


_KINDS = ("source", "destination", "connection")


async def _listed(airbyte: Airbyte, workspace: str, kind: str) -> dict[str, Object]:
    objects = await airbyte.objects(f"/{kind}s", {"workspaceIds": [workspace]})
    return {str(item[f"{kind}Id"]): item for item in objects}


def _chosen(workspace: _Workspace, names: Sequence[str]) -> set[str]:
    """The ids that the names stand for, with all that belongs to them."""
    ids: set[str] = set()
    for name in names:
        matches = [
            (kind, id)
            for kind, objects in workspace.of_kind()
            for id, item in objects.items()
            if name in (id, item["name"])
        ]
        if not matches:
            titles = sorted({str(item["name"]) for _, objects in workspace.of_kind() for item in objects.values()})
            raise ConfigError(f'Airbyte has nothing named "{name}" in this workspace', fix=choose(name, titles)[0])
        if len(matches) > 1:
            listed = ", ".join(f"{kind} {id}" for kind, id in matches)
            raise ConfigError(f'"{name}" names several objects: {listed}', fix="give the id of the one that is meant")
        ids |= _with_ends(workspace, *matches[0])
    return ids


def _with_ends(workspace: _Workspace, kind: str, object_id: str) -> set[str]:
    if kind == "connection":
        connections = [object_id]
    else:
        connections = [
            id for id, item in workspace.connections.items() if kind == "source" and item["sourceId"] == object_id
        ]
    ends = {str(workspace.connections[id][f"{end}Id"]) for id in connections for end in ("source", "destination")}
    return {object_id, *connections, *ends}


@dataclass(slots=True)
class _Plan:
    """Collects the files, one object after the other."""

    session: Session
    workspace: _Workspace
    managed: Mapping[str, str]
    """The names of what the stack has, or takes over already, by id."""
    files: dict[str, str] = field(default_factory=dict[str, str])
    objects: list[Adopted] = field(default_factory=list[Adopted])
    skipped: list[str] = field(default_factory=list[str])
    _names: dict[str, str] = field(default_factory=dict[str, str])
    """The names that objects get in the files, by id."""
    _taken: set[str] = field(default_factory=set[str])

    def of(self, chosen: set[str] | None) -> Adoption:
        """The plan for these ids, or for all."""
        files = self.session.files
        self._taken = {f"destination {each.name}".casefold() for each in files.destinations}
        self._taken |= {f"folder {each.name}".casefold() for each in (*files.sources, *files.connections)}
        self._names.update(self.managed)
        writers = {"source": self._source, "destination": self._destination, "connection": self._connection}
        for kind, objects in self.workspace.of_kind():
            for object_id, item in sorted(objects.items(), key=lambda pair: (str(pair[1]["name"]), pair[0])):
                if (chosen is None or object_id in chosen) and object_id not in self.managed:
                    writers[kind](object_id, item)
        return Adoption(tuple(self.objects), self.files, tuple(self.skipped))

    def _name(self, object_id: str, words: str, room: str) -> str:
        """A readable name that no other object has, by one rule: letters and digits, - between words."""
        plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50] or room
        number, name = 1, stem
        while f"{room} {name}" in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(f"{room} {name}")
        self._names[object_id] = name
        return name

    def _destination(self, object_id: str, item: Object) -> None:
        if not any(each["destinationId"] == object_id for each in self.workspace.connections.values()):
            self.skipped.append(f'destination "{item["name"]}" {object_id}: no connection lands in it')
            return
        name = self._name(object_id, str(item["name"]), "destination")
        file = f"{self.session.settings.streams}/{DESTINATIONS}/{name}.json"
        # Sources come first, and a secret's name begins with that of its object.
        is_taken = f"folder {name}" in self._taken
        content, secrets = _actor("destination", name, item, f"{name}_destination" if is_taken else name)
        if not self.session.files.destinations and not any(e.kind == "destination" for e in self.objects):
            content["default"] = True
        self._add(Adopted("destination", str(item["name"]), object_id, name, file, (), secrets), content)

    def _source(self, object_id: str, item: Object) -> None:
        name = self._name(object_id, str(item["name"]), "folder")
        file = f"{self.session.settings.streams}/{name}/{SOURCE_FILE}"
        content, secrets = _actor("source", name, item, name)
        reason = self.session.settings.reason_left_out(name)
        if reason:
            self.skipped.append(f'source "{item["name"]}" {object_id}, as {name}: {reason}')
            del self._names[object_id]
            return
        self._add(Adopted("source", str(item["name"]), object_id, name, file, (), secrets), content)

    def _connection(self, object_id: str, item: Object) -> None:
        streams = as_mappings(as_mapping(item.get("configurations")).get("streams"))
        source, destination = self._names.get(str(item["sourceId"])), self._names.get(str(item["destinationId"]))
        reason = _reason_skipped(streams)
        if source is None or destination is None:
            reason = "its source or destination is not adopted"
        if reason or source is None or destination is None:
            self.skipped.append(f'connection "{item["name"]}" {object_id}: {reason}')
            return
        name, file, content = self._home(object_id, source, destination)
        content |= self._options(item, destination)
        # Without a name in its file it is called after its source, or after the folder of its own.
        of_source = str(self.workspace.sources[str(item["sourceId"])]["name"])
        own = of_source if name == source else title(name)
        if item["name"] != f"{own} → {self.workspace.destinations[str(item['destinationId'])]['name']}":
            content["connection"] = {**content["connection"], "name": item["name"]}
        self._add(Adopted("connection", str(item["name"]), object_id, name, file, _unmanaged(item)), content)
        self._streams(Path(file).parent.as_posix(), streams)

    def _home(self, object_id: str, source: str, destination: str) -> tuple[str, str, dict[str, Any]]:
        """The folder and file of a connection, and what is in it: the first one of a source is in the source's."""
        file = f"{self.session.settings.streams}/{source}/{SOURCE_FILE}"
        is_first = not any(each.kind == "connection" and each.name == source for each in self.objects)
        if file in self.files and is_first:
            return source, file, json.loads(self.files[file])
        name = self._name(object_id, f"{source}-to-{destination}", "folder")
        return name, f"{self.session.settings.streams}/{name}/{CONNECTION_FILE}", {"source": source}

    def _options(self, item: Object, destination: str) -> dict[str, Any]:
        """What decides where rows land and when is declared as Airbyte has it; the rest stays Airbyte's."""
        content: dict[str, Any] = {"destination": destination}
        schedule = _schedule(as_mapping(item.get("schedule")))
        if schedule:
            content["schedule"] = schedule
        options: dict[str, Any] = {"namespace_definition": item.get("namespaceDefinition") or "destination"}
        if item.get("namespaceFormat") and options["namespace_definition"] == "custom_format":
            options["namespace_format"] = item["namespaceFormat"]
        if item.get("prefix"):
            options["prefix"] = item["prefix"]
        options["non_breaking_schema_updates_behavior"] = (
            item.get("nonBreakingSchemaUpdatesBehavior") or DEFAULT_BEHAVIOR
        )
        if item.get("status") == "inactive":
            options["status"] = "inactive"
        return {**content, "connection": options}

    def _streams(self, folder: str, streams: Sequence[Mapping[str, Any]]) -> None:
        names = stems((each.get("namespace"), str(each["name"])) for each in streams)
        for each in streams:
            key = (each.get("namespace"), str(each["name"]))
            self.files[f"{folder}/{names[key]}.json"] = formatted(_stream(each, names[key]), "stream")

    def _add(self, entry: Adopted, content: Mapping[str, Any]) -> None:
        kinds = {SOURCE_FILE: "source", CONNECTION_FILE: "connection"}
        self.objects.append(entry)
        self.files[entry.file] = formatted({**content}, kinds.get(Path(entry.file).name, "destination"))


def _reason_skipped(streams: Sequence[Mapping[str, Any]]) -> str:
    """Why no file can stand for a connection with these streams; empty if one can."""
    if not streams:
        return "it has no streams, and no file stands for it"
    other = [f"{each['name']} {each.get('syncMode')}" for each in streams if each.get("syncMode") not in MODES]
    return f"the files have no such mode: {', '.join(other)}" if other else ""


def _actor(role: str, name: str, item: Object, of: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The file of a source or destination, and the names of its secrets."""
    connector = item.get(f"{role}Type")
    secrets: list[str] = []
    configuration = {
        key: _with_references(value, of, (key,), secrets)
        for key, value in as_mapping(item.get("configuration")).items()
        if key != f"{role}Type"
    }
    content: dict[str, Any] = {"connector": f"{role}-{connector}" if connector else item["definitionId"]}
    if item["name"] != title(name):
        content["name"] = item["name"]
    return {**content, "configuration": configuration}, tuple(secrets)


def _with_references(value: Any, of: str, pointer: tuple[str | int, ...], secrets: list[str]) -> Any:
    """The value with `$secret` in place of what Airbyte masks."""
    if value == MASK:
        secrets.append(secret_name(of, pointer))
        return {"$secret": secrets[-1]}
    if isinstance(value, list):
        return [_with_references(each, of, (*pointer, i), secrets) for i, each in enumerate(as_list(value))]
    if isinstance(value, dict):
        return {k: _with_references(each, of, (*pointer, k), secrets) for k, each in as_mapping(value).items()}
    return value


def _schedule(schedule: Mapping[str, Any]) -> str | dict[str, Any]:
    """The schedule as files write it; empty for one that runs by hand."""
    if schedule.get("scheduleType") == "cron":
        return str(schedule["cronExpression"]).removesuffix(" UTC")
    basic = of_interval(str(schedule.get("basicTiming") or "").lower())
    return {"units": basic.units, "timeUnit": basic.time_unit} if basic else ""


def _stream(stream: Mapping[str, Any], stem: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if stream["name"] != stem:
        content["stream"] = stream["name"]
    if stream.get("namespace"):
        content["namespace"] = stream["namespace"]
    content["sync_mode"], content["destination_sync_mode"] = MODES[str(stream["syncMode"])]
    if content["sync_mode"] == "incremental" and stream.get("cursorField"):
        content["cursor_field"] = stream["cursorField"]
    if "dedup" in content["destination_sync_mode"] and stream.get("primaryKey"):
        content["primary_key"] = stream["primaryKey"]
    return content


def _unmanaged(connection: Object) -> tuple[str, ...]:
    """What a connection and its streams have in Airbyte that the files leave to it."""
    streams = as_mappings(as_mapping(connection.get("configurations")).get("streams"))
    leaves = ["tags"] if connection.get("tags") else []
    for key, words in (("selectedFields", "fields"), ("mappers", "mappers"), ("includeFiles", "files")):
        names = [str(each["name"]) for each in streams if each.get(key)]
        if names:
            leaves.append(f"{words} of {', '.join(names)}")
    return tuple(leaves)
