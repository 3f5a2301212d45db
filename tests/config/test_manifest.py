"""A low-code manifest, judged by airbyte-cdk's own schema; its own code only where the stack allows it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lotus.config.manifest import COMPONENTS, complaints
from tests.manifest_schema import FILE, text

MANIFEST: dict[str, Any] = {
    "version": "6.61.6",
    "check": {"type": "CheckStream", "stream_names": ["orders"]},
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    "definitions": {
        "retriever": {
            "requester": {"type": "HttpRequester", "url_base": "https://example.invalid", "path": "orders"},
            "record_selector": {"extractor": {"field_path": ["data"]}},
        },
    },
    "streams": [
        {
            "type": "DeclarativeStream",
            "retriever": {"$ref": "#/definitions/retriever"},
            "$parameters": {"name": "orders"},
        }
    ],
}
CUSTOM = {"type": "CustomSchemaLoader", "class_name": "source_declarative_manifest.components.Mine"}


def test_what_the_cdk_fills_in_may_be_absent():
    """Types, the manifest's own one too, and keys that parameters hand down."""
    assert complaints(MANIFEST, custom=False) == []


def test_dynamic_streams_take_the_place_of_streams():
    """`streams` is optional where `dynamic_streams` are there."""
    template = {"type": "DeclarativeStream", "name": "x", "retriever": {"$ref": "#/definitions/retriever"}}
    resolver = {
        "type": "HttpComponentsResolver",
        "retriever": {"$ref": "#/definitions/retriever"},
        "components_mapping": [{"type": "ComponentMappingDefinition", "field_path": ["name"], "value": "a"}],
    }
    dynamic = {"type": "DynamicDeclarativeStream", "stream_template": template, "components_resolver": resolver}
    rest = {key: value for key, value in MANIFEST.items() if key != "streams"}

    assert complaints({**rest, "dynamic_streams": [dynamic]}, custom=False) == []
    assert complaints(rest, custom=False) != []


@pytest.mark.slow
def test_references_that_multiply_are_refused_in_time():
    """Each of 30 definitions names the one before it twice: a billion parts."""
    bombs: dict[str, Any] = {"b0": {"type": "x"}}
    for number in range(1, 31):
        reference = f"#/definitions/b{number - 1}"
        bombs[f"b{number}"] = {"one": {"$ref": reference}, "two": {"$ref": reference}}
    started = time.process_time()

    manifest = {**MANIFEST, "definitions": bombs, "metadata": {"$ref": "#/definitions/b30"}, "streams": []}
    (complaint,) = complaints(manifest, custom=False)

    assert complaint.message == "is too large once its references are resolved"
    assert time.process_time() - started < 20


def test_code_counts_only_where_the_stack_allows_it(write, loaded):
    """With `lotus:components` and the file beside the manifest; else it is a fault."""
    import json

    stream = {**MANIFEST["streams"][0], "schema_loader": CUSTOM}
    write("streams/shop/_source.json", {"manifest": "_manifest.yaml", "configuration": {}})
    write("streams/shop/_manifest.yaml", json.dumps({**MANIFEST, "streams": [stream]}))
    write("streams/shop/_discovered/_spec.json", None)
    write(f"streams/shop/{COMPONENTS}", "class Mine: ...\n")
    refused = [fault for fault in loaded().faults if "components" in fault.what]
    write("Pulumi.dev.yaml", json.dumps({"config": {"lotus:lake": True, "lotus:components": True}}))
    allowed = loaded()

    assert "lotus:components true" in refused[0].fix
    assert [fault.what for fault in allowed.faults if "components" in fault.what] == []


@pytest.mark.slow
def test_the_schema_is_that_of_the_cdk_that_runs_manifests():
    """`python -m tests.manifest_schema` writes it again after a new version of airbyte-cdk."""
    assert FILE.read_text(encoding="utf-8") == text()
