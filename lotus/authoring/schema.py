"""`lotus schema`: JSON Schemas of every file, for editors; made from the models that check the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lotus.authoring.files import json_text, write
from lotus.authoring.fmt import KINDS
from lotus.config.adopted import KINDS as ADOPTED
from lotus.config.loading import file_settings
from lotus.config.models import FIELD_KEYS, FIELD_TYPES
from lotus.config.readers import READERS
from lotus.config.settings import KEYS
from lotus.errors import ConfigError
from lotus.untyped import as_mapping

FOLDER = "_schemas"
"""Below the streams folder; names that start with _ are no sources."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TITLES = {
    "source": "What a source is: streams/<source>/_source.json",
    "connection": "Another connection of a source: streams/<folder>/_connection.json",
    "stream": "One stream: streams/<source>/<stream>.json",
    "destination": "A destination: streams/_destinations/<name>.json",
    "connector": "An image that several sources use: streams/_connectors/<name>.json",
    "discovered": "What a source offers of one stream: _discovered/<stream>.json",
    "spec": "A connector's spec, reduced to what checks need: _discovered/_spec.json",
    "stack": "What differs per stack: Pulumi.<stack>.yaml",
}
NAMES = tuple(_TITLES)
"""Every kind of file that has a schema."""

_REFERENCE = {
    "description": "A value that differs per stack, or must not be in git.",
    "oneOf": [
        {
            "type": "object",
            "properties": {key: {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}},
            "required": [key],
            "additionalProperties": False,
        }
        for key in ("$secret", "$config")
    ],
}
_STACK_DESCRIPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "lake": ({"type": "boolean"}, "true: this stack is a lake."),
    "gitops": ({"type": ["boolean", "object"]}, "What makes the operator in the cluster apply the lake."),
    "workspace": ({"type": "string", "format": "uuid"}, "The id of Airbyte's workspace."),
    "sources": (
        {
            "type": "object",
            "properties": {key: {"type": "array", "items": {"type": "string"}} for key in ("include", "exclude")},
            "additionalProperties": False,
            "maxProperties": 1,
        },
        "Which sources this stack has; absent: all.",
    ),
    "config": ({"type": "object"}, 'Values for {"$config": "name"}.'),
    "secrets": ({"type": "object"}, 'Values for {"$secret": "name"}: pulumi config set --path … --secret.'),
    "overrides": (
        {"type": "object", "additionalProperties": {"type": "object"}},
        "Laid over files for this stack: shopify is its _source.json or _connection.json, shopify/orders a stream, "
        "_destinations/lake a destination.",
    ),
    "streams": ({"type": "string"}, "Another folder for the streams."),
    "discovered": ({"type": "string"}, "Another folder for discovered schemas: <folder>/<source>/<stream>.json."),
    "readers": (
        {"type": "string", "enum": sorted(READERS)},
        "Whose conventions name the readers of a stream in a review; absent: none are named.",
    ),
    "components": ({"type": "boolean"}, "true: manifests may bring code of their own, components.py."),
    "confirm": ({"type": "array", "items": {"type": "string"}}, "Consent to something destructive, as it was printed."),
    "adopt": (
        {
            "type": "object",
            "properties": {
                kind: {"type": "object", "additionalProperties": {"type": "string", "format": "uuid"}}
                for kind in ADOPTED
            },
            "additionalProperties": False,
        },
        "Ids of objects that are in Airbyte, by the names of the files: the stack takes them over.",
    ),
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file.

    Raises:
        ConfigError: there is no such kind.
    """
    if name not in NAMES:
        raise ConfigError(f'there is no schema "{name}"', fix=f"use one of: {', '.join(NAMES)}")
    head = {"$schema": DIALECT, "title": _TITLES[name]}
    if name == "stack":
        return {**head, **_stack()}
    document = KINDS[name].model_json_schema(by_alias=True)
    document.pop("title", None)
    properties = as_mapping(document["properties"])
    if name in ("source", "destination"):
        document.setdefault("$defs", {})["reference"] = _REFERENCE
    if name in ("stream", "discovered"):
        document.setdefault("$defs", {})["field"] = _field()
        fields: dict[str, Any] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/field"}}
        described = properties["fields"].get("description")
        properties["fields"] = fields if name == "discovered" else {"anyOf": [fields, {"type": "null"}]}
        if described:
            properties["fields"]["description"] = described
    return {**head, **document}


def _field() -> dict[str, Any]:
    properties: dict[str, Any] = {key: {"type": "string"} for key in FIELD_KEYS}
    inner: dict[str, Any] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/field"}}
    properties["type"] = {"enum": list(FIELD_TYPES)}
    properties["properties"] = inner
    properties["items"] = {
        "description": "A map of fields for arrays of objects, one field for arrays of anything else.",
        "anyOf": [{"$ref": "#/$defs/field"}, inner],
    }
    return {"type": "object", "properties": properties, "required": ["type"]}


def _stack() -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for key in KEYS:
        form, description = _STACK_DESCRIPTIONS.get(key, ({}, ""))
        keys[f"lotus:{key}"] = {**form, **({"description": description} if description else {})}
    return {
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": keys,
                "propertyNames": {"anyOf": [{"enum": list(keys)}, {"not": {"pattern": "^lotus:"}}]},
            }
        },
    }


def editor_settings(streams: str) -> dict[str, Any]:
    """`.vscode/settings.json` of a project: which schema is for which file."""
    folder = f"./{streams}/{FOLDER}"
    patterns = {
        "source": [f"/{streams}/*/_source.json"],
        "connection": [f"/{streams}/*/_connection.json"],
        "stream": [f"/{streams}/*/*.json", f"!/{streams}/*/_*.json", f"!/{streams}/_*/*.json"],
        "destination": [f"/{streams}/_destinations/*.json"],
        "connector": [f"/{streams}/_connectors/*.json"],
        "discovered": [f"/{streams}/*/_discovered/*.json", f"!/{streams}/*/_discovered/_spec.json"],
        "spec": [f"/{streams}/*/_discovered/_spec.json", f"/{streams}/_destinations/_discovered/*.json"],
    }
    patterns["discovered"].append(f"!/{streams}/_destinations/_discovered/*.json")
    return {
        "json.schemas": [{"fileMatch": files, "url": f"{folder}/{name}.json"} for name, files in patterns.items()],
        "yaml.schemas": {f"{folder}/stack.json": "Pulumi.*.yaml"},
    }


def write_schemas(project: Path, *, stack: str | None = None) -> list[str]:
    """Writes every schema into the streams folder; returns the files that changed."""
    folder = project / file_settings(project, stack).streams / FOLDER
    files = {folder / f"{name}.json": json_text(schema(name)) for name in NAMES}
    return [path.relative_to(project).as_posix() for path, text in files.items() if write(project, path, text)]


def reference_to(name: str, *, depth: int = 1) -> str:
    """The `$schema` of a scaffolded file that lies `depth` folders below the streams folder."""
    return f"{'../' * depth}{FOLDER}/{name}.json"
