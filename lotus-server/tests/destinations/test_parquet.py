"""What a Parquet file of the server is made of, as readers see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.local import Local
from lotus_server.destinations.records import RecordParser

PROPERTIES = {
    "id": {"type": "integer"},
    "note": {"type": "string"},
    "at": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def written(folder: Path, rows: int, note: str = "n", **settings: Any) -> pq.ParquetFile:
    """The file of a stream."""
    stream = DestinationStream("s", None, "append", fields_of({"properties": PROPERTIES}))
    line = b'{"type":"RECORD","record":{"stream":"s","data":{"id":1,"note":"%s","items":[{"name":"x"}]}}}\n'
    parser = RecordParser(stream)
    batches: list[pa.RecordBatch] = []
    for _ in range(rows):
        batches += parser.lines(line % note.encode())
    configuration = {"destination_path": str(folder), "format": {"format_type": "Parquet", **settings}}
    destination: Any = Local.configured(configuration)
    receipt = destination.stage(stream, batches + parser.batches(), folder, lambda _receipt: None)
    return pq.ParquetFile(receipt["staged"])


def test_every_column_but_the_raw_id_has_a_dictionary_and_all_have_an_index(tmp_path: Path) -> None:
    """Raw ids are all different; page indexes let readers skip pages, as with Airbyte's files."""
    group = written(tmp_path, 10).metadata.row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert {name for name, column in columns.items() if not column.has_dictionary_page} == {"_airbyte_raw_id"}
    assert all(column.has_column_index and column.has_offset_index for column in columns.values())


def test_times_are_marked_as_utc(tmp_path: Path) -> None:
    """As Airbyte's writer marks them, like timestamps."""
    schema = written(tmp_path, 1).schema
    marks = {schema.column(n).name: str(schema.column(n).logical_type) for n in range(len(schema))}
    assert "isAdjustedToUTC=true" in marks["time"] and "isAdjustedToUTC=true" in marks["at"]


@pytest.mark.parametrize(("block_size_mb", "groups"), [(1, 2), (10, 1), (128, 1)])
def test_row_groups_are_as_large_as_the_format_asks(block_size_mb: int, groups: int, tmp_path: Path) -> None:
    """5 MB come in two batches, which are groups of their own or one; there is no cap of our own."""
    file = written(tmp_path, 5 * 1024, "n" * 1024, block_size_mb=block_size_mb)
    assert file.metadata.num_row_groups == groups


def test_zstd_is_offered_and_smaller(tmp_path: Path) -> None:
    sizes = {
        codec: sum(
            written(tmp_path, 20_000, compression_codec=codec).metadata.row_group(0).column(n).total_compressed_size
            for n in range(5)
        )
        for codec in ("SNAPPY", "ZSTD")
    }
    assert sizes["ZSTD"] < sizes["SNAPPY"]
