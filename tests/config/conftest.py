"""A small project on disk that has no fault, and can be changed file by file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lotus.config import Project, from_stack_file, load

FIELDS: dict[str, Any] = {
    "id": {"type": "integer"},
    "updated_at": {"type": "string", "format": "date-time"},
    "created_at": {"type": "string", "format": "date-time"},
    "total": {"type": "number"},
    "note": {"type": "string"},
    "active": {"type": "boolean"},
    "customer": {"type": "object", "properties": {"id": {"type": "integer"}}},
    "lines": {"type": "array", "items": {"product_id": {"type": "integer"}}},
}
MESSY: dict[str, Any] = {
    **FIELDS,
    "odd": {"type": "unknown"},
    "line-count": {"type": "integer"},
    "line_count": {"type": "integer"},
}


def discovered(name: str, **more: Any) -> dict[str, Any]:
    """A discovered file; `more` replaces its parts."""
    return {
        "stream": name,
        "options": {"sync_modes": ["full_refresh", "incremental"]},
        "defaults": {"primary_key": [], "cursor_field": [], "source_defined_cursor": False},
        "fields": FIELDS,
        **more,
    }


SPEC = {
    "connector": "source-web-shop",
    "connection_specification": {
        "type": "object",
        "required": ["shop", "credentials"],
        "properties": {
            "shop": {"type": "string", "pattern": "^[a-z-]+$"},
            "start_date": {"type": "string"},
            "window": {"type": "integer", "minimum": 1, "maximum": 90},
            "sandbox": {"type": "boolean"},
            "regions": {"type": "array", "items": {"type": "string", "enum": ["eu", "us"]}},
            "credentials": {
                "type": "object",
                "oneOf": [
                    {
                        "required": ["auth", "password"],
                        "properties": {
                            "auth": {"type": "string", "const": "password"},
                            "password": {"type": "string", "airbyte_secret": True},
                        },
                    },
                    {
                        "required": ["auth"],
                        "properties": {
                            "auth": {"type": "string", "const": "oauth"},
                            "client_secret": {"type": "string", "airbyte_secret": True},
                        },
                    },
                ],
            },
        },
    },
}

FILES: dict[str, Any] = {
    "streams/_destinations/lake.json": {
        "connector": "destination-s3",
        "configuration": {
            "s3_bucket_name": "landing",
            "s3_bucket_path": "raw",
            "s3_bucket_region": "us-east-1",
            "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
            "file_name_pattern": "part_{part_number}.parquet",
            "format": {"format_type": "Parquet"},
        },
    },
    "streams/shop/_source.json": {
        "connector": "source-web-shop",
        "configuration": {
            "shop": {"$config": "shop_name"},
            "credentials": {"auth": "password", "password": {"$secret": "shop_password"}},
        },
    },
    "streams/shop/orders.json": {
        "cursor_field": ["updated_at"],
        "fields": {"id": {"type": "integer"}, "updated_at": {"type": "string", "format": "date-time"}},
    },
    "streams/shop/_discovered/_spec.json": SPEC,
    "streams/shop/_discovered/orders.json": discovered("orders"),
    "streams/shop/_discovered/refunds.json": discovered(
        "refunds", defaults={"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": True}
    ),
    "streams/shop/_discovered/messy.json": discovered("messy", fields=MESSY),
    "streams/shop/_discovered/countries.json": discovered("countries", options={"sync_modes": ["full_refresh"]}),
    "Pulumi.dev.yaml": (
        "config:\n"
        "  lotus:lake: true\n"
        "  lotus:workspace: 00000000-0000-4000-8000-000000000001\n"
        "  lotus:config:\n"
        "    shop_name: my-shop\n"
    ),
}
ENVIRONMENT = {"LOTUS_SECRET_SHOP_PASSWORD": "hush-hush"}

Write = Callable[[str, Any], Path]
Load = Callable[..., Project]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the project: text and bytes as they are, anything else as JSON; None removes it."""

    def writer(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
        return path

    for name, content in FILES.items():
        writer(name, content)
    return writer


@pytest.fixture
def loaded(tmp_path: Path, write: Write) -> Load:
    """Load the project for stack `dev` (or another one), with only the given environment."""

    def loader(stack: str | None = "dev", environment: Mapping[str, str] | None = None) -> Project:
        environment = ENVIRONMENT if environment is None else environment
        return load(tmp_path, from_stack_file(tmp_path, stack, environment=environment), resolve=stack is not None)

    return loader
