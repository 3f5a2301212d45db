"""Secrets from a SOPS file: `lotus:sops: secrets/prod.yaml`, decrypted by `sops` when a secret is first asked for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lotus.untyped import is_mapping

_SECONDS = 60
"""A key service in a cloud answers in one or two; one that does not must not block a command."""


class SopsError(Exception):
    """The file cannot be decrypted here; the words are sops' own, which name keys but never values."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class SopsFile:
    """One encrypted file of names and values, decrypted at most once per run and never written anywhere.

    Args:
        path: the file.
        environment: what `sops` gets, which says where its keys are (SOPS_AGE_KEY_FILE, AWS_PROFILE, …).
    """

    def __init__(self, path: Path, name: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self.name = name
        self._environment = environment
        self._values: Mapping[str, str] | SopsError | None = None

    def values(self) -> Mapping[str, str]:
        """Names and values of the whole file.

        Raises:
            SopsError: sops is missing, has no key, or the file is none of its own.
        """
        if self._values is None:
            try:
                self._values = self._decrypted()
            except SopsError as error:
                self._values = error
        if isinstance(self._values, SopsError):
            raise self._values
        return self._values

    def _decrypted(self) -> Mapping[str, str]:
        if not self._path.is_file():
            raise SopsError(f"{self.name} does not exist", "correct lotus:sops, or add the file")
        command = ["sops", "--decrypt", "--output-type", "json", str(self._path)]
        try:
            process = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=dict(self._environment)
            )
        except FileNotFoundError:
            raise SopsError(f"{self.name} needs the program sops, which is not on PATH", "install sops") from None
        except subprocess.TimeoutExpired:
            raise SopsError(f"sops did not decrypt {self.name} within {_SECONDS} s", "is its key service up?") from None
        if process.returncode:
            reason = next((line.strip() for line in process.stderr.splitlines() if line.strip()), "no reason given")
            raise SopsError(f"sops cannot decrypt {self.name}: {reason[:200]}", "check which keys it is encrypted for")
        try:
            content: Any = json.loads(process.stdout)
        except ValueError:
            content = None
        if not is_mapping(content):
            raise SopsError(f"{self.name} holds no names and values", "write NAME: value, one for each secret")
        # A Kubernetes Secret is what many SOPS files are: its values are what counts.
        for key in ("stringData", "data"):
            if content.get("kind") == "Secret" and is_mapping(content.get(key)):
                return _texts(content[key], encoded=key == "data")
        return _texts(content, encoded=False)


def _texts(entries: Mapping[str, Any], *, encoded: bool) -> dict[str, str]:
    texts = {name: str(value) for name, value in entries.items() if isinstance(value, str | int | float)}
    if not encoded:
        return texts
    import base64

    return {name: base64.b64decode(value).decode("utf-8", "replace") for name, value in texts.items()}
