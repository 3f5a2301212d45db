"""Encryption at rest: what may hold secrets is sealed with AES-256-GCM before it reaches SQLite."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lotus_server.errors import StartError

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_VARIABLE = "LOTUS_EMBEDDED_KEY"


class Cipher:
    """Seals and opens JSON values with one key.

    What a value belongs to (such as an actor's id) is part of the seal, so that a row copied over another one does
    not open.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aead = AESGCM(key)

    def seal(self, value: Any, *, owner: str) -> bytes:
        """The value as JSON, encrypted."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, orjson.dumps(value), owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> Any:
        """The value that was sealed for this owner.

        Raises:
            StartError: the key is another one than the value was sealed with.
        """
        try:
            return orjson.loads(self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode()))
        except InvalidTag:
            raise StartError(
                f"the key (file `key` in the data folder, or {KEY_VARIABLE}) is not the one that the store was "
                "written with: put the old key back, or move the data folder away to start again without its data"
            ) from None

    def fingerprint(self, *values: Any) -> str:
        """A keyed hash, so that equal values can be recognised without storing them or letting them be guessed."""
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        return hmac.new(self._key, b"fingerprint:" + text, hashlib.sha256).hexdigest()

    def derived_key(self, purpose: str) -> bytes:
        """A key for another purpose, such as signing access tokens."""
        return hmac.new(self._key, b"derive:" + purpose.encode(), hashlib.sha256).digest()


def cipher_for(data: Path, environment: Mapping[str, str], *, may_create: bool) -> Cipher:
    """The cipher for a data directory: key from the environment, else from the file ``key`` (mode 0600) in it.

    Raises:
        StartError: the key is malformed, or missing although the store exists already.
    """
    encoded = environment.get(KEY_VARIABLE)
    if encoded is not None:
        return Cipher(_decoded(encoded, f"environment variable {KEY_VARIABLE}"))
    path = data / "key"
    if not path.exists():
        if not may_create:
            raise StartError(
                f"{path} is missing, and without it the secrets in {data} cannot be read: "
                f"restore it, set {KEY_VARIABLE}, or remove {data} to start again without data"
            )
        _write_private(path, base64.urlsafe_b64encode(os.urandom(KEY_BYTES)))
    path.chmod(0o600)
    return Cipher(_decoded(path.read_bytes().decode("ascii", "replace").strip(), str(path)))


def _decoded(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"{origin} does not hold a key: expected {KEY_BYTES} bytes as URL-safe base64")
    return key


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
