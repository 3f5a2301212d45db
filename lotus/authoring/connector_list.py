"""`lotus connectors`: which there are, what one is and needs, and which pinned ones have newer versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lotus.authoring import connectors
from lotus.authoring.connectors import Role
from lotus.config import Project, catalog
from lotus.config import connector as connector_names
from lotus.config.connector import Connector
from lotus.errors import ConfigError, LotusError
from lotus.local import connectors as local_connectors
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session
from lotus.untyped import as_list, as_mapping

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ConnectorLine:
    """A connector's name, and where it runs."""

    name: str
    runs: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a connector's package; `runs_on` are this machine's Pythons that it takes."""

    version: str
    uploaded: str
    python: str
    licence: str
    runs_on: tuple[str, ...]
    installed: bool


@dataclass(frozen=True, slots=True)
class ConnectorDetails:
    """One connector: what the server at hand has, what PyPI has, what its configuration needs."""

    name: str
    runs: str
    definition_id: str
    server_version: str
    server: str
    """Why the server could not be asked; empty if it was."""
    package: str
    versions: tuple[Version, ...]
    pythons: tuple[str, ...]
    not_looked_up: str
    """Why its versions are not known; empty if they are."""
    required: tuple[str, ...] = ()
    spec: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PinnedConnector:
    """A source's pinned version, beside the newest one."""

    source: str
    package: str
    pinned: str
    newest: str
    runs_here: bool
    reason: str = ""
    """Why the newest version is not known."""

    @property
    def outdated(self) -> bool:
        """Whether there is a newer one."""
        return bool(self.newest) and self.newest != self.pinned


def list_connectors(word: str = "") -> list[ConnectorLine]:
    """The connectors whose names contain a word, sources first.

    Raises:
        ConfigError: none does.
    """
    word = word.lower().removeprefix("airbyte-")
    rest = word.removeprefix("source-").removeprefix("destination-")
    lines = [
        ConnectorLine(f"{role}-{name}", runs)
        for role, name, runs in catalog.matching(rest)
        if f"{role}-{name}".startswith(word.removesuffix(rest))
    ]
    if not lines:
        raise ConfigError(f'no connector has "{word}" in its name', fix=_meant(word))
    return lines


def show_connector(session: Session | None, text: str, *, spec: bool, say: Say) -> ConnectorDetails:
    """What there is to know of a connector before it is added.

    Args:
        session: whose Airbyte is asked for its definition; None: none is at hand.
        text: `github`, `source-github` or `destination-s3`.
        spec: whether to install the newest version that runs here and ask it for its spec.

    Raises:
        ConfigError: there is no such connector.
        ToolError: the spec is asked for, and the connector cannot be installed.
    """
    role, connector, runs = _named(text)
    definition_id, server_version, reason = _on_server(session, role, connector)
    name = f"{role}-{connector.value}"
    package = f"airbyte-{name}" if role == "source" and connector.value in catalog.on_pypi() else ""
    response: dict[str, Any] = {}
    not_looked_up = "" if package else "it is not on PyPI"
    if package:
        try:
            response = local_connectors.releases(package)
        except LotusError as error:
            not_looked_up = error.what
    details = ConnectorDetails(
        name,
        runs,
        definition_id,
        server_version,
        reason,
        package,
        tuple(_version(item) for item in as_list(response.get("versions"))),
        tuple(map(str, as_list(response.get("pythons")))),
        not_looked_up,
    )
    return _with_spec(details, say) if spec else details


def _with_spec(details: ConnectorDetails, say: Say) -> ConnectorDetails:
    if not details.package:
        raise ConfigError(
            f"{details.name} is not on PyPI, so that its spec cannot be asked for here",
            fix=f"add it, which asks the server: lotus {details.name.partition('-')[0]}s add {details.name}",
        )
    newest = local_connectors.newest(details.package, say)
    specification = local_connectors.spec_of(f"{details.package}=={newest.version}", say)
    schema = as_mapping(specification.get("connectionSpecification"))
    required = tuple(str(key) for key in as_list(schema.get("required")))
    return replace(details, required=required, spec=schema)


def _named(text: str) -> tuple[Role, Connector, str]:
    """The connector that is meant, and where it runs."""
    roles: tuple[Role, ...] = ("source", "destination")
    lowered = text.lower()
    for role in roles:
        full = lowered if lowered.startswith((f"{role}-", "airbyte-")) else f"{role}-{lowered}"
        connector = connector_names.parse(full, role)
        known = isinstance(connector, Connector) and connector.kind in ("type", "image")
        if isinstance(connector, Connector) and known:
            name = Connector("type", connector.value.removeprefix(f"{role}-"))
            for each, other, runs in catalog.matching(name.value):
                if (each, other) == (role, name.value):
                    return role, name, runs
    raise ConfigError(f'there is no connector "{text}" in the catalog', fix=_meant(lowered))


def _meant(text: str) -> str:
    """Which connector was probably meant."""
    rest = text.removeprefix("airbyte-").removeprefix("source-").removeprefix("destination-")
    near = catalog.nearest(rest, "source") or catalog.nearest(rest, "destination")
    return f'did you mean "{near}"?' if near else "lotus connectors WORD lists names that contain a word"


def _on_server(session: Session | None, role: Role, connector: Connector) -> tuple[str, str, str]:
    """The definition's id and version on the server at hand, or why it was not asked."""
    if session is None:
        return "", "", "no stack is set up here"

    async def ask(session: Session) -> list[dict[str, Any]]:
        async with session.airbyte() as airbyte:
            return await airbyte.definitions(role, session.workspace)

    try:
        with in_our_words():
            definitions = asyncio.run(ask(session))
    except LotusError as error:
        return "", "", error.what
    match = connectors.existing_definition(definitions, role, connector)
    return (match.id, match.version, "") if match else ("", "", "")


def _version(item: Any) -> Version:
    runs_on = tuple(str(python) for python in item["runs_on"])
    return Version(item["version"], item["uploaded"], item["python"], item["licence"], runs_on, bool(item["installed"]))


def outdated(files: Project, say: Say) -> list[PinnedConnector]:
    """The sources whose connector is pinned to a version, each beside the newest one on PyPI."""
    pinned = [source for source in files.sources if source.connector.kind == "image"]
    lines: list[PinnedConnector] = []
    answers: dict[str, tuple[Sequence[Any], str]] = {}
    for source in pinned:
        package = f"airbyte-{source.connector.value}"
        if package not in answers:
            say(f"looking up {package}")
            answers[package] = _versions_of(package)
        versions, reason = answers[package]
        newest = _version(versions[0]) if versions else None
        lines.append(
            PinnedConnector(
                source.name,
                package,
                source.connector.version,
                newest.version if newest else "",
                bool(newest and newest.runs_on),
                reason,
            )
        )
    return lines


def _versions_of(package: str) -> tuple[Sequence[Any], str]:
    try:
        return as_list(local_connectors.releases(package).get("versions")), ""
    except LotusError as error:
        return (), error.what
