"""`{"$secret": "name"}` and `{"$config": "name"}`: values that differ per stack or must not be in git."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lotus.config.document import Pointer
from lotus.config.sops import SopsFile
from lotus.untyped import is_list, is_mapping

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

    @property
    def written(self) -> dict[str, Any]:
        """The reference as it is in the file."""
        return {self.kind: self.name}


@dataclass(frozen=True, slots=True)
class PlacedValue:
    """A value and the place that gave it; never shown, for it may be a secret."""

    place: str
    value: Any = field(repr=False)


def reference(value: Any) -> tuple[Kind, Any] | None:
    """The kind and name if the value is a reference, well formed or not."""
    if is_mapping(value):
        for kind in KINDS:
            if kind in value:
                return kind, value[kind]
    return None


def references(value: Any, pointer: Pointer = ()) -> Iterator[Reference]:
    """All well-formed references inside a value, in order."""
    ref = reference(value)
    if ref:
        if isinstance(ref[1], str) and len(value) == 1:
            yield Reference(ref[0], ref[1], pointer)
        return
    if is_mapping(value):
        for key, item in value.items():
            yield from references(item, (*pointer, key))
    elif is_list(value):
        for index, item in enumerate(value):
            yield from references(item, (*pointer, index))


def with_values(value: Any, value_of: Callable[[Reference], Any], pointer: Pointer = ()) -> Any:
    """A copy of a configuration with what `value_of` answers in place of each well-formed reference."""
    ref = reference(value)
    if ref:
        return value_of(Reference(ref[0], ref[1], pointer)) if isinstance(ref[1], str) else value
    if isinstance(value, Mapping):
        return {key: with_values(item, value_of, (*pointer, key)) for key, item in value.items()}
    if is_list(value):
        return [with_values(item, value_of, (*pointer, index)) for index, item in enumerate(value)]
    return value


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

    def config(self, name: str) -> PlacedValue | None:
        """The value of a `$config` name: the stack's first, then `LOTUS_CONFIG_<NAME>`."""
        if name in self._config:
            return PlacedValue(f"lotus:config.{name} of the stack", self._config[name])
        variable = f"LOTUS_CONFIG_{name.upper()}"
        value = self._environment.get(variable)
        return None if value is None else PlacedValue(f"environment variable {variable}", value)

    def secret(self, name: str) -> list[PlacedValue]:
        """Every place that has the secret; more than one with different values is a fault.

        Raises:
            SopsError: the stack's SOPS file cannot be decrypted.
            OSError, UnicodeDecodeError: the file in LOTUS_SECRETS_DIR cannot be read as text.
        """
        values: list[PlacedValue] = []
        if name in self._secrets:
            values.append(PlacedValue(f"lotus:secrets.{name} of the stack", self._secrets[name]))
        folder = self._environment.get("LOTUS_SECRETS_DIR")
        if folder:
            file = Path(folder) / name
            if file.is_file():
                # Kubernetes mounts a value as it is; editors and `echo` add one line end, which is never meant.
                text = file.read_text(encoding="utf-8")
                values.append(
                    PlacedValue(f"file {name} in LOTUS_SECRETS_DIR", text.removesuffix("\n").removesuffix("\r"))
                )
        variable = f"LOTUS_SECRET_{name.upper()}"
        value = self._environment.get(variable)
        if value is not None:
            values.append(PlacedValue(f"environment variable {variable}", value))
        if self._sops is not None and name in self._sops.values():
            values.append(PlacedValue(f"SOPS file {self._sops.name}", self._sops.values()[name]))
        return values

    def config_names(self) -> list[str]:
        """The names that the stack's `lotus:config` gives."""
        return sorted(self._config)

    def secret_names(self) -> list[str]:
        """The names that the stack's `lotus:secrets` gives."""
        return sorted(self._secrets)


def conflicting(values: list[PlacedValue]) -> tuple[PlacedValue, PlacedValue] | None:
    """Two places that give different values; what is sealed cannot be compared here."""
    readable = [f for f in values if f.value is not SEALED]
    for other in readable[1:]:
        if other.value != readable[0].value:
            return readable[0], other
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
