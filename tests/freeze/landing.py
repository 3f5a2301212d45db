"""The files that a sync lands in a folder: every type, as Parquet and as JSONL.

Of a Parquet file, everything is kept but `_airbyte_raw_id`, which is random: the schema with its metadata, the row
groups, each column's types, encodings, compression, statistics and values, and a digest of its bytes in the file
(header, dictionary and data pages). Of a JSONL file, the text is kept with the raw ids replaced.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

from tests.freeze.api import ORDERS, PUBLIC, WORKSPACE_ID, Conversation, make_definition, new_source
from tests.freeze.golden import Recording
from tests.freeze.placeholders import Placeholders
from tests.freeze.server import serving

RAW_ID = "_airbyte_raw_id"
CODECS = ("UNCOMPRESSED", "SNAPPY", "ZSTD")
NO_COMPRESSION = {"compression": {"compression_type": "No Compression"}}
FORMATS: dict[str, dict[str, Any]] = {
    **{f"parquet-{codec.lower()}": {"format_type": "Parquet", "compression_codec": codec} for codec in CODECS},
    "parquet-plain": {"format_type": "Parquet", "dictionary_encoding": False},
    "jsonl": {"format_type": "JSONL", **NO_COMPRESSION},
    "jsonl-flat": {"format_type": "JSONL", "flattening": "Root level flattening", **NO_COMPRESSION},
    "jsonl-gzip": {"format_type": "JSONL"},
}
TYPES = {"name": "types", "syncMode": "incremental_append", "cursorField": ["id"]}
TWINS = [{"name": "twins", "namespace": side, "syncMode": "full_refresh_overwrite"} for side in ("left", "right")]


def record(folder: Path) -> Recording:
    """What lies in each format's folder after two syncs, a file of the folder each."""
    recording: Recording = {}
    with serving(folder / "data") as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        conversation = Conversation(http, folder)
        source = _post(http, "/sources", new_source(make_definition(conversation)))
        connections = [_connection(http, source["sourceId"], folder, name) for name in FORMATS]
        for _ in range(2):
            for connection_id in connections:
                _post(http, "/jobs", {"connectionId": connection_id, "jobType": "sync"})
            for connection_id in connections:
                conversation.idle(connection_id)
    for name in FORMATS:
        placeholders = Placeholders()
        root = folder / name
        files = sorted(path for path in root.rglob("*.*") if ".lotus" not in path.parts)
        recording[f"landing/{name}.json"] = [
            {"path": placeholders.text(path.relative_to(root).as_posix()), **_content(path, placeholders)}
            for path in files
        ]
    return recording


def _post(http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return http.post(PUBLIC + path, json=body).raise_for_status().json()


def _connection(http: httpx.Client, source_id: str, folder: Path, name: str) -> str:
    layout = "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/"
    configuration = {
        "destinationType": "local", "destination_path": str(folder / name), "path_format": layout,
        "file_name_pattern": "part_{part_number}{format_extension}", "format": FORMATS[name],
    }  # fmt: skip
    new = {"name": name, "workspaceId": WORKSPACE_ID, "configuration": configuration}
    destination = _post(http, "/destinations", new)
    ends = {"sourceId": source_id, "destinationId": destination["destinationId"]}
    streams = {"streams": [TYPES, ORDERS, *TWINS]}
    # Under the destination's namespace, both twins would land on one path, which the server refuses.
    new = {**ends, "name": name, "namespaceDefinition": "source", "configurations": streams}
    return _post(http, "/connections", new)["connectionId"]


def _content(path: Path, placeholders: Placeholders) -> dict[str, Any]:
    if path.suffix == ".parquet":
        return _parquet(path)
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return {"lines": placeholders.text(text).splitlines()}


def _parquet(path: Path) -> dict[str, Any]:
    table, raw = pq.ParquetFile(path).read(), path.read_bytes()
    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema
        groups = [_row_group(metadata.row_group(number), raw) for number in range(metadata.num_row_groups)]
    return {
        "format_version": metadata.format_version,
        "created_by": metadata.created_by,
        "metadata": {key.decode(): _hashed(value) for key, value in (metadata.metadata or {}).items()},
        "schema": str(schema).splitlines()[1:],
        "arrow_schema": table.schema.to_string(show_schema_metadata=True).splitlines(),
        "row_groups": groups,
        "rows": [json.loads(json.dumps(row, default=str)) for row in table.drop_columns([RAW_ID]).to_pylist()],
    }


def _row_group(group: Any, raw: bytes) -> dict[str, Any]:
    columns = [group.column(number) for number in range(group.num_columns)]
    return {"rows": group.num_rows, "columns": {column.path_in_schema: _column(column, raw) for column in columns}}


def _column(column: Any, raw: bytes) -> dict[str, Any]:
    described = {
        "type": column.physical_type,
        "encodings": list(column.encodings),
        "compression": column.compression,
        "values": column.num_values,
        "statistics": str(column.statistics.logical_type) if column.statistics else None,
    }
    if column.path_in_schema == RAW_ID:
        return described
    begin = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    digest = hashlib.sha256(raw[begin : begin + column.total_compressed_size]).hexdigest()
    sizes = {"bytes": column.total_uncompressed_size, "compressed_bytes": column.total_compressed_size}
    return {**described, **sizes, "sha256": digest}


def _hashed(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
