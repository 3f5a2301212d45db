"""uv, the program that resolves and installs packages: its calls, and its errors in our words."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Final

from lotus_server.connectors.errors import (
    DependencyError,
    InstallError,
    NoPackageError,
    PythonRangeError,
    UnreachableIndexError,
)

INSTALL_SECONDS = 1800

_INHERITED_BY_NOBODY = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
_SETTINGS: Final[Mapping[str, str]] = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_HTTP_RETRIES": "2"}

_RANGE = re.compile(r"Python\s*(?P<range>[<>=!~][<>=!~0-9.,*\s]*[0-9*])")
_ABSENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+) was not found in the (?:package registry|cache)")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of (?P<requirement>[^\s,]+)")
_CERTIFICATE = ("UnknownIssuer", "invalid peer certificate", "certificate verify failed", "self-signed certificate")
_NETWORK = (
    "Failed to fetch", "Failed to download", "error sending request", "dns error", "Could not connect", "network",
)  # fmt: skip


def run_uv(requirement: str, *arguments: str, offline: bool = False) -> str:
    """What uv prints; the requirement is for the sentence of an error.

    Raises:
        InstallError: it failed; the subclass says why.
    """
    from uv import find_uv_bin

    environment = {key: value for key, value in os.environ.items() if key not in _INHERITED_BY_NOBODY}
    environment |= _SETTINGS
    environment["UV_PYTHON_DOWNLOADS"] = "manual"  # only `uv python install` downloads one
    if offline:
        environment["UV_OFFLINE"] = "1"
    try:
        result = _run([find_uv_bin(), *arguments], environment)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"installing {requirement} took longer than {INSTALL_SECONDS} s") from error
    except OSError as error:
        raise InstallError(f"cannot install {requirement}: uv cannot be started ({error})") from error
    if result.returncode:
        raise error_of(requirement, result.stderr)
    return result.stdout


_running: set[subprocess.Popen[str]] = set()
"""The calls of this process that run now."""


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        _running.add(process)
        try:
            out, err = process.communicate(timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def stop_uv() -> None:
    """Ends all calls that run, so that the process can end."""
    for process in list(_running):
        process.kill()


def online_or_cached(requirement: str, *arguments: str) -> str:
    """As `run_uv`; where the index cannot be reached, from uv's cache.

    Raises:
        InstallError: it failed; without a network the cause is the network, whatever the cache lacks.
    """
    try:
        return run_uv(requirement, *arguments)
    except UnreachableIndexError as unreachable:
        try:
            return run_uv(requirement, *arguments, offline=True)
        except InstallError:
            raise unreachable from None


def error_of(requirement: str, stderr: str) -> InstallError:
    """The error for what uv said. The order matters: a resolver's sentence may quote the words of the others."""
    text = " ".join(line.strip() for line in stderr.splitlines() if line.strip())
    if any(symptom in text for symptom in _CERTIFICATE):
        return UnreachableIndexError(
            f"cannot install {requirement}: the package index's certificate is not trusted",
            fix=(
                "behind a proxy that reads TLS, set UV_SYSTEM_CERTS=true to trust the system's certificates, or "
                "SSL_CERT_FILE to the file of your proxy's certificate"
            ),
            details=stderr,
        )
    if "Hash mismatch" in text:
        return InstallError(
            f"cannot install {requirement}: a package is not the one that its lock names (its hash differs)",
            fix="do not install it before you know why; delete the lock to resolve the connector again",
            details=stderr,
        )
    if "No solution found" in text:
        return _unresolvable(requirement, text, stderr)
    if any(symptom in text for symptom in _NETWORK):
        return UnreachableIndexError(
            f"cannot install {requirement}: the package index cannot be reached",
            fix="connect to a network once; after that the connector works offline",
            details=stderr,
        )
    return InstallError(f"cannot install {requirement}: {_first_sentence(text)}", details=stderr)


def _unresolvable(requirement: str, text: str, stderr: str) -> InstallError:
    name = name_of(requirement)
    absent = _ABSENT.search(text)
    if absent and absent["name"].lower() == name:
        return NoPackageError(f"there is no package {name} on PyPI", details=stderr)
    missing = _NO_VERSION.search(text)
    if missing and missing["requirement"] == requirement:
        return NoPackageError(f"there is no version {requirement} on PyPI", details=stderr)
    ranges = {match["range"].strip() for match in _RANGE.finditer(stderr)}
    if ranges and "Python version" in text:
        return PythonRangeError(
            f"{requirement} does not run on this Python", details=stderr, versions=", ".join(sorted(ranges))
        )
    return DependencyError(
        f"{requirement} cannot be installed: {_first_sentence(text)}",
        fix='take another version, or set the dependency in "connector": {"package": …, "overrides": ["name==1.2.3"]}',
        details=stderr,
    )


def name_of(requirement: str) -> str:
    """The package of a requirement: `airbyte-source-s3` of `airbyte-source-s3==4.14.6`."""
    return re.split(r"[<>=!~\[ ;@]", requirement, maxsplit=1)[0].lower()


def _first_sentence(text: str) -> str:
    """The resolver's own reason: what follows the first `cause: Because`, without what follows from it."""
    text = text.split("cause: ", 1)[-1].split(" And because ", 1)[0]
    text = text.removeprefix("Because ").split(", we can conclude", 1)[0]
    return text.removeprefix("error: ").rstrip(".")[:400]
