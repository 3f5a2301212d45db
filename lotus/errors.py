"""What can go wrong, as a person reads it: what, where, how to fix.

LotusError
├── ConfigError        a file or a setting is wrong: ask the person            (exit 2)
├── SecretError        a secret is missing or found twice: ask the person      (exit 2)
├── ToolError          a tool cannot be had or did not run                     (exit 3)
├── UnavailableError   a server does not answer: try again later               (exit 4)
└── RemoteError        a server answered, and refused                          (exit 1)
"""

from __future__ import annotations


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
