"""`python -m tests.manifest_schema`: airbyte-cdk's schema of manifests, without its prose, for `lotus validate`.

The installed airbyte-cdk is the one that runs manifests; a new version of it is followed by a run of this, and a test
compares the two.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "lotus" / "config" / "manifest_schema.json"
KEYWORDS = {
    "$schema", "$ref", "type", "required", "properties", "additionalProperties", "definitions", "items", "enum",
    "const", "anyOf", "oneOf", "allOf", "not", "minItems", "maxItems", "minimum", "maximum", "minLength", "pattern",
    "format",
}  # fmt: skip


def reduced(schema: Any, *, names: bool = False) -> Any:
    """The schema with what its rules need; `names` where the keys are names of others, not keywords."""
    if isinstance(schema, list):
        return [reduced(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: reduced(value, names=not names and key in ("properties", "definitions"))
        for key, value in schema.items()
        if names or key in KEYWORDS
    }


def installed() -> tuple[str, Any]:
    """Version and schema of the airbyte-cdk that the local server runs manifests with."""
    from lotus_server.connectors.connectors import Connectors
    from lotus_server.connectors.locks import Package
    from lotus_server.connectors.registry import CDK_VERSION

    environment = asyncio.run(Connectors().environment(Package(f"airbyte-cdk=={CDK_VERSION}"), ">=3.10,<3.14"))
    file = next(environment.folder.rglob("declarative_component_schema.yaml"))
    return CDK_VERSION, reduced(yaml.safe_load(file.read_text(encoding="utf-8")))


def text() -> str:
    """What the committed file holds."""
    version, schema = installed()
    return json.dumps({"airbyte-cdk": version, "schema": schema}, separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
