"""What can go wrong, as a person reads it: what, where, how to fix.

LotusError
├── ConfigError        a file or a setting is wrong: ask the person            (exit 2)
│   └── FaultsError    all mistakes of all files, each at its place            (exit 2)
├── SecretError        a secret is missing or found twice: ask the person      (exit 2)
├── ToolError          a tool cannot be had or did not run                     (exit 3)
├── UnavailableError   a server does not answer: try again later               (exit 4)
└── RemoteError        a server answered, and refused                          (exit 1)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class _Fault(Protocol):
    """A mistake that can be shown (`lotus.config.Fault`; this module stays below it)."""

    def text(self) -> str: ...


class LotusError(Exception):
    """One fault in three short sentences; printed whole, never with a traceback.

    `code` is stable (`lotus explain LOT012`), `where` a file:line:column, a URL or a command.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        lines = [f"{self.what} [{self.code}]" if self.code else self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class ConfigError(LotusError):
    """A file or a setting is wrong."""

    exit_code = 2


class FaultsError(ConfigError):
    """The user's files have mistakes; `faults` holds all of them, and the text shows all of them."""

    def __init__(self, faults: Iterable[_Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        super().__init__(f"{count} mistake{'' if count == 1 else 's'} in the files")

    def __str__(self) -> str:
        return "\n\n".join([f"{self.what}; nothing was changed", *(fault.text() for fault in self.faults)])


class SecretError(LotusError):
    """A secret is missing, or two places give it different values."""

    exit_code = 2


class ToolError(LotusError):
    """A tool (pulumi, MinIO, Go, a connector's Python) cannot be had or did not run."""

    exit_code = 3


class UnavailableError(LotusError):
    """A server does not answer; the same call may succeed later."""

    exit_code = 4


class RemoteError(LotusError):
    """A server answered, and refused."""
