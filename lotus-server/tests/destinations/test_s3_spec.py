"""Our own model of the S3 configuration against Airbyte's specification."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lotus_server.destinations import DESTINATIONS, DestinationError


@pytest.fixture
def theirs() -> dict[str, Any]:
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("LOTUS_SHARED is not set: Airbyte's own specification is not at hand")
    return json.loads((Path(shared) / "airbyte" / "connectors" / "destination-s3.spec.json").read_text())


def test_property_names_types_and_secrets_are_those_of_airbyte(theirs: dict[str, Any]) -> None:
    """Whoever writes a configuration for Airbyte can use it here."""
    ours = DESTINATIONS["s3"].spec()["connectionSpecification"]["properties"]
    for name, schema in theirs["connectionSpecification"]["properties"].items():
        assert ours[name].get("type") == schema.get("type") or name == "format", name
        assert ours[name].get("airbyte_secret") == schema.get("airbyte_secret"), name
    assert set(ours) == set(theirs["connectionSpecification"]["properties"])


def test_modes_are_those_of_airbyte(theirs: dict[str, Any]) -> None:
    """Append and overwrite; no more."""
    spec = DESTINATIONS["s3"].spec()
    assert set(spec["supported_destination_sync_modes"]) == set(theirs["supported_destination_sync_modes"])


def test_parquet_and_jsonl_have_the_options_of_airbyte(theirs: dict[str, Any]) -> None:
    """With the same defaults."""
    ours = DESTINATIONS["s3"].spec()["connectionSpecification"]["properties"]["format"]["oneOf"]
    for schema in theirs["connectionSpecification"]["properties"]["format"]["oneOf"]:
        name = schema["properties"]["format_type"]["enum"][0]
        mine = next((each for each in ours if each["properties"]["format_type"]["const"] == name), None)
        if name in ("Parquet", "JSONL"):
            assert mine is not None
            assert set(mine["properties"]) == set(schema["properties"]), name


@pytest.mark.parametrize("file_format", [{"format_type": "CSV"}, {"format_type": "Avro"}])
def test_other_formats_are_refused_clearly(file_format: dict[str, Any]) -> None:
    """The sentence names what is there."""
    settings = {"s3_bucket_name": "b", "s3_bucket_path": "p", "s3_bucket_region": "", "format": file_format}
    with pytest.raises(DestinationError, match=r"format.*'Parquet', 'JSONL'"):
        DESTINATIONS["s3"].configured(settings)
