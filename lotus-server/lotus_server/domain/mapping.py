"""Mappers of a stream, applied in order to its schema and to each record (airbyte-platform, ``airbyte-mappers``).

A field's value is taken as Airbyte takes it: a text as it is, other scalars as JSON writes them. What cannot be hashed
or encrypted becomes null, with an entry in `_airbyte_meta.changes`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson
from msgspec import Raw

NULLED = "NULLED"
FAILED = "PLATFORM_SERIALIZATION_ERROR"
"""Airbyte's words for a field that a mapper could not handle."""

Record = dict[str, Any]
Change = dict[str, str]
Step = Callable[[Record, list[Change]], bool]
"""Changes a record in place; False: the record is left out."""

_METHODS = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-224": "sha224",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}
_BLOCK_BITS = 128


class MapperError(ValueError):
    """A mapper cannot be run here; the text says which and why."""


def mapped_schema(schema: Mapping[str, Any], mappers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of what the mappers make of records of this one.

    Raises:
        MapperError: a mapper cannot be run here.
    """
    properties: dict[str, Any] = dict(schema.get("properties") or {})
    for mapper in mappers:
        _step(mapper)
        before, after = _fields(mapper)
        if before is None or before not in properties:
            continue
        kind = properties[before] if mapper["type"] == "field-renaming" else {"type": ["null", "string"]}
        mapped: dict[str, Any] = {}
        for name, value in properties.items():
            if name != before:
                mapped[name] = value
            elif after is not None:
                mapped[after] = kind
        properties = mapped
    return {**schema, "properties": properties}


def mapped_path(path: Sequence[str], mappers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where a cursor or key is found after the mappers."""
    first, *rest = path
    for mapper in mappers:
        before, after = _fields(mapper)
        if before == first and after is not None:
            first = after
    return [first, *rest]


class RecordMapper:
    """Applies mappers to records."""

    def __init__(self, mappers: Sequence[Mapping[str, Any]]) -> None:
        """A mapper of records.

        Raises:
            MapperError: one of them cannot be run here.
        """
        self._steps = [_step(mapper) for mapper in mappers]

    def __call__(self, record: Record, changes: list[Change]) -> Record | None:
        """The record mapped, changes noted; None: it is filtered out."""
        mapped = dict(record)
        return mapped if all(step(mapped, changes) for step in self._steps) else None


def _fields(mapper: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The field that a mapper takes away, and the one that it puts there."""
    configuration: Mapping[str, Any] = mapper["mapperConfiguration"]
    match mapper["type"]:
        case "field-renaming":
            return configuration.get("originalFieldName"), configuration.get("newFieldName")
        case "hashing" | "encryption":
            target = configuration.get("targetField")
            return target, f"{target}{configuration.get('fieldNameSuffix') or ''}"
        case "field-filtering":
            return configuration.get("targetField"), None
        case _:
            return None, None


def _step(mapper: Mapping[str, Any]) -> Step:
    configuration: Mapping[str, Any] = mapper["mapperConfiguration"]
    for name, value in configuration.items():
        if name != "conditions" and not isinstance(value, str | None):
            raise MapperError(f"{name} of the {mapper['type']} mapper is not a text")
    try:
        match mapper["type"]:
            case "hashing":
                return _replaced(mapper, _hashing(configuration))
            case "encryption":
                return _replaced(mapper, _encryption(configuration))
            case "field-renaming":
                return _renamed(configuration["originalFieldName"], configuration["newFieldName"])
            case "field-filtering":
                return _dropped(configuration["targetField"])
            case "row-filtering":
                condition = _condition(configuration["conditions"])
                return lambda record, _changes: condition(record)
            case other:
                raise MapperError(f"there is no mapper {other}")
    except KeyError as error:
        raise MapperError(f"the {mapper['type']} mapper lacks {error.args[0]}") from None
    except (TypeError, AttributeError):
        raise MapperError(f"the configuration of the {mapper['type']} mapper is malformed") from None


def _renamed(before: str, after: str) -> Step:
    def step(record: Record, _changes: list[Change]) -> bool:
        if before in record:
            record[after] = record.pop(before)
        return True

    return step


def _dropped(field: str) -> Step:
    def step(record: Record, _changes: list[Change]) -> bool:
        record.pop(field, None)
        return True

    return step


def _replaced(mapper: Mapping[str, Any], function: Callable[[bytes], str]) -> Step:
    before, after = _fields(mapper)
    if before is None or after is None:
        raise MapperError(f"the {mapper['type']} mapper lacks targetField")

    def step(record: Record, changes: list[Change]) -> bool:
        if before in record:
            value = record.pop(before)
            try:
                record[after] = function(_text(value).encode())
            except ValueError:
                record[after] = None
                changes.append({"field": after, "change": NULLED, "reason": FAILED})
        return True

    return step


def _hashing(configuration: Mapping[str, Any]) -> Callable[[bytes], str]:
    method = _METHODS.get(configuration["method"])
    if method is None:
        raise MapperError(f"hashing by {configuration['method']} is not offered here: use one of {', '.join(_METHODS)}")
    return lambda data: hashlib.new(method, data, usedforsecurity=False).hexdigest()


def _encryption(configuration: Mapping[str, Any]) -> Callable[[bytes], str]:
    if configuration["algorithm"] == "RSA":
        return _rsa(_bytes(configuration["publicKey"], "publicKey"))
    if configuration["algorithm"] == "AES":
        key = _bytes(configuration["key"], "key")
        return _aes(key, configuration["mode"], configuration["padding"])
    raise MapperError(f"encryption by {configuration['algorithm']} is not offered: use AES or RSA")


def _rsa(public_key: bytes) -> Callable[[bytes], str]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(public_key)
    except ValueError:
        raise MapperError("the publicKey of the encryption mapper is no RSA key (X.509, DER, hexadecimal)") from None
    if not isinstance(key, RSAPublicKey):
        raise MapperError("the publicKey of the encryption mapper is no RSA key (X.509, DER, hexadecimal)")
    return lambda data: key.encrypt(data, PKCS1v15()).hex()


def _aes(key: bytes, mode: str, padding: str) -> Callable[[bytes], str]:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB, OFB
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
    from cryptography.hazmat.primitives.padding import PKCS7

    modes = {"CBC": CBC, "CFB": CFB, "OFB": OFB, "CTR": CTR}
    if mode not in modes:
        # With GCM and ECB Airbyte nulls the field (docs/airbyte-behaviour.md#mappers).
        raise MapperError(f"AES in mode {mode} is not offered: use one of {', '.join(modes)}")
    if len(key) not in (16, 24, 32):
        raise MapperError("the key of the encryption mapper has not 16, 24 or 32 bytes (hexadecimal)")

    def encrypted(data: bytes) -> str:
        vector = os.urandom(_BLOCK_BITS // 8)
        if padding == "PKCS5Padding":
            padder = PKCS7(_BLOCK_BITS).padder()
            data = padder.update(data) + padder.finalize()
        encryptor = Cipher(AES(key), modes[mode](vector)).encryptor()
        return (vector + encryptor.update(data) + encryptor.finalize()).hex()

    return encrypted


def _bytes(text: str, setting: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise MapperError(f"the {setting} of the encryption mapper is not hexadecimal") from None


def _condition(operation: Mapping[str, Any]) -> Callable[[Record], bool]:
    match operation["type"]:
        case "EQUAL":
            field, comparison = operation["fieldName"], operation["comparisonValue"]
            return lambda record: field in record and _comparable(record[field]) == comparison
        case "NOT":
            inner = [_condition(each) for each in operation["conditions"]]
            return lambda record: not any(condition(record) for condition in inner)
        case other:
            raise MapperError(f"row filtering by {other} is not offered: use EQUAL and NOT")


def _comparable(value: Any) -> str | None:
    try:
        return _text(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    """A field's value as a text: one that was read from a record (`Raw`) as it was written there."""
    if isinstance(value, Raw):
        written = bytes(value)
        if written[:1] != b'"':
            if written[:1] in (b"{", b"["):
                raise ValueError("no scalar")
            return written.decode()
        value = msgspec.json.decode(written)
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise ValueError("no scalar")
    return orjson.dumps(value).decode() if not isinstance(value, int) or isinstance(value, bool) else str(value)
