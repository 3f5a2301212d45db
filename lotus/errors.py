"""What can go wrong, as a person reads it: what, where, how to fix; and the exit code of every command.

LotusError
├── ConfigError        a file or a setting is wrong: ask the person            (exit 2)
│   └── FaultsError    all faults of all files, each at its place              (exit 2)
├── SecretError        a secret is missing or found twice: ask the person      (exit 2)
├── ToolError          a tool is not available or did not run                  (exit 3)
├── UnavailableError   a server does not answer: try again later               (exit 4)
└── RemoteError        a server answered, and refused                          (exit 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Protocol

from lotus import untrusted
from lotus.words import counted


class Exit(IntEnum):
    """How a command ended; the same for all of them."""

    OK = 0
    FAILED = 1
    """What was asked for did not succeed: a check, a job, a request that was refused."""
    FAULTS = 2
    """A file, a setting or an argument is wrong."""
    TOOL = 3
    """A program is missing or did not run."""
    UNAVAILABLE = 4
    """A server does not answer; the same command may succeed later."""
    DIFFERENT = 5
    """The command compared, and found differences: drift, files to format, files to discover again."""
    BUG = 70
    """A mistake of lotus itself."""
    STOPPED = 130
    """Ctrl-C."""


def explained(
    what: str,
    *,
    where: str = "",
    fix: str = "",
    code: str = "",
    details: Sequence[str] = (),
    excerpt: Sequence[str] = (),
) -> str:
    """The one form of an error: what, where, fix, each a line that text of others cannot break out of.

    Args:
        details: the words of another program, line by line.
        excerpt: the line of the file that is meant, and what underlines it.
    """
    lines = [f"{what} [{code}]" if code else what, *(f"    {line}" for line in details)]
    if where:
        lines.append(f"  where: {where}")
    lines += [f"         {line}" for line in excerpt]
    if fix:
        lines.append(f"  fix:   {fix}")
    return untrusted.lines(*lines)


class _Fault(Protocol):
    """A fault that can be shown (`lotus.config.Fault`; this module stays below it)."""

    def text(self) -> str: ...


class LotusError(Exception):
    """One error in three short sentences; printed whole, never with a traceback.

    `code` is stable (`lotus explain LOT012`), `where` a file:line:column, a URL or a command, `details` the words of
    another program.
    """

    exit_code = Exit.FAILED

    def __init__(
        self, what: str, *, where: str = "", fix: str = "", code: str = "", details: Sequence[str] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.code = code
        self.details = tuple(details)

    def __str__(self) -> str:
        return explained(self.what, where=self.where, fix=self.fix, code=self.code, details=self.details)


class ConfigError(LotusError):
    """A file or a setting is wrong."""

    exit_code = Exit.FAULTS


class FaultsError(ConfigError):
    """The user's files have faults; `faults` holds all of them, and the text shows all of them."""

    def __init__(self, faults: Iterable[_Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{counted(len(self.faults), 'fault')} in the files")

    def __str__(self) -> str:
        return "\n\n".join([f"{self.what}; nothing was changed", *(fault.text() for fault in self.faults)])


class SecretError(LotusError):
    """A secret is missing, or two places give it different values."""

    exit_code = Exit.FAULTS


class ToolError(LotusError):
    """A tool (pulumi, versitygw, Go, a connector's Python) is not available or did not run."""

    exit_code = Exit.TOOL


class UnavailableError(LotusError):
    """A server does not answer; the same call may succeed later."""

    exit_code = Exit.UNAVAILABLE


class RemoteError(LotusError):
    """A server answered, and refused."""
