"""Code that a low-code manifest brings runs only where the server was told to allow it."""

from __future__ import annotations

import asyncio
import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from lotus_server.connectors import ConnectorError, Connectors, Definition
from lotus_server.connectors.registry import CDK_VERSION
from lotus_server.domain.connector_specs import MANIFEST_REPOSITORY
from server_support.manifest_shop import MANIFEST

CODE = """
from airbyte_cdk.sources.declarative.schema import SchemaLoader


class Mine(SchemaLoader):
    def __init__(self, **_options):
        pass

    def get_json_schema(self):
        return {"type": "object", "properties": {"mine": {"type": "string"}}}
"""
CONFIGURATION = {
    "base_url": "http://127.0.0.1:9",
    "token": "invented",
    "start_date": "2024-01-01T00:00:00Z",
    "__injected_components_py": CODE,
    "__injected_components_py_checksums": {"sha256": hashlib.sha256(CODE.encode()).hexdigest()},
}


def discovered(*, components: bool, folder: Path) -> Any:
    """The catalog of a manifest whose schema is code."""
    manifest = copy.deepcopy(MANIFEST)
    manifest["streams"][0]["schema_loader"] = {
        "type": "CustomSchemaLoader",
        "class_name": "source_declarative_manifest.components.Mine",
    }
    definition = Definition("id", "Shop", MANIFEST_REPOSITORY, CDK_VERSION, manifest=manifest)
    connectors = Connectors(components=components, owner=str(folder))
    return asyncio.run(connectors.discover(definition, CONFIGURATION)).catalog


@pytest.mark.slow
def test_it_runs_where_it_is_allowed(tmp_path: Path):
    """`lotus-server --components`."""
    (stream,) = discovered(components=True, folder=tmp_path)["streams"]

    assert "mine" in stream["json_schema"]["properties"]


@pytest.mark.slow
def test_else_the_reason_is_the_cdks(tmp_path: Path):
    """Not "something went wrong, see the logs"."""
    with pytest.raises(ConnectorError, match="not permitted"):
        discovered(components=False, folder=tmp_path)
