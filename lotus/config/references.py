"""`{"$secret": "name"}` and `{"$config": "name"}`: values that differ per stack or must not be in git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from lotus.config.document import Pointer
from lotus.config.sops import SopsFile

Kind = Literal["$secret", "$config"]
KINDS: tuple[Kind, ...] = ("$secret", "$config")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""Names become environment variables, so they hold letters, digits and underscores."""


class Sealed:
    """A value that exists but cannot be read here (encrypted in the stack's file)."""

    def __repr__(self) -> str:
        return "SEALED"


SEALED = Sealed()


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference in a configuration."""

    kind: Kind
    name: str
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the place that gave it; never shown, for it may be a secret."""

    place: str
    value: Any = field(repr=False)


def reference(value: Any) -> tuple[Kind, Any] | None:
    """The kind and name if the value is a reference, well formed or not."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        for kind in KINDS:
            if kind in entries:
                return kind, entries[kind]
    return None


def references(value: Any, pointer: Pointer = ()) -> Iterator[Reference]:
    """All well-formed references inside a value, in order."""
    found = reference(value)
    if found:
        if isinstance(found[1], str) and len(cast("dict[str, Any]", value)) == 1:
            yield Reference(found[0], found[1], pointer)
        return
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from references(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from references(item, (*pointer, index))


class Values:
    """Where the names of `$config` and `$secret` find their values, for one stack.

    Args:
        config: the stack's `lotus:config`.
        secrets: the stack's `lotus:secrets`; a value may be `SEALED`.
        environment: usually `os.environ`.
        sops: the stack's SOPS file, if it names one.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        sops: SopsFile | None = None,
    ) -> None:
        self._sops = sops
        self._config = dict(config or {})
        self._secrets = dict(secrets or {})
        self._environment = os.environ if environment is None else environment

    def __repr__(self) -> str:
        return f"Values(config={sorted(self._config)}, secrets={sorted(self._secrets)})"

    def config(self, name: str) -> Found | None:
        """The value of a `$config` name: the stack's first, then `LOTUS_CONFIG_<NAME>`."""
        if name in self._config:
            return Found(f"lotus:config.{name} of the stack", self._config[name])
        variable = f"LOTUS_CONFIG_{name.upper()}"
        value = self._environment.get(variable)
        return None if value is None else Found(f"environment variable {variable}", value)

    def secret(self, name: str) -> list[Found]:
        """Every place that has the secret; more than one with different values is a fault.

        Raises:
            SopsError: the stack's SOPS file cannot be decrypted.
            OSError, UnicodeDecodeError: the file in LOTUS_SECRETS_DIR cannot be read as text.
        """
        found: list[Found] = []
        if name in self._secrets:
            found.append(Found(f"lotus:secrets.{name} of the stack", self._secrets[name]))
        folder = self._environment.get("LOTUS_SECRETS_DIR")
        if folder:
            file = Path(folder) / name
            if file.is_file():
                # Kubernetes mounts a value as it is; editors and `echo` add one line end, which is never meant.
                text = file.read_text(encoding="utf-8")
                found.append(Found(f"file {name} in LOTUS_SECRETS_DIR", text.removesuffix("\n").removesuffix("\r")))
        variable = f"LOTUS_SECRET_{name.upper()}"
        value = self._environment.get(variable)
        if value is not None:
            found.append(Found(f"environment variable {variable}", value))
        if self._sops is not None and name in self._sops.values():
            found.append(Found(f"SOPS file {self._sops.name}", self._sops.values()[name]))
        return found

    def config_names(self) -> list[str]:
        """The names that the stack's `lotus:config` gives."""
        return sorted(self._config)

    def secret_names(self) -> list[str]:
        """The names that the stack's `lotus:secrets` gives."""
        return sorted(self._secrets)


def conflicting(found: list[Found]) -> tuple[Found, Found] | None:
    """Two places that give different values; what is sealed cannot be compared here."""
    known = [f for f in found if f.value is not SEALED]
    for other in known[1:]:
        if other.value != known[0].value:
            return known[0], other
    return None


def ways_to_set(kind: Kind, name: str, stack: str = "") -> str:
    """How a missing value is given, as one sentence."""
    stack_option = f" --stack {stack}" if stack else ""
    if kind == "$config":
        return f"pulumi config set --path 'lotus:config.{name}' VALUE{stack_option}, or set LOTUS_CONFIG_{name.upper()}"
    return (
        f"pulumi config set --path 'lotus:secrets.{name}' --secret{stack_option}, a file {name} in LOTUS_SECRETS_DIR, "
        f"or LOTUS_SECRET_{name.upper()}"
    )
