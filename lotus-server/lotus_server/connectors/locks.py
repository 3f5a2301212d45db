"""Lock files: every package of a connector's environment, with hashes, so that it is the same on every machine.

A lock is a requirements file with a head that says what was asked for:

    # connector: airbyte-source-s3==4.14.6
    # python: 3.11
    # packages as of: 2025-10-24T09:30:00Z
    # override: smart-open==7.3.1
    airbyte-cdk==6.61.6 \\
        --hash=sha256:…

It names no index, so that a mirror serves it too.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lotus_server.connectors.errors import InstallError

_OVERRIDE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?\s*([<>=!~]=?|===)\s*[A-Za-z0-9.*+!,<>=~ ]+")


@dataclass(frozen=True)
class Package:
    """A connector's package as somebody asks for it: a requirement, and what differs from the ordinary.

    `python` is a version such as `3.11`; empty: what the package allows.
    """

    requirement: str
    python: str = ""
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for override in self.overrides:
            # They become lines of a file in which a line may be an option or an address, too.
            if not _OVERRIDE.fullmatch(override):
                raise InstallError(f'"{override}" is not an override', fix='write "name==1.2.3"')

    @property
    def key(self) -> str:
        """What the files of this package are named after: `source-s3-4.14.6`."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.requirement).removeprefix("airbyte-")


@dataclass(frozen=True)
class Lock:
    """What a package resolved to."""

    package: Package
    """As it was asked for, with the Python that was chosen."""
    as_of: str
    """No newer package was considered; empty where the index does not say when packages were uploaded."""
    packages: str

    @property
    def digest(self) -> str:
        """Eight characters that stand for the packages and the Python."""
        return hashlib.sha256(f"{self.package.python}\n{self.packages}".encode()).hexdigest()[:8]

    def answers(self, package: Package) -> bool:
        """Whether it is the lock of what is asked for."""
        own = self.package
        return (
            own.requirement == package.requirement
            and package.python in ("", own.python)
            and sorted(own.overrides) == sorted(package.overrides)
        )

    def text(self) -> str:
        """The content of the file."""
        head = [f"# connector: {self.package.requirement}", f"# python: {self.package.python}"]
        if self.as_of:
            head.append(f"# packages as of: {self.as_of}")
        head += [f"# override: {override}" for override in self.package.overrides]
        return "\n".join(head) + f"\n{self.packages}"


def file_name(package: Package) -> str:
    """The name of the package's lock in a folder of locks."""
    return f"{package.key}.lock"


_LINE = re.compile(r"(?:[A-Za-z0-9][^\s@/]*==[^@/]*|\s+--hash=sha256:[0-9a-f]{64})(?: \\)?\n?|\s*")
"""A package with its version and perhaps a marker, a hash, or nothing: no option of the installer, no address."""


def read_lock(file: Path) -> Lock | None:
    """The lock in a file; None if there is none.

    Raises:
        InstallError: the file has something else than packages and their hashes.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    values: dict[str, list[str]] = {}
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        name, _, value = lines.pop(0).lstrip("# ").partition(":")
        values.setdefault(name, []).append(value.strip())
    if not values.get("connector") or not values.get("python") or not all(map(_LINE.fullmatch, lines)):
        raise InstallError(
            f"{file.name} is not a lock: it holds something else than packages and their hashes",
            fix="delete the file; it is written again",
        )
    package = Package(values["connector"][0], values["python"][0], tuple(values.get("override", ())))
    return Lock(package, values.get("packages as of", [""])[0], "".join(lines))


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
