"""What an attempt's worker is told: made of a job, its connection, source and destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lotus_server.connectors import Connectors
from lotus_server.connectors.stored import connector_of
from lotus_server.domain.configuration import faults, secret_values
from lotus_server.domain.connector_specs import destination_sync_modes, schema_of
from lotus_server.domain.mappers import keys_of
from lotus_server.domain.schema_changes import description
from lotus_server.jobs.assignment import Assignment
from lotus_server.jobs.discovery import compare_schema, discover
from lotus_server.jobs.errors import ConfigurationRefusedError, JobNotFoundError, SchemaChangedError
from lotus_server.jobs.logs import AttemptLogs
from lotus_server.jobs.planning import Plan, plan
from lotus_server.protocol import StreamKey
from lotus_server.store import Store, actors, connections, definitions, job_history
from lotus_server.store.actors import Actor
from lotus_server.store.connections import StoredConnection
from lotus_server.store.database import now
from lotus_server.store.definitions import StoredDefinition
from lotus_server.store.encryption import Cipher
from lotus_server.store.job_history import Job
from lotus_server.store.sealed_mappers import with_opened_keys

SCHEMA_SECONDS = 24 * 3600.0
"""How old a discovered catalog may be when a sync begins: Airbyte's own server asks once a day."""


@dataclass(frozen=True)
class SyncLimits:
    """What bounds a sync.

    A source that prints nothing for `silence_seconds` is stopped; incremental streams publish at least each
    `flush_seconds`; before a sync, a source is discovered again if its catalog is older than `schema_seconds`.
    """

    silence_seconds: float = 3600.0
    flush_seconds: float = 300.0
    schema_seconds: float = SCHEMA_SECONDS


@dataclass(frozen=True)
class Parts:
    """A job and what it is about."""

    job: Job
    connection: StoredConnection
    source: Actor
    source_definition: StoredDefinition
    destination: Actor
    destination_definition: StoredDefinition


@dataclass(frozen=True)
class Prepared:
    """An assignment, and what the server has to know beside it."""

    assignment: Assignment
    replaced: set[StreamKey]
    """Streams whose older state goes when they are complete."""
    source: Actor
    injected: frozenset[str]
    """Keys of the source's configuration that are the program's, not the user's."""


@dataclass(frozen=True)
class _SourceCommand:
    """How the source is started."""

    argv: list[str] | None = None
    configuration: Mapping[str, Any] | None = None
    secrets: frozenset[str] = frozenset()
    injected: frozenset[str] = frozenset()


class Preparation:
    """Makes the assignments of one server."""

    def __init__(
        self, store: Store, connectors: Connectors, logs: AttemptLogs, *, data: Path, owner: str, limits: SyncLimits
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._logs = logs
        self._data = data
        self._owner = owner
        self._limits = limits

    async def prepare(self, job_id: int, number: int, private: Path) -> Prepared:
        """The assignment of an attempt.

        Raises:
            ConnectorError: source or destination is not available.
            ConfigurationRefusedError: a spec refuses the configuration.
            SchemaChangedError: the source changed so that the connection was made inactive.
            UnsupportedStreamError: a stream asks for something that this server cannot do.
        """
        parts = await self._store.read(_parts, self._store.cipher, job_id)
        moves = parts.job.config_type in ("sync", "refresh")
        if moves and parts.connection.discovered_catalog_id is not None:
            await self._check_schema(parts, number)
            parts = await self._store.read(_parts, self._store.cipher, job_id)
        catalog = with_opened_keys(parts.connection.catalog, self._store.cipher)
        destination_spec = await self._connectors.spec(connector_of(parts.destination_definition))
        source = await self._source(parts) if moves else _SourceCommand()
        secrets = keys_of(catalog) | secret_values(parts.destination.configuration, schema_of(destination_spec))
        attempt_plan: Plan = await self._store.write(plan, parts.connection, catalog, parts.job)
        connection_id = parts.connection.id
        assignment = Assignment(
            job_id=job_id,
            attempt_number=number,
            connection_id=connection_id,
            started_at=parts.job.started_at or now(),
            streams=attempt_plan.streams,
            destination=connector_of(parts.destination_definition).short_name,
            destination_configuration=dict(parts.destination.configuration),
            scratch=str(self._data / "scratch" / connection_id),
            private=str(private),
            log_file=str(self._logs.path(job_id, number)),
            owner=f"{self._owner}#{job_id}",
            secrets=sorted(secrets | source.secrets),
            command=source.argv,
            source_configuration=dict(source.configuration or {}),
            catalog=attempt_plan.catalog,
            states=attempt_plan.states,
            source_states=attempt_plan.source_states,
            done=[list(key) for key in attempt_plan.done],
            silence_seconds=self._limits.silence_seconds,
            flush_seconds=self._limits.flush_seconds,
        )
        replaced = {(each.name, each.namespace) for each in attempt_plan.streams if each.whole}
        return Prepared(assignment, replaced, parts.source, source.injected)

    async def _source(self, parts: Parts) -> _SourceCommand:
        definition = connector_of(parts.source_definition)
        configuration = parts.source.configuration
        program = await self._connectors.program(definition)
        schema = schema_of(await self._connectors.spec(definition))
        # A source may have been created before its connector was there to say what it takes.
        if refused := faults(configuration, schema):
            raise ConfigurationRefusedError(parts.source.name, refused)
        return _SourceCommand(
            list(program.argv),
            program.configuration(configuration),
            frozenset(secret_values(configuration, schema)),
            frozenset(program.injected),
        )

    async def _check_schema(self, parts: Parts, number: int) -> None:
        """Applies what changed in the source since the last sync, or stops the connection."""
        since = now() - int(self._limits.schema_seconds * 1000)
        latest = await discover(self._store, self._connectors, parts.source, parts.source_definition, since=since)
        modes = destination_sync_modes(await self._connectors.spec(connector_of(parts.destination_definition)))
        findings = await self._store.write(compare_schema, parts.connection.id, latest, modes, propagate=True)
        if findings.stops:
            raise SchemaChangedError(findings.reason)
        if findings.changes:
            behavior = parts.connection.non_breaking_schema_updates
            message = f"the source's schema changed ({behavior}): {description(findings.changes)}"
            self._logs.write(parts.job.id, number, "WARN", message)


def _parts(db: Connection, cipher: Cipher, job_id: int) -> Parts:
    job = job_history.job(db, job_id)
    connection = connections.connection(db, job.connection_id) if job else None
    if job is None or connection is None:
        raise JobNotFoundError(f"there is no job {job_id}")
    source, source_definition = _actor(db, cipher, connection.source_id)
    destination, destination_definition = _actor(db, cipher, connection.destination_id)
    return Parts(job, connection, source, source_definition, destination, destination_definition)


def _actor(db: Connection, cipher: Cipher, actor_id: str) -> tuple[Actor, StoredDefinition]:
    actor = actors.actor(db, cipher, actor_id)
    definition = definitions.definition(db, actor.definition_id) if actor else None
    if actor is None or definition is None:
        raise JobNotFoundError(f"there is no source or destination {actor_id}")
    return actor, definition
