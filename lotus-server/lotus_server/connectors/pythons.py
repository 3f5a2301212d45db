"""The Pythons that connectors run on: those of this machine, best first, and one that uv installs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lotus_server.connectors.errors import InstallError, NoPythonError
from lotus_server.connectors.uv import run_uv

KNOWN_PYTHONS = ((3, 11), (3, 12), (3, 10), (3, 13), (3, 14))
"""Order in which Pythons are tried: most connectors run on 3.11 (docs/airbyte-behaviour.md#connectors-on-pypi)."""


@dataclass(frozen=True, order=True)
class Python:
    """An interpreter of this machine."""

    version: tuple[int, int]
    path: str

    def __str__(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"


class Pythons:
    """Finds interpreters once, and has uv install one where none fits."""

    def __init__(self) -> None:
        self._installed: list[Python] | None = None

    def installed(self) -> list[Python]:
        """Interpreters on this machine, best first: this one's, PATH's, pyenv's and uv's."""
        if self._installed is None:
            paths: dict[tuple[int, int], str] = {}
            base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
            if base.exists():
                paths[(sys.version_info[0], sys.version_info[1])] = str(base)
            for version in KNOWN_PYTHONS:
                for path in _candidates(version):
                    if version not in paths and _answers(path, version):
                        paths[version] = str(path)
            order = {version: number for number, version in enumerate(KNOWN_PYTHONS)}
            pythons = [Python(version, path) for version, path in paths.items()]
            self._installed = sorted(pythons, key=lambda python: order.get(python.version, 99))
        return self._installed

    def fitting(self, requirement: str, versions: str) -> list[Python]:
        """Those of this machine that a range such as `>=3.10,<3.13` allows; uv installs one where there is none.

        Raises:
            NoPythonError: none fits, and none that fits can be installed.
        """
        fitting = [python for python in self.installed() if fits(python.version, versions)]
        if fitting:
            return fitting
        version = next((version for version in KNOWN_PYTHONS if fits(version, versions)), None)
        installed = [] if version is None else self._install(version)
        if installed:
            return installed
        raise self._no_python(requirement, versions, version or KNOWN_PYTHONS[0])

    def _no_python(self, requirement: str, versions: str, version: tuple[int, int]) -> NoPythonError:
        name = f"{version[0]}.{version[1]}"
        return NoPythonError(
            f"{requirement} needs Python {versions or '3.10 or newer'}, and this machine has {self}",
            fix=f"install Python {name} (`uv python install {name}`, pyenv or the system's packages) and try again",
        )

    def _install(self, version: tuple[int, int]) -> list[Python]:
        """This Python, if uv could install it."""
        name = f"{version[0]}.{version[1]}"
        with contextlib.suppress(InstallError):  # no network, or none is built for this machine: named by the caller
            run_uv(f"Python {name}", "python", "install", "--no-bin", name)
            self._installed = None
            return [python for python in self.installed() if python.version == version]
        return []

    def __str__(self) -> str:
        return ", ".join(str(python) for python in sorted(self.installed())) or "none"


def fits(version: tuple[int, int], versions: str) -> bool:
    """Whether a range such as `>=3.10,<3.13` allows a version; patch releases do not count."""
    return all(_fits_bound(version, part.strip()) for part in versions.split(","))


def _fits_bound(version: tuple[int, int], bound: str) -> bool:
    if bound.startswith(("~=", "^")):
        bound = ">=" + bound.lstrip("~=^")
    match = re.fullmatch(r"(>=|<=|<|>|==|!=)\s*(\d+)\.(\d+)(?P<patch>(?:\.(?:\d+|\*))*)", bound)
    if match is None:
        return True
    limit = (int(match[2]), int(match[3]))
    # `<3.12.5` allows 3.12 in general, `<3.12` and `<3.12.0` do not.
    if match[1] == "<" and match["patch"].strip(".0*"):
        return version <= limit
    if match[1] == ">" and match["patch"]:
        return version >= limit
    holds = {
        ">=": version >= limit,
        "<=": version <= limit,
        "<": version < limit,
        ">": version > limit,
        "==": version == limit,
        "!=": version != limit or bool(match["patch"].strip(".*")),
    }
    return holds[match[1]]


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    name = f"python{version[0]}.{version[1]}"
    roots = [os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")]
    for root in filter(None, roots):
        # Newest patch release first; the shims on PATH answer only for the versions that pyenv has activated.
        folders = Path(root).glob(f"versions/{version[0]}.{version[1]}.*")
        for folder in sorted(folders, key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)], reverse=True):
            yield folder / "bin" / name
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and not folder.endswith("/shims"):
            yield Path(folder) / name
    for folder in sorted(_of_uv().glob(f"cpython-{version[0]}.{version[1]}.*"), reverse=True):
        yield folder / "bin" / name


def _of_uv() -> Path:
    """Where uv keeps the Pythons that it installs."""
    if folder := os.environ.get("UV_PYTHON_INSTALL_DIR"):
        return Path(folder)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "uv" / "python"


def _answers(path: Path, version: tuple[int, int]) -> bool:
    if not os.access(path, os.X_OK):
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        # ensurepip's absence would not matter to uv; venv and ssl do.
        probe = "import sys, ssl, venv; print(*sys.version_info[:2])"
        result = subprocess.run([path, "-I", "-c", probe], capture_output=True, text=True, timeout=20, check=False)
        return result.stdout.split() == [str(part) for part in version]
    return False
