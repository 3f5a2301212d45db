"""What landed in the bucket: files, rows and bytes by stream and day, and SQL over it.

Rows are counted from the files themselves (Parquet footers, JSONL lines), not from what a job said it wrote.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.errors import ConfigError, LotusError, UnavailableError
from lotus.operations.lake import Landing, landings, project_of

READERS = 8  # footers read at once: each is two small requests
DATE_VARIABLES = ("YEAR", "MONTH", "DAY")


@dataclass(frozen=True)
class LandedDay:
    """One stream's files of one day (UTC); `bytes` as stored."""

    source: str
    stream: str
    day: str
    files: int
    rows: int
    bytes: int
    where: str


@dataclass(frozen=True)
class Answer:
    """A query's result."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class _File:
    key: str
    day: str
    bytes: int
    written: float


def landing(
    project: Path, stack: str, environment: Mapping[str, str], *, sources: Sequence[str] = ()
) -> list[LandedDay]:
    """Files, rows and bytes of every stream and day, in name order.

    Raises:
        ConfigError: a file or a reference is wrong, or a named source does not exist.
        UnavailableError: the bucket cannot be listed.
    """
    found: list[LandedDay] = []
    with ThreadPoolExecutor(READERS) as pool:
        for zone in _chosen(landings(project_of(project, stack, environment)), sources):
            files = list(_files(zone))
            rows = list(pool.map(functools.partial(_rows, zone), files))
            for day in sorted({file.day for file in files}):
                of_day = [(file, count) for file, count in zip(files, rows, strict=True) if file.day == day]
                found.append(
                    LandedDay(
                        source=zone.source,
                        stream=zone.stream,
                        day=day,
                        files=len(of_day),
                        rows=sum(count for _, count in of_day),
                        bytes=sum(file.bytes for file, _ in of_day),
                        where=zone.where,
                    )
                )
    return found


def query(project: Path, stack: str, environment: Mapping[str, str], sql: str) -> Answer:
    """The answer to `sql` over the landed Parquet files; each stream is a table `<source>.<stream>`.

    The date of a path (year=…/month=…/day=…) is no column: a stream may have a field of that name. Use
    `_airbyte_extracted_at`.

    Raises:
        LotusError: DuckDB refuses the query; its first line says why.
        UnavailableError: the bucket cannot be listed.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        for number, zone in enumerate(landings(project_of(project, stack, environment))):
            files = [file for file in _files(zone) if file.key.endswith(".parquet")]
            if not files:
                continue
            connection.register(f"landed_{number}", _dataset(zone, files))
            connection.execute(f"create schema if not exists {_quoted(zone.source)}")
            table = f"{_quoted(zone.source)}.{_quoted(zone.stream)}"
            connection.execute(f"create view {table} as select * from landed_{number}")  # noqa: S608  both are quoted
        # Through Arrow: DuckDB's own fetch wants pytz for every timestamp with a zone.
        relation = connection.sql(sql)
        # The stubs do not know that a statement without a result (create table …) gives None.
        if relation is None:  # pyright: ignore[reportUnnecessaryComparison]
            return Answer((), [])
        table = relation.to_arrow_table()
        return Answer(tuple(table.column_names), list(zip(*(column.to_pylist() for column in table), strict=True)))
    except duckdb.Error as error:
        raise LotusError(
            str(error).splitlines()[0], where=sql, fix="lotus landing lists the tables there are: <source>.<stream>"
        ) from None
    finally:
        connection.close()


def written_since(zone: Landing, moment: float) -> list[int]:
    """The sizes in bytes of the stream's objects that were written at or after `moment` (seconds since the epoch).

    Raises:
        UnavailableError: the bucket cannot be listed.
    """
    return [file.bytes for file in _files(zone) if file.written >= int(moment)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _chosen(zones: Iterable[Landing], sources: Sequence[str]) -> list[Landing]:
    zones = list(zones)
    known = sorted({zone.source for zone in zones})
    for name in sources:
        if name not in known:
            raise ConfigError(
                f'no source "{name}" lands anything in this stack',
                where="--source",
                fix=f"use one of: {', '.join(known)}",
            )
    return [zone for zone in zones if not sources or zone.source in sources]


def _files(zone: Landing) -> Iterator[_File]:
    """The stream's objects, oldest day first, with the day that their path says (else that they were written)."""
    from botocore.exceptions import BotoCoreError, ClientError

    pattern = _pattern(zone)
    try:
        for page in zone.bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=zone.bucket.name, Prefix=zone.prefix
        ):
            for item in page.get("Contents", ()):
                match = pattern.fullmatch(item["Key"])
                if match is None:
                    continue
                named = match.groupdict()
                day = (
                    "-".join(named[part] for part in DATE_VARIABLES)
                    if all(part in named for part in DATE_VARIABLES)
                    else item["LastModified"].date().isoformat()
                )
                yield _File(item["Key"], day, item["Size"], item["LastModified"].timestamp())
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(
            f"the bucket cannot be listed: {error}",
            where=zone.where,
            fix="check the destination's endpoint, bucket and keys; lotus dev status shows whether the dev S3 is up",
        ) from None


def _pattern(zone: Landing) -> re.Pattern[str]:
    """The keys of this stream: its path format with the variables as groups, then any file name without a slash."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{'[0-9]+' if name != 'UUID' else '[0-9a-f-]+'})"

    escaped = re.escape(zone.path).replace(r"\$\{", "${").replace(r"\}", "}")
    return re.compile(re.sub(r"\$\{([A-Z]+)\}", group, escaped) + r"[^/]*")


def _rows(zone: Landing, file: _File) -> int:
    from pyarrow import parquet

    filesystem = zone.bucket.filesystem
    path = f"{zone.bucket.name}/{file.key}"
    if ".jsonl" in file.key:
        with filesystem.open_input_stream(path, compression="detect") as stream:
            read_block: Callable[[], bytes] = functools.partial(stream.read, 1 << 20)
            return sum(block.count(b"\n") for block in iter(read_block, b""))
    with filesystem.open_input_file(path) as opened:
        return parquet.read_metadata(opened).num_rows


def _dataset(zone: Landing, files: Sequence[_File]) -> Any:
    """One Arrow dataset over files whose columns may differ: a column that a file lacks is null there."""
    import pyarrow as arrow
    from pyarrow import dataset

    filesystem = zone.bucket.filesystem
    paths = [f"{zone.bucket.name}/{file.key}" for file in files]
    schemas = [dataset.dataset([path], filesystem=filesystem, format="parquet").schema for path in paths]
    schema = arrow.unify_schemas(schemas, promote_options="permissive")
    return dataset.dataset(paths, schema=schema, filesystem=filesystem, format="parquet")
