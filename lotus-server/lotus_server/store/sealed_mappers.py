"""The encryption keys of mappers, sealed before they reach the store and opened for the sync that uses them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from lotus_server.domain.mappers import keys_of
from lotus_server.store.encryption import Cipher


def with_sealed_keys(catalog: Mapping[str, Any], before: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """The catalog as it may be stored: keys that are not those of the catalog before, sealed already, are sealed."""
    sealed_before = keys_of(before)

    def sealed(mapper: Mapping[str, Any], key: Any) -> str:
        if isinstance(key, str) and key in sealed_before:
            return key
        return base64.b64encode(cipher.seal(key, owner=_owner(mapper))).decode()

    return _with_keys(catalog, sealed)


def with_opened_keys(catalog: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """The catalog as a sync needs it."""
    return _with_keys(catalog, lambda mapper, key: cipher.open(base64.b64decode(key), owner=_owner(mapper)))


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
