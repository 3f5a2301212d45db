"""`lotus sources`, `lotus destinations`, `lotus check`: the files and Airbyte side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pulumi_airbyte.api import Airbyte

from lotus.authoring import connectors
from lotus.authoring.connectors import ConnectorTrial, Role
from lotus.config import Destination, Project, Settings, Source
from lotus.config.faults import choose
from lotus.config.schedule import Manual
from lotus.errors import ConfigError, LotusError
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session


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
    """All of one role, and the reason if Airbyte could not be asked."""

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


def list_actors(session: Session, role: Role) -> Actors:
    """The stack's sources or destinations, files and Airbyte side by side.

    When Airbyte does not answer, the files alone are listed, with the reason.
    """
    settings, files = session.settings, session.files
    try:
        with in_our_words():
            stored, connections = asyncio.run(_stored_actors(session, role))
        reason = ""
    except LotusError as error:
        stored, connections, reason = [], [], f"{error.what} ({error.where})" if error.where else error.what
    by_title: dict[str, list[Mapping[str, Any]]] = {}
    for actor in stored:
        by_title.setdefault(str(actor["name"]), []).append(actor)
    lines: list[ActorLine] = []
    used_destinations = {
        connection.destination for connection in files.connections if settings.reason_left_out(connection.name) is None
    }
    for configured in files.sources if role == "source" else files.destinations:
        matches = by_title.pop(configured.title, [])
        lines += _lines(
            session.files, settings, configured, matches, connections, used_destinations, unknown=bool(reason)
        )
    for matches in by_title.values():
        lines += [_unmanaged_line(actor, role, connections) for actor in matches]
    return Actors(tuple(lines), reason)


async def _stored_actors(session: Session, role: Role) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    workspace = session.workspace
    async with session.airbyte() as airbyte:
        listed = await (airbyte.sources if role == "source" else airbyte.destinations)([workspace])
        return listed, await airbyte.connections([workspace])


def _lines(
    files: Project,
    settings: Settings,
    actor: Source | Destination,
    matches: Sequence[Mapping[str, Any]],
    connections: Sequence[Mapping[str, Any]],
    used_destinations: set[str],
    *,
    unknown: bool,
) -> list[ActorLine]:
    role: Role = "source" if isinstance(actor, Source) else "destination"
    reason = _reason_left_out(settings, actor, used_destinations)
    state, note = _state(matches, reason, unknown=unknown)
    connector = actor.settings.connector_text if isinstance(actor, Source) else actor.settings.connector
    line = ActorLine(actor.name, actor.title, connector, state, actor.file, why=note)
    if isinstance(actor, Source):
        own = files.connections_of(actor.name)
        line = replace(
            line,
            streams=sum(len(connection.streams) for connection in own),
            schedule=", ".join(dict.fromkeys(str(connection.schedule or Manual()) for connection in own)),
            destination=", ".join(dict.fromkeys(connection.destination for connection in own)),
        )
    doubled = "" if len(matches) < 2 else f"Airbyte has {len(matches)} of this name"
    ids = [str(match[f"{role}Id"]) for match in matches]
    return [
        replace(line, id=actor_id, connections=_connections(actor_id, role, connections), why=note or doubled)
        for actor_id in ids
    ] or [line]


def _reason_left_out(settings: Settings, actor: Source | Destination, used_destinations: set[str]) -> str | None:
    if isinstance(actor, Source):
        return settings.reason_left_out(actor.name)
    return None if actor.name in used_destinations else "no source of this stack uses it"


def _state(matches: Sequence[Mapping[str, Any]], reason: str | None, *, unknown: bool) -> tuple[str, str]:
    """The state of a configured source or destination, and a note on it."""
    if matches:
        return "both", f"{reason}, and Airbyte has one of this name" if reason else ""
    if reason:
        return "left out", reason
    return ("unknown", "") if unknown else ("files", "pulumi up creates it")


def _unmanaged_line(stored: Mapping[str, Any], role: Role, connections: Sequence[Mapping[str, Any]]) -> ActorLine:
    actor_id = str(stored[f"{role}Id"])
    kind = stored.get(f"{role}Type")
    connector = f"{role}-{kind}" if kind else str(stored.get("definitionId", ""))
    return ActorLine(
        "",
        str(stored["name"]),
        connector,
        "airbyte",
        id=actor_id,
        connections=_connections(actor_id, role, connections),
        why="no file declares it",
    )


def _connections(actor_id: str, role: Role, connections: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(
        sorted(str(connection["name"]) for connection in connections if connection.get(f"{role}Id") == actor_id)
    )


def check(session: Session, name: str, *, from_files: bool = False) -> Checked:
    """Lets Airbyte try a source or destination: the stored one, or with `from_files` what the files say.

    `name` is a folder's or file's, or the name in Airbyte; `source/…` and `destination/…` tell them apart.

    Raises:
        ConfigError: no such source or destination, or the name is that of both.
    """
    with in_our_words():
        return asyncio.run(_check(session, name, from_files))


async def _check(session: Session, name: str, from_files: bool) -> Checked:
    workspace = session.workspace
    async with session.airbyte() as airbyte:
        stored_actors = {
            "source": await airbyte.sources([workspace]),
            "destination": await airbyte.destinations([workspace]),
        }
        role, actor, stored = _resolved(session.files, stored_actors, name)
        title = actor.title if actor else name
        if stored and not from_files:
            result = await (airbyte.check_source if role == "source" else airbyte.check_destination)(stored)
            return Checked(role, title, result["succeeded"], result["message"], stored=True)
        if actor is None:
            raise ConfigError(f'no file declares {role} "{name}"', fix="omit --files")
        succeeded, message = await try_out(airbyte, workspace, connectors.trial_of(session.settings, actor))
        return Checked(role, title, succeeded, message, stored=False)


async def try_out(airbyte: Airbyte, workspace: str, candidate: ConnectorTrial) -> tuple[bool, str]:
    """What the connector's check says of a configuration that is not in Airbyte."""
    async with (
        connectors.definition(airbyte, workspace, candidate) as definition,
        connectors.stored(airbyte, workspace, candidate, definition) as actor_id,
    ):
        source = candidate.role == "source"
        result = await (airbyte.check_source if source else airbyte.check_destination)(actor_id)
        return result["succeeded"], result["message"]


def _resolved(
    files: Project, stored_actors: Mapping[str, Sequence[Mapping[str, Any]]], name: str
) -> tuple[Role, Source | Destination | None, str]:
    """The role, the configured source or destination, and the id in Airbyte (empty if absent) of a name."""
    prefix, _, rest = name.partition("/")
    roles: tuple[Role, ...] = ("source", "destination")
    if prefix in roles and rest:
        roles, name = (prefix,), rest  # pyright: ignore[reportAssignmentType]  one of the two, as just seen
    matches: list[tuple[Role, Source | Destination | None, str]] = []
    names: list[str] = []
    for role in roles:
        actors = {actor.name: actor for actor in (files.sources if role == "source" else files.destinations)}
        titles = {actor.title: actor for actor in actors.values()}
        ids = {str(stored["name"]): str(stored[f"{role}Id"]) for stored in stored_actors[role]}
        names += [*actors, *ids]
        match = actors.get(name) or titles.get(name)
        title = match.title if match else name
        if match or title in ids:
            matches.append((role, match, ids.get(title, "")))
    if not matches:
        fix, _, _ = choose(name, list(dict.fromkeys(names)))
        raise ConfigError(f'neither the files nor Airbyte have a source or destination "{name}"', fix=fix)
    if len(matches) > 1:
        fix = f"say which: source/{name} or destination/{name}"
        raise ConfigError(f'"{name}" is a source and a destination', fix=fix)
    return matches[0]
