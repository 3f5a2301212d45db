"""Mappers of a stream: kept in order; the keys of encryption mappers are secrets (docs/airbyte-behaviour.md#mappers).

A key is sealed before it reaches the store, and opened for the sync that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from lotus_server.domain.configuration import MASK

MapperType = Literal["hashing", "field-renaming", "row-filtering", "encryption", "field-filtering"]


def masked_mappers(mappers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mappers as a client may see them."""
    return [{**mapper, "mapperConfiguration": _masked(mapper["mapperConfiguration"])} for mapper in mappers]


def with_kept_keys(catalog: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog with masked encryption keys replaced by those of the mappers with the same id before."""
    keys = {
        mapper["id"]: mapper["mapperConfiguration"]["key"]
        for stream in before["streams"]
        for mapper in stream["mappers"]
        if "key" in mapper["mapperConfiguration"]
    }
    streams: list[dict[str, Any]] = []
    for stream in catalog["streams"]:
        mappers = [
            {**mapper, "mapperConfiguration": {**mapper["mapperConfiguration"], "key": keys[mapper["id"]]}}
            if mapper["mapperConfiguration"].get("key") == MASK and mapper["id"] in keys
            else mapper
            for mapper in stream["mappers"]
        ]
        streams.append({**stream, "mappers": mappers})
    return {"streams": streams}


def keys_of(catalog: Mapping[str, Any]) -> set[str]:
    """The keys in a catalog."""
    return {
        mapper["mapperConfiguration"]["key"]
        for stream in catalog["streams"]
        for mapper in stream.get("mappers") or []
        if isinstance(mapper["mapperConfiguration"].get("key"), str)
    }


def _masked(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: MASK if name == "key" else value for name, value in configuration.items()}
