"""Lakes with every key that the files know: without faults, one form, one schema, no difference to themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotus.authoring.fmt import formatted, kind_of
from lotus.authoring.schema import schema
from lotus.config import Project, from_values, load, render
from lotus.config.models import (
    ConnectionFile,
    ConnectionOptions,
    ConnectorFile,
    DestinationFile,
    SourceFile,
    StreamFile,
)
from lotus.impact.compare import compare
from lotus.program.connection_inputs import configured_streams
from tests.support.manifest import MANIFEST

FIELDS = {
    "id": {"type": "integer"},
    "updated_at": {"type": "string", "format": "date-time"},
    "email": {"type": "string"},
    "total": {"type": "number"},
}
OFFERED = {
    "options": {"sync_modes": ["full_refresh", "incremental"]},
    "defaults": {"primary_key": [], "cursor_field": [], "source_defined_cursor": False},
    "fields": FIELDS,
}
DESTINATION = {"connector": "destination-duckdb", "configuration": {"destination_path": "/local/lake.duckdb"}}

suffix = st.sampled_from(["_x", "_hashed"])
condition = st.recursive(
    st.builds(lambda value: {"type": "EQUAL", "fieldName": "total", "comparisonValue": value}, st.text(max_size=5)),
    lambda inner: st.builds(lambda each: {"type": "NOT", "conditions": each}, st.lists(inner, min_size=1, max_size=2)),
    max_leaves=3,
)
on_email = st.one_of(
    st.builds(
        lambda method, end: {
            "type": "hashing", "targetField": "email", "method": method, "fieldNameSuffix": end,
        },
        st.sampled_from(["MD5", "SHA-256"]), suffix,
    ),
    st.just({"type": "field-renaming", "originalFieldName": "email", "newFieldName": "mail"}),
    st.just({"type": "field-filtering", "targetField": "email"}),
    st.builds(
        lambda mode, padding: {
            "type": "encryption", "algorithm": "AES", "targetField": "email", "fieldNameSuffix": "", "mode": mode,
            "padding": padding, "key": {"$secret": "mapper_key"},
        },
        st.sampled_from(["CBC", "CTR"]), st.sampled_from(["NoPadding", "PKCS5Padding"]),
    ),
    st.just({
        "type": "encryption", "algorithm": "RSA", "targetField": "email", "fieldNameSuffix": "_x", "publicKey": "00ff",
    }),
)  # fmt: skip
mappers = st.builds(
    lambda rows, fields: [*rows, *fields],
    st.lists(st.builds(lambda each: {"type": "row-filtering", "conditions": each}, condition), max_size=1),
    st.lists(on_email, max_size=1),
)
backfill = st.one_of(
    st.booleans(),
    st.sampled_from(["ids were null"]),
    st.just({"request": "again", "mode": "clear", "sync": True}),
    st.just({"request": "again", "from": "2026-01-01"}),
)
stream = st.fixed_dictionaries(
    {"sync_mode": st.just("incremental"), "cursor_field": st.just(["updated_at"])},
    optional={
        "stream": st.just("orders"),
        "connector": st.just("airbyte"),
        "destination_sync_mode": st.just("append"),
        "primary_key": st.just([["id"]]),
        "selected": st.just(True),
        "backfill": backfill,
        "fields": st.just(FIELDS),
        "mappers": mappers,
        "include_files": st.booleans(),
    },
)
schedule = st.one_of(
    st.sampled_from(["manual", "0 0 6 * * ?", "0 30 6 ? * MON-FRI Europe/Berlin", "0 0 6 * * ? UTC"]),
    st.builds(
        lambda units, unit: {"units": units, "timeUnit": unit},
        st.integers(1, 90), st.sampled_from(["minutes", "hours", "days", "weeks", "months"]),
    ),
)  # fmt: skip
options = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["A name", "Another → one"]),
        "namespace_definition": st.just("custom_format"),
        "namespace_format": st.sampled_from(["a", "b_${SOURCE_NAMESPACE}"]),
        "prefix": st.sampled_from(["p_", "q-"]),
        "non_breaking_schema_updates_behavior": st.sampled_from(["ignore", "propagate_fully"]),
        "status": st.sampled_from(["active", "inactive"]),
        "tags": st.lists(st.sampled_from(["finance", "nightly", "pii"]), unique=True),
    },
)
of_connection: dict[str, Any] = {
    "destination": st.sampled_from(["lake", "cold"]),
    "schedule": schedule,
    "connection": options,
    "renamed_from": st.sampled_from(["s09", "s10"]),
}
named = {"name": st.sampled_from(["One", "Two"]), "$schema": st.just("../_schemas/source.json")}
source = st.fixed_dictionaries(
    {"connector": st.sampled_from(["source-web-shop", "_connectors/store", "_connectors/image"])},
    optional={"configuration": st.just({"shop": "s"}), **of_connection, **named},
)
lake = st.fixed_dictionaries({
    "source": source,
    "connection": st.fixed_dictionaries({"source": st.just("shop")}, optional={
        **of_connection, "renamed_from": st.just("s11"),
    }),
    "streams": st.tuples(stream, stream),
    "cold": st.fixed_dictionaries({}, optional={"renamed_from": st.just("old"), "name": st.just("Cold store")}),
})  # fmt: skip


def written(root: Path, lake: dict[str, Any]) -> dict[str, Any]:
    """The lake's files on disk."""
    shutil.rmtree(root, ignore_errors=True)
    files: dict[str, Any] = {
        "_destinations/lake.json": {**DESTINATION, "default": True},
        "_destinations/cold.json": {**DESTINATION, **lake["cold"]},
        "_connectors/image.json": {"image": "ghcr.io/acme/source-store:1.2.3"},
        "shop/_source.json": lake["source"],
        "shop/orders.json": lake["streams"][0],
        "shop/_discovered/orders.json": {"stream": "orders", **OFFERED},
        "shop-eu/_connection.json": lake["connection"],
        "shop-eu/orders.json": lake["streams"][1],
    }
    for name, content in files.items():
        path = root / "streams" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    (root / "streams/_connectors/store.yaml").write_text(MANIFEST)
    return files


def loaded(root: Path) -> Project:
    return load(root, from_values({}, project=root, environment={}), resolve=False)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lake=lake)
def test_a_lake_with_any_keys_is_read_formatted_and_equal_to_itself(lake: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "lake"
    files = written(root, lake)
    project = loaded(root)
    assert render(project.faults) == ""

    for name, content in files.items():
        kind = kind_of(root / "streams" / name, root / "streams")
        assert kind is not None
        jsonschema.validate(content, schema(kind))
        path = root / "streams" / name
        path.write_text(formatted(content, kind))
        assert formatted(json.loads(path.read_text()), kind) == path.read_text()

    again = loaded(root)
    assert again.connections == project.connections
    assert compare(project, again).changes == ()
    for connection in project.connections:
        assert len(configured_streams(connection.streams)) == len(connection.streams)


@pytest.mark.parametrize(
    ("model", "strategy"),
    [(StreamFile, stream), (SourceFile, source), (ConnectionOptions, options)],
)
def test_the_generator_knows_every_key(model: Any, strategy: Any) -> None:
    """A key that comes later has to be generated too."""
    examples: set[str] = set()

    @settings(max_examples=300, deadline=None, database=None)
    @given(content=strategy)
    def collect(content: dict[str, Any]) -> None:
        examples.update(content)

    collect()
    left_out = {"$schema", "namespace", "schedule", "initial_value"} if model is StreamFile else {"manifest"}
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert keys - left_out <= examples


def test_the_other_files_have_no_key_that_the_generator_lacks() -> None:
    """They are small, and written out above."""
    keys = {
        model: {field.alias or name for name, field in model.model_fields.items()} - {"$schema"}
        for model in (ConnectionFile, ConnectorFile, DestinationFile)
    }

    assert keys == {
        ConnectionFile: {"source", "renamed_from", "destination", "schedule", "connection"},
        ConnectorFile: {"image"},
        DestinationFile: {"connector", "name", "renamed_from", "default", "configuration"},
    }
