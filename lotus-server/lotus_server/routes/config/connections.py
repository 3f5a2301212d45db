"""Connections of the config API, the web backend's view of them, and their state."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain.mappers import with_kept_keys
from lotus_server.domain.schema_changes import Findings
from lotus_server.errors import BadRequest
from lotus_server.routes.config import definitions as config_definitions
from lotus_server.routes.config.actors import actor_read
from lotus_server.routes.config.jobs import ConnectionId
from lotus_server.routes.config.sync_catalog import SyncCatalog, catalog_to_store, configured_read, read_with_unselected
from lotus_server.routes.config.workspaces import WorkspaceId
from lotus_server.routes.operation import Body, Operation, no_content, read_body, reply, without_absent
from lotus_server.routes.tags import TagReference, tag_ids, tag_response
from lotus_server.services import actors, connections, definitions, deletion, discovery, jobs, states, workspaces
from lotus_server.services.connections import MANUAL, CatalogOf, Changes
from lotus_server.services.server import Server
from lotus_server.store.connections import StoredConnection
from lotus_server.store.states import ConnectionState, StoredStreamState
from lotus_server.store.tags import Tag

TimeUnit = Literal["minutes", "hours", "days", "weeks", "months"]

NAMESPACES = {"source": "source", "destination": "destination", "customformat": "custom_format"}
PREFERENCES = {
    "ignore": "ignore",
    "disable": "disable_connection",
    "propagate_columns": "propagate_columns",
    "propagate_fully": "propagate_fully",
}
"""The config API's words for those of the public API (docs/airbyte-behaviour.md#words-of-the-config-api)."""

_NAMESPACES_READ = {value: key for key, value in NAMESPACES.items()}
_PREFERENCES_READ = {value: key for key, value in PREFERENCES.items()}


class BasicSchedule(Body):
    """ConnectionSchedule."""

    units: int
    time_unit: TimeUnit


class CronSchedule(Body):
    """The cron part of ConnectionScheduleData."""

    cron_expression: str
    cron_time_zone: str


class ScheduleData(Body):
    """ConnectionScheduleData."""

    basic_schedule: BasicSchedule | None = None
    cron: CronSchedule | None = None


class ConnectionFields(Body):
    """What ConnectionCreate, ConnectionUpdate and the web backend's kin have in common."""

    name: str | None = None
    namespace_definition: Literal["source", "destination", "customformat"] | None = None
    namespace_format: str | None = None
    prefix: str | None = None
    operation_ids: list[str] | None = None
    sync_catalog: SyncCatalog | None = None
    schedule: BasicSchedule | None = None
    schedule_type: Literal["manual", "basic", "cron"] | None = None
    schedule_data: ScheduleData | None = None
    status: Literal["active", "inactive", "deprecated", "locked"] | None = None
    resource_requirements: dict[str, Any] | None = None
    notify_schema_changes: bool | None = None
    notify_schema_changes_by_email: bool | None = None
    non_breaking_changes_preference: Literal["ignore", "disable", "propagate_columns", "propagate_fully"] | None = None
    breaking_change: bool | None = None
    tags: list[TagReference] | None = None


class ConnectionCreate(ConnectionFields, kw_only=True):
    """ConnectionCreate."""

    source_id: uuid.UUID
    destination_id: uuid.UUID


class ConnectionUpdate(ConnectionFields, kw_only=True):
    """ConnectionUpdate."""

    connection_id: uuid.UUID


class WebBackendUpdate(ConnectionUpdate):
    """WebBackendConnectionUpdate."""

    skip_reset: bool | None = None


class WebBackendGet(ConnectionId):
    """WebBackendConnectionRequestBody."""

    with_refreshed_catalog: bool | None = None


class StreamDescriptor(Body):
    """StreamDescriptor."""

    name: str
    namespace: str | None = None


class StateOfStream(Body):
    """StreamState."""

    stream_descriptor: StreamDescriptor
    stream_state: Any = None


class GlobalState(Body, rename=None):
    """GlobalState; its one snake_case key is Airbyte's."""

    streamStates: list[StateOfStream]  # noqa: N815
    shared_state: Any = None


class State(Body):
    """ConnectionState."""

    state_type: Literal["global", "stream", "legacy", "not_set"]
    connection_id: uuid.UUID
    state: Any = None
    stream_state: list[StateOfStream] | None = None
    global_state: GlobalState | None = None


class StateUpdate(ConnectionId):
    """ConnectionStateCreateOrUpdate."""

    connection_state: State


def connection_read(connection: StoredConnection, tags: Sequence[Tag]) -> dict[str, Any]:
    """ConnectionRead."""
    response: dict[str, Any] = {
        "connectionId": connection.id,
        "name": connection.name,
        "namespaceDefinition": _NAMESPACES_READ[connection.namespace_definition],
        "prefix": connection.prefix,
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "operationIds": [],
        "syncCatalog": configured_read(connection.catalog_text),
        **schedule_read(connection),
        "status": connection.status,
        "breakingChange": connection.breaking_change,
        "notifySchemaChanges": connection.notify_schema_changes,
        "notifySchemaChangesByEmail": connection.notify_schema_changes_by_email,
        "nonBreakingChangesPreference": _PREFERENCES_READ[connection.non_breaking_schema_updates],
        "backfillPreference": "disabled",
        "created_at": connection.created_at // 1000,
        "workspaceId": connection.workspace_id,
        "tags": [tag_response(tag) for tag in tags],
        "onDemandEnabled": False,
    }
    if connection.namespace_format is not None:
        response["namespaceFormat"] = connection.namespace_format
    if connection.resource_requirements is not None:
        response["resourceRequirements"] = connection.resource_requirements
    if connection.discovered_catalog_id is not None:
        response["sourceCatalogId"] = connection.discovered_catalog_id
    return response


def schedule_read(connection: StoredConnection) -> dict[str, Any]:
    """The schedule's keys of ConnectionRead."""
    if connection.schedule_type == "cron":
        cron = {"cronExpression": connection.cron_expression, "cronTimeZone": connection.cron_time_zone}
        return {"scheduleType": "cron", "scheduleData": {"cron": cron}}
    if connection.schedule_type == "basic":
        basic = {"units": connection.basic_units, "timeUnit": connection.basic_time_unit}
        return {"scheduleType": "basic", "scheduleData": {"basicSchedule": basic}, "schedule": basic}
    return {"scheduleType": "manual"}


def _columns(body: ConnectionFields) -> dict[str, Any]:
    """The columns that a request sets; what it leaves out or sets to null stays."""
    if body.operation_ids:
        raise BadRequest("Operations (normalization, dbt) are not offered: operationIds must be empty")
    columns: dict[str, Any] = {
        "name": body.name,
        "namespace_definition": body.namespace_definition and NAMESPACES[body.namespace_definition],
        "namespace_format": body.namespace_format,
        "prefix": body.prefix,
        "status": body.status,
        "resource_requirements": body.resource_requirements,
        "notify_schema_changes": body.notify_schema_changes,
        "notify_schema_changes_by_email": body.notify_schema_changes_by_email,
        "non_breaking_schema_updates": (
            body.non_breaking_changes_preference and PREFERENCES[body.non_breaking_changes_preference]
        ),
        "breaking_change": body.breaking_change,
    }
    return {name: value for name, value in columns.items() if value is not None} | _schedule(body)


def _schedule(body: ConnectionFields) -> dict[str, Any]:
    data = body.schedule_data or ScheduleData()
    match body.schedule_type:
        case "manual":
            return dict(MANUAL)
        case "cron":
            if data.cron is None:
                raise BadRequest("Missing cron expression in the schedule.")
            return connections.cron_schedule(data.cron.cron_expression, data.cron.cron_time_zone)
        case "basic":
            if data.basic_schedule is None and body.schedule is None:
                raise BadRequest("scheduleType basic needs scheduleData.basicSchedule")
            return _basic(data.basic_schedule or body.schedule)
        case _:
            return _basic(body.schedule)


def _basic(schedule: BasicSchedule | None) -> dict[str, Any]:
    if schedule is None:
        return {}
    if not 0 < schedule.units < 2**31:
        raise BadRequest("The units of a basic schedule must be positive")
    columns = {"basic_units": schedule.units, "basic_time_unit": schedule.time_unit}
    return {**MANUAL, "schedule_type": "basic", **columns}


def _catalog_of(sync_catalog: SyncCatalog | None, before: Mapping[str, Any] | None) -> CatalogOf | None:
    if sync_catalog is None:
        return None

    def catalog_of(_discovered: Mapping[str, Any], modes: Sequence[str]) -> Mapping[str, Any]:
        return with_kept_keys(catalog_to_store(sync_catalog, modes), before or {"streams": []})

    return catalog_of


def _no_streams(_discovered: Mapping[str, Any], _modes: Sequence[str]) -> Mapping[str, Any]:
    return {"streams": []}


async def _with_tags(server: Server, connection: StoredConnection) -> dict[str, Any]:
    tags = await connections.tags_of(server, [connection])
    return connection_read(connection, tags[connection.id])


async def _created(server: Server, body: ConnectionCreate) -> StoredConnection:
    columns = {"namespace_definition": "source", **_columns(body)}
    return await connections.create(
        server,
        source_id=str(body.source_id),
        destination_id=str(body.destination_id),
        name=columns.pop("name", None),
        columns=columns,
        tag_ids=tag_ids(body.tags) or [],
        catalog_of=_catalog_of(body.sync_catalog, None) or _no_streams,
    )


async def _updated(server: Server, body: ConnectionUpdate) -> StoredConnection:
    connection = await connections.existing(server, str(body.connection_id))
    changes = Changes(_columns(body), tag_ids(body.tags), _catalog_of(body.sync_catalog, connection.catalog))
    return await connections.change(server, connection, changes)


async def _create(server: Server, request: Request) -> Response:
    return reply(await _with_tags(server, await _created(server, await read_body(request, ConnectionCreate))))


async def _update(server: Server, request: Request) -> Response:
    return reply(await _with_tags(server, await _updated(server, await read_body(request, ConnectionUpdate))))


async def _get(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionId)
    return reply(await _with_tags(server, await connections.existing(server, str(body.connection_id))))


async def _delete(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionId)
    await deletion.delete_connection(server, await connections.existing(server, str(body.connection_id)))
    return no_content()


async def _listed(server: Server, request: Request, *, include_deleted: bool) -> Sequence[StoredConnection]:
    body = await read_body(request, WorkspaceId)
    workspace = await workspaces.existing(server, str(body.workspace_id))
    return await connections.listed(server, workspace_ids=[workspace.id], include_deleted=include_deleted)


async def _list(server: Server, request: Request) -> Response:
    return await _answer_list(server, await _listed(server, request, include_deleted=False))


async def _list_all(server: Server, request: Request) -> Response:
    return await _answer_list(server, await _listed(server, request, include_deleted=True))


async def _answer_list(server: Server, listed: Sequence[StoredConnection]) -> Response:
    tags = await connections.tags_of(server, listed)
    return reply({"connections": [connection_read(connection, tags[connection.id]) for connection in listed]})


async def _web_backend_view(server: Server, connection: StoredConnection, *, refreshed: bool = False) -> dict[str, Any]:
    """WebBackendConnectionRead: the connection with its source, destination, latest job and unselected streams."""
    source = await actors.existing(server, connection.source_id, "source")
    destination = await actors.existing(server, connection.destination_id, "destination")
    changed: Findings | None = None
    if refreshed:
        discovered = await discovery.discovered_catalog(server, source, ignore_cache=True)
        changed = await connections.check_schema(server, connection.id, source, discovered)
        connection = await connections.existing(server, connection.id)
    else:
        discovered = await discovery.latest_catalog_or_none(server, source)
    latest = await jobs.latest(server, connection.id)
    syncing = await jobs.is_active(server, connection.id)
    response = await _with_tags(server, connection)
    response["createdAt"] = response.pop("created_at")
    response.pop("breakingChange")
    response.pop("workspaceId")
    catalog_id = response.pop("sourceCatalogId", None)
    if discovered is not None:
        response["syncCatalog"] = read_with_unselected(connection.catalog_text, discovered.catalog)
        catalog_id = discovered.id
    if changed is not None:
        response["catalogDiff"] = {"transforms": changed.changes}
    changes = "non_breaking" if changed is not None and changed.changes else "no_change"
    versions = {
        f"{actor.kind}ActorDefinitionVersion": config_definitions.version_read(
            await definitions.even_deleted(server, actor.definition_id)
        )
        for actor in (source, destination)
    }
    response |= {
        "source": await actor_read(server, source),
        "destination": await actor_read(server, destination),
        "operations": [],
        "isSyncing": syncing,
        "schemaChange": "breaking" if connection.breaking_change else changes,
        **versions,
    }
    if catalog_id is not None:
        response["catalogId"] = catalog_id
    if latest is not None:
        response["latestSyncJobCreatedAt"] = latest.created_at // 1000
        response["latestSyncJobStatus"] = latest.status
    return response


async def _web_backend_get(server: Server, request: Request) -> Response:
    body = await read_body(request, WebBackendGet)
    connection = await connections.existing(server, str(body.connection_id))
    return reply(await _web_backend_view(server, connection, refreshed=bool(body.with_refreshed_catalog)))


async def _web_backend_create(server: Server, request: Request) -> Response:
    created = await _created(server, await read_body(request, ConnectionCreate))
    return reply(await _web_backend_view(server, created))


async def _web_backend_update(server: Server, request: Request) -> Response:
    updated = await _updated(server, await read_body(request, WebBackendUpdate))
    return reply(await _web_backend_view(server, updated))


def state_read(connection_id: str, state: ConnectionState) -> dict[str, Any]:
    """ConnectionState."""
    streams = [
        {
            "streamDescriptor": {
                "name": stream.name,
                **({"namespace": stream.namespace} if stream.namespace else {}),
            },
            "streamState": stream.state,
        }
        for stream in state.streams
    ]
    response: dict[str, Any] = {"stateType": state.state_type, "connectionId": connection_id}
    if state.state_type == "stream":
        response["streamState"] = streams
    elif state.state_type == "global":
        response["globalState"] = without_absent({"shared_state": state.shared, "streamStates": streams})
    elif state.legacy is not None:
        response["state"] = state.legacy
    return response


async def _get_state(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionId)
    connection = await connections.existing(server, str(body.connection_id))
    return reply(state_read(connection.id, await states.state(server, connection.id)))


async def _put_state(server: Server, request: Request) -> Response:
    body = await read_body(request, StateUpdate)
    connection = await connections.existing(server, str(body.connection_id))
    state = await states.replace(server, connection.id, _state_of(body.connection_state))
    return reply(state_read(connection.id, state))


async def _put_state_safe(server: Server, request: Request) -> Response:
    body = await read_body(request, StateUpdate)
    connection = await connections.existing(server, str(body.connection_id))
    state = await states.replace_when_idle(server, connection.id, _state_of(body.connection_state))
    return reply(state_read(connection.id, state))


def _state_of(state: State) -> ConnectionState:
    match state.state_type:
        case "stream":
            return ConnectionState("stream", _streams_of(state.stream_state or []))
        case "global":
            if state.global_state is None:
                raise BadRequest("stateType global needs globalState")
            streams = _streams_of(state.global_state.streamStates)
            return ConnectionState("global", streams, shared=state.global_state.shared_state)
        case "legacy":
            return ConnectionState("legacy", legacy=state.state)
        case "not_set":
            return ConnectionState("not_set")


def _streams_of(streams: Sequence[StateOfStream]) -> list[StoredStreamState]:
    return [
        StoredStreamState(stream.stream_descriptor.name, stream.stream_descriptor.namespace or "", stream.stream_state)
        for stream in streams
    ]


async def _state_type(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionId)
    connection = await connections.existing(server, str(body.connection_id))
    return reply((await states.state(server, connection.id)).state_type)


OPERATIONS = [
    Operation("POST", "/connections/create", "createConnection", _create),
    Operation("POST", "/connections/update", "updateConnection", _update),
    Operation("POST", "/connections/get", "getConnection", _get),
    Operation("POST", "/connections/delete", "deleteConnection", _delete),
    Operation("POST", "/connections/list", "listConnectionsForWorkspace", _list),
    Operation("POST", "/connections/list_all", "listAllConnectionsForWorkspace", _list_all),
    Operation("POST", "/web_backend/connections/get", "webBackendGetConnection", _web_backend_get),
    Operation("POST", "/web_backend/connections/create", "webBackendCreateConnection", _web_backend_create),
    Operation("POST", "/web_backend/connections/update", "webBackendUpdateConnection", _web_backend_update),
    Operation("POST", "/web_backend/state/get_type", "getStateType", _state_type),
    Operation("POST", "/state/get", "getState", _get_state),
    Operation("POST", "/state/create_or_update", "createOrUpdateState", _put_state),
    Operation("POST", "/state/create_or_update_safe", "createOrUpdateStateSafe", _put_state_safe),
]
