"""Mappers of a stream: kept in order; the keys of encryption mappers are secrets (airbyte-api.md, section a).

A key is sealed before it reaches the store, and opened for the sync that uses it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from lotus.embedded.configuration import MASK
from lotus.embedded.store.encryption import Cipher

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


def with_sealed_keys(catalog: Mapping[str, Any], before: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """The catalog as it may be stored: keys that are not those of the catalog before, sealed already, are sealed."""
    known = keys_of(before)

    def sealed(mapper: Mapping[str, Any], key: Any) -> str:
        if isinstance(key, str) and key in known:
            return key
        return base64.b64encode(cipher.seal(key, owner=_owner(mapper))).decode()

    return _with_keys(catalog, sealed)


def with_opened_keys(catalog: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """The catalog as a sync needs it."""
    return _with_keys(catalog, lambda mapper, key: cipher.open(base64.b64decode(key), owner=_owner(mapper)))


def keys_of(catalog: Mapping[str, Any]) -> set[str]:
    """The keys in a catalog."""
    return {
        mapper["mapperConfiguration"]["key"]
        for stream in catalog["streams"]
        for mapper in stream.get("mappers") or []
        if isinstance(mapper["mapperConfiguration"].get("key"), str)
    }


def _with_keys(catalog: Mapping[str, Any], key_of: Callable[[Mapping[str, Any], Any], Any]) -> dict[str, Any]:
    streams: list[dict[str, Any]] = []
    for stream in catalog["streams"]:
        mappers: list[dict[str, Any]] = []
        for mapper in stream.get("mappers") or []:
            configuration = dict(mapper["mapperConfiguration"])
            if "key" in configuration:
                configuration["key"] = key_of(mapper, configuration["key"])
            mappers.append({**mapper, "mapperConfiguration": configuration})
        streams.append({**stream, "mappers": mappers})
    return {**catalog, "streams": streams}


def _owner(mapper: Mapping[str, Any]) -> str:
    return f"mapper {mapper['id']}"


def _masked(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: MASK if name == "key" else value for name, value in configuration.items()}
