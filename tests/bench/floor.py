"""The least that a sync of the mixed records can cost: `floor.py FILE SCHEMAS OUT` prints CPU microseconds a row.

Blocks of 4 MB of each stream are decoded by Arrow's reader with the declared schema and written as Parquet; splitting
the lines by stream is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

TYPES = {"integer": pa.int64(), "number": pa.float64(), "string": pa.string()}


def arrow_type(schema: dict[str, Any]) -> Any:
    """The Arrow type of a property."""
    if schema.get("format") == "date-time":
        return pa.timestamp("us", "UTC")
    if "properties" in schema:
        return pa.struct([(name, arrow_type(inner)) for name, inner in schema["properties"].items()])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return TYPES[next(kind for kind in kinds if kind != "null")]


def blocks(lines: list[bytes]) -> list[bytes]:
    """The lines joined to blocks of about 4 MB."""
    joined, block, size = [], [], 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size > 4 * 1024 * 1024:
            joined.append(b"".join(block))
            block, size = [], 0
    return [*joined, b"".join(block)]


def main() -> None:
    """Measures and prints."""
    source, schemas, out = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    lines = source.read_bytes().splitlines(keepends=True)
    seconds, rows = 0.0, 0
    for stream, properties in schemas.items():
        records = [
            line for line in lines if line.startswith(b'{"type":"RECORD","record":{"stream":"%s"' % stream.encode())
        ]
        data = pa.struct([(name, arrow_type(schema)) for name, schema in properties.items()])
        line_schema = pa.schema([("record", pa.struct([("data", data), ("emitted_at", pa.float64())]))])
        parse = pyarrow.json.ParseOptions(explicit_schema=line_schema, unexpected_field_behavior="ignore")
        rows += len(records)
        texts = blocks(records)
        started = time.process_time()
        with pq.ParquetWriter(out / f"{stream}.parquet", pa.schema(list(data)), compression="snappy") as writer:
            for text in texts:
                read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
                table = pyarrow.json.read_json(pa.BufferReader(text), read_options=read, parse_options=parse)
                struct = table["record"].chunk(0).field("data")
                writer.write_table(pa.Table.from_arrays(struct.flatten(), schema=pa.schema(list(data))))
        seconds += time.process_time() - started
    print(seconds / rows * 1e6)


main()
