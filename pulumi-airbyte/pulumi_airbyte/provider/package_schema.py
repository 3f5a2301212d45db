"""The package's Pulumi schema, made from the same tables that check and compare: `pulumi package get-schema`."""

from __future__ import annotations

import json
from typing import Any

from .functions import FUNCTIONS
from .properties import Property
from .resources import RESOURCES
from .state import UNMANAGED

VERSION = "0.1.0"

CONFIGURATION: dict[str, dict[str, Any]] = {
    "serverUrl": {
        "type": "string",
        "description": "Root of the public API, such as http://localhost:8000/api/public/v1, or "
        "https://api.airbyte.com/v1 for Airbyte Cloud.",
        "defaultInfo": {"environment": ["AIRBYTE_SERVER_URL"]},
    },
    "clientId": {
        "type": "string",
        "description": "Id of an application (client credentials).",
        "secret": True,
        "defaultInfo": {"environment": ["AIRBYTE_CLIENT_ID"]},
    },
    "clientSecret": {
        "type": "string",
        "description": "Secret of that application.",
        "secret": True,
        "defaultInfo": {"environment": ["AIRBYTE_CLIENT_SECRET"]},
    },
    "tokenUrl": {
        "type": "string",
        "description": "Where tokens are issued, if not where it is looked for.",
        "defaultInfo": {"environment": ["AIRBYTE_TOKEN_URL"]},
    },
    "bearerAuth": {
        "type": "string",
        "description": "A token, in place of an application.",
        "secret": True,
        "defaultInfo": {"environment": ["AIRBYTE_BEARER_AUTH"]},
    },
    "username": {
        "type": "string",
        "description": "For basic authentication.",
        "defaultInfo": {"environment": ["AIRBYTE_USERNAME"]},
    },
    "password": {
        "type": "string",
        "description": "For basic authentication.",
        "secret": True,
        "defaultInfo": {"environment": ["AIRBYTE_PASSWORD"]},
    },
    "writer": {
        "type": "string",
        "description": "Who alone may change what the stack manages: what runs with this name in "
        "PULUMI_AIRBYTE_WRITER, or with a reason in PULUMI_AIRBYTE_BREAK_GLASS. By default everybody.",
    },
    "specifications": {
        "type": "string",
        "description": "A folder of connectors' specifications (`source-faker.json`, `<definition id>.json`), kept up "
        "to date from the server, and used while it does not answer. By default one in Pulumi's home.",
        "defaultInfo": {"environment": ["AIRBYTE_SPECIFICATIONS"]},
    },
    "confirm": {
        "type": "array",
        "items": {"type": "string"},
        "description": "What may be deleted or replaced though its sync state is lost, in the words of the refusal, "
        'such as "delete connection Shopify → Lake"; "everything" agrees to all.',
    },
}


_UNMANAGED: dict[str, Any] = {
    UNMANAGED: {
        "type": "array",
        "items": {"type": "string"},
        "description": "Paths of settings that exist only in Airbyte: not declared, and left as they are.",
    }
}


def package_schema() -> str:
    """The schema as JSON text."""
    types: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    for token, kind in RESOURCES.items():
        inputs = {name: _schema(prop, types) for name, prop in kind.properties.items()}
        outputs = {**inputs, **{name: _schema(prop, types) for name, prop in kind.outputs.items()}, **_UNMANAGED}
        required = sorted(name for name, prop in kind.properties.items() if prop.required)
        resources[token] = {
            "description": kind.description,
            "inputProperties": inputs,
            "requiredInputs": required,
            "properties": outputs,
            "required": sorted({*required, kind.id_name if kind.id_name != "id" else "definitionId"}),
        }
    schema = {
        "name": "airbyte",
        "displayName": "Airbyte",
        "version": VERSION,
        "description": "Airbyte's sources, destinations and connections, with drift seen leaf by leaf.",
        "license": "Apache-2.0",
        # Tokens such as `index/source:Source` are the registry package's; what stands before `/` is the module.
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "keywords": ["pulumi", "airbyte", "category/data"],
        "config": {"variables": CONFIGURATION},
        "provider": {"inputProperties": CONFIGURATION},
        "resources": resources,
        "functions": {token: function.schema() for token, function in FUNCTIONS.items()},
        "types": types,
        "language": {"python": {"packageName": "pulumi_airbyte", "pyproject": {"enabled": True}}},
    }
    return json.dumps(schema, indent=2, sort_keys=True)


def _schema(prop: Property, types: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {**_type(prop, types)}
    if prop.description:
        schema["description"] = prop.description + (f" One of {', '.join(prop.enum)}." if prop.enum else "")
    if prop.type in ("string", "boolean", "integer") and prop.default not in (None, ""):
        schema["default"] = prop.default
    if prop.secret:
        schema["secret"] = True
    if prop.replaces:
        schema["willReplaceOnChanges"] = True
        schema["replaceOnChanges"] = True
    return schema


def _type(prop: Property, types: dict[str, Any]) -> dict[str, Any]:
    if prop.type == "json":
        return {"$ref": "pulumi.json#/Any"}
    if prop.type == "array":
        return {"type": "array", "items": _type(prop.items, types) if prop.items else {"$ref": "pulumi.json#/Any"}}
    if prop.type == "object":
        return {"$ref": f"#/types/{_object_type(prop, types)}"}
    return {"type": prop.type}


def _object_type(prop: Property, types: dict[str, Any]) -> str:
    token = f"airbyte:index/{prop.type_name}:{prop.type_name}"
    if token not in types:
        types[token] = {}
        types[token] = {
            "type": "object",
            "description": prop.description,
            "properties": {name: _schema(below, types) for name, below in prop.properties.items()},
            "required": sorted(name for name, below in prop.properties.items() if below.required),
        }
    return token
