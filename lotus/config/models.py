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

SyncMode = Literal["full_refresh", "incremental"]
DestinationSyncMode = Literal[
    "append", "overwrite", "append_dedup", "overwrite_dedup", "update", "soft_delete", "merge"
]
"""Airbyte's words; `merge` exists for dlt's streams only."""

FieldPath = tuple[StrictStr, ...]
NonEmpty = Annotated[StrictStr, StringConstraints(min_length=1)]

FIELD_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null", "unknown")
"""The one word that `type` of a field may be; `unknown` is what discovery writes where the source says nothing."""
FIELD_KEYS = ("type", "description", "format", "airbyte_type", "properties", "items")


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
    return OBJECT_FORM if isinstance(value, (dict, BackfillFile)) else "flag" if isinstance(value, bool) else "token"


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
    sync_mode: SyncMode | None = None
    destination_sync_mode: DestinationSyncMode | None = None
    primary_key: tuple[FieldPath, ...] | None = None
    cursor_field: FieldPath | None = None
    selected: StrictBool = True
    backfill: Backfill | None = Field(
        default=None, description="true, a token that asks again when it changes, or {request, mode, from, sync}."
    )
    fields: dict[StrictStr, Any] | None = Field(default=None, description="Selected top-level fields; absent: all.")
    schedule: StrictStr | None = Field(default=None, description="dlt only: cron with 5 fields.")
    initial_value: StrictStr | StrictInt | None = Field(default=None, description="dlt only: where the cursor starts.")

    @property
    def is_airbyte(self) -> bool:
        """Whether Airbyte reads this stream."""
        return self.connector in (None, "airbyte")


class ConnectionOptions(BaseModel):
    """What a source's connection does differently from the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: NonEmpty | None = Field(default=None, description="Absent: `<Source> → <Destination>`.")
    namespace_definition: Literal["source", "destination", "custom_format"] | None = Field(
        default=None, description="Absent: custom_format with the folder's name."
    )
    namespace_format: StrictStr | None = None
    prefix: StrictStr | None = Field(default=None, description="In front of every stream name, in paths too.")
    non_breaking_schema_updates_behavior: (
        Literal["ignore", "disable_connection", "propagate_columns", "propagate_fully"] | None
    ) = Field(default=None, description="Absent: propagate_columns.")
    status: Literal["active", "inactive"] | None = Field(default=None, description="Absent: active.")


class SourceFile(_File):
    """What a source is: `streams/<source>/_source.json`."""

    connector: NonEmpty | None = Field(
        default=None, description="source-shopify, a definition id or a PyPI requirement."
    )
    manifest: NonEmpty | None = Field(
        default=None, description="A low-code manifest in this folder, instead of a connector."
    )
    name: NonEmpty | None = Field(default=None, description="Name in Airbyte; absent: from the folder.")
    configuration: dict[StrictStr, Any] = Field(default_factory=dict[str, Any])
    destination: NonEmpty | None = Field(default=None, description="A file of _destinations; absent: the only one.")
    schedule: NonEmpty | None = Field(default=None, description='Quartz cron in UTC, or "manual" (absent too).')
    connection: ConnectionOptions = Field(default_factory=ConnectionOptions)


class DestinationFile(_File):
    """A destination: `streams/_destinations/<name>.json`."""

    connector: NonEmpty = Field(description="destination-s3, or a definition id.")
    name: NonEmpty | None = Field(default=None, description="Name in Airbyte; absent: from the file.")
    configuration: dict[StrictStr, Any] = Field(default_factory=dict[str, Any])


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
