"""`postgres`: tables in a Postgres database, laid out as Airbyte's destination-postgres."""

# ruff: noqa: S608 - table names cannot be parameters; all pass through `quoted`
from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field as Setting

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
)
from lotus_server.destinations.evolution import Alteration
from lotus_server.destinations.postgres_table import PostgresTable, staging
from lotus_server.destinations.postgres_types import copy_text, sql_name, stored
from lotus_server.destinations.sql import quoted

TOKEN_DAYS = 30
"""How long a publication is remembered: it is repeated only by the next attempt of its connection."""

PASSING_STATES = ("08", "40", "53", "55P03", "57P")
"""Beginnings of Postgres's codes for errors that may pass: connections, deadlocks, resources, locks, shutdowns."""

REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf", "not permitted", "certificate", "SSL")
"""Words of refusals at the connection, which have no code; any other trouble there may pass."""


class SslMode(DestinationConfiguration):
    """How the connection is encrypted."""

    mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Setting(
        default="prefer", title="Mode"
    )
    ca_certificate: str = Setting(
        default="",
        title="CA certificate",
        description="PEM; for verify-ca and verify-full.",
        json_schema_extra={"airbyte_secret": True},
    )


class PostgresConfiguration(DestinationConfiguration):
    """A database, under the names of Airbyte's connector."""

    host: str = Setting(title="Host")
    port: int = Setting(default=5432, ge=1, le=65535, title="Port")
    database: str = Setting(title="Database")
    # `schema` is pydantic's own word, hence the alias.
    default_schema: str = Setting(
        default="public", alias="schema", min_length=1, title="Schema", description="For streams without a namespace."
    )
    username: str = Setting(title="User name")
    password: str = Setting(default="", title="Password", json_schema_extra={"airbyte_secret": True})
    ssl: bool = Setting(default=False, title="Require an encrypted connection")
    ssl_mode: SslMode | None = Setting(default=None, title="SSL mode")
    raw_data_schema: str = Setting(
        default="airbyte_internal", min_length=1, title="Internal schema", description="For what is staged."
    )
    drop_cascade: bool = Setting(
        default=False, title="Drop with CASCADE", description="Also drop views of a table that is made again."
    )
    tunnel_method: dict[str, Any] = Setting(
        default_factory=dict,
        title="SSH tunnel",
        description="Not offered by the local server.",
    )


class Postgres(Destination[PostgresConfiguration]):
    """Stages into tables of an internal schema and publishes in a transaction."""

    name = "postgres"
    title = "Postgres"
    modes: ClassVar[tuple[Mode, ...]] = ("overwrite", "append", "append_dedup", "overwrite_dedup")
    atomic = True
    nested_as_json = True
    stores_nul = False
    Configuration = PostgresConfiguration

    def __init__(self, configuration: PostgresConfiguration) -> None:
        super().__init__(configuration)
        if configuration.tunnel_method.get("tunnel_method", "NO_TUNNEL") != "NO_TUNNEL":
            raise DestinationError("the local server opens no SSH tunnel: open it yourself and name its end as host")
        self._internal = quoted(sql_name(configuration.raw_data_schema))
        self._published = f"{self._internal}.lotus_published"
        self._connection: Any = None
        self._certificate: Path | None = None

    def check(self) -> None:
        """Makes a table in each of the two schemas, writes a row, and takes it back."""
        with self._transaction() as db:
            for schema in (self._internal, quoted(sql_name(self.configuration.default_schema))):
                table = f"{schema}.{quoted(f'lotus_check_{uuid.uuid4().hex}')}"
                db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                db.execute(f"CREATE TABLE {table} (n integer)")
                db.execute(f"INSERT INTO {table} VALUES (1)")
            db.execute("ROLLBACK")

    def alterations(self, stream: DestinationStream) -> Sequence[Alteration]:
        """What the next publish does to the stream's table for fields that changed."""
        with self._transaction() as db:
            table = self.table(stream)
            table.check_identity(db)
            return table.alterations(db)

    def table(self, stream: DestinationStream) -> PostgresTable:
        """Where a stream's rows are."""
        return PostgresTable(stream, self.configuration.default_schema)

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """A table of the internal schema, with the rows in the stream's own types."""
        del scratch
        table = f"{self._internal}.{quoted(f'lotus_staged_{uuid.uuid4().hex}')}"
        receipt: Receipt = {"table": table}
        note(receipt)
        columns, names = stored(stream)
        size = 0
        with self._transaction() as db:
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {self._internal}")
            db.execute(f"CREATE TABLE {table} ({staging(columns)})")
            listed = ", ".join(quoted(names[name]) for name in stream.schema.names)
            with db.cursor().copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
                for batch in batches:
                    rows = copy_text(batch)
                    size += len(rows)
                    copy.write(rows)
        return {**receipt, "bytes": size}

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Inserts, merges or replaces in one transaction that also remembers the publication."""
        staged = [str(receipt["table"]) for receipt in receipts]
        table = self.table(stream)
        with self._transaction() as db:
            # One publication of a table at a time, whichever server it comes from.
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [table.name])
            if not self._is_published(db, stream):
                self._require(db, staged)
                if replace:
                    table.check_identity(db)
                    cascade = " CASCADE" if self.configuration.drop_cascade else ""
                    db.execute(f"DROP TABLE IF EXISTS {table.name}{cascade}")
                table.adapt(db)
                if staged:
                    table.insert(db, staged)
                db.execute(f"INSERT INTO {self._published} VALUES (%s, now())", [stream.publication])
            self._drop(db, staged)

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Drops staged tables."""
        del stream
        with self._transaction() as db:
            self._drop(db, [str(receipt["table"]) for receipt in receipts])

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._certificate is not None:
            self._certificate.unlink(missing_ok=True)
            self._certificate = None

    def _is_published(self, db: Any, stream: DestinationStream) -> bool:
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {self._internal}")
        db.execute(f"CREATE TABLE IF NOT EXISTS {self._published} (publication varchar, published_at timestamptz)")
        db.execute(f"DELETE FROM {self._published} WHERE published_at < now() - interval '{TOKEN_DAYS} days'")
        query = f"SELECT 1 FROM {self._published} WHERE publication = %s"
        return db.execute(query, [stream.publication]).fetchone() is not None

    def _require(self, db: Any, staged: Sequence[str]) -> None:
        for table in staged:
            (oid,) = db.execute("SELECT to_regclass(%s)", [table]).fetchone()
            if oid is None:
                raise DestinationError(f"what was staged in {table} is not there any more")

    def _drop(self, db: Any, staged: Sequence[str]) -> None:
        for table in staged:
            db.execute(f"DROP TABLE IF EXISTS {table}")

    @contextlib.contextmanager
    def _transaction(self) -> Generator[Any]:
        import psycopg

        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            with self._connection.transaction():
                yield self._connection
        except psycopg.Error as error:
            raise self._translated(error) from error

    def _connect(self) -> Any:
        import psycopg

        settings = self.configuration
        mode = settings.ssl_mode or SslMode(mode="require" if settings.ssl else "prefer")
        options: dict[str, Any] = {"sslmode": mode.mode}
        if mode.ca_certificate:
            options["sslrootcert"] = str(self._certificate_file(mode.ca_certificate))
        return psycopg.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=settings.username,
            password=settings.password,
            connect_timeout=10,
            application_name="lotus",
            options="-c timezone=UTC -c datestyle=ISO -c client_min_messages=error",
            autocommit=True,
            **options,
        )

    def _certificate_file(self, certificate: str) -> Path:
        if self._certificate is None:
            with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
                file.write(certificate)
            self._certificate = Path(file.name)
        return self._certificate

    def _translated(self, error: Any) -> DestinationError:
        """The error in one line; one that may pass, as one that is tried again."""
        settings = self.configuration
        place = f"Postgres at {settings.host}:{settings.port}, database {settings.database}"
        words = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
        if settings.password:
            words = words.replace(settings.password, "**********")
        if error.sqlstate is None:
            passing = not any(refusal in str(error) for refusal in REFUSALS)
        else:
            passing = error.sqlstate.startswith(PASSING_STATES)
        return (TransientDestinationError if passing else DestinationError)(f"{place}: {words}")
