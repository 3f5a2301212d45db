"""Databases that streams land in: a DuckDB file, or a Postgres server."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lotus.config.landing import postgres_name
from lotus.errors import UnavailableError

BATCH_ROWS = 10_000
BATCH = "_lotus_batch"


class Database(Protocol):
    """A database that lands streams as tables."""

    @property
    def url(self) -> str:
        """Where it is, as people write it."""
        ...

    @property
    def default_schema(self) -> str:
        """For streams without a namespace."""
        ...

    def place(self, namespace: str, stream: str) -> tuple[str, str]:
        """The schema and the table of a stream."""
        ...

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every table with rows of Airbyte's."""
        ...

    def days(self, schema: str, table: str) -> list[tuple[str, int]]:
        """Rows by the day of their extraction, UTC."""
        ...

    def expose(self, connection: Any, schema: str, table: str, name: str) -> None:
        """Makes the table a view or table of that name in a DuckDB connection."""
        ...


def database_of(connector: str, configuration: Mapping[str, Any]) -> Database | None:
    """The database of a destination; None if it is none that can be read."""
    if connector == "destination-duckdb" and isinstance(configuration.get("destination_path"), str):
        return DuckDBFile(Path(configuration["destination_path"]), str(configuration.get("schema") or "main"))
    if connector == "destination-postgres":
        return PostgresServer(
            host=str(configuration.get("host", "")),
            port=int(configuration.get("port") or 5432),
            database=str(configuration.get("database", "")),
            username=str(configuration.get("username", "")),
            password=str(configuration.get("password") or ""),
            sslmode=_sslmode(configuration),
            default_schema=str(configuration.get("schema") or "public"),
        )
    return None


def _sslmode(configuration: Mapping[str, Any]) -> str:
    mode: Any = configuration.get("ssl_mode")
    if isinstance(mode, Mapping) and isinstance(mode.get("mode"), str):
        # A certificate of the connector's own is not read here: encrypted, but not verified.
        return "require" if mode["mode"].startswith("verify") else mode["mode"]
    return "require" if configuration.get("ssl") else "prefer"


@dataclass(frozen=True)
class DuckDBFile:
    """The file of destination-duckdb."""

    path: Path
    default_schema: str

    @property
    def url(self) -> str:
        """The file."""
        return str(self.path)

    def place(self, namespace: str, stream: str) -> tuple[str, str]:
        """The names as they are."""
        return namespace, stream

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every table with rows of Airbyte's."""
        if not self.path.exists():
            return []
        query = (
            "SELECT DISTINCT schema_name, table_name FROM duckdb_columns() "
            "WHERE column_name = '_airbyte_raw_id' AND database_name = current_database() ORDER BY ALL"
        )
        with self._opened() as db:
            return db.execute(query).fetchall()

    def days(self, schema: str, table: str) -> list[tuple[str, int]]:
        """Rows by the day of their extraction, UTC."""
        name = f"{quoted(schema)}.{quoted(table)}"
        # Files of an earlier version have milliseconds there.
        moment = (
            "CASE WHEN typeof(_airbyte_extracted_at) = 'BIGINT' "
            "THEN make_timestamp(TRY_CAST(_airbyte_extracted_at::VARCHAR AS BIGINT) * 1000) "
            "ELSE TRY_CAST(_airbyte_extracted_at::VARCHAR AS TIMESTAMP) END"
        )
        query = f"SELECT CAST({moment} AS DATE)::VARCHAR, count(*) FROM {name} GROUP BY 1 ORDER BY 1"  # noqa: S608  quoted
        with self._opened() as db:
            return db.execute(query).fetchall()

    def expose(self, connection: Any, schema: str, table: str, name: str) -> None:
        """A view over the attached file."""
        alias = f"_lotus_{abs(hash(self.path))}"
        with self._translated():
            path = str(self.path).replace("'", "''")
            connection.execute(f"ATTACH IF NOT EXISTS '{path}' AS {alias} (READ_ONLY)")
            source = f"{alias}.{quoted(schema)}.{quoted(table)}"
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")  # noqa: S608  quoted

    @contextlib.contextmanager
    def _opened(self) -> Generator[Any]:
        import duckdb

        with self._translated(), duckdb.connect(str(self.path), read_only=True) as db:
            db.execute("SET TimeZone = 'UTC'")
            yield db

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        import duckdb

        try:
            yield
        except duckdb.IOException as error:
            raise UnavailableError(
                f"the DuckDB file cannot be read: {str(error).splitlines()[0]}",
                where=str(self.path),
                fix="a sync that writes to it, or another program, has it open: wait for its end and run it again",
            ) from None


@dataclass(frozen=True)
class PostgresServer:
    """The database of destination-postgres."""

    host: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    sslmode: str
    default_schema: str

    @property
    def url(self) -> str:
        """The database, without its credentials."""
        return f"postgres://{self.host}:{self.port}/{self.database}"

    def place(self, namespace: str, stream: str) -> tuple[str, str]:
        """The names as Airbyte writes them to Postgres."""
        return postgres_name(namespace), postgres_name(stream)

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every table with rows of Airbyte's, without what is staged."""
        query = (
            "SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = '_airbyte_raw_id' "
            "AND table_name NOT LIKE 'lotus\\_staged\\_%' ORDER BY 1, 2"
        )
        with self._opened() as db:
            return db.execute(query).fetchall()

    def days(self, schema: str, table: str) -> list[tuple[str, int]]:
        """Rows by the day of their extraction, UTC."""
        name = f"{quoted(schema)}.{quoted(table)}"
        query = f"SELECT _airbyte_extracted_at::date::text, count(*) FROM {name} GROUP BY 1 ORDER BY 1"  # noqa: S608
        with self._opened() as db:
            return db.execute(query).fetchall()

    def expose(self, connection: Any, schema: str, table: str, name: str) -> None:
        """A copy of the table: its rows are read through in batches."""
        columns = self._columns(schema, table)
        definitions = ", ".join(f"{quoted(column)} {_type(kind)[0]}" for column, kind in columns)
        connection.execute(f"CREATE TABLE {name} ({definitions})")
        for batch in self._batches(schema, table, columns):
            connection.register(BATCH, batch)
            connection.execute(f"INSERT INTO {name} SELECT * FROM {BATCH}")  # noqa: S608  quoted
            connection.unregister(BATCH)

    def _columns(self, schema: str, table: str) -> list[tuple[str, str]]:
        query = (
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
        )
        with self._opened() as db:
            return db.execute(query, [schema, table]).fetchall()

    def _batches(self, schema: str, table: str, columns: list[tuple[str, str]]) -> Iterator[Any]:
        import pyarrow as pa

        values = ", ".join(f"{quoted(column)}::{_type(kind)[1]}" for column, kind in columns)
        types = [_type(kind)[2] for _, kind in columns]
        with self._opened() as db, db.transaction(), db.cursor("lotus_landing") as cursor:
            cursor.execute(f"SELECT {values} FROM {quoted(schema)}.{quoted(table)}")  # noqa: S608  quoted
            while rows := cursor.fetchmany(BATCH_ROWS):
                arrays = [
                    pa.array(each, kind) for each, kind in zip(zip(*rows, strict=True), _arrow(types), strict=True)
                ]
                yield pa.table(arrays, names=[f"c{number}" for number in range(len(columns))])

    @contextlib.contextmanager
    def _opened(self) -> Generator[Any]:
        import psycopg

        try:
            with psycopg.connect(
                host=self.host,
                port=self.port,
                dbname=self.database,
                user=self.username,
                password=self.password,
                sslmode=self.sslmode,
                connect_timeout=10,
                application_name="lotus",
                options="-c timezone=UTC -c datestyle=ISO -c default_transaction_read_only=on",
                autocommit=True,
            ) as db:
                yield db
        except psycopg.Error as error:
            raise UnavailableError(
                f"Postgres cannot be read: {str(error).splitlines()[0]}",
                where=self.url,
                fix="check the destination's host, port, database, user and password",
            ) from None


def _type(kind: str) -> tuple[str, str, str]:
    """A type of Postgres: as DuckDB has it, as it is read, and as Arrow has it; text for all others."""
    return _TYPES.get(kind, ("VARCHAR", "text", "string"))


def _arrow(names: list[str]) -> list[Any]:
    import pyarrow as pa

    kinds = {"timestamptz": pa.timestamp("us", "UTC"), "timestamp": pa.timestamp("us")}
    return [kinds.get(name) or pa.type_for_alias(name) for name in names]


_TYPES = {
    "bigint": ("BIGINT", "bigint", "int64"),
    "integer": ("BIGINT", "bigint", "int64"),
    "numeric": ("DOUBLE", "double precision", "float64"),
    "double precision": ("DOUBLE", "double precision", "float64"),
    "boolean": ("BOOLEAN", "boolean", "bool"),
    "date": ("DATE", "date", "date32"),
    "timestamp with time zone": ("TIMESTAMPTZ", "timestamptz", "timestamptz"),
    "timestamp without time zone": ("TIMESTAMP", "timestamp", "timestamp"),
}


def quoted(name: str) -> str:
    """A name in SQL, for both databases."""
    return '"' + name.replace('"', '""') + '"'
