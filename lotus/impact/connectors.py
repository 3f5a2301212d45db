"""Sources and destinations: added, removed, recreated because their connector changes, or configured differently."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lotus.config import Connection, Destination, Project, Source, Stream
from lotus.config.connector import Connector
from lotus.config.landing import is_s3
from lotus.config.leaves import Leaf, differing
from lotus.config.references import references
from lotus.impact.change import Action, Change, Kind, Risk, landing_of
from lotus.impact.connections import landing_elsewhere, lands_in, moved_data
from lotus.impact.places import location, with_config
from lotus.impact.streams import some
from lotus.words import counted

_START = re.compile(r"(^|[._])(replication_)?start_(date|time|datetime)$|since|lookback|window_in_days", re.IGNORECASE)
_NEW_FILES = ("format.format_type", "file_name_pattern")
_WHERE = ("s3_endpoint", "s3_bucket_name", "s3_bucket_path", "s3_path_format")
"""The leaves of an S3 destination that say where files land."""


def renamed_actor(actor: Source | Destination, before: str) -> Change:
    """A folder or file with another name; for Airbyte nothing changes, so no preview of Pulumi shows it."""
    return Change(
        risk=Risk.LOW,
        action=Action.NOTHING,
        kind="source" if isinstance(actor, Source) else "destination",
        name=actor.name,
        title=actor.title,
        subject=actor.name,
        what=f"renamed from {before}",
        data=("it keeps its id and its settings in Airbyte",),
        verify="pulumi preview",
        revert="renames it back, if that has renamed_from too",
        file=actor.file,
    )


def source_added(project: Project, source: Source, reason: str) -> Change:
    """A new source."""
    secrets = sorted({r.name for r in references(source.settings.configuration) if r.kind == "$secret"})
    data = [f"created with {_connector(source)}"]
    if secrets:
        data.append(f"it needs a value for secret {some(secrets)}, else the apply fails")
    stack = project.settings.stack
    return Change(
        risk=Risk.LOW,
        action=Action.CREATE,
        kind="source",
        name=source.name,
        title=source.title,
        subject=source.name,
        what=f"a new source{reason}",
        data=tuple(data),
        verify=f"lotus validate{f' --stack {stack}' if stack else ''}",
        revert="deletes it again",
        file=source.file,
    )


def source_removed(before: Project, after: Project, source: Source, reason: str) -> Change:
    """A source that the files no longer declare."""
    secrets = {r.name for r in references(source.settings.configuration) if r.kind == "$secret"}
    still_used = {
        r.name
        for other in (*after.sources, *after.destinations)
        for r in references(other.settings.configuration)
        if r.kind == "$secret"
    }
    data = ["its configuration in Airbyte is deleted; the data in the source itself is not touched"]
    if secrets - still_used:
        data.append(f"secret {some(sorted(secrets - still_used))} is no longer used: revoke it at the source")
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.DELETE,
        kind="source",
        name=source.name,
        title=source.title,
        subject=source.name,
        what="deleted" + (f" ({reason})" if reason else ""),
        data=tuple(data),
        verify=f"pulumi stack export --stack {after.settings.stack or 'NAME'} | grep -c '::{source.name}\"'  # 0",
        revert="creates it again under a new id, if its secrets still have values",
        consent=f"delete source {source.title}",
        file=source.file,
    )


@dataclass(frozen=True, slots=True)
class SourcePair:
    """One source before and after, each with its project."""

    before: Project
    after: Project
    old: Source
    new: Source


def source(pair: SourcePair, moved: bool) -> tuple[list[Change], bool]:
    """What changes in a source that stays, and whether it is recreated."""
    old, new = pair.old, pair.new
    replaced = moved or _needs_replacement(old.connector, new.connector)
    own_manifest = old.connector.kind == new.connector.kind == "manifest" and not new.connector.shared
    if own_manifest and old.title != new.title:
        replaced = True  # the name of a low-code definition cannot change (docs/airbyte-behaviour.md#definitions)
    changes: list[Change] = []
    if replaced:
        reason = "the workspace changes" if moved else f"connector {_connector(old)} → {_connector(new)}"
        changes.append(_replaced("source", new.name, old.title, new.file, reason))
    elif old.connector.version != new.connector.version:
        data = "another version can offer other fields, types and keys: lotus discover shows which"
        summary = f"connector version {old.connector.version} → {new.connector.version}"
        changes.append(_update(pair, Risk.MEDIUM, summary, (data,)))
    if new.manifest is not None and old.manifest is not None and old.manifest != new.manifest:
        data = "what it reads and lands can change; the source keeps its id, its streams keep their sync state"
        changes.append(_update(pair, Risk.MEDIUM, "its low-code manifest changes", (data,)))
    if old.components != new.components:
        data = "what it reads and lands can change, and it runs with the connector's credentials: read the code"
        changes.append(_update(pair, Risk.MEDIUM, "the code of its low-code manifest changes", (data,)))
    if old.title != new.title and not replaced:
        changes.append(_update(pair, Risk.LOW, f"name {old.title} → {new.title}", ("what lands does not change",)))
    leaves = differing(
        with_config(pair.before, old.settings.configuration),
        with_config(pair.after, new.settings.configuration),
        new.specification,
    )
    if leaves and not replaced:
        changes += [_setting(pair, leaf) for leaf in leaves]
    return changes, replaced


def _setting(pair: SourcePair, leaf: Leaf) -> Change:
    if leaf.secret or leaf.before.startswith("$secret") or leaf.after.startswith("$secret"):
        data = ("Airbyte checks the new value; what lands does not change if it belongs to the same account",)
        return _update(pair, Risk.LOW, leaf.text, data)
    if _START.search(leaf.path):
        data = (
            "streams with a cursor continue where they are: only reads from the beginning are affected",
            "backfills, new streams and full refreshes read from the new value: rows before it are not read again",
        )
        return _update(pair, Risk.HIGH, leaf.text, data)
    data = ("what the source reads can change, from its next sync on; nothing is read again because of it",)
    return _update(pair, Risk.MEDIUM, leaf.text, data)


def _update(pair: SourcePair, risk: Risk, summary: str, data: tuple[str, ...]) -> Change:
    return Change(
        risk=risk,
        action=Action.UPDATE,
        kind="source",
        name=pair.new.name,
        title=pair.new.title,
        subject=pair.new.name,
        what=summary,
        data=data,
        verify=landing_of(pair.new.name),
        revert="undoes it; what landed meanwhile stays",
        file=pair.new.file,
        streams=_streams_of(pair.after, pair.new) if risk is not Risk.LOW else (),
    )


def _streams_of(project: Project, source: Source) -> tuple[str, ...]:
    """The streams of all connections of a source."""
    connections = project.connections_of(source.name)
    return tuple(f"{connection.name}/{stream.name}" for connection in connections for stream in connection.streams)


def destination_added(project: Project, destination: Destination) -> Change:
    """A destination that was not used before."""
    landing = lands_in(project, destination)
    return Change(
        risk=Risk.LOW,
        action=Action.CREATE,
        kind="destination",
        name=destination.name,
        title=destination.title,
        subject=destination.name,
        what="a new destination",
        data=(f"it takes {counted(len(landing), 'stream')} of {counted(len(_sources(landing)), 'source')}",),
        verify=f"lotus validate{f' --stack {project.settings.stack}' if project.settings.stack else ''}",
        revert="deletes it again; files in it stay",
        file=destination.file,
    )


def _sources(landing: Iterable[tuple[Connection, Stream]]) -> set[str]:
    return {connection.source.name for connection, _ in landing}


def destination_removed(after: Project, destination: Destination) -> Change:
    """A destination that nothing lands in."""
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.DELETE,
        kind="destination",
        name=destination.name,
        title=destination.title,
        subject=destination.name,
        what="deleted: no source of this stack lands in it",
        data=("its configuration in Airbyte is deleted; files that landed stay",),
        verify=f"pulumi stack export --stack {after.settings.stack or 'NAME'} | grep -c '::{destination.name}\"'  # 0",
        revert="creates it again under a new id",
        consent=f"delete destination {destination.title}",
        file=destination.file,
    )


def destination(
    before: Project, after: Project, old: Destination, new: Destination, moved: bool
) -> tuple[list[Change], bool]:
    """What changes in a destination that stays, and whether it is recreated."""
    replaced = moved or _needs_replacement(old.connector, new.connector)
    changes: list[Change] = []
    if replaced:
        reason = "the workspace changes" if moved else f"connector {old.connector.value} → {new.connector.value}"
        changes.append(_replaced("destination", new.name, old.title, new.file, reason))
    streams = lands_in(after, new)
    subjects = tuple(f"{s.name}/{stream.name}" for s, stream in streams)

    def update(risk: Risk, summary: str, data: tuple[str, ...], revert: str = "undoes it") -> Change:
        return Change(
            risk=risk,
            action=Action.UPDATE,
            kind="destination",
            name=new.name,
            title=new.title,
            subject=new.name,
            what=summary,
            data=data,
            verify="lotus sync --all --wait && lotus landing",
            revert=revert,
            file=new.file,
            streams=subjects if risk is not Risk.LOW else (),
        )

    if old.title != new.title:
        changes.append(update(Risk.LOW, f"name {old.title} → {new.title}", ("what lands does not change",)))
    leaves = differing(
        with_config(before, old.settings.configuration),
        with_config(after, new.settings.configuration),
        new.specification,
    )
    if not is_s3(new.settings.connector):
        data = ("where or how rows land can change, from the next sync on",)
        risks = [(Risk.LOW if leaf.secret else Risk.HIGH, leaf) for leaf in leaves]
        return changes + [update(risk, leaf.text, data) for risk, leaf in risks], replaced
    moves = [leaf for leaf in leaves if leaf.path in _WHERE]
    if moves:
        summary = f"{landing_elsewhere(len(subjects))}: " + ", ".join(leaf.text for leaf in moves)
        back = "lands new files at the old location again; files that landed in between stay where they are"
        changes.append(update(Risk.HIGH, summary, _moved(before, after, old, new, moves), back))
    for leaf in leaves:
        if leaf not in moves:
            risk, data, revert = _effect_of_s3_setting(leaf, len(subjects))
            changes.append(update(risk, leaf.text, data, revert))
    return changes, replaced


def _effect_of_s3_setting(leaf: Leaf, streams: int) -> tuple[Risk, tuple[str, ...], str]:
    """The risk of a setting that does not move files, what it does to the data, and what a revert does."""
    if leaf.path in _NEW_FILES:
        data = (
            f"new files differ from the old ones of {counted(streams, 'stream')}; old ones stay as they are",
            "a reader that selects files by name or format (part_*.parquet) does not see the new ones",
        )
        return Risk.HIGH, data, "undoes it for new files; those that landed stay"
    if leaf.secret or "$secret" in leaf.text:
        return Risk.LOW, ("Airbyte checks the new value; what lands does not change",), "undoes it"
    return Risk.LOW, ("how new files are written changes; readers that know the format read both",), "undoes it"


def _moved(before: Project, after: Project, old: Destination, new: Destination, moves: list[Leaf]) -> tuple[str, ...]:
    """An example of the first stream that lands in both; an endpoint's change has no path of its own."""
    former = {(connection.name, stream.name): (connection, stream) for connection, stream in lands_in(before, old)}
    for connection, stream in lands_in(after, new):
        if (connection.name, stream.name) not in former:
            continue
        was = location(before, *former[connection.name, stream.name], old)
        becomes = location(after, connection, stream, new)
        if was and was != becomes:
            where_to, *others = moved_data(after.settings.readers, was, becomes)
            return (f"{where_to} (of {connection.name}/{stream.name})", *others)
    if any(leaf.path == "s3_endpoint" for leaf in moves):
        return (
            "new files land at another server; old files stay at the old one",
            "sync state is kept: nothing is read again, so the new server has no history until a backfill",
        )
    return ("no stream lands there yet",)


def _replaced(kind: Kind, name: str, title: str, file: str, reason: str) -> Change:
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.REPLACE,
        kind=kind,
        name=name,
        title=title,
        subject=name,
        what=f"deleted and recreated: {reason}",
        data=("it gets a new id, and its connections are recreated with it",),
        verify=landing_of(name) if kind == "source" else "lotus sync --all --wait && lotus landing",
        revert="recreates it once more",
        consent=f"replace {kind} {title}",
        file=file,
    )


def _needs_replacement(old: Connector, new: Connector) -> bool:
    """Whether Airbyte has to make the object again: its definition cannot change.

    Which properties can: docs/airbyte-behaviour.md#definitions.

    A version of the same image is an update of the definition; a manifest's file may be called anything.
    """
    if old.shared != new.shared:
        return True  # another definition in Airbyte, whatever is in it
    if old.kind == new.kind and (old.shared or old.kind == "manifest"):
        return False
    return (old.kind, old.value) != (new.kind, new.value)


def _connector(of: Source) -> str:
    return of.settings.connector_text
