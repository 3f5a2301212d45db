"""The user's files as they are written: frozen models that know every key and refuse all others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
)

from lotus.config.mappers import Mapper, NonEmpty

SyncMode = Literal["full_refresh", "incremental"]
DestinationSyncMode = Literal[
    "append", "overwrite", "append_dedup", "overwrite_dedup", "update", "soft_delete", "merge"
]
"""Airbyte's words; `merge` exists for dlt's streams only."""

FieldPath = tuple[StrictStr, ...]
FIELD_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null", "unknown")
"""The one word that `type` of a field may be; `unknown` is what discovery writes where the source says nothing."""
FIELD_KEYS = ("type", "description", "format", "airbyte_type", "properties", "items")


_CONFIGURATION = 'The connector\'s settings; {"$secret": "name"} and {"$config": "name"} stand for values.'


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: StrictStr | None = Field(default=None, alias="$schema", description="The JSON Schema for editors.")


BackfillMode = Literal["refresh_and_retain", "refresh_and_remove", "clear"]
"""Airbyte's ways to read again: files that landed stay; go after success; go at once, with the state."""


class BackfillFile(BaseModel):
    """A request to read a stream again, in full; `true` and a text are short for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: NonEmpty = Field(description="Why, or any token: a new one asks again.")
    mode: BackfillMode = Field(default="refresh_and_retain", description="Absent: files that landed stay.")
    start: Annotated[StrictStr, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = Field(
        default=None,
        alias="from",
        description="Read again from this date (UTC) on, if the state can say so.",
    )
    sync: StrictBool | None = Field(
        default=None, description="Sync afterwards; absent: only where `from` needs it. A refresh reads by itself."
    )


OBJECT_FORM = "the object form"
"""Pydantic's name for one of the forms of `backfill`, which is in no file."""


def _form(value: Any) -> str:
    if isinstance(value, (dict, BackfillFile)):
        return OBJECT_FORM
    return "flag" if isinstance(value, bool) else "token"


Backfill = Annotated[
    Annotated[StrictBool, Tag("flag")] | Annotated[NonEmpty, Tag("token")] | Annotated[BackfillFile, Tag(OBJECT_FORM)],
    Discriminator(_form),
]


class StreamFile(_File):
    """One stream: `streams/<source>/<stream>.json`. Everything may be absent."""

    stream: NonEmpty | None = Field(default=None, description="Name in the source; absent: the file's stem.")
    namespace: NonEmpty | None = Field(
        default=None, description="The source's namespace, where a name alone is ambiguous."
    )
    connector: NonEmpty | None = Field(
        default=None, description='Who reads it; "dlt" means not Airbyte. Absent: Airbyte.'
    )
    sync_mode: SyncMode | None = Field(default=None, description="Absent: what the source offers, incremental first.")
    destination_sync_mode: DestinationSyncMode | None = Field(
        default=None, description="Absent: what fits the mode and the destination."
    )
    primary_key: tuple[FieldPath, ...] | None = Field(
        default=None, description='Field paths, such as `[["id"]]`; absent: the source\'s own key.'
    )
    cursor_field: FieldPath | None = Field(
        default=None, description='A field path, such as `["updated_at"]`; absent: the source\'s own cursor.'
    )
    selected: StrictBool = Field(default=True, description="`false` keeps the file and leaves the stream out.")
    backfill: Backfill | None = Field(
        default=None, description="true, a token that asks again when it changes, or {request, mode, from, sync}."
    )
    fields: dict[StrictStr, Any] | None = Field(default=None, description="Selected top-level fields; absent: all.")
    mappers: tuple[Mapper, ...] | None = Field(
        default=None, description="What Airbyte does to each record before it lands, in order."
    )
    include_files: StrictBool | None = Field(default=None, description="Whether the files themselves are moved too.")
    schedule: StrictStr | None = Field(default=None, description="dlt only: cron with 5 fields.")
    initial_value: StrictStr | StrictInt | None = Field(default=None, description="dlt only: where the cursor starts.")

    @property
    def is_airbyte(self) -> bool:
        """Whether Airbyte reads this stream."""
        return self.connector in (None, "airbyte")


class BasicScheduleFile(BaseModel):
    """Airbyte's basic schedule: an interval after the last run."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    units: Annotated[StrictInt, Field(ge=1)] = Field(description="How many of them.")
    time_unit: Literal["minutes", "hours", "days", "weeks", "months"] = Field(
        alias="timeUnit", description="After the end of the last run."
    )


ScheduleValue = Annotated[
    Annotated[NonEmpty, Tag("text")] | Annotated[BasicScheduleFile, Tag(OBJECT_FORM)],
    Discriminator(lambda value: OBJECT_FORM if isinstance(value, (dict, BasicScheduleFile)) else "text"),
]
_SCHEDULE = 'Quartz cron in UTC or with a zone behind it, {"units": 6, "timeUnit": "hours"}, or "manual".'


class ConnectionOptions(BaseModel):
    """What a source's connection does differently from the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: NonEmpty | None = Field(default=None, description="Absent: `<Source> → <Destination>`.")
    namespace_definition: Literal["source", "destination", "custom_format"] | None = Field(
        default=None, description="Absent: custom_format with the folder's name."
    )
    namespace_format: StrictStr | None = Field(
        default=None, description="With custom_format; may hold `${SOURCE_NAMESPACE}`."
    )
    prefix: StrictStr | None = Field(default=None, description="In front of every stream name, in paths too.")
    non_breaking_schema_updates_behavior: (
        Literal["ignore", "disable_connection", "propagate_columns", "propagate_fully"] | None
    ) = Field(default=None, description="Absent: propagate_columns.")
    status: Literal["active", "inactive"] | None = Field(default=None, description="Absent: active.")
    tags: tuple[NonEmpty, ...] | None = Field(default=None, description="Words by which Airbyte shows connections.")


class PackageFile(BaseModel):
    """A version of a connector's package, and how its environment differs from the ordinary one on the local server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: NonEmpty = Field(description="airbyte-source-s3==4.14.6; an Airbyte runs that version's image.")
    overrides: tuple[NonEmpty, ...] = Field(
        default=(), description='In place of what the package depends on: "smart-open==7.3.1".'
    )
    python: Annotated[StrictStr, StringConstraints(pattern=r"^3\.\d{1,2}$")] | None = Field(
        default=None, description="3.11; absent: the first of this machine that the package allows."
    )


def _connector_form(value: Any) -> str:
    return OBJECT_FORM if isinstance(value, (dict, PackageFile)) else "text"


SourceConnector = Annotated[
    Annotated[NonEmpty, Tag("text")] | Annotated[PackageFile, Tag(OBJECT_FORM)], Discriminator(_connector_form)
]


class SourceFile(_File):
    """What a source is: `streams/<source>/_source.json`."""

    connector: SourceConnector | None = Field(
        default=None,
        description="source-shopify, a definition id, a PyPI requirement, _connectors/<name>, or {package, …}.",
    )
    manifest: NonEmpty | None = Field(
        default=None, description="A low-code manifest in this folder, instead of a connector."
    )
    name: NonEmpty | None = Field(default=None, description="Name in Airbyte; absent: from the folder.")
    renamed_from: NonEmpty | None = Field(
        default=None, description="The folder's name before: the source keeps its id and sync state."
    )
    configuration: dict[StrictStr, Any] = Field(default_factory=dict[str, Any], description=_CONFIGURATION)
    destination: NonEmpty | None = Field(
        default=None, description="A file of _destinations; absent: the default one, or the only one."
    )
    schedule: ScheduleValue | None = Field(default=None, description=_SCHEDULE)
    connection: ConnectionOptions = Field(
        default_factory=ConnectionOptions, description="What the connection does differently from the defaults."
    )

    @property
    def connector_text(self) -> str:
        """The connector for people: as the file names it, or its manifest."""
        if isinstance(self.connector, PackageFile):
            return self.connector.package
        return self.connector or f"manifest {self.manifest}"


class ConnectionFile(_File):
    """Another connection of a source: `streams/<folder>/_connection.json`, with stream files of its own beside it."""

    source: NonEmpty = Field(description="The folder whose _source.json defines the source.")
    renamed_from: NonEmpty | None = Field(
        default=None, description="The folder's name before: the connection keeps its sync state."
    )
    destination: NonEmpty | None = Field(
        default=None, description="A file of _destinations; absent: the default one, or the only one."
    )
    schedule: ScheduleValue | None = Field(default=None, description=_SCHEDULE)
    connection: ConnectionOptions = Field(
        default_factory=ConnectionOptions, description="What the connection does differently from the defaults."
    )


class ConnectorFile(_File):
    """An image that several sources use: `streams/_connectors/<name>.json`; a manifest lies there as `<name>.yaml`."""

    image: NonEmpty = Field(description="Repository and tag, such as ghcr.io/acme/source-shop:1.2.3.")


class DestinationFile(_File):
    """A destination: `streams/_destinations/<name>.json`."""

    connector: NonEmpty = Field(description="destination-s3, or a definition id.")
    name: NonEmpty | None = Field(default=None, description="Name in Airbyte; absent: from the file.")
    renamed_from: NonEmpty | None = Field(
        default=None, description="The file's name before: the destination keeps its id."
    )
    default: StrictBool = Field(
        default=False, description="true: where everything lands that names no destination; one of several has it."
    )
    configuration: dict[StrictStr, Any] = Field(default_factory=dict[str, Any], description=_CONFIGURATION)


class DiscoveredOptions(BaseModel):
    """What a stream can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sync_modes: tuple[SyncMode, ...] = ()
    destination_sync_modes: tuple[DestinationSyncMode, ...] | None = Field(
        default=None, description="lotus-lake writes a fixed list here; the destination's spec decides."
    )


class DiscoveredDefaults(BaseModel):
    """What the source itself says of a stream's key and cursor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    primary_key: tuple[FieldPath, ...] = Field(default=(), description="The source's own key; empty: it has none.")
    cursor_field: FieldPath = ()
    source_defined_cursor: StrictBool | None = Field(
        default=None, description="Whether no other cursor is possible; absent (lotus-lake): not known."
    )


class DiscoveredFile(_File):
    """What the source offers of one stream: `_discovered/<stream>.json`, written by `lotus discover`."""

    stream: NonEmpty | None = None
    namespace: NonEmpty | None = None
    authored: StrictBool = Field(default=False, description="Written by hand, no connector was asked.")
    options: DiscoveredOptions = Field(default_factory=DiscoveredOptions)
    defaults: DiscoveredDefaults = Field(default_factory=DiscoveredDefaults)
    fields: dict[StrictStr, Any] = Field(default_factory=dict[str, Any])


class SpecFile(_File):
    """A connector's spec, reduced to what checks need: `_discovered/_spec.json`."""

    connector: StrictStr | None = None
    version: StrictStr | None = None
    authored: StrictBool = False
    connection_specification: dict[StrictStr, Any]
    supported_destination_sync_modes: tuple[DestinationSyncMode, ...] | None = Field(
        default=None, description="Destinations only."
    )
