"""JSON Schemas for editors say what the checks say."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from lotus.authoring.fmt import kind_of
from lotus.authoring.schema import NAMES, schema, write_schemas
from lotus.errors import ConfigError
from tests.support.lake import Lake

STREAMS = Path(__file__).resolve().parents[2] / "streams"


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_file_has_a_schema(name: str):
    """And it is a schema itself."""
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_the_files_of_this_repository_fit_their_schemas():
    """No editor underlines what is right."""
    checked = 0
    for path in STREAMS.rglob("*.json"):
        kind = kind_of(path, STREAMS)
        if kind:
            jsonschema.validate(json.loads(path.read_text()), schema(kind))
            checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"sync_mode": "incremental_append"}),
        ("stream", {"curser_field": ["id"]}),
        ("stream", {"fields": {"id": {"type": "int"}}}),
        ("source", {"connectorr": "source-x"}),
        ("destination", {"configuration": {}}),
        ("connection", {"schedule": "manual"}),
        ("stack", {"config": {"lotus:sorces": {}}}),
        ("stack", {"config": {"lotus:sources": {"include": ["a"], "exclude": ["b"]}}}),
    ],
)
def test_a_mistake_is_underlined_in_the_editor(kind: str, content: dict[str, object]):
    """The same mistakes that validate names."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema(kind))


def test_a_stack_may_have_settings_of_others():
    """Other programs' keys are none of lotus's business."""
    jsonschema.validate({"config": {"airbyte:serverUrl": "http://x", "lotus:lake": True}}, schema("stack"))


def test_schemas_are_written_once(lake: Lake):
    """A second run changes nothing."""
    assert len(write_schemas(lake.folder)) == len(NAMES)
    assert write_schemas(lake.folder) == []


def test_an_unknown_name_lists_the_known_ones():
    """The fix is in the message."""
    with pytest.raises(ConfigError, match="no schema"):
        schema("streams")
