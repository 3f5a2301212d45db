"""The server's tables, in SQLite.

Times are epoch milliseconds (UTC), ids are UUIDs as text except for jobs and attempts (integers, as Airbyte's are).
Names follow Airbyte's own: a source or a destination is an *actor* of a *definition*. JSON columns hold what belongs
to somebody else (specs, manifests, catalogs, state blobs) unchanged; everything this server decides on is a column.

A connection's ``catalog`` is the Airbyte protocol's configured catalog with the protocol's keys and five keys of the
platform, which are left out of what a connector or destination gets::

    {"streams": [{
        "stream": {"name", "namespace", "json_schema", "supported_sync_modes", "source_defined_cursor",
                   "default_cursor_field", "source_defined_primary_key", "is_resumable", …},
        "sync_mode": "incremental", "destination_sync_mode": "append",
        "cursor_field": ["updated_at"], "primary_key": [["id"]],
        "selected": true,              # false: kept for the UI, never read
        "selected_fields": [["id"]],   # null: all fields; top-level paths only
        "mappers": [{"id", "type", "mapperConfiguration"}],
        "include_files": false, "destination_object_name": null,
    }]}

Changing a table means: a new step in ``migration.py`` and a higher ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA_VERSION = 2
"""Version of the tables below; written to SQLite's ``user_version``."""

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
"""What the server has to remember about itself, such as the signing key of its access tokens (encrypted)."""

organizations = Table(
    "organizations",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("slug", String, nullable=False),
    Column("email", String),
    Column("notifications", JSON, nullable=False),
    Column("data_residency", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("tombstone", Boolean, nullable=False, default=False),
)

definitions = Table(
    "definitions",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # source | destination
    Column("origin", String, nullable=False),  # builtin | custom | declarative
    Column("workspace_id", String, ForeignKey("workspaces.id")),  # null: builtin
    Column("name", String, nullable=False),
    Column("docker_repository", String, nullable=False),
    Column("docker_image_tag", String, nullable=False),
    Column("documentation_url", String),
    Column("manifest", JSON),  # declarative only
    Column("manifest_version", Integer),  # declarative only; rises with each PUT
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("tombstone", Boolean, nullable=False, default=False),
)

specs = Table(
    "specs",
    metadata,
    Column("definition_id", String, ForeignKey("definitions.id"), primary_key=True),
    Column("version", String, primary_key=True),  # docker image tag, or "manifest <n>"
    Column("spec", JSON, nullable=False),  # the protocol's ConnectorSpecification
    Column("created_at", BigInteger, nullable=False),
)
"""Specs as their connectors answered them, once per version of a definition."""

actors = Table(
    "actors",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # source | destination
    Column("workspace_id", String, ForeignKey("workspaces.id"), nullable=False),
    Column("definition_id", String, ForeignKey("definitions.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("configuration", LargeBinary, nullable=False),  # encrypted JSON, secrets included
    Column("resource_allocation", JSON),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("tombstone", Boolean, nullable=False, default=False),
    Index("actors_by_workspace", "kind", "workspace_id", "tombstone"),
)

discovered_catalogs = Table(
    "discovered_catalogs",
    metadata,
    Column("id", String, primary_key=True),
    Column("actor_id", String, ForeignKey("actors.id"), nullable=False),
    Column("configuration_hash", String, nullable=False),  # keyed hash of configuration and definition version
    Column("catalog", JSON, nullable=False),  # the protocol's AirbyteCatalog
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("actor_id", "configuration_hash"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", String, ForeignKey("workspaces.id"), nullable=False),
    Column("source_id", String, ForeignKey("actors.id"), nullable=False),
    Column("destination_id", String, ForeignKey("actors.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),  # active | inactive | deprecated | locked
    Column("schedule_type", String, nullable=False),  # manual | cron | basic
    Column("cron_expression", String),  # Quartz, without a zone
    Column("cron_time_zone", String),
    Column("basic_units", Integer),
    Column("basic_time_unit", String),  # minutes | hours | days | weeks | months
    Column("namespace_definition", String, nullable=False),  # source | destination | custom_format
    Column("namespace_format", String),
    Column("prefix", String, nullable=False),
    Column("non_breaking_schema_updates", String, nullable=False),
    # ignore | disable_connection | propagate_columns | propagate_fully
    Column("catalog", JSON, nullable=False),  # see the head of this file
    Column("discovered_catalog_id", String, ForeignKey("discovered_catalogs.id")),
    Column("breaking_change", Boolean, nullable=False, default=False),
    Column("resource_requirements", JSON),
    Column("notify_schema_changes", Boolean, nullable=False, default=False),
    Column("notify_schema_changes_by_email", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("connections_by_workspace", "workspace_id", "status", "created_at"),
    Index("connections_by_source", "source_id"),
    Index("connections_by_destination", "destination_id"),
)

next_runs = Table(
    "next_runs",
    metadata,
    Column("connection_id", String, ForeignKey("connections.id"), primary_key=True),
    Column("due_at", BigInteger),  # null: never
    Column("computed_at", BigInteger, nullable=False),
    Index("next_runs_by_time", "due_at"),
)
"""When scheduled connections are due next."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("connection_id", String, ForeignKey("connections.id"), nullable=False),
    Column("config_type", String, nullable=False),  # sync | reset_connection | clear | refresh
    Column("status", String, nullable=False),
    # pending | running | incomplete | failed | succeeded | cancelled
    Column("streams", JSON),  # [{"name", "namespace"}] that a reset or refresh is about; null: all
    Column("refresh_mode", String),  # Truncate | Merge; refresh only
    Column("scheduled", Boolean, nullable=False, default=False),  # by the scheduler, not by a request
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Index("jobs_by_connection", "connection_id", "id"),
    Index("jobs_by_status", "status"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("number", Integer, nullable=False),  # from 0, as Airbyte counts
    Column("status", String, nullable=False),  # running | failed | succeeded
    Column("records_emitted", BigInteger, nullable=False, default=0),
    Column("bytes_emitted", BigInteger, nullable=False, default=0),
    Column("records_committed", BigInteger, nullable=False, default=0),
    Column("bytes_committed", BigInteger, nullable=False, default=0),
    Column("records_rejected", BigInteger, nullable=False, default=0),
    Column("failures", JSON),  # the platform's FailureReason objects (failureOrigin, failureType, externalMessage, …)
    Column("worker_pid", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    UniqueConstraint("job_id", "number"),
    sqlite_autoincrement=True,
)

stream_stats = Table(
    "stream_stats",
    metadata,
    Column("attempt_id", Integer, ForeignKey("attempts.id"), primary_key=True),
    Column("stream_name", String, primary_key=True),
    Column("stream_namespace", String, primary_key=True, default=""),  # "": none
    Column("status", String),  # started | running | complete | incomplete
    Column("records_emitted", BigInteger, nullable=False, default=0),
    Column("bytes_emitted", BigInteger, nullable=False, default=0),
    Column("records_committed", BigInteger, nullable=False, default=0),
    Column("bytes_committed", BigInteger, nullable=False, default=0),
    Column("records_rejected", BigInteger, nullable=False, default=0),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
)

states = Table(
    "states",
    metadata,
    Column("connection_id", String, ForeignKey("connections.id"), primary_key=True),
    Column("kind", String, primary_key=True),  # stream | global | legacy ("global": the shared part)
    Column("stream_name", String, primary_key=True, default=""),
    Column("stream_namespace", String, primary_key=True, default=""),  # "": none
    Column("in_global", Boolean, nullable=False, default=False),  # a stream's part of a global state
    Column("state", JSON, nullable=False),  # the connector's blob, unchanged
    Column("updated_at", BigInteger, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("connection_id", String, ForeignKey("connections.id"), primary_key=True),
    Column("stream_name", String, primary_key=True),
    Column("stream_namespace", String, primary_key=True, default=""),  # "": none
    Column("generation_id", BigInteger, nullable=False),
    Column("job_id", Integer, ForeignKey("jobs.id")),  # the job that raised it
)

pending_streams = Table(
    "pending_streams",
    metadata,
    Column("connection_id", String, ForeignKey("connections.id"), primary_key=True),
    Column("stream_name", String, primary_key=True),
    Column("stream_namespace", String, primary_key=True, default=""),  # "": none
    Column("kind", String, nullable=False),  # reset | refresh
    Column("refresh_mode", String),  # Truncate | Merge; refresh only
    Column("created_at", BigInteger, nullable=False),
)
"""Streams that a reset or refresh was asked for and no succeeded job has dealt with yet."""

builder_projects = Table(
    "builder_projects",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", String, ForeignKey("workspaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("definition_id", String, ForeignKey("definitions.id")),  # null: not published
    Column("draft_manifest", JSON),
    Column("yaml_manifest", String),
    Column("testing_values", LargeBinary),  # encrypted JSON
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Projects of the connector builder: a manifest on its way to a definition."""

tags = Table(
    "tags",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", String, ForeignKey("workspaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("color", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)

connection_tags = Table(
    "connection_tags",
    metadata,
    Column("connection_id", String, ForeignKey("connections.id"), primary_key=True),
    Column("tag_id", String, ForeignKey("tags.id"), primary_key=True),
)

users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("status", String, nullable=False),
)

permissions = Table(
    "permissions",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", String, ForeignKey("users.id"), nullable=False),
    Column("workspace_id", String, ForeignKey("workspaces.id")),
    Column("organization_id", String, ForeignKey("organizations.id")),
    Column("permission_type", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

applications = Table(
    "applications",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", String, ForeignKey("users.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("client_id", String, nullable=False, unique=True),
    Column("client_secret", LargeBinary, nullable=False),  # encrypted
    Column("created_at", BigInteger, nullable=False),
)
