"""Connections, streams and tags of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import actors, catalog, connections, definitions
from lotus.embedded.catalog import StreamRequest
from lotus.embedded.connections import MANUAL, CatalogOf, Changes
from lotus.embedded.errors import BadRequest, ResourceNotFound, StateConflict
from lotus.embedded.mappers import MapperType, masked_mappers, with_kept_keys
from lotus.embedded.routes.operation import (
    Body,
    Operation,
    answer,
    no_content,
    path_id,
    query_flag,
    query_id,
    query_ids,
    read_body,
)
from lotus.embedded.routes.pages import listed, page_of
from lotus.embedded.routes.public.workspaces import existing_workspace
from lotus.embedded.server import Server
from lotus.embedded.store import connections as stored
from lotus.embedded.store import definitions as stored_definitions
from lotus.embedded.store import tags as stored_tags
from lotus.embedded.store.connections import StoredConnection
from lotus.embedded.store.tags import Tag

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


class SelectedField(Body):
    """SelectedFieldInfo."""

    field_path: list[str] | None = None


class Mapper(Body):
    """ConfiguredStreamMapper."""

    type: MapperType
    mapper_configuration: dict[str, Any]
    id: uuid.UUID | None = None


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


class TagReference(Body):
    """Tag: the id counts."""

    tag_id: uuid.UUID


class ConnectionCreate(Body):
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


class TagCreate(Body):
    """TagCreateRequest."""

    name: str
    color: str
    workspace_id: uuid.UUID


class TagPatch(Body):
    """TagPatchRequest."""

    name: str
    color: str


def shown(connection: StoredConnection, tags: Sequence[Tag]) -> dict[str, Any]:
    """ConnectionResponse."""
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "workspaceId": connection.workspace_id,
        "status": connection.status,
        "schedule": _shown_schedule(connection),
        "nonBreakingSchemaUpdatesBehavior": connection.non_breaking_schema_updates,
        "namespaceDefinition": connection.namespace_definition,
        "namespaceFormat": connection.namespace_format,
        "prefix": connection.prefix,
        "configurations": {
            "streams": [_shown_stream(stream) for stream in connection.catalog["streams"] if stream["selected"]]
        },
        "createdAt": connection.created_at // 1000,
        "tags": [shown_tag(tag) for tag in tags],
    }


def shown_tag(tag: Tag) -> dict[str, Any]:
    """TagResponse."""
    return {"tagId": tag.id, "name": tag.name, "color": tag.color, "workspaceId": tag.workspace_id}


def _shown_schedule(connection: StoredConnection) -> dict[str, Any]:
    shown: dict[str, Any] = {"scheduleType": connection.schedule_type}
    if connection.schedule_type == "cron":
        shown["cronExpression"] = f"{connection.cron_expression} {connection.cron_time_zone}"
    elif connection.schedule_type == "basic":
        shown["basicTiming"] = f"Every {connection.basic_units} {str(connection.basic_time_unit).upper()}"
    return shown


def _shown_stream(configured: Mapping[str, Any]) -> dict[str, Any]:
    stream = configured["stream"]
    shown: dict[str, Any] = {
        "name": stream["name"],
        "syncMode": catalog.combined_mode(configured["sync_mode"], configured["destination_sync_mode"]),
        "cursorField": configured["cursor_field"],
        "primaryKey": configured["primary_key"],
        "mappers": masked_mappers(configured["mappers"]),
    }
    if stream.get("namespace"):
        shown["namespace"] = stream["namespace"]
    if configured["selected_fields"] is not None:
        shown["selectedFields"] = [{"fieldPath": path} for path in configured["selected_fields"]]
    if configured["include_files"]:
        shown["includeFiles"] = True
    if configured["destination_object_name"]:
        shown["destinationObjectName"] = configured["destination_object_name"]
    return shown


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


def _columns(body: ConnectionCreate | ConnectionPatch) -> dict[str, Any]:
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


def _tag_ids(tags: Sequence[TagReference] | None) -> list[str] | None:
    return None if tags is None else [str(tag.tag_id) for tag in tags]


async def _shown_with_tags(server: Server, connection: StoredConnection) -> dict[str, Any]:
    tags = await server.store.read(stored.tags_of, [connection.id])
    return shown(connection, tags[connection.id])


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionCreate)
    columns = _columns(body)
    if columns.get("status") in ("deprecated", "locked"):
        raise BadRequest(f"A connection cannot be created with status {body.status}")
    created = await connections.create(
        server,
        source_id=str(body.source_id),
        destination_id=str(body.destination_id),
        name=columns.pop("name", None),
        columns=columns,
        tag_ids=_tag_ids(body.tags) or [],
        catalog_of=_catalog_of(body.configurations, None) or _everything,
    )
    return answer(await _shown_with_tags(server, created))


async def _get(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, path_id(request, "connection_id"))
    return answer(await _shown_with_tags(server, connection))


async def _patch(server: Server, request: Request) -> Response:
    connection_id = path_id(request, "connection_id")
    body = await read_body(request, ConnectionPatch)
    connection = await connections.existing(server, connection_id)
    changes = Changes(_columns(body), _tag_ids(body.tags), _catalog_of(body.configurations, connection.catalog))
    return answer(await _shown_with_tags(server, await connections.change(server, connection, changes)))


async def _delete(server: Server, request: Request) -> Response:
    connection = await connections.existing(server, path_id(request, "connection_id"))
    await connections.delete(server, connection)
    return no_content()


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    found = await server.store.read(
        stored.listed,
        workspace_ids=query_ids(request, "workspaceIds"),
        tag_ids=query_ids(request, "tagIds"),
        include_deleted=query_flag(request, "includeDeleted"),
        limit=page.limit,
        offset=page.offset,
    )
    tags = await server.store.read(stored.tags_of, [connection.id for connection in found])
    data = [shown(connection, tags[connection.id]) for connection in found]
    return answer(listed(request, page, data))


async def _streams(server: Server, request: Request) -> Response:
    source_id = query_id(request, "sourceId", required=True)
    source = await actors.existing(server, str(source_id), "source")
    destination_id = query_id(request, "destinationId")
    modes: list[str] | None = None
    if destination_id is not None:
        destination = await actors.existing(server, destination_id, "destination")
        definition = await server.store.read(stored_definitions.definition, destination.definition_id)
        if definition is None:
            raise ResourceNotFound("destination definition", destination.definition_id)
        modes = definitions.destination_sync_modes(await definitions.spec(server, definition))
    discovered = await actors.discover(server, source, ignore_cache=query_flag(request, "ignoreCache"))
    return answer([_shown_properties(stream, modes) for stream in discovered.catalog["streams"]])


def _shown_properties(stream: Mapping[str, Any], modes: Sequence[str] | None) -> dict[str, Any]:
    return {
        "streamName": stream["name"],
        "streamnamespace": stream.get("namespace"),
        "syncModes": None if modes is None else catalog.valid_modes(stream, modes),
        "defaultCursorField": stream.get("default_cursor_field") or [],
        "sourceDefinedCursorField": bool(stream.get("source_defined_cursor")),
        "sourceDefinedPrimaryKey": stream.get("source_defined_primary_key") or [],
        "propertyFields": catalog.field_paths(stream.get("json_schema")),
    }


async def existing_tag(server: Server, tag_id: str) -> Tag:
    """The tag, which is there.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(stored_tags.tag, tag_id)
    if found is None:
        raise ResourceNotFound("tag", tag_id)
    return found


def _checked_color(color: str) -> str:
    if len(color) != 6 or not all(letter in "0123456789abcdefABCDEF" for letter in color):
        raise BadRequest("color must be six hexadecimal digits, such as ff0000")
    return color


async def create_tag(server: Server, *, workspace_id: str, name: str, color: str) -> Tag:
    """A new tag.

    Raises:
        StateConflict: its name is taken.
    """
    workspace = await existing_workspace(server, workspace_id)
    if not name.strip():
        raise BadRequest("name must not be empty")
    _checked_color(color)
    if await server.store.read(stored_tags.named, workspace.id, name):
        raise StateConflict(f"A tag named {name} exists in the workspace already")
    return await server.store.write(stored_tags.create, workspace_id=workspace.id, name=name, color=color)


async def change_tag(server: Server, tag: Tag, *, name: str, color: str) -> Tag:
    """The tag with another name and colour.

    Raises:
        StateConflict: the name is taken.
    """
    if not name.strip():
        raise BadRequest("name must not be empty")
    _checked_color(color)
    other = await server.store.read(stored_tags.named, tag.workspace_id, name)
    if other is not None and other.id != tag.id:
        raise StateConflict(f"A tag named {name} exists in the workspace already")
    await server.store.write(stored_tags.change, tag.id, name=name, color=color)
    return await existing_tag(server, tag.id)


async def _list_tags(server: Server, request: Request) -> Response:
    found = await server.store.read(stored_tags.listed, query_ids(request, "workspaceIds"))
    return answer({"data": [shown_tag(tag) for tag in found]})


async def _create_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagCreate)
    created = await create_tag(server, workspace_id=str(body.workspace_id), name=body.name, color=body.color)
    return answer(shown_tag(created))


async def _get_tag(server: Server, request: Request) -> Response:
    return answer(shown_tag(await existing_tag(server, path_id(request, "tag_id"))))


async def _patch_tag(server: Server, request: Request) -> Response:
    tag_id = path_id(request, "tag_id")
    body = await read_body(request, TagPatch)
    tag = await existing_tag(server, tag_id)
    return answer(shown_tag(await change_tag(server, tag, name=body.name, color=body.color)))


async def _delete_tag(server: Server, request: Request) -> Response:
    tag = await existing_tag(server, path_id(request, "tag_id"))
    await server.store.write(stored_tags.remove, tag.id)
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
