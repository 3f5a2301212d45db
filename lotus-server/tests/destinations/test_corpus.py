"""A generated corpus through the real worker to Parquet, read back by DuckDB, Polars, pyarrow and pandas."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from server_support.corpus import (
    HOSTILE,
    HOSTILE_COLUMNS,
    HOSTILE_RECORDS,
    SHAPES,
    counted,
    records,
    tree,
)
from server_support.worker_run import incremental, run_worker

ROWS = 25
OWN = ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id")
AT = datetime(2026, 11, 21, tzinfo=UTC)

Rows = list[dict[str, Any]]


def by_pyarrow(path: Path) -> Rows:
    """Rows by pyarrow's own reader."""
    return pq.ParquetFile(path).read().to_pylist()


def by_polars(path: Path) -> Rows:
    """Rows by Polars' own reader."""
    return pl.read_parquet(path, use_pyarrow=False).to_dicts()


def by_duckdb(path: Path) -> Rows:
    """Rows by DuckDB's own reader; Arrow only carries them, since its timestamps with a zone want pytz in Python."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        return db.sql("SELECT * FROM read_parquet(?)", params=[str(path)]).to_arrow_table().to_pylist()


def by_pandas(path: Path) -> Rows:
    """Rows by pandas, with nullable types: its older ones make floats of integers beside nulls."""
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    return [
        {name: None if value is pd.NA or value is pd.NaT else plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def plain(value: Any) -> Any:
    """A pandas timestamp as Python's, which it is a subclass of."""
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


READERS: dict[str, Callable[[Path], Rows]] = {
    "pyarrow": by_pyarrow,
    "polars": by_polars,
    "duckdb": by_duckdb,
    "pandas": by_pandas,
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Rows]]:
    """One sync of all 59 shapes and the hostile stream; the rows that should be read back, by stream."""
    folder = tmp_path_factory.mktemp("corpus")
    script: list[Any] = []
    expected: dict[str, Rows] = {}
    streams = []
    for name, shape in SHAPES.items():
        root = tree(shape)
        streams.append(incremental(name, root.schema()["properties"]))
        pairs = list(records(root, ROWS, name))
        expected[name] = [row for _, row in pairs]
        script += [message(name, sent) for sent, _ in pairs] + [["state", name, {"n": ROWS}]]
    streams.append(incremental("hostile", HOSTILE))
    script += [message("hostile", sent) for sent, _ in HOSTILE_RECORDS] + [["state", "hostile", {}]]
    expected["hostile"] = [{**dict.fromkeys(HOSTILE_COLUMNS), **row} for _, row in HOSTILE_RECORDS]
    configuration = {"destination_path": str(folder / "lake"), "path_format": "${STREAM_NAME}/"}
    done = run_worker(folder / "run", script, streams, "local", configuration, at=AT)
    assert done.ended["status"] == "succeeded", done.ended
    return folder / "lake", expected


def message(stream: str, data: dict[str, Any]) -> list[Any]:
    """A record as a connector prints it, NaN included."""
    record = {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1_700_000_000_000}}
    return ["raw", json.dumps(record, ensure_ascii=False) + "\n"]


def test_the_corpus_has_the_shape_counts_of_the_lake() -> None:
    """Depth up to 7, arrays of objects, unknown types: 59 streams, 1,016 top-level and 3,063 fields."""
    for name, shape in SHAPES.items():
        assert counted(tree(shape).schema()) == shape, name
    assert (len(SHAPES), sum(s["top_level_fields"] for s in SHAPES.values())) == (59, 1016)
    assert sum(s["all_fields"] for s in SHAPES.values()) == 3063


def test_the_counts_are_those_that_were_measured() -> None:
    """The committed counts against the inventory, where that is at hand."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("LOTUS_SHARED is not set: the inventory is not at hand")
    measured = json.loads((Path(shared) / "lotus-lake" / "inventory.json").read_text())["discovered"]
    flat = {f"{source}.{name}": each for source, streams in measured.items() for name, each in streams.items()}
    assert {name: {key: each[key] for key in SHAPES[name]} for name, each in flat.items()} == SHAPES


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_the_corpus_comes_back_with_the_same_values(landed: tuple[Path, dict[str, Rows]], reader: str) -> None:
    """Every value of every field of every row is the one that was sent, or null where it could not fit."""
    lake, expected = landed
    for name, rows in expected.items():
        (file,) = (lake / name).iterdir()
        found = READERS[reader](file)
        assert len(found) == len(rows), name
        for got, wanted in zip(found, rows, strict=True):
            assert {key: value for key, value in got.items() if key not in OWN} == wanted, name


@pytest.mark.slow
def test_nothing_is_dropped_silently(landed: tuple[Path, dict[str, Rows]]) -> None:
    """What was sent and is null has its entry in `_airbyte_meta.changes`, with Airbyte's reason; nothing else has."""
    lake, _ = landed
    reasons: dict[str, int] = {}
    for name, shape in SHAPES.items():
        (file,) = (lake / name).iterdir()
        sent = [data for data, _ in records(tree(shape), ROWS, name)]
        for row, data in zip(by_pyarrow(file), sent, strict=True):
            changed = {change["field"] for change in row["_airbyte_meta"]["changes"]}
            nulled = {key for key, value in data.items() if value is not None and row[key] is None}
            assert nulled == {field for field in changed if "." not in field}, name
            for change in row["_airbyte_meta"]["changes"]:
                reasons[change["reason"]] = reasons.get(change["reason"], 0) + 1
    assert set(reasons) == {"DESTINATION_SERIALIZATION_ERROR", "DESTINATION_FIELD_SIZE_LIMITATION"}
    print(reasons)
