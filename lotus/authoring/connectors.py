"""Connectors of a stack's Airbyte: their definitions, their specs, and trials of a configuration.

Check and discover of Airbyte's APIs take the id of a stored source. For a configuration that is only in files, lotus
creates one temporarily, under a name that says whose it is, and deletes it; what a killed run left is deleted by the
next run on the same machine.
"""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psutil
from pulumi_airbyte.api import Airbyte, AnswerError, NotFoundError
from pulumi_airbyte.api.http import Repeat

from lotus.config import Destination, Settings, Source, catalog
from lotus.config import connector as connector_names
from lotus.config.connector import Connector
from lotus.config.faults import choose
from lotus.config.manifest import injected
from lotus.config.references import SEALED, Reference, conflicting, ways_to_set, with_values
from lotus.config.resolution import coerced
from lotus.config.specification import at_pointer, reduced
from lotus.errors import ConfigError, RemoteError, SecretError
from lotus.local import connectors as local_connectors
from lotus.local import dev
from lotus.session.session import Session
from lotus.untyped import as_mapping, is_mapping

Role = Literal["source", "destination"]
MANIFESTS = "https://connectors.airbyte.com/files/metadata/airbyte"
"""Where Airbyte publishes the manifests of low-code connectors; lotus itself fetches nothing from there."""

LOG_ADVICE = "fix what the message names; the local server keeps what the connector printed in .lotus/dev/airbyte/logs"

_OWN = re.compile(r"lotus trial of .* \((?P<host>[^() ]+) (?P<pid>\d+)\)")


@dataclass(frozen=True, slots=True)
class Definition:
    """A connector as the server knows it; `temporary` was created for this run."""

    id: str
    repository: str
    version: str
    temporary: bool = False

    @property
    def connector(self) -> str:
        """Airbyte's name of the connector, such as `source-faker`."""
        return self.repository.removeprefix("airbyte/")


@dataclass(frozen=True, slots=True)
class Specification:
    """What a connector's configuration may hold: the schema as the connector gives it."""

    connector: str
    version: str
    schema: Mapping[str, Any]
    sync_modes: tuple[str, ...] | None = None

    def file(self) -> dict[str, Any]:
        """The content of the spec's file: what checks need, and no prose."""
        content: dict[str, Any] = {}
        if self.connector:
            content |= {"connector": self.connector, "version": self.version}
        if self.sync_modes is not None:
            content["supported_destination_sync_modes"] = list(self.sync_modes)
        content["connection_specification"] = reduced(self.schema)
        return content


@dataclass(frozen=True, slots=True)
class ConnectorTrial:
    """A source or destination to try out; `configuration` contains secret values, so it is never shown."""

    role: Role
    name: str
    connector: Connector
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    manifest: Mapping[str, Any] | None = None


def resolved(
    settings: Settings, configuration: Mapping[str, Any], *, where: str, schema: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A configuration with the stack's values in place of its references, in the types that `schema` wants.

    Raises:
        ConfigError: a `$config` has no value in this stack.
        SecretError: a `$secret` has none here, or two different ones.
    """

    def value_of(reference: Reference) -> Any:
        if reference.kind == "$secret":
            return _secret(settings, reference.name, where)
        setting = settings.values.config(reference.name)
        if setting is None:
            message = f'this stack has no value for $config "{reference.name}"'
            fix = ways_to_set(reference.kind, reference.name, settings.stack)
            raise ConfigError(message, where=where, fix=fix, code="LOT046")
        return coerced(setting.value, at_pointer(schema or {}, reference.pointer))

    return with_values(configuration, value_of)


def _secret(settings: Settings, name: str, where: str) -> Any:
    try:
        places = settings.values.secret(name)
    except (OSError, UnicodeDecodeError):
        message = f"the file {name} in LOTUS_SECRETS_DIR cannot be read as text"
        raise SecretError(message, where=where, fix="check its permissions and content", code="LOT047") from None
    if conflict := conflicting(places):
        message = f'secret "{name}" has two different values: {conflict[0].place} and {conflict[1].place}'
        raise SecretError(message, where=where, fix="remove the old value", code="LOT048")
    readable = [origin.value for origin in places if origin.value is not SEALED]
    if readable:
        return readable[0]
    if places:
        message = f'secret "{name}" is encrypted in the stack\'s file, which only pulumi can read'
        raise SecretError(message, where=where, fix=f"give it here: LOTUS_SECRET_{name.upper()}", code="LOT047")
    fix = ways_to_set("$secret", name, settings.stack)
    raise SecretError(f'secret "{name}" has no value here', where=where, fix=fix, code="LOT047")


@asynccontextmanager
async def definition(
    airbyte: Airbyte, workspace: str, trial: ConnectorTrial, *, definitions: list[dict[str, Any]] | None = None
) -> AsyncGenerator[Definition]:
    """The server's definition of a connector; a manifest, or an image that it does not have, gets a temporary one.

    Raises:
        ConfigError: the server has no such connector.
    """
    role, connector = trial.role, trial.connector
    if connector.kind == "manifest":
        body = {"name": _name(trial), "manifest": trial.manifest}
        path = f"/workspaces/{workspace}/definitions/declarative_sources"
        await _sweep(airbyte, path)
        async with _temporary(airbyte, path, body) as definition_id:
            yield Definition(definition_id, "airbyte/source-declarative-manifest", "", temporary=True)
        return
    existing = definitions if definitions is not None else await airbyte.definitions(role, workspace)
    match = existing_definition(existing, role, connector)
    if match is not None:
        yield match
        return
    if connector.kind != "image":
        raise unknown(existing, role, connector)
    path = f"/workspaces/{workspace}/definitions/{role}s"
    await _sweep(airbyte, path)
    body = {"name": _name(trial), "dockerRepository": connector.repository, "dockerImageTag": connector.version}
    async with _temporary(airbyte, path, body) as definition_id:
        yield Definition(definition_id, connector.repository, connector.version, temporary=True)


def existing_definition(definitions: list[dict[str, Any]], role: Role, connector: Connector) -> Definition | None:
    """The server's definition of a connector, if it has one."""
    for entry in definitions:
        repository, version = str(entry.get("dockerRepository", "")), str(entry.get("dockerImageTag", ""))
        definition = Definition(str(entry[f"{role}DefinitionId"]), repository, version)
        match connector.kind:
            case "definition":
                fits = definition.id == connector.value
            case "image":
                fits = (repository, version) == (connector.repository, connector.version)
            case _:
                fits = repository == f"airbyte/{role}-{connector.value}" and not entry.get("custom")
        if fits:
            return definition
    return None


def unknown(definitions: list[dict[str, Any]], role: Role, connector: Connector) -> ConfigError:
    """Why the server has no such connector, and what to do about it."""
    if connector.kind == "definition":
        ids = [str(entry[f"{role}DefinitionId"]) for entry in definitions]
        fix, _, _ = choose(connector.value, ids)
        return ConfigError(f"the server has no {role} definition {connector.value}", fix=fix if "mean" in fix else "")
    name = f"{role}-{connector.value}"
    message = f'the server has no connector "{name}"'
    if near := connector_names.misspelt(connector, role):
        return ConfigError(message, fix=f'did you mean "{near}"? `lotus connectors` lists all')
    if role == "destination":
        here = ", ".join(catalog.local_destinations())
        return ConfigError(
            f"{message}: the local server lands records in {here} only",
            fix=f"use one of these, or an Airbyte that runs it: lotus destinations add {name} --stack NAME",
        )
    if connector.value in catalog.on_pypi():
        return ConfigError(message, fix=f"pin a version of its package: lotus sources add {name}")
    if connector.value in catalog.elsewhere():
        return ConfigError(
            f"{message}: it is not on PyPI, Airbyte publishes it as a low-code manifest or a container image",
            fix=(
                f"for a manifest, save {MANIFESTS}/{name}/latest/manifest.yaml and run "
                "lotus sources add --manifest FILE; a container image needs an Airbyte: --stack NAME"
            ),
        )
    return ConfigError(message, fix="`lotus connectors` lists all names; a manifest of your own: --manifest FILE")


async def discovered(airbyte: Airbyte, actor_id: str, trial: ConnectorTrial) -> dict[str, Any]:
    """What a source offers, by the connector's own discover.

    Raises:
        RemoteError: it failed; the message is the connector's own.
    """
    try:
        return await airbyte.discover(actor_id)
    except AnswerError as error:
        raise RemoteError(
            f"{trial.name} cannot be discovered: {error.cause}",
            where=trial.connector.value,
            fix=LOG_ADVICE,
        ) from None


async def specification_of(
    airbyte: Airbyte, workspace: str, trial: ConnectorTrial, definition: Definition
) -> Specification:
    """What a connector's configuration may hold: by its manifest, or by what the server says."""
    if trial.manifest is not None:
        return _manifest_specification(trial.manifest)
    schema = await airbyte.specification(trial.role, definition.id, workspace)
    modes: tuple[str, ...] | None = None
    if trial.role == "destination":
        body = {"destinationDefinitionId": definition.id, "workspaceId": workspace}
        response = await airbyte.config("/destination_definition_specifications/get", body)
        modes = tuple(response.get("supportedDestinationSyncModes") or ())
    return Specification(definition.connector, definition.version, schema, modes or None)


def _manifest_specification(manifest: Mapping[str, Any]) -> Specification:
    schema = as_mapping(manifest.get("spec")).get("connection_specification")
    return Specification("", "", schema if is_mapping(schema) else {"type": "object"})


def install_pinned(session: Session, sources: Iterable[Source], say: Callable[[str], None]) -> None:
    """Has the pinned connectors of sources installed for the dev stack's server, with progress; writes missing locks.

    Raises:
        ToolError: one cannot be installed.
    """
    pinned = [source for source in sources if source.connector.kind == "image"]
    if session.settings.stack != dev.STACK or not pinned:
        return
    for source, report in local_connectors.install(pinned, dev.connector_locks(session.root), say):
        report.require(source.file)


def trial_of(settings: Settings, actor: Source | Destination) -> ConnectorTrial:
    """A declared source or destination with the stack's values, ready to be tried.

    Raises:
        ConfigError, SecretError: a value is missing.
    """
    configuration = resolved(settings, actor.settings.configuration, where=actor.file, schema=actor.specification)
    if isinstance(actor, Source):
        configuration |= injected(actor.components)
        return ConnectorTrial("source", actor.name, actor.connector, configuration, actor.manifest)
    return ConnectorTrial("destination", actor.name, actor.connector, configuration)


@asynccontextmanager
async def stored(
    airbyte: Airbyte, workspace: str, trial: ConnectorTrial, definition: Definition
) -> AsyncGenerator[str]:
    """The id of a temporary source or destination with this configuration."""
    role = trial.role
    await _sweep_actors(airbyte, workspace, role)
    body = {
        "name": _name(trial),
        "workspaceId": workspace,
        f"{role}DefinitionId": definition.id,
        "connectionConfiguration": dict(trial.configuration),
    }
    created = await airbyte.config(f"/{role}s/create", body, repeat=Repeat.NEVER)
    actor_id = str(created[f"{role}Id"])
    try:
        yield actor_id
    finally:
        await _delete_actor(airbyte, role, actor_id)


def _name(trial: ConnectorTrial) -> str:
    return f"lotus trial of {trial.name} ({_host()} {psutil.Process().pid})"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


def _left_behind(name: str) -> bool:
    """Whether a killed run on this machine created it."""
    match = _OWN.fullmatch(name)
    return match is not None and match["host"] == _host() and not psutil.pid_exists(int(match["pid"]))


@asynccontextmanager
async def _temporary(airbyte: Airbyte, path: str, body: Mapping[str, Any]) -> AsyncGenerator[str]:
    created = await airbyte.create(path, body)
    try:
        yield str(created["id"])
    finally:
        await airbyte.delete(f"{path}/{created['id']}")


async def _sweep(airbyte: Airbyte, path: str) -> None:
    for item in await airbyte.objects(path, paged=False):
        if _left_behind(str(item.get("name", ""))):
            await airbyte.delete(f"{path}/{item['id']}")


async def _sweep_actors(airbyte: Airbyte, workspace: str, role: Role) -> None:
    for actor in await (airbyte.sources if role == "source" else airbyte.destinations)([workspace]):
        if _left_behind(str(actor.get("name", ""))):
            await _delete_actor(airbyte, role, str(actor[f"{role}Id"]))


async def _delete_actor(airbyte: Airbyte, role: Role, actor_id: str) -> None:
    try:
        await airbyte.config(f"/{role}s/delete", {f"{role}Id": actor_id})
    except NotFoundError:
        return
