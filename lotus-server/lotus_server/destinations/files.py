"""Destinations that land files: Parquet or JSONL, named and kept by generation as Airbyte's destination-s3 does.

Its rules are in docs/airbyte-behaviour.md#paths-and-file-names and docs/airbyte-behaviour.md#generations.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field as Setting

from lotus_server.destinations.arrow import ArrowField, RecordBatch
from lotus_server.destinations.columns import DATA, EXTRACTED_AT, GENERATION_ID, META, RAW_ID
from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Layout,
    Note,
    Receipt,
)
from lotus_server.destinations.file_names import DEFAULT_FILE_NAME, DEFAULT_PATH_FORMAT, KeyFormat

GENERATION_METADATA = "ab-generation-id"
"""Object metadata with the generation; missing means 0."""

ROW_GROUP_ROWS = 100_000
"""A row group is closed at so many rows, or at the format's `block_size_mb`; only one is in memory."""

LARGE_ROW_GROUP_BYTES = 32 * 1024 * 1024
"""With values of megabytes: two of 100 MB in one group would be too much."""

COMPRESSED_VALUE_BYTES = 64 * 1024 * 1024
"""Files with larger values are not compressed: a value, its page and the compressed page would be 300 MB of 100."""


class ParquetFormat(DestinationConfiguration):
    """Columnar files with typed columns."""

    format_type: Literal["Parquet"] = Setting(default="Parquet", title="Format")
    compression_codec: Literal["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "LZ4", "ZSTD"] = Setting(
        default="UNCOMPRESSED", title="Compression of the pages (LZO is not offered here)"
    )
    block_size_mb: int = Setting(default=128, ge=1, title="Largest size of a row group in MB")
    max_padding_size_mb: int = Setting(default=8, ge=0, title="Without effect here")
    page_size_kb: int = Setting(default=1024, ge=1, title="Size of a page in KB")
    dictionary_page_size_kb: int = Setting(default=1024, ge=1, title="Largest dictionary page in KB")
    dictionary_encoding: bool = Setting(default=True, title="Dictionary encoding")


class NoCompression(DestinationConfiguration):
    """Plain text."""

    compression_type: Literal["No Compression"] = Setting(default="No Compression", title="Compression")


class GzipCompression(DestinationConfiguration):
    """Compressed with gzip."""

    compression_type: Literal["GZIP"] = Setting(default="GZIP", title="Compression")


class JsonlFormat(DestinationConfiguration):
    """One JSON object a line."""

    format_type: Literal["JSONL"] = Setting(title="Format")
    compression: Annotated[NoCompression | GzipCompression, Setting(discriminator="compression_type")] = Setting(
        default=GzipCompression(), title="Compression"
    )
    flattening: Literal["No flattening", "Root level flattening"] = Setting(
        default="No flattening", title="Whether the record's members are next to the _airbyte_ ones"
    )


Format = Annotated[ParquetFormat | JsonlFormat, Setting(discriminator="format_type")]


class FileConfiguration(DestinationConfiguration):
    """The configuration of every destination for files."""

    format: Format = Setting(default=ParquetFormat(), title="File format")
    file_name_pattern: str = Setting(
        default="",
        title="File name",
        description="Variables: {part_number}, {sync_id}, {date}, {date:yyyy_MM}, {timestamp}, {format_extension}.",
    )

    def root(self) -> str:
        """The first part of every key, before the path format; may have path variables."""
        return ""

    def path(self) -> str:
        """The path format."""
        return DEFAULT_PATH_FORMAT


F = TypeVar("F", bound=FileConfiguration)


class FileDestination(Destination[F], Generic[F]):
    """Writes a file at a time to scratch, stages it under its final key, shows it, removes old generations."""

    def __init__(self, configuration: F) -> None:
        super().__init__(configuration)
        self._next_parts: dict[str, int] = {}
        self._taken: dict[str, set[str]] = {}

    def layout(self) -> Layout:
        """Parquet has columns; JSONL keeps the record as it came."""
        return "data" if isinstance(self.configuration.format, JsonlFormat) else "columns"

    def check_streams(self, streams: Sequence[DestinationStream]) -> None:
        """Refuses two streams whose files would have the same keys, and keys that the place does not take."""
        seen: dict[str, DestinationStream] = {}
        for stream in streams:
            names = self.key_format(stream)
            pattern, key = names.pattern_text(), names.key(names.directory(), 0)
            other = seen.setdefault(pattern, stream)
            if other is not stream:
                raise DestinationError(
                    f"streams {_full_name(other)} and {_full_name(stream)} would land under one path, {key}: "
                    "sync them by connections with different prefixes or paths"
                )
            if reason := self._refusal_of(key):
                raise DestinationError(f"stream {_full_name(stream)} cannot land under {key[:200]}: {reason}")

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """One file from the batches, under the next free key of its path."""
        names = self.key_format(stream)
        key = self._free_key(names)
        path = scratch / f"{uuid.uuid4().hex}{names.extension}"
        try:
            if isinstance(self.configuration.format, JsonlFormat):
                _write_jsonl(path, batches, self.configuration.format)
            else:
                _write_parquet(path, batches, stream, self.configuration.format)
            return self._stage_file(path, key, stream.generation_id, note)
        finally:
            path.unlink(missing_ok=True)

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Shows the files; then, with `replace`, removes those of older generations on all dates."""
        for receipt in receipts:
            self._show(receipt)
        if replace:
            names = self.key_format(stream)
            pattern = names.pattern()
            keys = [key for key in self._keys(names.constant_prefix()) if pattern.match(key)]
            minimum = stream.minimum_generation_id
            self._delete([key for key, generation in self._generations(keys) if generation < minimum])

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Drops staged files."""
        del stream
        for receipt in receipts:
            self._drop(receipt)

    def key_format(self, stream: DestinationStream) -> KeyFormat:
        """How the keys of a stream are made."""
        configuration = self.configuration
        return KeyFormat(
            path_format=f"{configuration.root()}/{configuration.path() or DEFAULT_PATH_FORMAT}",
            file_format=configuration.file_name_pattern or DEFAULT_FILE_NAME,
            extension=_extension(configuration.format),
            namespace=stream.namespace or "",
            stream=stream.name,
            started_at=stream.started_at,
            sync_id=stream.sync_id,
        )

    def _free_key(self, names: KeyFormat) -> str:
        directory = names.directory()
        if directory not in self._taken:
            self._taken[directory] = set(self._keys(directory))
            self._next_parts[directory] = names.next_part(self._taken[directory])
        taken = self._taken[directory]
        part = self._next_parts[directory]
        self._next_parts[directory] = part + 1
        base = key = names.key(directory, part)
        number = 0
        while key in taken:
            number += 1
            key = f"{base}-{number}"
        taken.add(key)
        return key

    @abstractmethod
    def _refusal_of(self, key: str) -> str | None:
        """Why the place takes no file under a key; None if it does."""

    @abstractmethod
    def _keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with a prefix."""

    @abstractmethod
    def _generations(self, keys: Sequence[str]) -> Iterable[tuple[str, int]]:
        """Each key with its generation."""

    @abstractmethod
    def _stage_file(self, path: Path, key: str, generation: int, note: Note) -> Receipt:
        """Makes the file durable, to be shown under the key."""

    @abstractmethod
    def _show(self, receipt: Receipt) -> None:
        """Shows a staged file; one that is shown already is fine."""

    @abstractmethod
    def _drop(self, receipt: Receipt) -> None:
        """Drops a staged file; does nothing when it does not exist."""

    @abstractmethod
    def _delete(self, keys: Sequence[str]) -> None:
        """Deletes keys; ignores those that do not exist."""


def _full_name(stream: DestinationStream) -> str:
    return f'"{stream.namespace}.{stream.name}"' if stream.namespace else f'"{stream.name}"'


def _extension(file_format: ParquetFormat | JsonlFormat) -> str:
    if isinstance(file_format, ParquetFormat):
        return ".parquet"
    return ".jsonl.gz" if isinstance(file_format.compression, GzipCompression) else ".jsonl"


def _write_parquet(
    path: Path, batches: Iterable[RecordBatch], stream: DestinationStream, options: ParquetFormat
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = options.compression_codec == "UNCOMPRESSED" or stream.largest_value > COMPRESSED_VALUE_BYTES
    codec = "none" if plain else options.compression_codec.lower()
    schema = stream.schema
    dictionaries: Any = False  # pyarrow's stubs know no list of columns
    if options.dictionary_encoding and not stream.large_values:
        # Every raw id is different: its dictionary would be a second copy.
        dictionaries = [leaf for leaf in _leaves(schema) if leaf != RAW_ID]
    group_bytes = options.block_size_mb * 1024 * 1024
    if stream.large_values:
        group_bytes = min(group_bytes, LARGE_ROW_GROUP_BYTES)
    with pq.ParquetWriter(
        path,
        schema,
        compression=codec,
        use_dictionary=dictionaries,
        # Measured: the smallest and largest value of a page of 50 MB texts cost 250 MB.
        write_statistics=not stream.large_values,
        write_page_index=not stream.large_values,
        write_time_adjusted_to_utc=True,
        data_page_size=options.page_size_kb * 1024,
        dictionary_pagesize_limit=options.dictionary_page_size_kb * 1024,
    ) as writer:
        for group in _row_groups(batches, group_bytes):
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=ROW_GROUP_ROWS)


def _leaves(fields: Iterable[ArrowField], parent: str = "") -> Iterator[str]:
    """The paths of the columns that hold values, as Parquet names them."""
    import pyarrow as pa

    for field in fields:
        path = f"{parent}{field.name}"
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type, f"{path}.")
        elif pa.types.is_list(field.type):
            yield from _leaves([field.type.value_field], f"{path}.list.")
        else:
            yield path


def _row_groups(batches: Iterable[RecordBatch], limit: int) -> Iterator[list[RecordBatch]]:
    group: list[RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if group and (rows + batch.num_rows > ROW_GROUP_ROWS or size + batch.nbytes > limit):
            yield group
            group, rows, size = [], 0, 0
        group.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if size > limit:
            # Before the next batch is read: two of 100 MB at a time would be too much.
            yield group
            group, rows, size = [], 0, 0
        del batch
    if group:
        yield group


_EMPTY_OBJECT = re.compile(rb"\{\s*\}")


def _write_jsonl(path: Path, batches: Iterable[RecordBatch], options: JsonlFormat) -> None:
    import orjson

    flatten = options.flattening == "Root level flattening"
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(path.open("wb"))
        out: IO[bytes] | gzip.GzipFile = plain
        if isinstance(options.compression, GzipCompression):
            out = stack.enter_context(gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=6, mtime=0))
        for batch in batches:
            heads = batch.select([RAW_ID, EXTRACTED_AT, META, GENERATION_ID]).to_pylist()
            for head, text in zip(heads, batch.column(DATA), strict=True):
                out.write(orjson.dumps(head)[:-1])
                # A view: the text of a record may have 100 MB.
                data = memoryview(text.as_buffer())
                if not flatten:
                    out.write(b',"%s":' % DATA.encode())
                    out.write(data)
                    out.write(b"}\n")
                else:
                    out.write(b"" if _EMPTY_OBJECT.match(data) else b",")
                    out.write(data[1:])
                    out.write(b"\n")


def absolute_folder(value: str) -> Path:
    """A configured folder, which has to be an absolute path.

    Raises:
        DestinationError: it is not.
    """
    path = Path(value)
    if not path.is_absolute():
        raise DestinationError(f"destination_path has to be an absolute path, not {value}")
    return path
