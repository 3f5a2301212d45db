"""Mappers: what becomes of a record and its schema, as Airbyte's own do."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lotus_server.domain.mapping import MapperError, RecordMapper, mapped_path, mapped_schema

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}}
KEY = "00112233445566778899aabbccddeeff"


def mapper(kind: str, **configuration: Any) -> dict[str, Any]:
    """A configured mapper."""
    return {"id": str(uuid.uuid4()), "type": kind, "mapperConfiguration": configuration}


def mapped(record: dict[str, Any], *mappers: dict[str, Any]) -> dict[str, Any] | None:
    """What becomes of a record."""
    return RecordMapper(mappers)(record, [])


HASHING = mapper("hashing", targetField="note", method="SHA-256", fieldNameSuffix="_hashed")
RENAMING = mapper("field-renaming", originalFieldName="id", newFieldName="number")
FILTERING = mapper("field-filtering", targetField="note")


def test_hashing_replaces_the_field_by_a_hexadecimal_digest() -> None:
    """Of the text; of other scalars as JSON writes them."""
    digest = hashlib.sha256(b"a").hexdigest()
    assert mapped({"id": 1, "note": "a"}, HASHING) == {"id": 1, "note_hashed": digest}
    assert mapped({"note": 7}, HASHING) == {"note_hashed": hashlib.sha256(b"7").hexdigest()}
    assert mapped({"id": 1}, HASHING) == {"id": 1}


def test_what_cannot_be_hashed_becomes_null_and_is_told() -> None:
    """An object has no text of its own."""
    changes: list[dict[str, str]] = []
    assert RecordMapper([HASHING])({"note": {"a": 1}}, changes) == {"note_hashed": None}
    assert changes == [{"field": "note_hashed", "change": "NULLED", "reason": "PLATFORM_SERIALIZATION_ERROR"}]


def test_mappers_run_in_order() -> None:
    """A later one sees what an earlier one made."""
    again = mapper("field-renaming", originalFieldName="number", newFieldName="no")
    assert mapped({"id": 1, "note": "a"}, RENAMING, again, FILTERING) == {"no": 1}
    assert list(mapped_schema(SCHEMA, [RENAMING, again, HASHING])["properties"]) == ["no", "note_hashed"]
    assert mapped_path(["id"], [RENAMING, again]) == ["no"]


def test_rows_are_filtered_by_equal_and_not() -> None:
    """NOT holds when none of its conditions does; a field that is not there equals nothing."""
    equal = {"type": "EQUAL", "fieldName": "id", "comparisonValue": "1"}
    only = mapper("row-filtering", conditions=equal)
    others = mapper("row-filtering", conditions={"type": "NOT", "conditions": [equal]})
    assert [mapped({"id": 1}, each) for each in (only, others)] == [{"id": 1}, None]
    assert [mapped({"note": "1"}, each) for each in (only, others)] == [None, {"note": "1"}]


def test_encrypted_fields_can_be_decrypted() -> None:
    """AES: the vector, then the ciphertext, hexadecimal; RSA: PKCS #1 v1.5."""
    settings = {"targetField": "note", "fieldNameSuffix": "_e"}
    aes = mapper("encryption", algorithm="AES", key=KEY, mode="CBC", padding="PKCS5Padding", **settings)
    sealed = bytes.fromhex((mapped({"note": "secret"}, aes) or {})["note_e"])
    decryptor = Cipher(algorithms.AES(bytes.fromhex(KEY)), modes.CBC(sealed[:16])).decryptor()
    unpadder = PKCS7(128).unpadder()
    assert unpadder.update(decryptor.update(sealed[16:])) + unpadder.finalize() == b"secret"

    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    by_key = mapper("encryption", algorithm="RSA", publicKey=public, **settings)
    sealed = bytes.fromhex((mapped({"note": "secret"}, by_key) or {})["note_e"])
    assert private.decrypt(sealed, padding.PKCS1v15()) == b"secret"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (mapper("hashing", targetField="note", method="MD2", fieldNameSuffix=""), "MD2 is not offered"),
        (mapper("hashing", targetField=["note"], method="MD5"), "targetField of the hashing mapper is not a text"),
        (mapper("field-renaming", originalFieldName="note"), "lacks newFieldName"),
        (mapper("row-filtering", conditions={"type": "OR", "conditions": []}), "OR is not offered"),
        (
            mapper("encryption", algorithm="AES", key="xyz", mode="CBC", padding="NoPadding", targetField="note"),
            "key of the encryption mapper is not hexadecimal",
        ),
        (
            mapper("encryption", algorithm="AES", key=KEY, mode="GCM", padding="NoPadding", targetField="note"),
            "mode GCM is not offered",
        ),
    ],
)
def test_a_mapper_that_cannot_run_is_named(bad: dict[str, Any], reason: str) -> None:
    """Before anything is read, and without its values."""
    with pytest.raises(MapperError, match=reason) as caught:
        mapped_schema(SCHEMA, [bad])
    assert KEY not in str(caught.value)
