"""`lotus drift`: where files, state, Airbyte, sources and the bucket differ, who likely did it, and the ways out.

One `pulumi preview --refresh` (no lock, nothing written) tells three of the five apart: what the files say, what was
applied last, what Airbyte has. Sources are asked what they offer through the objects that Airbyte has already, and the
bucket is compared with what past jobs say that they landed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte, AirbyteError, Job

from lotus import revisions
from lotus.config import Project, Settings, Source
from lotus.config.project import DESTINATIONS, DISCOVERED, SOURCE_FILE
from lotus.errors import LotusError
from lotus.gitops.deliveries import delivery_of
from lotus.impact.leaves import Leaf
from lotus.operations import bucket, connectors
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.connectors import Definition, Wanted
from lotus.operations.discover import Offer, everything, offer_of, record, settings_of
from lotus.operations.plan import Held, Plan, Step, preview

_FAILED_JOBS = 3
"""So many failures in a row, and a paused connection was likely paused by Airbyte itself."""


class Origin(StrEnum):
    """Which of the five is not as the others have it."""

    FILES = "files"
    """The files say something that is not applied yet."""
    STATE = "state"
    """Airbyte has an object of this lake that the state does not know."""
    AIRBYTE = "airbyte"
    """An object in Airbyte is not as it was applied."""
    SCHEMA = "source schema"
    """A source offers something else than the committed schema says."""
    BUCKET = "bucket"
    """Files that a job landed are not there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One difference. `accept` and `restore` are the two ways out: commands, or why there is none."""

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
        place = f"{self.resource}, {self.leaf}" if self.leaf else self.resource
        return f"{place}: {self.declared} → {self.found}" if self.declared or self.found else place


@dataclass(frozen=True, slots=True)
class Drift:
    """What one look found; `notes` are differences that are no drift of this lake."""

    stack: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    not_checked: tuple[str, ...]
    checked: tuple[Origin, ...]
    plan: Plan = field(repr=False)
    offers: Mapping[str, Offer] = field(repr=False)
    """What each source that was asked offers now."""

    def json(self) -> dict[str, Any]:
        """The look as a JSON object; the keys are stable."""
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
            "notes": list(self.notes),
            "checked": [origin.value for origin in self.checked],
            "not_checked": list(self.not_checked),
        }


def look(
    project: Path, stack: str, environment: Mapping[str, str], *, origins: Iterable[Origin] = tuple(Origin)
) -> Drift:
    """Everything that differs now, for one stack. Nothing is written, and no lock is taken.

    Missing secrets are no obstacle: what the state holds is taken for them.

    Raises:
        ConfigError: the files or the settings have faults.
        ToolError: pulumi is not there, or could not plan.
    """
    asked = set(origins)
    settings = settings_of(project, stack, environment)
    files = everything(project, settings)
    plan = preview(project, stack, {**environment, "LOTUS_OFFLINE": "1"})
    looked = _Look(project, settings, files, plan, dict(environment))
    looked.objects({Origin.FILES, Origin.AIRBYTE} & asked)
    looked.live({Origin.STATE, Origin.SCHEMA, Origin.BUCKET} & asked)
    checked = tuple(origin for origin in Origin if origin in asked and origin not in looked.failed)
    order = list(Origin)
    lines = sorted(looked.lines, key=lambda line: (order.index(line.origin), line.resource, line.leaf))
    return Drift(stack, tuple(lines), tuple(looked.notes), tuple(looked.not_checked), checked, plan, looked.offers)


class _Look:
    """One look: lines, notes and what could not be seen are collected on the way."""

    def __init__(
        self, project: Path, settings: Settings, files: Project, plan: Plan, environment: dict[str, str]
    ) -> None:
        self.project = project
        self.settings = settings
        self.files = files
        self.plan = plan
        self.environment = environment
        self.restore = put_back(project, settings.stack)
        self.lines: list[Line] = []
        self.notes: list[str] = []
        self.not_checked: list[str] = []
        self.failed: set[Origin] = set()
        self.offers: dict[str, Offer] = {}
        gone = {(step.kind, step.name) for step in plan.steps if step.gone}
        self.held = [held for held in plan.held if (held.kind, held.name) not in gone]

    # Files, state and Airbyte

    def objects(self, origins: set[Origin]) -> None:
        """What pulumi's plan tells: an object's leaves are Airbyte's drift, or files that are not applied."""
        for step in self.plan.steps:
            found = list(self._of_step(step))
            self.lines += [line for line in found if line.origin in origins]

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

    def _changed(self, step: Step, leaf: str, declared: str, found: str) -> Line:
        since = f" after {step.applied_at[:16].replace('T', ' ')} UTC" if step.applied_at else " since the last apply"
        author = f"somebody in Airbyte, by its UI or API,{since}"
        accept = f"lotus drift accept {step.name}"
        return Line(Origin.AIRBYTE, step.name, step.resource, leaf, declared, found, author, accept, self.restore)

    def _not_applied(self, step: Step, leaf: str, declared: str, found: str) -> Line:
        file = self.file_of(step, leaf)
        author = self._committer(file)
        accept = "the files say so already; to take it back: git revert, or edit them"
        restore = f"{self.restore}  # applies it"
        return Line(Origin.FILES, step.name, step.resource, leaf, declared, found, f"{file}: {author}", accept, restore)

    def _committer(self, file: str) -> str:
        try:
            if revisions.uncommitted(self.project, file):
                return "not committed yet"
            return revisions.last_change(self.project, file) or "no commit has it"
        except LotusError:
            return "whoever pushed it last (this is no git checkout)"  # the folder that Flux serves is none

    def file_of(self, step: Step, leaf: str) -> str:
        """The file (or folder) in which a person would look for it."""
        sources = {source.name: source for source in self.files.sources}
        folder = self.settings.streams
        if step.kind == "destination":
            return f"{folder}/{DESTINATIONS}/{step.name}.json"
        name = step.name.split("/")[0] if step.kind == "backfill" else source_of(step.name, sources)
        if name not in sources:
            return f"{folder}/{name}"
        manifest = sources[name].settings.manifest
        if step.kind == "declarativeSourceDefinition" and manifest:
            return f"{folder}/{name}/{manifest}"
        stream = step.name.partition("/")[2] if step.kind == "backfill" else leaf.split(".")[1] if "." in leaf else ""
        named = [one.file for one in sources[name].streams if one.name == stream]
        return named[0] if named else f"{folder}/{name}/{SOURCE_FILE}"

    # Airbyte's lists, the sources themselves, the bucket

    def live(self, origins: set[Origin]) -> None:
        """What pulumi does not look at. What cannot be asked is listed as not checked, with the reason."""
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
        workspace = connectors.workspace_of(self.settings)
        async with client(self.project, self.settings.stack, self.environment) as airbyte:
            listed = {
                "source": await airbyte.sources([workspace]),
                "destination": await airbyte.destinations([workspace]),
                "connection": await airbyte.connections([workspace]),
            }
            self._forgotten({str(one[f"{kind}Id"]) for kind, objects in listed.items() for one in objects})
            if Origin.STATE in origins:
                self._unknown_to_the_state(listed)
            await self._paused_by_itself(airbyte)
            if Origin.SCHEMA in origins:
                await self._schemas(airbyte, workspace, listed["source"])
            if Origin.BUCKET in origins:
                jobs = {held.title: await self._jobs(airbyte, held) for held in self.held if held.kind == "connection"}
                try:
                    found = await asyncio.to_thread(bucket.missing, self._project_with_secrets(), jobs)
                except LotusError as error:
                    self._unseen([Origin.BUCKET], error)
                else:
                    self.lines += [self._missing(one) for one in found]

    def _forgotten(self, there: set[str]) -> None:
        """Takes out what neither the files nor Airbyte have: pulumi does not read what the program has no more."""
        listed = ("source", "destination", "connection")
        for step in self.plan.steps:
            if step.op == "delete" and step.kind in listed and step.id not in there:
                self.lines = [line for line in self.lines if (line.name, line.resource) != (step.name, step.resource)]
                self.notes.append(f"{step.resource} is gone, and the files agree: the next apply forgets it")

    def _unknown_to_the_state(self, listed: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Objects that bear the name of one of ours, and connections to or from one of ours."""
        ids = {held.id for held in self.plan.held}
        titles = {(held.kind, held.title): held for held in self.plan.held}
        elsewhere = 0
        for kind, objects in listed.items():
            for one in objects:
                own, title = str(one[f"{kind}Id"]), str(one["name"])
                if own in ids or title.startswith("lotus trial of "):
                    continue
                touches = (
                    {str(one.get("sourceId")), str(one.get("destinationId"))} & ids if kind == "connection" else ()
                )
                if not touches and (kind, title) not in titles:
                    elsewhere += 1
                    continue
                declared = titles.get((kind, title))
                name = declared.name if declared else ""
                kinds = f"airbyte:index/{kind}:{kind.title()}"
                self.lines.append(
                    Line(
                        Origin.STATE,
                        name or own,
                        f"{kind} {title}",
                        "",
                        "one" if declared else "none",
                        f"{'another' if declared else 'one'}, {own}, made {_day(one.get('createdAt'))}",
                        "somebody in Airbyte, by its UI or API, or another program with a state of its own",
                        f"declare it in the files, then pulumi import {kinds} NAME {own}",
                        f"delete it in Airbyte: {kind} {own}",
                    )
                )
        if elsewhere:
            self.notes.append(f"the workspace has {elsewhere} more objects, which are not this lake's")

    async def _paused_by_itself(self, airbyte: Airbyte) -> None:
        """Airbyte pauses a connection whose syncs keep failing; then nobody did it."""
        ids = {held.name: held for held in self.held if held.kind == "connection"}
        for index, line in enumerate(self.lines):
            if line.origin is not Origin.AIRBYTE or line.leaf != "status" or line.name not in ids:
                continue
            jobs = await self._jobs(airbyte, ids[line.name])
            if len(jobs) >= _FAILED_JOBS and all(job.status == "failed" for job in jobs[:_FAILED_JOBS]):
                author = f"maybe Airbyte itself: the last {_FAILED_JOBS} jobs failed, the newest for {jobs[0].failure}"
                self.lines[index] = replace(line, author=author)

    async def _jobs(self, airbyte: Airbyte, held: Held) -> list[Job]:
        types = ("sync", "refresh", "reset_connection", "clear")
        return await airbyte.jobs(held.id, types=types)

    async def _schemas(self, airbyte: Airbyte, workspace: str, there: Sequence[Mapping[str, Any]]) -> None:
        definitions = {str(one["sourceDefinitionId"]): one for one in await airbyte.definitions("source", workspace)}
        by_id = {str(one["sourceId"]): one for one in there}
        sources = {source.name: source for source in self.files.sources}
        for held in self.held:
            source, stored = sources.get(held.name), by_id.get(held.id)
            if held.kind != "source" or source is None or stored is None:
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
        """What the stored source offers: unlike `lotus discover`, no secret is needed and nothing is made for it."""
        own = str(stored["definitionId"])
        known = definitions.get(own, {})
        found = Definition(own, str(known.get("dockerRepository", "")), str(known.get("dockerImageTag", "")))
        wanted = Wanted("source", source.name, source.connector, {}, source.manifest)
        specification = await connectors.specification(airbyte, workspace, wanted, found)
        return offer_of(specification, await airbyte.discover(str(stored["sourceId"])))

    def _schema(self, source: Source, offer: Offer) -> None:
        discovery = record(self.project, self.settings, source.name, offer, check=True)
        if discovery.first:
            self.notes.append(f"source {source.name} was never discovered: lotus discover {source.name}")
            return
        version = next((c for c in discovery.changes if c.stream == "the connector"), None)
        author = (
            f"the connector's new version ({version.before} → {version.after})"
            if version
            else f"the source's own side: who runs what {source.title} reads from"
        )
        others = 0
        for change in discovery.changes:
            if not change.used:
                others += 1
                continue
            where = f"{change.stream}.{change.field}" if change.field else change.stream
            self.lines.append(
                Line(
                    Origin.SCHEMA,
                    f"{source.name}/{DISCOVERED}",
                    f"source {source.title}",
                    where,
                    change.before or ("there" if change.what == "removed" else "not there"),
                    (change.after or ("not there" if change.what == "removed" else "there"))
                    + ("  BREAKING" if change.breaking else ""),
                    author,
                    f"lotus drift accept {source.name}/{DISCOVERED}",
                    "only the source can take it back",
                )
            )
        if others:
            self.notes.append(f"source {source.name}: {others} more changes in what no file syncs")

    def _project_with_secrets(self) -> Project:
        from lotus.operations.lake import project_of

        return project_of(self.project, self.settings.stack, self.environment)

    def _missing(self, one: bucket.Missing) -> Line:
        if not one.stream:
            return Line(
                *(Origin.BUCKET, one.source, f"bucket {one.where}", "", "there", "not there", one.author),
                *("change s3_bucket_name in the destination's file", "make the bucket again"),
            )
        return Line(
            Origin.BUCKET,
            f"{one.source}/{one.stream}",
            f"stream {one.source}/{one.stream}",
            one.where,
            f"{one.rows:,} rows of job {one.job}",
            "no file since",
            one.author,
            "nothing to accept: the files do not say what the bucket holds; the next sync's files end this",
            f"lotus backfill {one.source} {one.stream}",
        )


def source_of(name: str, sources: Iterable[str]) -> str:
    """The source's folder that a Pulumi name belongs to: `shop-to-lake`, `shop-manifest` and `shop` are shop's."""
    known = list(sources)
    if name in known:
        return name
    for mark in ("-to-", "-manifest", "-connector"):
        head = name.rpartition(mark)[0]
        if head in known:
            return head
    return name.rpartition("-to-")[0] or name


def put_back(project: Path, stack: str) -> str:
    """The command that makes Airbyte as the files say: the operator's where it applies this stack, else pulumi's."""
    return "lotus reconcile --wait" if delivery_of(project, stack) else f"pulumi up --refresh --stack {stack}"


def _day(created_at: Any) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(created_at), UTC).date().isoformat() if created_at else "at a time not known"
