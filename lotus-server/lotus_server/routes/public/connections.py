"""Connections, streams and tags of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain import catalog
from lotus_server.domain.catalog import StreamRequest
from lotus_server.domain.mappers import masked_mappers, with_kept_keys
from lotus_server.errors import BadRequest
from lotus_server.routes.operation import (
    Body,
    Operation,
    no_content,
    path_id,
    query_flag,
    query_id,
    query_ids,
    read_body,
    reply,
    without_absent,
)
from lotus_server.routes.pages import listed, page_of
from lotus_server.routes.streams import Mapper, SelectedField
from lotus_server.routes.tags import TagReference, tag_ids, tag_response
from lotus_server.services import actors, connections, definitions, deletion, discovery, tags
from lotus_server.services.connections import MANUAL, CatalogOf, Changes
from lotus_server.services.server import Server
from lotus_server.store.connections import StoredConnection
from lotus_server.store.tags import Tag

SyncMode = Literal[
    "full_refresh_overwrite",
    "full_refresh_overwrite_deduped",
    "full_refresh_append",
    "full_refresh_update",
    "full_refresh_soft_delete",
    "incremental_append",
    "incremental_deduped_history",
    "incremental_update",
    "incremental_soft_delete",
]
NamespaceDefinition = Literal["source", "destination", "custom_format"]
SchemaUpdates = Literal["ignore", "disable_connection", "propagate_columns", "propagate_fully"]
Status = Literal["active", "inactive", "deprecated", "locked"]


class Stream(Body):
    """StreamConfiguration."""

    name: str
    namespace: str | None = None
    sync_mode: SyncMode | None = None
    cursor_field: list[str] | None = None
    primary_key: list[list[str]] | None = None
    include_files: bool | None = None
    destination_object_name: str | None = None
    selected_fields: list[SelectedField] | None = None
    mappers: list[Mapper] | None = None


class Streams(Body):
    """StreamConfigurations."""

    streams: list[Stream] | None = None


class Schedule(Body):
    """AirbyteApiConnectionSchedule."""

    schedule_type: Literal["manual", "cron"]
    cron_expression: str | None = None


class ConnectionCreateRequest(Body):
    """ConnectionCreateRequest; ``dataResidency`` is accepted and not kept."""

    source_id: uuid.UUID
    destination_id: uuid.UUID
    name: str | None = None
    configurations: Streams | None = None
    schedule: Schedule | None = None
    data_residency: str | None = None
    namespace_definition: NamespaceDefinition | None = None
    namespace_format: str | None = None
    prefix: str | None = None
    non_breaking_schema_updates_behavior: SchemaUpdates | None = None
    status: Status | None = None
    tags: list[TagReference] | None = None


class ConnectionPatch(Body):
    """ConnectionPatchRequest."""

    name: str | None = None
    configurations: Streams | None = None
    schedule: Schedule | None = None
    data_residency: str | None = None
    namespace_definition: NamespaceDefinition | None = None
    namespace_format: str | None = None
    prefix: str | None = None
    non_breaking_schema_updates_behavior: SchemaUpdates | None = None
    status: Status | None = None
    tags: list[TagReference] | None = None


class TagCreateRequest(Body):
    """TagCreateRequest."""

    name: str
    color: str
    workspace_id: uuid.UUID


class TagPatch(Body):
    """TagPatchRequest."""

    name: str
    color: str


def connection_response(connection: StoredConnection, tags_of_connection: Sequence[Tag]) -> dict[str, Any]:
    """ConnectionResponse."""
    response: dict[str, Any] = {
        "connectionId": connection.id,
        "name": connection.name,
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "workspaceId": connection.workspace_id,
        "status": connection.status,
        "schedule": _schedule_response(connection),
        "nonBreakingSchemaUpdatesBehavior": connection.non_breaking_schema_updates,
        "namespaceDefinition": connection.namespace_definition,
        "namespaceFormat": connection.namespace_format,
        "prefix": connection.prefix,
        "configurations": {
            "streams": [_stream_response(stream) for stream in connection.catalog["streams"] if stream["selected"]]
        },
        "createdAt": connection.created_at // 1000,
        "tags": [tag_response(tag) for tag in tags_of_connection],
    }
    return without_absent(response)


def _schedule_response(connection: StoredConnection) -> dict[str, Any]:
    response: dict[str, Any] = {"scheduleType": connection.schedule_type}
    if connection.schedule_type == "cron":
        response["cronExpression"] = f"{connection.cron_expression} {connection.cron_time_zone}"
    elif connection.schedule_type == "basic":
        response["basicTiming"] = f"Every {connection.basic_units} {str(connection.basic_time_unit).upper()}"
    return response


def _stream_response(configured: Mapping[str, Any]) -> dict[str, Any]:
    stream = configured["stream"]
    response: dict[str, Any] = {
        "name": stream["name"],
        "syncMode": catalog.combined_mode(configured["sync_mode"], configured["destination_sync_mode"]),
        "cursorField": configured["cursor_field"],
        "primaryKey": configured["primary_key"],
        "mappers": masked_mappers(configured["mappers"]),
        "includeFiles": bool(configured.get("include_files")),
    }
    if stream.get("namespace"):
        response["namespace"] = stream["namespace"]
    if configured["selected_fields"] is not None:
        response["selectedFields"] = [{"fieldPath": path} for path in configured["selected_fields"]]
    if configured["destination_object_name"]:
        response["destinationObjectName"] = configured["destination_object_name"]
    return response


def _request_of(stream: Stream) -> StreamRequest:
    fields = stream.selected_fields
    return StreamRequest(
        name=stream.name,
        namespace=stream.namespace,
        sync_mode=stream.sync_mode,
        cursor_field=stream.cursor_field,
        primary_key=stream.primary_key,
        selected_fields=None if fields is None else [field.field_path for field in fields],
        mappers=None if stream.mappers is None else msgspec.to_builtins(stream.mappers),
        include_files=stream.include_files,
        destination_object_name=stream.destination_object_name,
    )


def _catalog_of(streams: Streams | None, before: Mapping[str, Any] | None) -> CatalogOf | None:
    """How to get the catalog that a request asks for; None: it names no streams."""
    if streams is None or not streams.streams:
        return None
    requests = [_request_of(stream) for stream in streams.streams]

    def catalog_of(discovered: Mapping[str, Any], modes: Sequence[str]) -> Mapping[str, Any]:
        return with_kept_keys(catalog.configured(discovered, requests, modes), before or {"streams": []})

    return catalog_of


def _everything(discovered: Mapping[str, Any], _modes: Sequence[str]) -> Mapping[str, Any]:
    return catalog.everything(discovered)


def _columns(body: ConnectionCreateRequest | ConnectionPatch) -> dict[str, Any]:
    """The columns that a request sets; what it leaves out or sets to null stays."""
    columns: dict[str, Any] = {
        "name": body.name,
        "namespace_definition": body.namespace_definition,
        "namespace_format": body.namespace_format,
        "prefix": body.prefix,
        "non_breaking_schema_updates": body.non_breaking_schema_updates_behavior,
        "status": body.status,
    }
    columns = {name: value for name, value in columns.items() if value is not None}
    if body.schedule is not None:
        cron = body.schedule.schedule_type == "cron"
        columns |= connections.cron_schedule(body.schedule.cron_expression) if cron else MANUAL
    return columns


async def _with_tags(server: Server, connection: StoredConnection) -> dict[str, Any]:
    by_connection = await connections.tags_of(server, [connection])
    return connection_response(connection, by_connection[connection.id])


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionCreateRequest)
    columns = _columns(body)
    if columns.get("status") in ("deprecated", "locked"):
        raise BadRequest(f"A connection cannot be created with status {body.status}")
    created = await connections.create(
        server,
        source_id=str(body.source_id),
        destination_id=str(body.destination_id),
        name=columns.pop("name", None),
        columns=columns,
        tag_ids=tag_ids(body.tags) or [],
        catalog_of=_catalog_of(body.configurations, None) or _everything,
    )
    return reply(await _with_tags(server, created))


async def _get(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, path_id(request, "connection_id"))
    return reply(await _with_tags(server, connection))


async def _patch(server: Server, request: Request) -> Response:
    connection_id = path_id(request, "connection_id")
    body = await read_body(request, ConnectionPatch)
    connection = await connections.existing(server, connection_id)
    changes = Changes(_columns(body), tag_ids(body.tags), _catalog_of(body.configurations, connection.catalog))
    return reply(await _with_tags(server, await connections.change(server, connection, changes)))


async def _delete(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, path_id(request, "connection_id"))
    await deletion.delete_connection(server, connection)
    return no_content()


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    rows = await connections.listed(
        server,
        workspace_ids=query_ids(request, "workspaceIds"),
        tag_ids=query_ids(request, "tagIds"),
        include_deleted=query_flag(request, "includeDeleted"),
        limit=page.limit,
        offset=page.offset,
    )
    by_connection = await connections.tags_of(server, rows)
    data = [connection_response(connection, by_connection[connection.id]) for connection in rows]
    return reply(listed(request, page, data))


async def _streams(server: Server, request: Request) -> Response:
    source_id = query_id(request, "sourceId", required=True)
    source = await actors.existing(server, str(source_id), "source")
    destination_id = query_id(request, "destinationId")
    modes: list[str] | None = None
    if destination_id is not None:
        destination = await actors.existing(server, destination_id, "destination")
        modes = await definitions.destination_modes(server, destination.definition_id)
    discovered = await discovery.discovered_catalog(server, source, ignore_cache=query_flag(request, "ignoreCache"))
    return reply([_stream_properties(stream, modes) for stream in discovered.catalog["streams"]])


def _stream_properties(stream: Mapping[str, Any], modes: Sequence[str] | None) -> dict[str, Any]:
    response = {
        "streamName": stream["name"],
        "streamnamespace": stream.get("namespace") or None,
        "syncModes": None if modes is None else catalog.valid_modes(stream, modes),
        "defaultCursorField": stream.get("default_cursor_field") or [],
        "sourceDefinedCursorField": bool(stream.get("source_defined_cursor")),
        "sourceDefinedPrimaryKey": stream.get("source_defined_primary_key") or [],
        "propertyFields": catalog.field_paths(stream.get("json_schema")),
    }
    return without_absent(response)


async def _list_tags(server: Server, request: Request) -> Response:
    rows = await tags.listed(server, query_ids(request, "workspaceIds"))
    return reply({"data": [tag_response(tag) for tag in rows]})


async def _create_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagCreateRequest)
    created = await tags.create(server, workspace_id=str(body.workspace_id), name=body.name, color=body.color)
    return reply(tag_response(created))


async def _get_tag(server: Server, request: Request) -> Response:
    return reply(tag_response(await tags.existing(server, path_id(request, "tag_id"))))


async def _patch_tag(server: Server, request: Request) -> Response:
    tag_id = path_id(request, "tag_id")
    body = await read_body(request, TagPatch)
    tag = await tags.existing(server, tag_id)
    return reply(tag_response(await tags.change(server, tag, name=body.name, color=body.color)))


async def _delete_tag(server: Server, request: Request) -> Response:
    tag = await tags.existing(server, path_id(request, "tag_id"))
    await tags.remove(server, tag)
    return no_content()


OPERATIONS = [
    Operation("GET", "/connections", "listConnections", _list),
    Operation("POST", "/connections", "createConnection", _create),
    Operation("GET", "/connections/{connection_id}", "getConnection", _get),
    Operation("PATCH", "/connections/{connection_id}", "patchConnection", _patch),
    Operation("DELETE", "/connections/{connection_id}", "deleteConnection", _delete),
    Operation("GET", "/streams", "getStreamProperties", _streams),
    Operation("GET", "/tags", "listTags", _list_tags),
    Operation("POST", "/tags", "createTag", _create_tag),
    Operation("GET", "/tags/{tag_id}", "getTag", _get_tag),
    Operation("PATCH", "/tags/{tag_id}", "updateTag", _patch_tag),
    Operation("DELETE", "/tags/{tag_id}", "deleteTag", _delete_tag),
]
