"""dlt given Arrow tables, as an expert would: blocks are parsed with a declared schema and no fallback for odd values.

`dlt_arrow.py SOURCE URL FOLDER SCHEMAS`
"""

import json
import subprocess
import sys

import dlt
import pyarrow as pa
import pyarrow.json

source, url, folder, schemas = sys.argv[1:5]
TYPES = {"integer": pa.int64(), "number": pa.float64(), "string": pa.string()}
BLOCK = 4 * 1024 * 1024


def arrow_type(schema):
    if schema.get("format") == "date-time":
        return pa.timestamp("us", "UTC")
    if "properties" in schema:
        return pa.struct([(name, arrow_type(inner)) for name, inner in schema["properties"].items()])
    return TYPES[next(kind for kind in schema["type"] if kind != "null")]


DATA = {
    name: pa.struct([(field, arrow_type(schema)) for field, schema in properties.items()])
    for name, properties in json.loads(schemas).items()
}
HEADS = {name: b'{"type":"RECORD","record":{"stream":"%s"' % name.encode() for name in DATA}


def table(stream, lines):
    text = b"".join(lines)
    schema = pa.schema([("record", pa.struct([("data", DATA[stream])]))])
    read = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    parse = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    rows = (
        pa.json.read_json(pa.BufferReader(text), read_options=read, parse_options=parse)["record"]
        .chunk(0)
        .field("data")
    )
    return pa.Table.from_arrays(rows.flatten(), schema=pa.schema(list(DATA[stream])))


@dlt.resource(name="records")
def records():
    with subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as process:
        waiting = {name: [] for name in DATA}
        sizes = dict.fromkeys(DATA, 0)
        for line in process.stdout:
            stream = next((name for name, head in HEADS.items() if line.startswith(head)), None)
            if stream is None:
                continue
            waiting[stream].append(line)
            sizes[stream] += len(line)
            if sizes[stream] > BLOCK:
                yield dlt.mark.with_table_name(table(stream, waiting[stream]), stream)
                waiting[stream], sizes[stream] = [], 0
        for stream, lines in waiting.items():
            if lines:
                yield dlt.mark.with_table_name(table(stream, lines), stream)


pipeline = dlt.pipeline("bench", destination=dlt.destinations.filesystem(bucket_url=url), pipelines_dir=folder)
pipeline.run(records(), loader_file_format="parquet")
