"""SQL over what landed: each stream is a table `<source>.<stream>`, made when a query names it."""

# ruff: noqa: S608 - names cannot be parameters; all pass through `quoted`
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lotus.config.landing import field_name
from lotus.errors import ConfigError, LotusError
from lotus.lake.databases import quoted
from lotus.lake.inventory import Inventory, Landed, LandedFiles, LandedTable, inventory
from lotus.session.session import Session

LIST_TABLES = "lotus landing lists the tables: <source>.<stream>"
SYSTEM = re.compile(r"\b(information_schema|duckdb_\w+|show|pragma)\b", re.IGNORECASE)
AIRBYTE_COLUMNS = {
    "_airbyte_raw_id": "VARCHAR",
    "_airbyte_extracted_at": "BIGINT",
    "_airbyte_meta": 'STRUCT(sync_id BIGINT, changes STRUCT("field" VARCHAR, "change" VARCHAR, reason VARCHAR)[])',
    "_airbyte_generation_id": "BIGINT",
}
SQL_TYPES = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "string:date": "DATE",
    "string:date-time": "TIMESTAMPTZ",
    "string:time": "TIME",
}
_NAME = r'(?:"(?:[^"]|"")*"|[^\s."]+)'
_QUALIFIED = re.compile(rf"(?:{_NAME}\.)?({_NAME})\.({_NAME})(?:\s+AS\s+.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class QueryResult:
    """A query's result; `notes` say what is read in another way than it is stored."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class _View:
    """A table of a query: its name, and what landed."""

    schema: str
    table: str
    part: Landed

    @property
    def name(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table)}"


def query(session: Session, sql: str) -> QueryResult:
    """The answer to `sql` over what landed; each stream is a table `<source>.<stream>`.

    The date of a path (year=…/month=…/day=…) is no column: a stream may have a field of that name. Use
    `_airbyte_extracted_at`.

    Raises:
        LotusError: DuckDB refuses the query; its first line says why.
        UnavailableError: nothing of the lake can be read.
    """
    return query_of(inventory(session.project), sql)


def query_of(content: Inventory, sql: str) -> QueryResult:
    """The same over what was listed before.

    Raises:
        LotusError: DuckDB refuses the query; its first line says why.
    """
    import duckdb

    notes = [str(trouble) for trouble in content.troubles]
    views = _views(content.landed, notes)
    connection = duckdb.connect()
    try:
        for view in _named(connection, sql, views):
            _create(connection, view, notes)
        # Through Arrow: DuckDB's own fetch wants pytz for every timestamp with a zone.
        relation = connection.sql(sql)
        # The stubs do not know that a statement without a result (create table …) gives None.
        if relation is None:  # pyright: ignore[reportUnnecessaryComparison]
            return QueryResult((), [], notes)
        table = relation.to_arrow_table()
        rows = list(zip(*(column.to_pylist() for column in table), strict=True))
        return QueryResult(tuple(table.column_names), rows, notes)
    except duckdb.Error as error:
        raise LotusError(str(error).splitlines()[0], where=sql, fix=LIST_TABLES) from None
    finally:
        connection.close()


def newest_rows(session: Session, name: str, *, rows: int = 5) -> QueryResult:
    """The newest rows of a stream, named `<source>.<stream>`, `<source>/<stream>` or alone.

    Raises:
        ConfigError: no stream has that name, or several have.
    """
    content = inventory(session.project)
    source, stream = _stream(name, {(each.source, each.stream) for each in content.landed})
    table = f"{quoted(source)}.{quoted(stream)}"
    columns = query_of(content, f"SELECT * FROM {table} LIMIT 0").columns
    newest = " ORDER BY _airbyte_extracted_at DESC" if "_airbyte_extracted_at" in columns else ""
    return query_of(content, f"SELECT * FROM {table}{newest} LIMIT {rows}")


def _stream(name: str, streams: set[tuple[str, str]]) -> tuple[str, str]:
    """The source and stream that a person means."""
    dotted = name.replace("/", ".", 1)
    exact = [pair for pair in streams if ".".join(pair) == dotted]
    matches = exact or sorted(pair for pair in streams if pair[1] == name)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise ConfigError(f'nothing landed under the name "{name}"', where="STREAM", fix=LIST_TABLES)
    names = ", ".join(".".join(pair) for pair in matches)
    raise ConfigError(f'several streams are called "{name}"', where="STREAM", fix=f"use one of: {names}")


def _views(landed: Sequence[Landed], notes: list[str]) -> list[_View]:
    """A view a stream; what was left in another place, and names that DuckDB does not tell apart, get a number."""
    views: list[_View] = []
    taken: Counter[tuple[str, str]] = Counter()
    # What the files declare comes first, and has the plain name.
    for part in sorted(landed, key=lambda each: bool(each.note)):
        views.append(_view(part, taken, notes))
    return views


def _view(part: Landed, taken: Counter[tuple[str, str]], notes: list[str]) -> _View:
    key = (part.source.lower(), part.stream.lower())
    number = taken[key]
    taken[key] += 1
    if not number:
        return _View(part.source, part.stream, part)
    name = f"{part.stream}_{number}"
    notes.append(f"{part.source}.{part.stream} in {part.where} is the table {part.source}.{name}: the name is taken")
    return _View(part.source, name, part)


def _named(connection: Any, sql: str, views: Sequence[_View]) -> list[_View]:
    """The views that a statement names; all of them if it asks for the list of tables."""
    import duckdb

    if SYSTEM.search(sql):
        return list(views)
    try:
        names: set[str] = connection.get_table_names(sql, qualified=True)
    except duckdb.Error:
        # The statement is wrong, or needs the tables' columns to be understood: it is judged when it runs.
        return [view for view in views if view.table.lower() in sql.lower()]
    matches = [match for name in names if (match := _QUALIFIED.fullmatch(name))]
    tables = {(_plain(match.group(1)), _plain(match.group(2))) for match in matches}
    return [view for view in views if (view.schema.lower(), view.table.lower()) in tables]


def _plain(name: str) -> str:
    text = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return text.lower()


def _create(connection: Any, view: _View, notes: list[str]) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view.schema)}")
    content = view.part.content
    if isinstance(content, LandedTable):
        content.database.expose(connection, content.schema, content.table, view.name)
        return
    sources = list(_sources(content))
    if sources:
        _create_over(connection, view, sources, notes)
    else:
        _create_empty(connection, view, notes)


def _create_empty(connection: Any, view: _View, notes: list[str]) -> None:
    """An empty table with the columns that the stream's catalog has."""
    fields = view.part.declared.landed_fields if view.part.declared is not None else {}
    columns = {**AIRBYTE_COLUMNS, **{field_name(name): SQL_TYPES.get(word, "VARCHAR") for name, word in fields.items()}}
    listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {view.name} ({listed})")
    notes.append(f"nothing has landed of {view.schema}.{view.table} yet: it is empty")


@dataclass(frozen=True)
class _Source:
    """Files with one schema, as one Arrow dataset."""

    schema: Any
    dataset: Any
    files: tuple[str, ...]


def _sources(content: LandedFiles) -> Iterator[_Source]:
    """The stream's files by schema; JSONL files are read whole."""
    import pyarrow as pa
    from pyarrow import dataset

    store = content.store
    by_schema: dict[str, tuple[Any, list[str]]] = {}
    for dated in content.files:
        path = store.path(dated.file.key)
        if ".jsonl" in dated.file.key:
            table = _json_rows(store.filesystem, path)
            yield _Source(table.schema, table, (path,))
            continue
        schema = _file_schema(store.filesystem, path)
        by_schema.setdefault(str(schema), (schema, []))[1].append(path)
    for schema, paths in by_schema.values():
        if len(set(schema.names)) != len(schema.names):
            raise LotusError(
                "a file has two columns of one name, so that no reader tells them apart",
                where=paths[0],
                fix="read the stream again (lotus backfill): the writer gives columns names of their own now",
            )
        files = dataset.dataset(paths, schema=pa.schema(schema), filesystem=store.filesystem, format="parquet")
        yield _Source(schema, files, tuple(paths))


def _file_schema(filesystem: Any, path: str) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_schema(path, filesystem=filesystem).remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise LotusError(
            f"the file cannot be read: {str(error).splitlines()[0]}",
            where=path,
            fix="remove it, or read the stream again (lotus backfill)",
        ) from None


def _json_rows(filesystem: Any, path: str) -> Any:
    from pyarrow import json

    with filesystem.open_input_stream(path, compression="detect") as stream:
        return json.read_json(stream)


def _create_over(connection: Any, view: _View, sources: Sequence[_Source], notes: list[str]) -> None:
    """A view over all files: a column that files have in different types is read as the wider one, or as text."""
    aliases = _aliases(view, sources, notes)
    casts = _casts(view, sources, notes)
    # Relations instead of named views: nobody sees what a table is made of.
    relations = [
        connection.from_arrow(source.dataset).project(_projection(source, aliases, casts)) for source in sources
    ]
    relation = relations[0]
    for other in relations[1:]:
        relation = relation.union(other)
    connection.execute(f"USE memory.{quoted(view.schema)}")
    relation.create_view(view.table)
    connection.execute("USE memory.main")


def _projection(source: _Source, aliases: Mapping[str, str], casts: Mapping[str, str]) -> str:
    """All columns of the view in their order; null for one that these files do not have."""
    import pyarrow as pa

    values: dict[str, str] = {}
    for name, kind, column in _columns(source):
        value, target = quoted(column), casts.get(name)
        if target == "VARCHAR" and pa.types.is_nested(kind):
            value = f"CAST(to_json({value}) AS VARCHAR)"
        elif target is not None:
            value = f"CAST({value} AS {target})"
        values[name] = value
    return ", ".join(f"{values.get(name, 'NULL')} AS {quoted(alias)}" for name, alias in aliases.items())


def _columns(source: _Source) -> Iterator[tuple[str, Any, str]]:
    """Each column: its name, its type, and its name in DuckDB, which does not tell `Id` from `id`."""
    taken: Counter[str] = Counter()
    for column in source.schema:
        number = taken[column.name.lower()]
        taken[column.name.lower()] += 1
        yield column.name, column.type, column.name if not number else f"{column.name}_{number}"


def _aliases(view: _View, sources: Sequence[_Source], notes: list[str]) -> dict[str, str]:
    """The columns' names in the view: a number is added to one that DuckDB takes for another."""
    aliases: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for source in sources:
        for name in source.schema.names:
            if name in aliases:
                continue
            number = taken[name.lower()]
            taken[name.lower()] += 1
            aliases[name] = name if not number else f"{name}_{number}"
            if number:
                notes.append(
                    f'{view.schema}.{view.table}: column "{name}" is read as "{aliases[name]}": '
                    "SQL does not tell it from one whose name differs by case"
                )
    return aliases


def _casts(view: _View, sources: Sequence[_Source], notes: list[str]) -> dict[str, str]:
    """What the columns are read as that files have in different types."""
    kinds: dict[str, dict[str, _Source]] = {}
    types: dict[str, list[Any]] = {}
    for source in sources:
        for column in source.schema:
            kinds.setdefault(column.name, {}).setdefault(str(column.type), source)
            types.setdefault(column.name, []).append(column.type)
    casts: dict[str, str] = {}
    for name, by_type in kinds.items():
        target = _wider(types[name]) if len(by_type) > 1 else None
        if target is None:
            continue
        casts[name] = target
        in_files = ", ".join(f"{kind} ({source.files[0]})" for kind, source in by_type.items())
        notes.append(f'{view.schema}.{view.table}: column "{name}" is read as {target}: it is {in_files}')
    return casts


def _wider(kinds: Sequence[Any]) -> str | None:
    """The type that holds values of all types; text if there is none, None where DuckDB finds it itself."""
    from pyarrow import types

    def is_number(kind: Any) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind))

    def is_day_or_moment(kind: Any) -> bool:
        return bool(types.is_date(kind) or types.is_timestamp(kind))

    def is_mergeable(kind: Any) -> bool:
        return bool(types.is_struct(kind)) and _mergeable(kinds)

    rules: list[tuple[str | None, Callable[[Any], bool]]] = [
        ("BIGINT", types.is_integer),
        ("DOUBLE", is_number),
        ("TIMESTAMPTZ", is_day_or_moment),
        (None, is_mergeable),
    ]
    for target, holds in rules:
        if all(types.is_null(kind) or holds(kind) for kind in kinds):
            return target
    return "VARCHAR"


def _mergeable(kinds: Sequence[Any]) -> bool:
    """Whether objects differ by their members only: DuckDB then gives each row the members of all."""
    from pyarrow import types

    members: dict[str, Any] = {}
    fields = [field for kind in kinds if types.is_struct(kind) for field in kind]
    return all(members.setdefault(field.name, field.type) == field.type for field in fields)
