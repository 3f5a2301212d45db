"""Configurations against the specs of real connectors (LOTUS_SHARED names the folder that has them)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lotus.config.document import parse
from lotus.config.faults import Fault
from lotus.config.specification import Configuration, reduced, secret_paths

CONNECTORS = ["destination-s3", *(f"source-{n}" for n in ("faker", "file", "klaviyo", "postgres", "shopify", "stripe"))]


def checked(specification: dict[str, Any], configuration: dict[str, Any]) -> list[Fault]:
    """The faults of a configuration."""
    faults: list[Fault] = []
    document = parse(json.dumps({"configuration": configuration}), "streams/x/_source.json", faults)
    assert document is not None
    Configuration(document, faults, name="x").check(reduced(specification), configuration)
    return faults


@pytest.fixture(params=CONNECTORS)
def specification(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A connector's spec as it is published."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("LOTUS_SHARED is not set")
    path = Path(shared) / "airbyte" / "connectors" / f"{request.param}.spec.json"
    return json.loads(path.read_text())["connectionSpecification"]


def filled(schema: dict[str, Any], choose: int = 0) -> Any:  # noqa: PLR0911 - one return per kind of schema
    """A value that satisfies a schema: every property given, the chosen variant of every oneOf."""
    variants = schema.get("oneOf") or []
    if variants or schema.get("type") == "object" or "properties" in schema:
        variant = variants[min(choose, len(variants) - 1)] if variants else {}
        properties = {**schema.get("properties", {}), **variant.get("properties", {})}
        return {name: filled(value, choose) for name, value in properties.items()}
    if schema.get("airbyte_secret"):
        return {"$secret": "it"}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for example in [*schema.get("examples", []), schema.get("default")]:
        if isinstance(example, {"string": str, "integer": int, "number": (int, float)}.get(schema.get("type", ""), ())):
            return example
    if schema.get("type") == "array":
        return [filled(schema.get("items", {"type": "string"}), choose)]
    samples = {"string": {"$config": "it"}, "integer": schema.get("minimum", 1), "number": 1, "boolean": True}
    return samples.get(schema.get("type", ""), {"$config": "it"})


@pytest.mark.parametrize("choose", range(6))
def test_a_configuration_that_fits_has_no_faults(specification: dict[str, Any], choose: int) -> None:
    """Each variant of each oneOf in turn, with every setting given."""
    configuration = filled(specification, choose)

    assert [f.text() for f in checked(specification, configuration)] == []


def test_every_required_setting_is_missed(specification: dict[str, Any]) -> None:
    """An empty configuration names them all."""
    missed = [f.what for f in checked(specification, {})]

    assert len(missed) == len(specification.get("required", []))
    for name in specification.get("required", []):
        assert any(f'"{name}" is missing' in what for what in missed)


def test_no_secret_of_any_connector_may_stand_in_a_file(specification: dict[str, Any]) -> None:
    """Every path that the spec marks, in every variant."""
    for pointer in secret_paths(specification):
        configuration: dict[str, Any] = filled(specification)
        inner = configuration
        for part in pointer[:-1]:
            inner = inner.setdefault(str(part), {})
        for choose in range(6):
            inner.update(filled(_at(specification, pointer[:-1]), choose))
            if pointer[-1] in inner:
                break
        inner[str(pointer[-1])] = "in clear"

        faults = checked(specification, configuration)

        assert [f.code for f in faults if f.code == "LOT045"] == ["LOT045"], pointer
        assert "in clear" not in "".join(f.text() for f in faults)


def _at(schema: dict[str, Any], pointer: tuple[str | int, ...]) -> dict[str, Any]:
    for part in pointer:
        candidates = [schema, *schema.get("oneOf", [])]
        schema = next(c["properties"][part] for c in candidates if part in c.get("properties", {}))
    return schema


def test_variants_that_nothing_tells_apart_know_what_any_of_them_knows() -> None:
    """Rather no fault than a wrong one."""
    variants = [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "integer"}}}]

    assert checked({"type": "object", "oneOf": variants}, {"b": 1}) == []
    assert [f.code for f in checked({"type": "object", "oneOf": variants}, {"c": 1})] == ["LOT042"]


def test_parts_of_an_allof_count_together() -> None:
    """Some generated specs are put together like that."""
    parts = [{"properties": {"a": {"type": "string"}}}, {"oneOf": [{"properties": {"b": {"type": "integer"}}}]}]

    assert checked({"type": "object", "allOf": parts}, {"a": "x", "b": 1}) == []
