"""`lotus sources`, `lotus destinations`, `lotus check`: what the files declare beside what Airbyte has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte

from lotus.config import Destination, Project, Settings, Source
from lotus.config.faults import choose
from lotus.errors import ConfigError, LotusError
from lotus.operations import connectors
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.connectors import Role, Wanted
from lotus.operations.discover import everything, settings_of


@dataclass(frozen=True, slots=True)
class ActorLine:
    """A source or destination. `state`: both, files, airbyte (only there), left out (of this stack), unknown."""

    name: str
    title: str
    connector: str
    state: str
    file: str = ""
    id: str = ""
    streams: int | None = None
    schedule: str = ""
    destination: str = ""
    connections: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Actors:
    """All of one role, and why Airbyte could not be asked, if it could not."""

    lines: tuple[ActorLine, ...]
    not_asked: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the connector's check said; `stored`: of the configuration in Airbyte, else of the one in the files."""

    role: Role
    name: str
    succeeded: bool
    message: str
    stored: bool


def list_actors(project: Path, stack: str, environment: Mapping[str, str], role: Role) -> Actors:
    """The stack's sources or destinations, files and Airbyte side by side.

    When Airbyte does not answer, the files alone are listed, with the reason.
    """
    settings = settings_of(project, stack, environment)
    files = everything(project, settings)
    try:
        with in_our_words():
            there, connections = asyncio.run(_there(project, stack, environment, settings, role))
        reason = ""
    except LotusError as error:
        there, connections, reason = [], [], f"{error.what} ({error.where})" if error.where else error.what
    by_title: dict[str, list[Mapping[str, Any]]] = {}
    for one in there:
        by_title.setdefault(str(one["name"]), []).append(one)
    found: list[ActorLine] = []
    used = {source.destination for source in files.sources if settings.reason_left_out(source.name) is None}
    for declared in files.sources if role == "source" else files.destinations:
        matches = by_title.pop(declared.title, [])
        found += _declared(settings, declared, matches, connections, used, unknown=bool(reason))
    for matches in by_title.values():
        found += [_only_there(one, role, connections) for one in matches]
    return Actors(tuple(found), reason)


async def _there(
    project: Path, stack: str, environment: Mapping[str, str], settings: Settings, role: Role
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    workspace = connectors.workspace_of(settings)
    async with client(project, stack, environment) as airbyte:
        listed = await (airbyte.sources if role == "source" else airbyte.destinations)([workspace])
        return listed, await airbyte.connections([workspace])


def _declared(
    settings: Settings,
    declared: Source | Destination,
    matches: Sequence[Mapping[str, Any]],
    connections: Sequence[Mapping[str, Any]],
    used: set[str],
    *,
    unknown: bool,
) -> list[ActorLine]:
    role: Role = "source" if isinstance(declared, Source) else "destination"
    reason = settings.reason_left_out(declared.name) if isinstance(declared, Source) else None
    if isinstance(declared, Destination) and declared.name not in used:
        reason = "no source of this stack uses it"
    state, why = "both", ""
    if not matches:
        state, why = ("unknown", "") if unknown else ("files", "pulumi up makes it")
    if reason:
        why = reason if not matches else f"{reason}, and Airbyte has one of this name"
        state = "left out" if not matches else state
    connector = declared.settings.connector or ""
    line = ActorLine(declared.name, declared.title, connector, state, declared.file, why=why)
    if isinstance(declared, Source):
        line = replace(
            line,
            connector=connector or f"manifest {declared.settings.manifest}",
            streams=len(declared.streams),
            schedule=declared.schedule or "manual",
            destination=declared.destination,
        )
    doubled = "" if len(matches) < 2 else f"Airbyte has {len(matches)} of this name"
    ids = [str(one[f"{role}Id"]) for one in matches]
    return [
        replace(line, id=own, connections=_connections(own, role, connections), why=why or doubled) for own in ids
    ] or [line]


def _only_there(one: Mapping[str, Any], role: Role, connections: Sequence[Mapping[str, Any]]) -> ActorLine:
    own = str(one[f"{role}Id"])
    kind = one.get(f"{role}Type")
    connector = f"{role}-{kind}" if kind else str(one.get("definitionId", ""))
    return ActorLine(
        "",
        str(one["name"]),
        connector,
        "airbyte",
        id=own,
        connections=_connections(own, role, connections),
        why="no file declares it",
    )


def _connections(own: str, role: Role, connections: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(one["name"]) for one in connections if one.get(f"{role}Id") == own))


def check(project: Path, stack: str, environment: Mapping[str, str], name: str, *, from_files: bool = False) -> Checked:
    """Lets Airbyte try a source or destination: the stored one, or with `from_files` what the files say.

    `name` is a folder's or file's, or the name in Airbyte; `source/…` and `destination/…` say which is meant.

    Raises:
        ConfigError: no such source or destination, or the name is that of both.
    """
    settings = settings_of(project, stack, environment)
    files = everything(project, settings)
    with in_our_words():
        return asyncio.run(_check(project, stack, environment, settings, files, name, from_files))


async def _check(
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    settings: Settings,
    files: Project,
    name: str,
    from_files: bool,
) -> Checked:
    workspace = connectors.workspace_of(settings)
    async with client(project, stack, environment) as airbyte:
        there = {
            "source": await airbyte.sources([workspace]),
            "destination": await airbyte.destinations([workspace]),
        }
        role, declared, stored = _meant(files, there, name)
        title = declared.title if declared else name
        if stored and not from_files:
            result = await (airbyte.check_source if role == "source" else airbyte.check_destination)(stored)
            return Checked(role, title, result["succeeded"], result["message"], stored=True)
        if declared is None:
            raise ConfigError(f'no file declares {role} "{name}"', fix="leave --files out")
        succeeded, message = await try_out(airbyte, workspace, connectors.wanted(settings, declared))
        return Checked(role, title, succeeded, message, stored=False)


async def try_out(airbyte: Airbyte, workspace: str, candidate: Wanted) -> tuple[bool, str]:
    """What the connector's check says of a configuration that is not in Airbyte."""
    async with (
        connectors.definition(airbyte, workspace, candidate) as definition,
        connectors.stored(airbyte, workspace, candidate, definition) as actor_id,
    ):
        source = candidate.role == "source"
        result = await (airbyte.check_source if source else airbyte.check_destination)(actor_id)
        return result["succeeded"], result["message"]


def _meant(
    files: Project, there: Mapping[str, Sequence[Mapping[str, Any]]], name: str
) -> tuple[Role, Source | Destination | None, str]:
    """Which one a name means: its role, what the files declare, and the id in Airbyte, empty if it is not there."""
    prefix, _, rest = name.partition("/")
    roles: tuple[Role, ...] = ("source", "destination")
    if prefix in roles and rest:
        roles, name = (prefix,), rest  # pyright: ignore[reportAssignmentType]  one of the two, as just seen
    found: list[tuple[Role, Source | Destination | None, str]] = []
    known: list[str] = []
    for role in roles:
        declared = {one.name: one for one in (files.sources if role == "source" else files.destinations)}
        titles = {one.title: one for one in declared.values()}
        ids = {str(one["name"]): str(one[f"{role}Id"]) for one in there[role]}
        known += [*declared, *ids]
        own = declared.get(name) or titles.get(name)
        title = own.title if own else name
        if own or title in ids:
            found.append((role, own, ids.get(title, "")))
    if not found:
        fix, _, _ = choose(name, list(dict.fromkeys(known)))
        raise ConfigError(f'neither the files nor Airbyte have a source or destination "{name}"', fix=fix)
    if len(found) > 1:
        fix = f"say which: source/{name} or destination/{name}"
        raise ConfigError(f'"{name}" is a source and a destination', fix=fix)
    return found[0]
