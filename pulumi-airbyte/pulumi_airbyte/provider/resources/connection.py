"""Connections: which streams go where, how, and when."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pulumi_airbyte.api import Airbyte, Object

from .. import cron
from ..properties import DefaultAt, Fault, Property, paired
from ..values import UNKNOWN, Json
from .kind import ResourceKind, without_none

SYNC_MODES = (
    "full_refresh_overwrite",
    "full_refresh_overwrite_deduped",
    "full_refresh_append",
    "full_refresh_update",
    "full_refresh_soft_delete",
    "incremental_append",
    "incremental_deduped_history",
    "incremental_update",
    "incremental_soft_delete",
)
BEHAVIORS = ("ignore", "disable_connection", "propagate_columns", "propagate_fully")

_STRING = Property(type="string", description="")
_FIELD_PATH = Property(type="array", description="A field's path.", items=_STRING)


def _schedule_normal(schedule: Json) -> Json:
    if not isinstance(schedule, dict):
        return schedule
    items = cast("dict[str, Json]", schedule)
    if items.get("scheduleType") == "manual":
        return {"scheduleType": "manual"}
    expression = items.get("cronExpression")
    if isinstance(expression, str) and expression != UNKNOWN:
        return {**items, "cronExpression": cron.normalised(expression)}
    return items


def _as_set(value: Json) -> Json:
    return sorted(map(str, cast("list[Json]", value))) if isinstance(value, list) else value


def _field_key(field: Mapping[str, Json]) -> tuple[str, ...]:
    return tuple(map(str, field["fieldPath"]))


def _tag_key(tag: Mapping[str, Json]) -> Json:
    return tag["tagId"]


def _stream_key(stream: Mapping[str, Json]) -> Json:
    return (stream["name"], stream.get("namespace"))


def _stream_name(stream: Mapping[str, Json]) -> str:
    return str(stream["name"])


def _overwrites(stream: Mapping[str, Json]) -> bool:
    """Whether a sync deletes what earlier ones landed; a stream without a mode does."""
    return stream.get("syncMode") in (None, "full_refresh_overwrite", "full_refresh_overwrite_deduped")


STREAM = Property(
    type="object",
    description="How one stream is synced.",
    type_name="ConnectionConfigurationsStream",
    properties={
        "name": Property(type="string", description="The stream's name in its source.", required=True),
        "namespace": Property(type="string", description="Its namespace, where names alone do not do.", computed=True),
        "syncMode": Property(
            type="string",
            description="How it is read and written.",
            enum=SYNC_MODES,
            default="full_refresh_overwrite",
        ),
        "cursorField": Property(
            type="array",
            description="The field that tells new records; the source's own when absent.",
            items=_STRING,
            computed=True,
            aliases=("cursorFields",),
            normal=lambda value: value or None,
        ),
        "primaryKey": Property(
            type="array",
            description="The fields that identify a record; the source's own when absent.",
            items=_FIELD_PATH,
            computed=True,
            aliases=("primaryKeys",),
            normal=lambda value: _as_set(value or None),
        ),
        "selectedFields": Property(
            type="array",
            description="The top-level fields that are synced, a set; all when absent.",
            items=Property(
                type="object",
                description="One field.",
                type_name="ConnectionConfigurationsStreamSelectedField",
                properties={
                    "fieldPath": Property(
                        type="array",
                        description="The field's path.",
                        items=_STRING,
                        required=True,
                        aliases=("fieldPaths",),
                    )
                },
            ),
            key=_field_key,
            default=[],
        ),
        "mappers": Property(
            type="array",
            description="Transformations of its records, in order.",
            default=[],
            items=Property(
                type="object",
                description="One transformation.",
                type_name="ConnectionConfigurationsStreamMapper",
                properties={
                    "id": Property(type="string", description="Given by the server.", computed=True),
                    "type": Property(
                        type="string",
                        description="What it does.",
                        required=True,
                        enum=("hashing", "field-renaming", "row-filtering", "encryption", "field-filtering"),
                    ),
                    "mapperConfiguration": Property(type="json", description="How it does it.", required=True),
                },
            ),
        ),
        "includeFiles": Property(type="boolean", description="Whether raw files are moved too.", computed=True),
        "destinationObjectName": Property(
            type="string", description="The object written to, in data activation.", computed=True
        ),
    },
)

TAG = Property(
    type="object",
    description="A tag, whole.",
    type_name="ConnectionTag",
    properties={
        "tagId": Property(type="string", description="Its id.", required=True),
        "workspaceId": Property(type="string", description="Its workspace.", required=True),
        "name": Property(type="string", description="The word.", required=True),
        "color": Property(type="string", description="Six hexadecimal digits.", required=True),
    },
)


class ConnectionKind(ResourceKind):
    """Connections."""

    token = "airbyte:index/connection:Connection"
    word = "connection"
    description = "A connection: which streams of a source go to a destination, how, and when."
    collection = "/connections"
    id_name = "connectionId"
    listed = True
    loses_state = True
    # The server runs the source's discover first; 130 s have been seen.
    slowest_create = 180.0
    properties = {
        "sourceId": Property(type="string", description="Where records come from.", required=True, replaces=True),
        "destinationId": Property(type="string", description="Where records go.", required=True, replaces=True),
        "name": Property(
            type="string",
            description="The name shown in Airbyte; `<source> <> <destination>` when absent.",
            computed=True,
        ),
        "configurations": Property(
            type="object",
            description="The streams; all that the source offers when absent.",
            computed=True,
            type_name="ConnectionConfigurations",
            properties={
                "streams": Property(
                    type="array",
                    description="A set of streams.",
                    items=STREAM,
                    key=_stream_key,
                    loose_key=_stream_name,
                    computed=True,
                )
            },
        ),
        "schedule": Property(
            type="object",
            description="When it runs; `manual` when absent.",
            type_name="ConnectionSchedule",
            default={"scheduleType": "manual"},
            normal=_schedule_normal,
            properties={
                "scheduleType": Property(
                    type="string", description="By hand, or by cron.", required=True, enum=("manual", "cron")
                ),
                "cronExpression": Property(
                    type="string",
                    description="Quartz: seconds first, 6 or 7 fields, UTC.",
                    normal=lambda text: cron.normalised(text) if isinstance(text, str) else text,
                ),
            },
        ),
        "namespaceDefinition": Property(
            type="string",
            description="Where the namespace in the destination comes from.",
            enum=("source", "destination", "custom_format"),
            default="destination",
        ),
        "namespaceFormat": Property(
            type="string",
            description="For `custom_format`; may hold `${SOURCE_NAMESPACE}`.",
            normal=lambda text: text or None,
        ),
        "prefix": Property(
            type="string",
            description="Put in front of every stream's name.",
            default="",
            normal=lambda text: text or "",
        ),
        "nonBreakingSchemaUpdatesBehavior": Property(
            type="string", description="What new columns and streams do.", enum=BEHAVIORS, default="ignore"
        ),
        "status": Property(
            type="string", description="Whether its schedule runs.", enum=("active", "inactive"), default="active"
        ),
        "tags": Property(
            type="array",
            description="A set of tags.",
            items=TAG,
            default=[],
            key=_tag_key,
        ),
        "dataResidency": Property(
            type="string", description="Deprecated by Airbyte: accepted, never stored.", never_compared=True
        ),
    }
    outputs = {
        "connectionId": Property(type="string", description="The id that jobs name."),
        "workspaceId": Property(type="string", description="The workspace of its source."),
        "createdAt": Property(type="integer", description="Seconds since the epoch."),
        "statusReason": Property(type="string", description="Why Airbyte changed its status, if it did."),
    }

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:
        schedule = data.get("schedule")
        if isinstance(schedule, dict):
            _schedule_faults(cast("dict[str, Json]", schedule), faults)
        if data.get("namespaceFormat") and data.get("namespaceDefinition") not in ("custom_format", UNKNOWN):
            reason = 'has an effect only with namespaceDefinition "custom_format"'
            faults.append(Fault(("namespaceFormat",), reason))
        for index, stream in enumerate(_streams(data)):
            if isinstance(stream, dict):
                _stream_faults(cast("dict[str, Json]", stream), index, faults)

    def arranged(self, data: dict[str, Json], old: Mapping[str, Json]) -> dict[str, Json]:
        """Streams that were there before keep their places, new ones follow by name: a set has no order of its own."""
        streams = _streams(data)
        if not streams or not all(isinstance(stream, dict) for stream in streams):
            return data
        prop = self.properties["configurations"].properties["streams"]
        pairs, _, come = paired(prop, [one for one in _streams(old) if isinstance(one, dict)], streams)
        order = [index for _, index in sorted(pairs)] + sorted(come, key=lambda index: str(streams[index].get("name")))
        configurations = {**data["configurations"], "streams": [streams[index] for index in order]}
        return {**data, "configurations": configurations}

    def overwritten(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
        before, after = ([one for one in _streams(data) if isinstance(one, dict)] for data in (old, new))
        pairs, _, _ = paired(self.properties["configurations"].properties["streams"], before, after)
        return [_stream_name(after[to]) for was, to in pairs if _overwrites(after[to]) and not _overwrites(before[was])]

    def gone(self, item: Object) -> bool:
        return item.get("status") == "deprecated"

    def reconciled(
        self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None, *, importing: bool
    ) -> dict[str, Json]:
        if declared.get("nonBreakingSchemaUpdatesBehavior") == "propagate_fully" and not importing:
            item = self._without_propagated_streams(declared, item)
        return super().reconciled(declared, item, default_at, importing=importing)

    def _without_propagated_streams(self, declared: Mapping[str, Json], item: Object) -> Object:
        """The program asked Airbyte to add streams that turn up: those it added are no drift."""
        names = {one["name"] for one in _streams(declared) if isinstance(one, dict)}
        shown = [one for one in _streams(item) if not names or one["name"] in names]
        return {**item, "configurations": {**item["configurations"], "streams": shown}}

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        ends = all(item.get(end) == inputs.get(end) for end in ("sourceId", "destinationId"))
        return ends and inputs.get("name") in (None, item.get("name"))

    def inputs_of(self, item: Object) -> dict[str, Json]:
        inputs = super().inputs_of(item)
        if inputs.get("namespaceDefinition") != "custom_format":
            inputs["namespaceFormat"] = None
        for stream in _streams(inputs):
            # The server shows the namespace that it found; a program that names none means the same stream.
            if isinstance(stream, dict) and not cast("dict[str, Json]", stream).get("namespace"):
                cast("dict[str, Json]", stream).pop("namespace", None)
        return inputs

    def body(self, inputs: Mapping[str, Json], *, creating: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": inputs.get("name"),
            "configurations": inputs.get("configurations"),
            "dataResidency": inputs.get("dataResidency"),
        }
        for name in ("schedule", "namespaceDefinition", "prefix", "nonBreakingSchemaUpdatesBehavior", "status", "tags"):
            # What was taken out of the program goes back to the default, so an update names it.
            default = None if creating and name not in ("status", "schedule") else self.properties[name].default
            body[name] = inputs[name] if inputs.get(name) is not None else default
        body["namespaceFormat"] = inputs.get("namespaceFormat")
        if creating:
            body |= {"sourceId": inputs["sourceId"], "destinationId": inputs["destinationId"]}
        return without_none(body)

    async def update(self, airbyte: Airbyte, resource_id: str, inputs: Mapping[str, Json]) -> Object:
        return await airbyte.patch(f"{self.path(inputs)}/{resource_id}", self.body(inputs, creating=False))


def _streams(data: Mapping[str, Json]) -> list[Json]:
    configurations = data.get("configurations")
    if not isinstance(configurations, dict):
        return []
    streams = cast("dict[str, Json]", configurations).get("streams")
    return cast("list[Json]", streams) if isinstance(streams, list) else []


def _schedule_faults(schedule: dict[str, Json], faults: list[Fault]) -> None:
    kind, expression = schedule.get("scheduleType"), schedule.get("cronExpression")
    if kind == "manual" and expression is not None:
        reason = 'has no effect with scheduleType "manual"; leave it out, or say "cron"'
        faults.append(Fault(("schedule", "cronExpression"), reason))
    elif kind == "cron" and expression is None:
        faults.append(Fault(("schedule", "cronExpression"), 'is required with scheduleType "cron"'))
    elif kind == "cron" and isinstance(expression, str) and expression != UNKNOWN:
        reason = cron.fault(expression)
        if reason is not None:
            faults.append(Fault(("schedule", "cronExpression"), reason))


def _stream_faults(stream: dict[str, Json], index: int, faults: list[Fault]) -> None:
    path = ("configurations", "streams", index)
    selected = cast("list[Json]", stream.get("selectedFields") or [])
    names: set[Json] = set()
    for place, field in enumerate(selected):
        field_path = cast("dict[str, Json]", field).get("fieldPath") if isinstance(field, dict) else None
        if isinstance(field_path, list):
            steps = cast("list[Json]", field_path)
            if len(steps) != 1:
                reason = "must name one top-level field; Airbyte selects no nested ones"
                faults.append(Fault((*path, "selectedFields", place, "fieldPath"), reason))
            names.update(steps[:1])
    if not names or UNKNOWN in names:
        return
    for word in ("cursorField", "primaryKey"):
        for step in cast("list[Json]", stream.get(word) or []):
            name = cast("list[Json]", step)[0] if isinstance(step, list) and step else step
            if isinstance(name, str) and name != UNKNOWN and name not in names:
                faults.append(Fault((*path, "selectedFields"), f'must contain "{name}", which is in {word}'))
            if word == "cursorField":
                break
