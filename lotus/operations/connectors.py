"""Connectors of a stack's Airbyte: which there are, what their specs say, and trying a configuration out.

Check and discover of Airbyte's APIs take the id of a stored source. For a configuration that only stands in files, one
is made for the moment, under a name that says whose it is, and deleted again; what a killed run left is deleted by the
next one on the same machine.
"""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import psutil
from pulumi_airbyte.api import Airbyte, NotFoundError
from pulumi_airbyte.api.http import Repeat

from lotus.config import Destination, Settings, Source
from lotus.config.connector import Connector
from lotus.config.document import Pointer
from lotus.config.faults import choose
from lotus.config.references import SEALED, conflicting, reference, ways_to_set
from lotus.config.resolution import coerced
from lotus.config.specification import at_pointer, reduced
from lotus.errors import ConfigError, SecretError

Role = Literal["source", "destination"]
_OWN = re.compile(r"lotus trial of .* \((?P<host>[^() ]+) (?P<pid>\d+)\)")


@dataclass(frozen=True, slots=True)
class Definition:
    """A connector as the server knows it; `temporary` was made for the moment."""

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
        found: dict[str, Any] = {}
        if self.connector:
            found |= {"connector": self.connector, "version": self.version}
        if self.sync_modes is not None:
            found["supported_destination_sync_modes"] = list(self.sync_modes)
        found["connection_specification"] = reduced(self.schema)
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source or destination to try out; `configuration` has its values in, so it is never shown."""

    role: Role
    name: str
    connector: Connector
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    manifest: Mapping[str, Any] | None = None


def workspace_of(settings: Settings) -> str:
    """The workspace of the stack.

    Raises:
        ConfigError: the stack's file does not say.
    """
    if not settings.workspace:
        raise ConfigError(
            "the stack does not say which of Airbyte's workspaces is the lake's",
            where=settings.file,
            fix="pulumi config set lotus:workspace <id of the workspace>",
            code="LOT075",
        )
    return settings.workspace


def resolved(
    settings: Settings, value: Any, *, where: str, schema: Mapping[str, Any] | None = None, pointer: Pointer = ()
) -> Any:
    """A configuration with the stack's values in place of its references, in the types that `schema` wants.

    Raises:
        ConfigError: a `$config` has no value in this stack.
        SecretError: a `$secret` has none here, or two different ones.
    """
    found = reference(value)
    if found:
        kind, name = found
        if kind == "$config":
            held = settings.values.config(name)
            if held is None:
                what = f'this stack gives no value for $config "{name}"'
                raise ConfigError(what, where=where, fix=ways_to_set(kind, name, settings.stack), code="LOT046")
            return coerced(held.value, at_pointer(schema or {}, pointer))
        return _secret(settings, name, where)
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {
            key: resolved(settings, item, where=where, schema=schema, pointer=(*pointer, key))
            for key, item in entries.items()
        }
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [
            resolved(settings, item, where=where, schema=schema, pointer=(*pointer, index))
            for index, item in enumerate(items)
        ]
    return value


def _secret(settings: Settings, name: str, where: str) -> Any:
    try:
        places = settings.values.secret(name)
    except (OSError, UnicodeDecodeError):
        what = f"the file {name} in LOTUS_SECRETS_DIR cannot be read as text"
        raise SecretError(what, where=where, fix="check its permissions and content", code="LOT047") from None
    if conflict := conflicting(places):
        what = f'secret "{name}" has two different values: {conflict[0].place} and {conflict[1].place}'
        raise SecretError(what, where=where, fix="remove the stale one", code="LOT048")
    known = [place.value for place in places if place.value is not SEALED]
    if known:
        return known[0]
    if places:
        what = f'secret "{name}" is encrypted in the stack\'s file, which only pulumi can read'
        raise SecretError(what, where=where, fix=f"give it here: LOTUS_SECRET_{name.upper()}", code="LOT047")
    fix = ways_to_set("$secret", name, settings.stack)
    raise SecretError(f'secret "{name}" has no value here', where=where, fix=fix, code="LOT047")


@asynccontextmanager
async def definition(
    airbyte: Airbyte, workspace: str, wanted: Wanted, *, definitions: list[dict[str, Any]] | None = None
) -> AsyncGenerator[Definition]:
    """The server's definition of a connector; a manifest, or an image that it does not have, gets one for the moment.

    Raises:
        ConfigError: the server has no such connector.
    """
    role, connector = wanted.role, wanted.connector
    if connector.kind == "manifest":
        body = {"name": _name(wanted), "manifest": wanted.manifest}
        path = f"/workspaces/{workspace}/definitions/declarative_sources"
        await _sweep(airbyte, path)
        async with _made(airbyte, path, body) as made:
            yield Definition(made, "airbyte/source-declarative-manifest", "", temporary=True)
        return
    known = definitions if definitions is not None else await airbyte.definitions(role, workspace)
    found = _existing(known, role, connector)
    if found is not None:
        yield found
        return
    if connector.kind != "image":
        raise _unknown(known, role, connector)
    path = f"/workspaces/{workspace}/definitions/{role}s"
    await _sweep(airbyte, path)
    body = {"name": _name(wanted), "dockerRepository": connector.repository, "dockerImageTag": connector.version}
    async with _made(airbyte, path, body) as made:
        yield Definition(made, connector.repository, connector.version, temporary=True)


def _existing(known: list[dict[str, Any]], role: Role, connector: Connector) -> Definition | None:
    for one in known:
        repository, version = str(one.get("dockerRepository", "")), str(one.get("dockerImageTag", ""))
        made = Definition(str(one[f"{role}DefinitionId"]), repository, version)
        match connector.kind:
            case "definition":
                fits = made.id == connector.value
            case "image":
                fits = (repository, version) == (connector.repository, connector.version)
            case _:
                fits = repository == f"airbyte/{role}-{connector.value}" and not one.get("custom")
        if fits:
            return made
    return None


def _unknown(known: list[dict[str, Any]], role: Role, connector: Connector) -> ConfigError:
    if connector.kind == "definition":
        ids = [str(one[f"{role}DefinitionId"]) for one in known]
        fix, _, _ = choose(connector.value, ids)
        return ConfigError(f"the server has no {role} definition {connector.value}", fix=fix if "mean" in fix else "")
    names = sorted({str(one.get("dockerRepository", "")).removeprefix("airbyte/") for one in known})
    names = [name for name in names if name.startswith(f"{role}-") and name != "source-declarative-manifest"]
    wanted = f"{role}-{connector.value}"
    fix, _, _ = choose(wanted, names)
    return ConfigError(
        f'the server has no connector "{wanted}"',
        fix=f'{fix}; a version of a PyPI package works too: "airbyte-{wanted}==1.2.3"'.removeprefix("; "),
    )


async def specification(airbyte: Airbyte, workspace: str, wanted: Wanted, found: Definition) -> Specification:
    """What a connector's configuration may hold: by its manifest, or by what the server says."""
    if wanted.manifest is not None:
        return _manifest_specification(wanted.manifest)
    schema = await airbyte.specification(wanted.role, found.id, workspace)
    modes: tuple[str, ...] | None = None
    if wanted.role == "destination":
        body = {"destinationDefinitionId": found.id, "workspaceId": workspace}
        answer = await airbyte.config("/destination_definition_specifications/get", body)
        modes = tuple(answer.get("supportedDestinationSyncModes") or ())
    return Specification(found.connector, found.version, schema, modes or None)


def _manifest_specification(manifest: Mapping[str, Any]) -> Specification:
    spec: Any = manifest.get("spec")
    schema: Any = cast("dict[str, Any]", spec).get("connection_specification") if isinstance(spec, dict) else None
    return Specification("", "", cast("dict[str, Any]", schema) if isinstance(schema, dict) else {"type": "object"})


def wanted(settings: Settings, declared: Source | Destination) -> Wanted:
    """A declared source or destination with the stack's values, ready to be tried.

    Raises:
        ConfigError, SecretError: a value is missing.
    """
    configuration = resolved(
        settings, declared.settings.configuration, where=declared.file, schema=declared.specification
    )
    if isinstance(declared, Source):
        return Wanted("source", declared.name, declared.connector, configuration, declared.manifest)
    return Wanted("destination", declared.name, declared.connector, configuration)


@asynccontextmanager
async def stored(airbyte: Airbyte, workspace: str, wanted: Wanted, found: Definition) -> AsyncGenerator[str]:
    """The id of a source or destination that has this configuration, made for the moment."""
    role = wanted.role
    await _sweep_actors(airbyte, workspace, role)
    body = {
        "name": _name(wanted),
        "workspaceId": workspace,
        f"{role}DefinitionId": found.id,
        "connectionConfiguration": dict(wanted.configuration),
    }
    made = await airbyte.config(f"/{role}s/create", body, repeat=Repeat.NEVER)
    actor_id = str(made[f"{role}Id"])
    try:
        yield actor_id
    finally:
        await _gone(airbyte, role, actor_id)


def _name(wanted: Wanted) -> str:
    return f"lotus trial of {wanted.name} ({_host()} {psutil.Process().pid})"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


def _left_behind(name: str) -> bool:
    """Whether a killed run of this machine made it."""
    own = _OWN.fullmatch(name)
    return own is not None and own["host"] == _host() and not psutil.pid_exists(int(own["pid"]))


@asynccontextmanager
async def _made(airbyte: Airbyte, path: str, body: Mapping[str, Any]) -> AsyncGenerator[str]:
    made = await airbyte.create(path, body)
    try:
        yield str(made["id"])
    finally:
        await airbyte.delete(f"{path}/{made['id']}")


async def _sweep(airbyte: Airbyte, path: str) -> None:
    for one in await airbyte.objects(path, paged=False):
        if _left_behind(str(one.get("name", ""))):
            await airbyte.delete(f"{path}/{one['id']}")


async def _sweep_actors(airbyte: Airbyte, workspace: str, role: Role) -> None:
    for one in await (airbyte.sources if role == "source" else airbyte.destinations)([workspace]):
        if _left_behind(str(one.get("name", ""))):
            await _gone(airbyte, role, str(one[f"{role}Id"]))


async def _gone(airbyte: Airbyte, role: Role, actor_id: str) -> None:
    try:
        await airbyte.config(f"/{role}s/delete", {f"{role}Id": actor_id})
    except NotFoundError:
        return
