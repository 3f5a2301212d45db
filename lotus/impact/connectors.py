"""Sources and destinations: that come, go, are made anew because their connector changes, or are configured anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lotus.config import Destination, Project, Source
from lotus.config.connector import Connector
from lotus.config.landing import is_s3
from lotus.config.references import references
from lotus.impact.change import Action, Change, Kind, Risk
from lotus.impact.connections import Pair, lands_in, moved_data
from lotus.impact.leaves import Leaf, differing
from lotus.impact.places import known, place
from lotus.impact.streams import count, some

_START = re.compile(r"(^|[._])(replication_)?start_(date|time|datetime)$|since|lookback|window_in_days", re.IGNORECASE)
_NEW_FILES = ("format.format_type", "file_name_pattern")
_WHERE = ("s3_endpoint", "s3_bucket_name", "s3_bucket_path", "s3_path_format")
"""The leaves of an S3 destination that say where files land."""


def source_comes(project: Project, source: Source, reason: str) -> Change:
    """A source that was not there."""
    secrets = sorted({r.name for r in references(source.settings.configuration) if r.kind == "$secret"})
    data = [f"made with {_connector(source)}"]
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


def source_goes(before: Project, after: Project, source: Source, reason: str) -> Change:
    """A source that is no more."""
    secrets = {r.name for r in references(source.settings.configuration) if r.kind == "$secret"}
    kept = {
        r.name
        for other in (*after.sources, *after.destinations)
        for r in references(other.settings.configuration)
        if r.kind == "$secret"
    }
    data = ["its configuration in Airbyte goes; what the source itself holds is not touched"]
    if secrets - kept:
        data.append(f"secret {some(sorted(secrets - kept))} is used by nothing any more: revoke it at the source")
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
        revert="makes it again under a new id, if its secrets still have values",
        consent=f"delete source {source.title}",
        file=source.file,
    )


def source(pair: Pair, moved: bool) -> tuple[list[Change], bool]:
    """What changes in a source that stays, and whether Airbyte makes it anew."""
    old, new = pair.old, pair.new
    anew = moved or _anew(old.connector, new.connector)
    if old.connector.kind == new.connector.kind == "manifest" and old.title != new.title:
        anew = True  # the name of a low-code definition cannot change (airbyte-api.md (a))
    found: list[Change] = []
    if anew:
        why = "the workspace changes" if moved else f"connector {_connector(old)} → {_connector(new)}"
        found.append(_replaced("source", new.name, old.title, new.file, why))
    elif old.connector.version != new.connector.version:
        data = "another version can offer other fields, types and keys: lotus discover shows which"
        what = f"connector version {old.connector.version} → {new.connector.version}"
        found.append(_update(pair, Risk.MEDIUM, what, (data,)))
    if new.manifest is not None and old.manifest is not None and old.manifest != new.manifest:
        data = "what it reads and lands can change; the source keeps its id, its streams keep their sync state"
        found.append(_update(pair, Risk.MEDIUM, "its low-code manifest changes", (data,)))
    if old.title != new.title and not anew:
        found.append(_update(pair, Risk.LOW, f"name {old.title} → {new.title}", ("what lands does not change",)))
    leaves = differing(
        known(pair.before, old.settings.configuration), known(pair.after, new.settings.configuration), new.specification
    )
    if leaves and not anew:
        found += [_setting(pair, leaf) for leaf in leaves]
    return found, anew


def _setting(pair: Pair, leaf: Leaf) -> Change:
    if leaf.secret or leaf.before.startswith("$secret") or leaf.after.startswith("$secret"):
        data = ("Airbyte checks the new value; what lands does not change if it belongs to the same account",)
        return _update(pair, Risk.LOW, leaf.text, data)
    if _START.search(leaf.path):
        data = (
            "streams that are read by cursor go on from where they are: only what is read from the beginning feels it",
            "a backfill, a new stream and every full refresh read from the new value: rows before it do not come again",
        )
        return _update(pair, Risk.HIGH, leaf.text, data)
    data = ("what the source reads can change, from its next sync on; nothing is read again because of it",)
    return _update(pair, Risk.MEDIUM, leaf.text, data)


def _update(pair: Pair, risk: Risk, what: str, data: tuple[str, ...]) -> Change:
    return Change(
        risk=risk,
        action=Action.UPDATE,
        kind="source",
        name=pair.new.name,
        title=pair.new.title,
        subject=pair.new.name,
        what=what,
        data=data,
        verify=f"lotus sync {pair.new.name} --wait && lotus landing --source {pair.new.name}",
        revert="undoes it; what landed meanwhile stays",
        file=pair.new.file,
        streams=tuple(f"{pair.new.name}/{s.name}" for s in pair.new.streams) if risk is not Risk.LOW else (),
    )


def destination_comes(project: Project, destination: Destination) -> Change:
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
        data=(f"it takes {count(len(landing), 'stream')} of {count(len({s.name for s, _ in landing}), 'source')}",),
        verify=f"lotus validate{f' --stack {project.settings.stack}' if project.settings.stack else ''}",
        revert="deletes it again; files in it stay",
        file=destination.file,
    )


def destination_goes(after: Project, destination: Destination) -> Change:
    """A destination that nothing lands in any more."""
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.DELETE,
        kind="destination",
        name=destination.name,
        title=destination.title,
        subject=destination.name,
        what="deleted: no source of this stack lands in it any more",
        data=("its configuration in Airbyte goes; files that landed stay",),
        verify=f"pulumi stack export --stack {after.settings.stack or 'NAME'} | grep -c '::{destination.name}\"'  # 0",
        revert="makes it again under a new id",
        consent=f"delete destination {destination.title}",
        file=destination.file,
    )


def destination(
    before: Project, after: Project, old: Destination, new: Destination, moved: bool
) -> tuple[list[Change], bool]:
    """What changes in a destination that stays, and whether Airbyte makes it anew."""
    anew = moved or _anew(old.connector, new.connector)
    found: list[Change] = []
    if anew:
        why = "the workspace changes" if moved else f"connector {old.connector.value} → {new.connector.value}"
        found.append(_replaced("destination", new.name, old.title, new.file, why))
    streams = lands_in(after, new)
    subjects = tuple(f"{s.name}/{stream.name}" for s, stream in streams)

    def update(risk: Risk, what: str, data: tuple[str, ...], revert: str = "undoes it") -> Change:
        return Change(
            risk=risk,
            action=Action.UPDATE,
            kind="destination",
            name=new.name,
            title=new.title,
            subject=new.name,
            what=what,
            data=data,
            verify="lotus sync --all --wait && lotus landing",
            revert=revert,
            file=new.file,
            streams=subjects if risk is not Risk.LOW else (),
        )

    if old.title != new.title:
        found.append(update(Risk.LOW, f"name {old.title} → {new.title}", ("what lands does not change",)))
    leaves = differing(
        known(before, old.settings.configuration), known(after, new.settings.configuration), new.specification
    )
    if not is_s3(new.settings.connector):
        data = ("where or how rows land can change, from the next sync on",)
        risks = [(Risk.LOW if leaf.secret else Risk.HIGH, leaf) for leaf in leaves]
        return found + [update(risk, leaf.text, data) for risk, leaf in risks], anew
    where = [leaf for leaf in leaves if leaf.path in _WHERE]
    if where:
        what = f"{count(len(subjects), 'stream')} in another place: " + ", ".join(leaf.text for leaf in where)
        back = "lands new files in the old place again; those of the time between stay where they are"
        found.append(update(Risk.HIGH, what, _moved(before, after, old, new, where), back))
    for leaf in leaves:
        if leaf in where:
            continue
        if leaf.path in _NEW_FILES:
            data = (
                f"new files differ from the old ones of {count(len(subjects), 'stream')}; old ones stay as they are",
                "a reader that goes by name or format (part_*.parquet) does not see the new ones",
            )
            found.append(update(Risk.HIGH, leaf.text, data, "undoes it for new files; those that landed stay"))
        elif leaf.secret or "$secret" in leaf.text:
            data = ("Airbyte checks the new value; what lands does not change",)
            found.append(update(Risk.LOW, leaf.text, data))
        else:
            data = ("how new files are written changes; readers that know the format read both",)
            found.append(update(Risk.LOW, leaf.text, data))
    return found, anew


def _moved(before: Project, after: Project, old: Destination, new: Destination, where: list[Leaf]) -> tuple[str, ...]:
    """An example of the first stream that lands in both; an endpoint's change has no path of its own."""
    former = {(source.name, stream.name): (source, stream) for source, stream in lands_in(before, old)}
    for source, stream in lands_in(after, new):
        if (source.name, stream.name) not in former:
            continue
        was, becomes = place(before, *former[source.name, stream.name], old), place(after, source, stream, new)
        if was and was != becomes:
            where_to, *others = moved_data(was, becomes)
            return (f"{where_to} (of {source.name}/{stream.name})", *others)
    if any(leaf.path == "s3_endpoint" for leaf in where):
        return (
            "new files land at another server; old files stay at the old one",
            "sync state is kept: nothing is read again, so the new server has no history until a backfill",
        )
    return ("no stream lands there yet",)


def _replaced(kind: Kind, name: str, title: str, file: str, why: str) -> Change:
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.REPLACE,
        kind=kind,
        name=name,
        title=title,
        subject=name,
        what=f"deleted and made again: {why}",
        data=("it gets a new id, and its connections are made anew with it",),
        verify=f"lotus sync {name} --wait && lotus landing --source {name}"
        if kind == "source"
        else "lotus sync --all --wait && lotus landing",
        revert="makes it anew once more",
        consent=f"replace {kind} {title}",
        file=file,
    )


def _anew(old: Connector, new: Connector) -> bool:
    """Whether Airbyte has to make the object again: its definition cannot change (airbyte-api.md (a)).

    A version of the same image is an update of the definition; a manifest's file may be called anything.
    """
    if old.kind == new.kind == "manifest":
        return False
    return (old.kind, old.value) != (new.kind, new.value)


def _connector(of: Source) -> str:
    connector: Connector = of.connector
    settings: Mapping[str, Any] = {"manifest": of.settings.manifest, "connector": of.settings.connector}
    if connector.kind == "manifest":
        return f"manifest {settings['manifest']}"
    return str(settings["connector"])
