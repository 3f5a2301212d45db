"""Connections: which streams go where, how, and when."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pulumi_airbyte.api import Airbyte, NotFoundError, Object, RefusedError, UnauthorizedError

from .. import cron
from ..differences import DefaultAt
from ..properties import Fault, Property, paired
from ..values import UNKNOWN, Json
from .kind import DEFAULTS, ResourceKind, without_none

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
_WIDENING = BEHAVIORS[2:]
"""Those that land columns which nobody reviewed."""
NAMESPACES = ("source", "destination", "custom_format")

_STRING = Property(type="string", description="")
_FIELD_PATH = Property(type="array", description="A field's path.", items=_STRING)


def _schedule_normal(schedule: Json) -> Json:
    if not isinstance(schedule, dict):
        return schedule
    items = cast("dict[str, Json]", schedule)
    if items.get("scheduleType") == "manual":
        return {"scheduleType": "manual"}
    timing = items.get("basicTiming")
    if items.get("scheduleType") == "basic" and isinstance(timing, str):
        return {"scheduleType": "basic", "basicTiming": cron.interval(timing) or timing}
    expression = items.get("cronExpression")
    if isinstance(expression, str) and expression != UNKNOWN:
        return {**items, "cronExpression": cron.normalised(expression)}
    return items


def _as_set(value: Json) -> Json:
    return sorted(map(str, cast("list[Json]", value))) if isinstance(value, list) else value


def _field_name(field: Json) -> Json:
    """A selected field by its name; the API's form, and that of older states, is `{"fieldPath": [name]}`."""
    if not isinstance(field, dict):
        return field
    path = cast("dict[str, Json]", field).get("fieldPath") or cast("dict[str, Json]", field).get("fieldPaths")
    steps = cast("list[Json]", path) if isinstance(path, list) else []
    return steps[0] if len(steps) == 1 else field


def _field_names(fields: Json) -> Json:
    return [_field_name(field) for field in cast("list[Json]", fields)] if isinstance(fields, list) else fields


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
    taken_away="no longer synced; what landed of it stays",
    properties={
        "name": Property(type="string", description="The stream's name in its source.", required=True),
        "namespace": Property(type="string", description="Its namespace, where names alone do not do.", computed=True),
        "syncMode": Property(
            type="string",
            description="How it is read and written.",
            enum=SYNC_MODES,
            default="full_refresh_overwrite",
            taken_away="back to full_refresh_overwrite",
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
            description="The names of the top-level fields that are synced, a set; all when absent.",
            items=_STRING,
            key=str,
            default=[],
            empty_is_all=True,
            spelled=_field_names,
            taken_away="all fields are synced from now on",
            consent="widen stream {stream} of {name}",
        ),
        "mappers": Property(
            type="array",
            description="Transformations of its records, in order.",
            default=[],
            taken_away="no longer applied; values land as the source gives them",
            consent="widen stream {stream} of {name}",
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
        "includeFiles": Property(
            type="boolean",
            description="Whether raw files are moved too.",
            default=False,
            taken_away="back to false; its files are no longer moved",
            consent="stop files of stream {stream} of {name}",
        ),
        "destinationObjectName": Property(
            type="string", description="The object written to, in data activation.", computed=True
        ),
    },
)

TAG = Property(
    type="object",
    description="A tag, whole.",
    type_name="ConnectionTag",
    taken_away="taken off the connection",
    properties={
        "tagId": Property(type="string", description="Its id.", required=True),
        "workspaceId": Property(type="string", description="Its workspace.", required=True),
        "name": Property(type="string", description="The word.", required=True),
        "color": Property(type="string", description="Six hexadecimal digits.", required=True),
    },
)


PROPERTIES = {
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
        taken_away="back to manual; the connection stops running by itself",
        consent="stop schedule of {name}",
        properties={
            "scheduleType": Property(
                type="string",
                description="By hand, by cron, or at an interval.",
                required=True,
                enum=("manual", "cron", "basic"),
            ),
            "cronExpression": Property(
                type="string",
                description="Quartz: seconds first, 6 or 7 fields, in UTC or in the time zone that follows them.",
            ),
            "basicTiming": Property(type="string", description="For `basic`, such as `Every 24 HOURS`."),
        },
    ),
    "namespaceDefinition": Property(
        type="string",
        description="Where the namespace in the destination comes from.",
        enum=NAMESPACES,
        default="destination",
        taken_away="back to {default}; the next sync may write elsewhere",
    ),
    "namespaceFormat": Property(
        type="string",
        description="For `custom_format`; may hold `${SOURCE_NAMESPACE}`.",
        normal=lambda text: text or None,
        taken_away="back to {default}; the next sync may write elsewhere",
    ),
    "prefix": Property(
        type="string",
        description="Put in front of every stream's name.",
        default="",
        normal=lambda text: text or "",
        taken_away="back to none; the next sync writes under the streams' own names",
    ),
    "nonBreakingSchemaUpdatesBehavior": Property(
        type="string",
        description="What new columns and streams do.",
        enum=BEHAVIORS,
        default="ignore",
        taken_away="back to {default}; that decides from now on whether new columns are taken",
        consent="widen columns of {name}",
        harmless=lambda old, default: BEHAVIORS.index(default) <= BEHAVIORS.index(old) or default not in _WIDENING,
    ),
    "status": Property(
        type="string",
        description="Whether its schedule runs.",
        enum=("active", "inactive"),
        default="active",
        taken_away="back to active; its schedule runs again",
    ),
    "tags": Property(
        type="array",
        description="A set of tags.",
        items=TAG,
        default=[],
        key=_tag_key,
        taken_away="taken off the connection",
    ),
    "dataResidency": Property(
        type="string", description="Deprecated by Airbyte: accepted, never stored.", never_compared=True
    ),
    DEFAULTS: Property(
        type="object",
        description="What settings that are not declared get at creation, and go back to; absent: Airbyte's own.",
        type_name="ConnectionDefaults",
        never_compared=True,
        properties={
            "namespaceDefinition": Property(
                type="string", description="Where the namespace comes from.", enum=NAMESPACES
            ),
            "namespaceFormat": Property(type="string", description="For `custom_format`."),
            "nonBreakingSchemaUpdatesBehavior": Property(
                type="string", description="What new columns and streams do.", enum=BEHAVIORS
            ),
        },
    ),
}


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
    properties = PROPERTIES
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
        """Streams that were there before keep their places, others fill the gaps: a set has no order of its own."""
        streams = _streams(data)
        if not streams or not all(isinstance(stream, dict) for stream in streams):
            return data
        prop = self.properties["configurations"].properties["streams"]
        pairs, _, come = paired(prop, [one for one in _streams(old) if isinstance(one, dict)], streams)
        at = {place: index for place, index in pairs if place < len(streams)}
        moved = [index for place, index in sorted(pairs) if place >= len(streams)]
        others = iter([*moved, *sorted(come, key=lambda index: str(streams[index].get("name")))])
        order = [at[place] if place in at else next(others) for place in range(len(streams))]
        configurations = {**data["configurations"], "streams": [streams[index] for index in order]}
        return {**data, "configurations": configurations}

    def overwritten(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
        before, after = ([one for one in _streams(data) if isinstance(one, dict)] for data in (old, new))
        pairs, _, _ = paired(self.properties["configurations"].properties["streams"], before, after)
        return [_stream_name(after[to]) for was, to in pairs if _overwrites(after[to]) and not _overwrites(before[was])]

    def program_defaults(self, inputs: Mapping[str, Json]) -> dict[str, Json]:
        defaults = super().program_defaults(inputs)
        if (inputs.get("namespaceDefinition") or defaults.get("namespaceDefinition")) != "custom_format":
            defaults.pop("namespaceFormat", None)
        return defaults

    def written(
        self, old: Mapping[str, Json], new: Mapping[str, Json], item: Object, default_at: DefaultAt | None
    ) -> dict[str, Json]:
        changes = super().written(old, new, item, default_at)
        if changes.get("namespaceDefinition") == "custom_format" and "namespaceFormat" not in changes:
            # It has none while its definition is another one, so that nothing of it was compared.
            changes["namespaceFormat"] = new.get("namespaceFormat") or self.properties["namespaceFormat"].default
        return changes

    def gone(self, item: Object) -> bool:
        return item.get("status") == "deprecated"

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        ends = all(item.get(end) == inputs.get(end) for end in ("sourceId", "destinationId"))
        return ends and inputs.get("name") in (None, item.get("name"))

    def inputs_of(self, item: Object) -> dict[str, Json]:
        inputs = super().inputs_of(item)
        if inputs.get("namespaceDefinition") != "custom_format":
            inputs["namespaceFormat"] = None
        streams = _streams(inputs)
        if streams:
            shown = [_shown_stream(stream) for stream in streams if isinstance(stream, dict)]
            inputs["configurations"] = {**inputs["configurations"], "streams": shown}
        return inputs

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        declared = without_none({name: inputs.get(name) for name in self.properties if name != DEFAULTS})
        body = {**self.program_defaults(inputs), **declared}
        if "configurations" in body:
            body["configurations"] = _sent_configurations(body["configurations"])
        if _beyond_public_api(inputs.get("schedule")):
            del body["schedule"]
        return body

    async def complete(self, airbyte: Airbyte, resource_id: str, inputs: Mapping[str, Json]) -> list[str]:
        schedule = inputs.get("schedule")
        if not _beyond_public_api(schedule):
            return []
        await _set_schedule(airbyte, resource_id, schedule)
        return ["schedule"]

    def incomplete(self, inputs: Mapping[str, Json]) -> list[str]:
        return ["schedule"] if _beyond_public_api(inputs.get("schedule")) else []

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        body = dict(changes)
        schedule = body.pop("schedule", None) if _beyond_public_api(changes.get("schedule")) else None
        if body.get("configurations") is not None:
            sent = _sent_configurations(body["configurations"])
            body["configurations"] = await _without_keys_of_the_source(airbyte, resource_id, sent)
        if "namespaceFormat" in body:
            body["namespaceFormat"] = body["namespaceFormat"] or ""
        if without_none(body):
            await airbyte.patch(f"{self.collection}/{resource_id}", without_none(body))
        if schedule is not None:
            await _set_schedule(airbyte, resource_id, schedule)


def _shown_stream(stream: dict[str, Json]) -> dict[str, Json]:
    """A stream as its inputs would say it."""
    shown = {name: value for name, value in stream.items() if value is not None}
    if not shown.get("namespace"):
        # The server shows the namespace that it knows; a program that names none means the same stream.
        shown.pop("namespace", None)
    if "selectedFields" in shown:
        shown["selectedFields"] = _field_names(shown["selectedFields"])
    return shown


def _sent_configurations(configurations: Json) -> Json:
    """The streams as the API takes them."""
    if not isinstance(configurations, dict):
        return configurations
    streams = [_sent_stream(stream) for stream in _streams({"configurations": configurations})]
    return {**cast("dict[str, Json]", configurations), "streams": streams}


def _sent_stream(stream: Json) -> dict[str, Json]:
    sent = without_none(stream)
    for name in ("selectedFields", "cursorField", "primaryKey"):
        if not sent.get(name):
            sent.pop(name, None)
    if "selectedFields" in sent:
        names = cast("list[Json]", sent["selectedFields"])
        sent["selectedFields"] = [{"fieldPath": [name]} if isinstance(name, str) else name for name in names]
    return sent


async def _without_keys_of_the_source(airbyte: Airbyte, resource_id: str, configurations: Json) -> Json:
    """Without keys and cursors that the source defines itself: the server shows them, and older ones refuse them.

    Only the config API tells which those are. Where it is not reachable the server is a new one, which takes them.
    """
    streams: list[dict[str, Json]] = configurations["streams"]
    if not any(stream.get("cursorField") or stream.get("primaryKey") for stream in streams):
        return configurations
    try:
        connection = await airbyte.config("/connections/get", {"connectionId": resource_id})
    except (NotFoundError, UnauthorizedError):
        return configurations
    of_source = _streams_of_source(connection)
    return {**configurations, "streams": [_without_keys(stream, of_source) for stream in streams]}


def _streams_of_source(connection: Object) -> dict[Json, dict[str, Json]]:
    """The source's streams in a connection of the config API, by name and namespace."""
    streams: dict[Json, dict[str, Json]] = {}
    for configured in (connection.get("syncCatalog") or {}).get("streams") or []:
        stream = configured.get("stream") or {}
        streams[stream.get("name"), stream.get("namespace") or None] = stream
    return streams


def _without_keys(stream: dict[str, Json], of_source: Mapping[Json, dict[str, Json]]) -> dict[str, Json]:
    source = of_source.get((stream["name"], stream.get("namespace") or None), {})
    result = dict(stream)
    if source.get("sourceDefinedCursor") and result.get("cursorField") == source.get("defaultCursorField"):
        del result["cursorField"]
    key = source.get("sourceDefinedPrimaryKey")
    if key and result.get("primaryKey") == key:
        del result["primaryKey"]
    return result


def _beyond_public_api(schedule: Json) -> bool:
    """Whether a schedule can only be set through the config API: an interval, or a time zone."""
    if not isinstance(schedule, dict):
        return False
    items = cast("dict[str, Json]", schedule)
    return items.get("scheduleType") == "basic" or cron.zone_of(str(items.get("cronExpression") or "")) is not None


async def _set_schedule(airbyte: Airbyte, resource_id: str, schedule: Json) -> None:
    items = cast("dict[str, Json]", schedule)
    if items["scheduleType"] == "basic":
        units, unit = cron.interval(str(items["basicTiming"])) or (0, "")
        data: dict[str, Json] = {"basicSchedule": {"units": units, "timeUnit": unit}}
    else:
        expression = str(items["cronExpression"])
        zone = cron.zone_of(expression)
        data = {"cron": {"cronExpression": cron.without_zone(expression), "cronTimeZone": zone}}
    body = {"connectionId": resource_id, "scheduleType": items["scheduleType"], "scheduleData": data}
    try:
        await airbyte.config("/connections/update", body)
    except (NotFoundError, UnauthorizedError) as error:
        raise RefusedError(
            "a basic schedule, or one in a time zone, can be set through Airbyte's config API only, which is not "
            f"reachable here ({error.cause}); use a cron expression in UTC",
            where=error.where,
            status=error.status,
        ) from error


def _streams(data: Mapping[str, Json]) -> list[Json]:
    configurations = data.get("configurations")
    if not isinstance(configurations, dict):
        return []
    streams = cast("dict[str, Json]", configurations).get("streams")
    return cast("list[Json]", streams) if isinstance(streams, list) else []


def _schedule_faults(schedule: dict[str, Json], faults: list[Fault]) -> None:
    kind, expression = schedule.get("scheduleType"), schedule.get("cronExpression")
    timing = schedule.get("basicTiming")
    if kind not in ("cron", UNKNOWN) and expression is not None:
        reason = f'has no effect with scheduleType "{kind}"; leave it out, or say "cron"'
        faults.append(Fault(("schedule", "cronExpression"), reason))
    elif kind == "basic" and (not isinstance(timing, str) or (timing != UNKNOWN and cron.interval(timing) is None)):
        reason = 'must be an interval in minutes, hours, days, weeks or months, such as "Every 24 HOURS"'
        faults.append(Fault(("schedule", "basicTiming"), reason))
    elif kind not in ("basic", UNKNOWN) and timing is not None:
        reason = f'has no effect with scheduleType "{kind}"; leave it out, or say "basic"'
        faults.append(Fault(("schedule", "basicTiming"), reason))
    elif kind == "cron" and expression is None:
        faults.append(Fault(("schedule", "cronExpression"), 'is required with scheduleType "cron"'))
    elif kind == "cron" and isinstance(expression, str) and expression != UNKNOWN:
        reason = cron.fault(expression)
        if reason is not None:
            faults.append(Fault(("schedule", "cronExpression"), reason))


def _stream_faults(stream: dict[str, Json], index: int, faults: list[Fault]) -> None:
    path = ("configurations", "streams", index, "selectedFields")
    names: set[str] = set()
    for position, field in enumerate(stream.get("selectedFields") or []):
        if isinstance(field, str):
            names.add(field)
        else:
            reason = "must name one top-level field; Airbyte selects no nested ones"
            faults.append(Fault((*path, position), reason))
    if not names or UNKNOWN in names:
        return
    # The steps of a cursor are those of one field's path; a key has a path, or a name, for each of its fields.
    steps = [("cursorField", step) for step in (stream.get("cursorField") or [])[:1]]
    steps += [("primaryKey", step) for step in stream.get("primaryKey") or []]
    for setting, step in steps:
        name = step[0] if isinstance(step, list) and step else step
        if isinstance(name, str) and name != UNKNOWN and name not in names:
            faults.append(Fault(path, f'must contain "{name}", which is in {setting}'))
