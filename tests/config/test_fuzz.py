"""Files that nobody would write: every one is answered in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotus.config import from_stack_file, load, render
from lotus.config.discovered import discovered_file
from lotus.config.models import DiscoveredFile
from lotus.config.specification import reduced

KEYS = st.sampled_from(
    [
        "stream", "namespace", "connector", "manifest", "sync_mode", "destination_sync_mode", "primary_key", "name",
        "cursor_field", "selected", "backfill", "fields", "schedule", "configuration", "destination", "connection",
        "prefix", "namespace_format", "options", "defaults", "sync_modes", "type", "items", "properties", "format",
        "connection_specification", "oneOf", "enum", "const", "required", "minimum", "pattern", "airbyte_secret",
        "credentials", "auth", "$secret", "$config", "s3_path_format", "file_name_pattern", "s3_bucket_name", "id", "",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "orders", "shop", "lake", "id", "updated_at", "incremental", "append", "append_dedup", "full_refresh", "dlt",
        "overwrite", "source-web-shop", "destination-s3", "string", "object", "array", "password", "oauth", "${YEAR}/",
        "${NAMESPACE}", "{part_number}", "0 0 * * * ?", "manual", "custom_format", "Parquet", "(", "shop_name", "", "é",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=5),
    max_leaves=12,
)
TARGETS = [
    "streams/shop/orders.json",
    "streams/shop/_source.json",
    "streams/_destinations/lake.json",
    "streams/shop/_discovered/orders.json",
    "streams/shop/_discovered/_spec.json",
    "streams/_destinations/_discovered/lake.json",
]


@pytest.mark.parametrize("target", TARGETS)
def test_any_json_in_any_file_is_answered_in_words(target: str, tmp_path: Path, write) -> None:
    """No traceback, and every fault can be shown in every form."""

    @given(VALUES)
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def answered(value: Any) -> None:
        write(target, json.dumps(value))
        project = load(tmp_path, from_stack_file(tmp_path, "dev", environment={"LOTUS_SECRET_X": "x"}))
        for form in ("text", "json", "github"):
            render(project.faults + project.hints, form)

    answered()


def test_any_override_is_answered_in_words(tmp_path: Path, write) -> None:
    """The stack's file lies over the others, and its mistakes are its own."""

    @given(st.dictionaries(st.sampled_from(["shop", "shop/orders", "_destinations/lake"]), VALUES, max_size=3))
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def answered(overrides: Any) -> None:
        write("Pulumi.dev.yaml", json.dumps({"config": {"lotus:overrides": overrides}}))
        project = load(tmp_path, from_stack_file(tmp_path, "dev", environment={}))
        render(project.faults + project.hints)

    answered()


SCHEMAS = st.recursive(
    st.sampled_from(
        [{"type": "string"}, {"type": ["null", "integer"]}, {}, True, {"type": "string", "format": "date"}]
    ),
    lambda s: (
        st.builds(lambda i: {"type": "array", "items": i}, s)
        | st.builds(lambda p: {"type": ["null", "object"], "properties": p}, st.dictionaries(KEYS, s, max_size=3))
        | st.builds(lambda v: {"oneOf": v}, st.lists(s, min_size=1, max_size=3))
    ),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, SCHEMAS, max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_discovery_writes_is_what_the_checks_read(properties: dict[str, Any]) -> None:
    """Any JSON schema of a source becomes a discovered file without faults, twice the same."""
    from lotus.config.document import parse
    from lotus.config.shape import check_fields, checked

    stream = {"name": "orders", "json_schema": {"properties": properties}, "supported_sync_modes": ["full_refresh"]}
    written = json.dumps(discovered_file(stream))
    document = parse(written, "x.json", [])
    assert document is not None
    faults: list[Any] = []

    model = checked(document, DiscoveredFile, faults)
    assert model is not None
    check_fields(document, model.fields, faults)

    assert faults == []
    assert json.dumps(discovered_file(stream)) == written


SPEC_PARTS = {
    "type": st.sampled_from(["object", "string", "integer", ["null", "string"], 5, [5]]),
    "required": st.sampled_from([["shop"], [5], "shop", {}]),
    "enum": st.sampled_from([["a", 1, None], [[]], "a"]),
    "const": st.sampled_from(["password", 1, None, [], {}]),
    "minimum": st.sampled_from([3, "3", None]),
    "pattern": st.sampled_from(["^a", "(", 5]),
    "airbyte_secret": st.sampled_from([True, "yes"]),
    "description": st.just("prose"),
}
NAMES = st.sampled_from(["shop", "credentials", "auth", "password", "window"])
SPECS = st.recursive(
    st.fixed_dictionaries({}, optional=SPEC_PARTS) | st.sampled_from([True, None, 5, []]),
    lambda s: st.builds(
        lambda more, p: {**(more if isinstance(more, dict) else {}), **p},
        s,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(NAMES, s, max_size=3) | st.just([]),
                "items": s,
                "oneOf": st.lists(s, max_size=3) | st.just({}),
                "anyOf": st.lists(s, max_size=2),
                "allOf": st.lists(s, max_size=2),
            },
        ),
    ),
    max_leaves=10,
)


@given(SPECS.filter(lambda v: isinstance(v, dict)))
@settings(max_examples=100, deadline=None)
def test_reducing_a_spec_twice_changes_nothing(specification: Any) -> None:
    """A committed spec stays as it is when it is discovered again."""
    once = reduced(specification)

    assert reduced(once) == once


def test_any_spec_is_checked_against_in_words(tmp_path: Path, write) -> None:
    """A spec is a connector's own: whatever is wrong in it, the user's files are still checked."""

    @given(SPECS.filter(lambda v: isinstance(v, dict)), VALUES.filter(lambda v: isinstance(v, dict)))
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def answered(specification: Any, configuration: Any) -> None:
        write("streams/shop/_discovered/_spec.json", json.dumps({"connection_specification": specification}))
        write("streams/shop/_source.json", json.dumps({"connector": "source-web-shop", "configuration": configuration}))
        project = load(tmp_path, from_stack_file(tmp_path, "dev", environment={"LOTUS_CONFIG_SHOP_NAME": "5"}))
        render(project.faults + project.hints)

    answered()
