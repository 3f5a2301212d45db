"""Two versions of the files, whatever they are: what changed is found, and nothing else."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotus.config import Project, from_values, load
from lotus.impact.compare import compare

FIELDS = {
    "id": {"type": "integer"},
    "updated_at": {"type": "string", "format": "date-time"},
    "total": {"type": "number"},
}
OFFERED = {
    "options": {"sync_modes": ["full_refresh", "incremental"]},
    "defaults": {"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": True},
    "fields": FIELDS,
}
STREAM = st.fixed_dictionaries(
    {},
    optional={
        "sync_mode": st.sampled_from(["full_refresh", "incremental"]),
        "destination_sync_mode": st.sampled_from(["append", "overwrite"]),
        "selected": st.booleans(),
        "backfill": st.sampled_from([True, False, "ids were null"]),
        "fields": st.sampled_from([FIELDS, {"id": FIELDS["id"], "updated_at": FIELDS["updated_at"]}]),
    },
)
SOURCE = st.fixed_dictionaries(
    {"connector": st.just("source-web-shop"), "configuration": st.fixed_dictionaries({"shop": st.sampled_from("ab")})},
    optional={"schedule": st.sampled_from(["0 0 * * * ?", "0 5 * * * ?"])},
)
LAKE = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["raw", "cold"]),
        "sources": st.dictionaries(
            st.sampled_from(["shop", "mail"]),
            st.tuples(SOURCE, st.dictionaries(st.sampled_from(["orders", "customers"]), STREAM, max_size=2)),
            max_size=2,
        ),
    }
)
Make = Callable[[dict[str, Any]], Project]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Writes a lake and loads it."""
    numbers = itertools.count()

    def make(lake: dict[str, Any]) -> Project:
        root = tmp_path / str(next(numbers) % 2)
        shutil.rmtree(root, ignore_errors=True)
        configuration = {
            "s3_bucket_name": "landing", "s3_bucket_path": lake["path"], "format": {"format_type": "Parquet"},
            "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/", "file_name_pattern": "part_{part_number}.parquet",
        }  # fmt: skip
        files: dict[str, Any] = {
            "_destinations/lake.json": {"connector": "destination-s3", "configuration": configuration}
        }
        for name, (source, streams) in lake["sources"].items():
            files[f"{name}/_source.json"] = source
            for stream, content in streams.items():
                files[f"{name}/{stream}.json"] = content
                files[f"{name}/_discovered/{stream}.json"] = {"stream": stream, **OFFERED}
        for name, content in files.items():
            path = root / "streams" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        return load(root, from_values({}, stack="prod", project=root, environment={}), resolve=False)

    return make


def synced(project: Project) -> set[str]:
    """The streams that a project syncs."""
    return {f"{connection.name}/{stream.name}" for connection in project.connections for stream in connection.streams}


def test_any_two_lakes_are_compared_in_words(made: Make) -> None:
    """Nothing raises; each change says what it is, what it does to the data, and how to look; worst first.

    An object that goes, or is made anew with a loss, names its consent.
    """

    @given(LAKE, LAKE)
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def compared(one: dict[str, Any], other: dict[str, Any]) -> None:
        found = compare(made(one), made(other))
        risks = [list(type(change.risk)).index(change.risk) for change in found.changes]
        assert risks == sorted(risks)
        assert all(change.what and change.subject and change.data and change.verify for change in found.changes)
        lost = [c for c in found.changes if c.risk == "destructive" and c.action in ("replace", "delete")]
        assert all(change.consent for change in lost)

    compared()


def test_a_lake_does_not_differ_from_itself(made: Make) -> None:
    """However it is written: the order of keys in the files is no change either."""

    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    @given(LAKE)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def compared(lake: dict[str, Any]) -> None:
        again = {"path": lake["path"], "sources": {n: (turned(s), turned(t)) for n, (s, t) in lake["sources"].items()}}
        assert compare(made(lake), made(again)).changes == ()

    compared()


def test_every_stream_that_starts_or_stops_is_named(made: Make) -> None:
    """None is missing where the files have no mistakes, in either direction."""

    @given(LAKE, LAKE)
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def compared(one: dict[str, Any], other: dict[str, Any]) -> None:
        before, after = made(one), made(other)
        if before.faults or after.faults:
            return
        for first, second in ((before, after), (after, before)):
            named = {stream for change in compare(first, second).changes for stream in change.streams}
            assert synced(first) ^ synced(second) <= named

    compared()
