"""`lotus drift`: where files, state, Airbyte, sources and the bucket differ, who likely did it, and how to resolve it.

One `pulumi preview --refresh` (no lock, nothing written) tells three of the five apart: what the files say, what was
applied last, what Airbyte has. Sources are asked what they offer through the objects that Airbyte has already, and the
bucket is compared with what past jobs report as landed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte, AirbyteError, Job

from lotus.authoring import connectors
from lotus.authoring.connectors import ConnectorTrial, Definition
from lotus.authoring.discover import Offer, SchemaChange, offer_of, record
from lotus.config import Source
from lotus.config.leaves import Leaf
from lotus.config.project import CONNECTORS, DESTINATIONS, DISCOVERED
from lotus.drift import missing_files
from lotus.errors import LotusError
from lotus.gitops.deliveries import delivery_of
from lotus.session.airbyte import in_our_words
from lotus.session.preview import ManagedObject, Plan, Step
from lotus.session.session import Session
from lotus.words import counted

_FAILED_JOBS = 3
"""So many failures in a row, and Airbyte likely paused it itself (docs/airbyte-behaviour.md#paused-after-failures)."""


class Origin(StrEnum):
    """Which of the five differs from the others."""

    FILES = "files"
    """The files say something that is not applied yet."""
    STATE = "state"
    """Airbyte has an object of this lake that the state does not know."""
    AIRBYTE = "airbyte"
    """An object in Airbyte is not as it was last applied."""
    SCHEMA = "source schema"
    """A source offers something else than the committed schema says."""
    BUCKET = "bucket"
    """Files that a job landed are not there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One difference. `accept` and `restore` resolve it: commands, or why there is none."""

    origin: Origin
    name: str
    """What `lotus drift accept` takes: a Pulumi name such as `shop-to-lake`, or `shop/_discovered`."""
    resource: str
    leaf: str
    """The path inside it; empty for the object as a whole."""
    declared: str
    found: str
    author: str
    accept: str
    restore: str

    @property
    def text(self) -> str:
        """`connection Shop → Lake, schedule: manual → 0 0 3 * * ?`: what the files say, and what is there."""
        subject = f"{self.resource}, {self.leaf}" if self.leaf else self.resource
        return f"{subject}: {self.declared} → {self.found}" if self.declared or self.found else subject


@dataclass(frozen=True, slots=True)
class UnmanagedLine:
    """One setting that somebody set in Airbyte and no file declares; it is left as it is."""

    name: str
    resource: str
    leaf: str
    found: str

    @property
    def text(self) -> str:
        """`connection Shop → Lake, status: inactive`."""
        return f"{self.resource}, {self.leaf}: {self.found}"


@dataclass(frozen=True, slots=True)
class Drift:
    """What one check found; `notes` are differences that are not drift of this lake."""

    stack: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    not_checked: tuple[str, ...]
    checked: tuple[Origin, ...]
    plan: Plan = field(repr=False)
    offers: Mapping[str, Offer] = field(repr=False)
    """What each source that was asked offers now."""
    unmanaged: tuple[UnmanagedLine, ...] = ()
    """Settings that exist only in Airbyte: not drift, since no file declares them."""

    def json(self) -> dict[str, Any]:
        """The drift as a JSON object; the keys are stable."""
        lines = [
            {
                "origin": line.origin.value,
                "name": line.name,
                "resource": line.resource,
                "leaf": line.leaf or None,
                "declared": line.declared,
                "found": line.found,
                "author": line.author,
                "accept": line.accept,
                "restore": line.restore,
            }
            for line in self.lines
        ]
        return {
            "stack": self.stack,
            "drift": bool(lines),
            "lines": lines,
            "unmanaged": [
                {"name": line.name, "resource": line.resource, "leaf": line.leaf, "found": line.found}
                for line in self.unmanaged
            ],
            "notes": list(self.notes),
            "checked": [origin.value for origin in self.checked],
            "not_checked": list(self.not_checked),
        }


def scan(session: Session, *, origins: Iterable[Origin] = tuple(Origin)) -> Drift:
    """Everything that differs now, for one stack. Nothing is written, and no lock is taken.

    Missing secrets do not matter: the values in the state are used for them.

    Raises:
        ConfigError: the files or the settings have faults.
        ToolError: pulumi is not there, or could not plan.
    """
    requested = set(origins)
    plan = session.preview()
    findings = _Scan(session, plan)
    findings.objects({Origin.FILES, Origin.AIRBYTE} & requested)
    findings.live({Origin.STATE, Origin.SCHEMA, Origin.BUCKET} & requested)
    checked = tuple(origin for origin in Origin if origin in requested and origin not in findings.failed)
    order = list(Origin)
    lines = sorted(findings.lines, key=lambda line: (order.index(line.origin), line.resource, line.leaf))
    notes, not_checked = tuple(findings.notes), tuple(findings.not_checked)
    unmanaged = tuple(_unmanaged(findings.managed)) if Origin.AIRBYTE in requested else ()
    return Drift(session.stack, tuple(lines), notes, not_checked, checked, plan, findings.offers, unmanaged)


def _unmanaged(managed: Iterable[ManagedObject]) -> Iterator[UnmanagedLine]:
    for item in managed:
        for setting in item.unmanaged:
            yield UnmanagedLine(item.name, item.resource, setting.path, setting.value)


class _Scan:
    """One check: collects lines, notes and what could not be checked."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self.session = session
        self.settings = session.settings
        self.files = session.files
        self.plan = plan
        self.restore = restore_command(session.root, session.stack)
        self.lines: list[Line] = []
        self.notes: list[str] = []
        self.not_checked: list[str] = []
        self.failed: set[Origin] = set()
        self.offers: dict[str, Offer] = {}
        deleted = {(step.kind, step.name) for step in plan.steps if step.gone}
        self.managed = [item for item in plan.managed if (item.kind, item.name) not in deleted]

    # Files, state and Airbyte

    def objects(self, origins: set[Origin]) -> None:
        """What pulumi's plan tells: an object's leaves are Airbyte's drift, or files that are not applied."""
        for step in self.plan.steps:
            lines = list(self._of_step(step))
            self.lines += [line for line in lines if line.origin in origins]

    def _of_step(self, step: Step) -> Iterator[Line]:
        match step.op:
            case "create" if step.gone:
                yield self._changed(step, "", "there", "deleted")
            case "create":
                yield self._not_applied(step, "", "new", "not there")
            case "delete":
                yield self._not_applied(step, "", "not in the files", "there")
            case _:
                for leaf in step.leaves:
                    yield self._leaf(step, leaf)

    def _leaf(self, step: Step, leaf: Leaf) -> Line:
        make = self._changed if leaf.path in step.drifted else self._not_applied
        if leaf.secret and leaf.before == leaf.after:
            return make(step, leaf.path, "another secret", leaf.before)
        return make(step, leaf.path, leaf.after, leaf.before)

    def _changed(self, step: Step, leaf: str, desired: str, live: str) -> Line:
        since = f" after {step.applied_at[:16].replace('T', ' ')} UTC" if step.applied_at else " since the last apply"
        author = f"somebody in Airbyte, by its UI or API,{since}"
        accept = f"lotus drift accept {step.name}"
        return Line(Origin.AIRBYTE, step.name, step.resource, leaf, desired, live, author, accept, self.restore)

    def _not_applied(self, step: Step, leaf: str, desired: str, live: str) -> Line:
        file = self.file_of(step, leaf)
        author = self._committer(file)
        accept = "the files have it already; to undo it: git revert, or edit the files"
        restore = f"{self.restore}  # applies it"
        return Line(Origin.FILES, step.name, step.resource, leaf, desired, live, f"{file}: {author}", accept, restore)

    def _committer(self, file: str) -> str:
        try:
            if self.session.git.uncommitted(file):
                return "not committed yet"
            return self.session.git.last_change(file) or "in no commit"
        except LotusError:
            return "whoever pushed it last (this is not a git checkout)"  # nor is the folder that Flux serves

    def file_of(self, step: Step, leaf: str) -> str:
        """The file (or folder) that describes it."""
        folder = self.settings.streams
        match step.kind:
            case "destination":
                return f"{folder}/{DESTINATIONS}/{step.name}.json"
            case "connection" | "backfill":
                return self._file_of_connection(step, leaf)
            case "tag":
                return folder  # any connection's file may name it
            case _:
                return self._file_of_source(step)

    def _file_of_source(self, step: Step) -> str:
        folder = self.settings.streams
        if step.name.startswith(f"{CONNECTORS}/"):
            return f"{folder}/{self._shared_file(step.name)}"
        sources = {source.name: source for source in self.files.sources}
        name = source_of(step.name, sources)
        if name not in sources:
            return f"{folder}/{name}"
        manifest = sources[name].settings.manifest
        if step.kind == "declarativeSourceDefinition" and manifest:
            return f"{folder}/{name}/{manifest}"
        return sources[name].file

    def _shared_file(self, name: str) -> str:
        """The file of a shared connector, below the streams' folder."""
        source = shared_source(name, self.files.sources)
        return source.connector.value if source and source.connector.kind == "manifest" else f"{name}.json"

    def _file_of_connection(self, step: Step, leaf: str) -> str:
        """The file of the connection, or that of the stream that the leaf or the backfill is about."""
        name, _, stream = step.name.partition("/")
        if step.kind == "connection":
            stream = leaf.split(".")[1] if "." in leaf else ""
        connection = next((c for c in self.files.connections if name in (c.name, c.resource)), None)
        if connection is None:
            return f"{self.settings.streams}/{name.rpartition('-to-')[0] or name}"
        files = [entry.file for entry in connection.streams if entry.name == stream]
        return files[0] if files else connection.file

    # Airbyte's lists, the sources themselves, the bucket

    def live(self, origins: set[Origin]) -> None:
        """What pulumi does not check. What cannot be asked is listed as not checked, with the reason."""
        try:
            with in_our_words():
                asyncio.run(self._live(origins))
        except LotusError as error:
            self._unseen(origins, error)

    def _unseen(self, origins: Iterable[Origin], error: LotusError) -> None:
        for origin in origins:
            self.failed.add(origin)
            self.not_checked.append(f"{origin}: {error.what}" + (f" ({error.where})" if error.where else ""))

    async def _live(self, origins: set[Origin]) -> None:
        workspace = self.session.workspace
        async with self.session.airbyte() as airbyte:
            listed = {
                "source": await airbyte.sources([workspace]),
                "destination": await airbyte.destinations([workspace]),
                "connection": await airbyte.connections([workspace]),
            }
            self._forgotten({str(item[f"{kind}Id"]) for kind, objects in listed.items() for item in objects})
            if Origin.STATE in origins:
                self._unknown_to_the_state(listed)
            await self._paused_by_itself(airbyte)
            if Origin.SCHEMA in origins:
                await self._schemas(airbyte, workspace, listed["source"])
            if Origin.BUCKET in origins:
                await self._landed_files(airbyte)

    def _forgotten(self, live_ids: set[str]) -> None:
        """Drops lines of what neither the files nor Airbyte have: pulumi does not read what the program lacks."""
        listed = ("source", "destination", "connection")
        for step in self.plan.steps:
            if step.op == "delete" and step.kind in listed and step.id not in live_ids:
                self.lines = [line for line in self.lines if (line.name, line.resource) != (step.name, step.resource)]
                self.notes.append(
                    f"{step.resource} is neither in Airbyte nor in the files: the next apply removes it from the state"
                )

    def _unknown_to_the_state(self, listed: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Objects with the name of one of this lake's, and connections to or from one of this lake's."""
        ids = {item.id for item in self.plan.managed}
        titles = {(item.kind, item.title): item for item in self.plan.managed}
        elsewhere = 0
        for kind, objects in listed.items():
            for candidate in objects:
                object_id, title = str(candidate[f"{kind}Id"]), str(candidate["name"])
                if object_id in ids or title.startswith("lotus trial of "):
                    continue
                namesake = titles.get((kind, title))
                ends = {str(candidate.get("sourceId")), str(candidate.get("destinationId"))}
                if namesake is None and not (kind == "connection" and ends & ids):
                    elsewhere += 1
                    continue
                self.lines.append(_unknown_line(kind, candidate, namesake))
        if elsewhere:
            self.notes.append(f"the workspace has {counted(elsewhere, 'object')} outside this lake")

    async def _paused_by_itself(self, airbyte: Airbyte) -> None:
        """Airbyte pauses a connection whose syncs keep failing; then nobody did it."""
        ids = {item.name: item for item in self.managed if item.kind == "connection"}
        for index, line in enumerate(self.lines):
            if line.origin is not Origin.AIRBYTE or line.leaf != "status" or line.name not in ids:
                continue
            jobs = await self._jobs(airbyte, ids[line.name])
            if len(jobs) >= _FAILED_JOBS and all(job.status == "failed" for job in jobs[:_FAILED_JOBS]):
                author = (
                    f"maybe Airbyte itself: the last {_FAILED_JOBS} jobs failed, the newest with: {jobs[0].failure}"
                )
                self.lines[index] = replace(line, author=author)

    async def _jobs(self, airbyte: Airbyte, connection: ManagedObject) -> list[Job]:
        types = ("sync", "refresh", "reset_connection", "clear")
        return await airbyte.jobs(connection.id, types=types)

    async def _schemas(self, airbyte: Airbyte, workspace: str, stored_sources: Sequence[Mapping[str, Any]]) -> None:
        definitions = {
            str(definition["sourceDefinitionId"]): definition
            for definition in await airbyte.definitions("source", workspace)
        }
        by_id = {str(stored["sourceId"]): stored for stored in stored_sources}
        sources = {source.name: source for source in self.files.sources}
        for managed in self.managed:
            source, stored = sources.get(managed.name), by_id.get(managed.id)
            if managed.kind != "source" or source is None or stored is None:
                continue
            try:
                with in_our_words():
                    offer = await self._offer(airbyte, workspace, source, stored, definitions)
            except (LotusError, AirbyteError) as error:
                self.not_checked.append(f"{Origin.SCHEMA} of {source.name}: {str(error).splitlines()[0]}")
                continue
            self.offers[source.name] = offer
            self._schema(source, offer)

    async def _offer(
        self,
        airbyte: Airbyte,
        workspace: str,
        source: Source,
        stored: Mapping[str, Any],
        definitions: Mapping[str, Mapping[str, Any]],
    ) -> Offer:
        """What the stored source offers: unlike `lotus discover`, it needs no secret and creates nothing."""
        definition_id = str(stored["definitionId"])
        entry = definitions.get(definition_id, {})
        definition = Definition(
            definition_id, str(entry.get("dockerRepository", "")), str(entry.get("dockerImageTag", ""))
        )
        trial = ConnectorTrial("source", source.name, source.connector, {}, source.manifest)
        specification = await connectors.specification_of(airbyte, workspace, trial, definition)
        return offer_of(specification, await airbyte.discover(str(stored["sourceId"])))

    def _schema(self, source: Source, offer: Offer) -> None:
        discovery = record(self.session.root, self.settings, source.name, offer, check=True)
        if discovery.first:
            self.notes.append(f"source {source.name} was never discovered: lotus discover {source.name}")
            return
        version = next((c for c in discovery.changes if c.stream == "the connector"), None)
        author = f"whoever runs the system that {source.title} reads from"
        if version:
            author = f"the connector's new version ({version.before} → {version.after})"
        used = [change for change in discovery.changes if change.used]
        self.lines += [_schema_line(source, change, author) for change in used]
        others = len(discovery.changes) - len(used)
        if others:
            self.notes.append(f"source {source.name}: {counted(others, 'change')} in what no file syncs")

    async def _landed_files(self, airbyte: Airbyte) -> None:
        connections = [item for item in self.managed if item.kind == "connection"]
        jobs = {connection.title: await self._jobs(airbyte, connection) for connection in connections}
        try:
            losses = await asyncio.to_thread(missing_files.missing_files, self.session.project, jobs)
        except LotusError as error:
            self._unseen([Origin.BUCKET], error)
            return
        self.lines += [self._missing(loss) for loss in losses]

    def _missing(self, loss: missing_files.Missing) -> Line:
        if not loss.stream:
            return Line(
                *(Origin.BUCKET, loss.source, f"bucket {loss.location}", "", "there", "not there", loss.author),
                *("change s3_bucket_name in the destination's file", "create the bucket again"),
            )
        return Line(
            Origin.BUCKET,
            f"{loss.source}/{loss.stream}",
            f"stream {loss.source}/{loss.stream}",
            loss.location,
            f"{loss.rows:,} rows of job {loss.job}",
            "no file since",
            loss.author,
            "nothing to accept: no project file describes the bucket; the next sync that lands files ends this",
            f"lotus backfill {loss.source} {loss.stream}",
        )


def _unknown_line(kind: str, candidate: Mapping[str, Any], namesake: ManagedObject | None) -> Line:
    object_id, title = str(candidate[f"{kind}Id"]), str(candidate["name"])
    return Line(
        Origin.STATE,
        namesake.name if namesake else object_id,
        f"{kind} {title}",
        "",
        "one" if namesake else "none",
        f"{'another' if namesake else 'one'}, {object_id}, created {_day(candidate.get('createdAt'))}",
        "somebody in Airbyte, by its UI or API, or another program with a state of its own",
        "nothing to accept: a file makes an object of its own, and takes over none",
        f"delete it in Airbyte: {kind} {object_id}",
    )


def _schema_line(source: Source, change: SchemaChange, author: str) -> Line:
    committed, offered = ("there", "not there") if change.what == "removed" else ("not there", "there")
    return Line(
        Origin.SCHEMA,
        f"{source.name}/{DISCOVERED}",
        f"source {source.title}",
        f"{change.stream}.{change.field}" if change.field else change.stream,
        change.before or committed,
        (change.after or offered) + ("  BREAKING" if change.breaking else ""),
        author,
        f"lotus drift accept {source.name}/{DISCOVERED}",
        "only the source can undo it",
    )


def source_of(name: str, sources: Iterable[str]) -> str:
    """The source's folder that a Pulumi name belongs to: `shop-to-lake`, `shop-manifest` and `shop` are shop's."""
    names = list(sources)
    if name in names:
        return name
    for mark in ("-to-", "-manifest", "-connector"):
        head = name.rpartition(mark)[0]
        if head in names:
            return head
    return name.rpartition("-to-")[0] or name


def shared_source(name: str, sources: Iterable[Source]) -> Source | None:
    """A source of the shared connector that a Pulumi name belongs to; None where it is no shared one's."""
    return next((source for source in sources if f"{CONNECTORS}/{source.connector.shared}" == name), None)


def restore_command(project: Path, stack: str) -> str:
    """The command that restores Airbyte from the files: the operator's where it applies this stack, else pulumi's."""
    return "lotus reconcile --wait" if delivery_of(project, stack) else f"pulumi up --refresh --stack {stack}"


def _day(created_at: Any) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(created_at), UTC).date().isoformat() if created_at else "at an unknown time"
