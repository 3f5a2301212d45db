"""Releases of connector packages: which versions there are, when they were uploaded, what they ask of a Python.

Asked of the package index through uv, when a connector is asked for. What does not change about a release is kept in
the cache; uv keeps the index's answers.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.parser import HeaderParser
from pathlib import Path

from lotus_server.connectors.errors import InstallError, NoPackageError, PythonRangeError
from lotus_server.connectors.locks import Lock, Package, write_whole
from lotus_server.connectors.pythons import KNOWN_PYTHONS, Python
from lotus_server.connectors.uv import name_of, online_or_cached

VERSIONS_SHOWN = 5


@dataclass(frozen=True)
class Release:
    """One version of a package; `python` is its Requires-Python, `uploaded` an ISO time or empty."""

    name: str
    version: str
    uploaded: str
    python: str
    licence: str
    summary: str

    @property
    def requirement(self) -> str:
        """The release and no other."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class _Upload:
    version: str
    time: str


def versions(name: str, cache: Path, *, count: int = VERSIONS_SHOWN) -> Iterator[Release]:
    """The newest versions of a package, newest first.

    Raises:
        NoPackageError: the index has no such package.
        UnreachableIndexError: it does not answer, and uv's cache does not have the package.
    """
    below = ""
    for number in range(count):
        try:
            upload = _upload(f"{name}{below}")
        except NoPackageError:
            raise
        except InstallError:
            if number:
                return  # nothing older
            raise
        yield release(name, upload.version, cache, uploaded=upload.time)
        below = f"<{upload.version}"


def release(name: str, version: str, cache: Path, *, uploaded: str = "") -> Release:
    """What a release's own metadata says.

    Raises:
        InstallError: it does not exist, or the index does not answer.
    """
    requirement = f"{name}=={version}"
    file = cache / "releases" / f"{name}-{version}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Release(**json.loads(file.read_text()))
    made = Release(name, version, uploaded or _upload(requirement).time, *_metadata(requirement))
    write_whole(file, json.dumps(asdict(made)))
    return made


def _metadata(requirement: str) -> tuple[str, str, str]:
    """Requires-Python, licence and summary: of the package alone, without what it depends on."""
    with tempfile.TemporaryDirectory(prefix="lotus-release-") as folder:
        try:
            _unpack(requirement, folder, python="")
        except PythonRangeError:
            # Its range does not hold this Python; any that it holds will do to read what it says.
            _unpack(requirement, folder, python=_version_in(requirement))
        file = next(Path(folder).glob("*.dist-info/METADATA"))
        metadata = HeaderParser().parsestr(file.read_text(encoding="utf-8"))
        licence = metadata.get("License-Expression") or metadata.get("License") or "not said"
        return metadata.get("Requires-Python") or "", licence.splitlines()[0], metadata.get("Summary") or ""


def _unpack(requirement: str, folder: str, *, python: str) -> None:
    which = ("--python-version", python) if python else ()
    online_or_cached(requirement, "pip", "install", "--quiet", "--no-deps", "--target", folder, *which, requirement)


def _version_in(requirement: str) -> str:
    """A Python that the release takes."""
    for version in KNOWN_PYTHONS:
        name = f"{version[0]}.{version[1]}"
        with contextlib.suppress(PythonRangeError), tempfile.TemporaryDirectory(prefix="lotus-release-") as folder:
            _unpack(requirement, folder, python=name)
            return name
    raise InstallError(f"{requirement} runs on none of the Pythons that lotus knows")


def _upload(requirement: str) -> _Upload:
    """The newest version that a requirement allows, and when it was uploaded."""
    with tempfile.TemporaryDirectory(prefix="lotus-release-") as folder:
        asked = Path(folder) / "requirements.in"
        asked.write_text(requirement)
        text = online_or_cached(
            requirement, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--format", "pylock.toml",
            "--python-version", "3.11", str(asked),
        )  # fmt: skip
    package = tomllib.loads(text)["packages"][0]
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
    times = [file["upload-time"] for file in files if isinstance(file.get("upload-time"), datetime)]
    return _Upload(str(package["version"]), max(times).astimezone(UTC).isoformat() if times else "")


def newest(name: str) -> str:
    """The newest version of a package.

    Raises:
        InstallError: there is no such package, or the index does not answer.
    """
    return _upload(name).version


def newest_resolvable(requirement: str, python: Python) -> str:
    """The newest version, among those that a requirement allows, whose dependencies exist.

    Raises:
        DependencyError: there is none.
    """
    with tempfile.TemporaryDirectory(prefix="lotus-release-") as folder:
        asked = Path(folder) / "requirements.in"
        asked.write_text(requirement)
        packages = online_or_cached(
            requirement, "pip", "compile", "--quiet", "--no-annotate", "--no-header",
            "--python", python.path, str(asked),
        )  # fmt: skip
    head = f"{name_of(requirement)}=="
    return next(line.removeprefix(head) for line in packages.splitlines() if line.startswith(head)).strip()


def resolved(package: Package, python: Python) -> Lock:
    """The packages of a connector's environment, as they were the day after its release was uploaded.

    A connector does not pin all that it depends on: what was uploaded later was never tried with it. On the day of
    the upload itself the release would be left out with the rest.

    Raises:
        InstallError: nothing fits; the subclass says why.
    """
    requirement = package.requirement
    upload = _upload(requirement)
    if "==" not in requirement:
        requirement = f"{requirement}=={upload.version}"
    as_of = ""
    limits: list[str] = []
    if upload.time:
        as_of = (datetime.fromisoformat(upload.time) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        limits = ["--exclude-newer", as_of]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for override in package.overrides:  # whoever writes one may want a fix that came later
            limits += ["--exclude-newer-package", f"{name_of(override)}={now}"]
    with tempfile.TemporaryDirectory(prefix="lotus-lock-") as folder:
        asked, overrides = Path(folder) / "requirements.in", Path(folder) / "overrides.txt"
        asked.write_text(requirement)
        overrides.write_text("\n".join(package.overrides))
        packages = online_or_cached(
            requirement, "pip", "compile", "--quiet", "--generate-hashes", "--universal", "--no-annotate",
            "--no-header", "--python", python.path, "--python-version", str(python),
            "--overrides", str(overrides), *limits, str(asked),
        )  # fmt: skip
    return Lock(Package(package.requirement, str(python), package.overrides), as_of, packages)
