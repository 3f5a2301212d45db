"""Python environments for connectors: one each, made once, shared by all servers of a user.

Layout of the cache:

    environments/airbyte-source-faker-7.2.1-py311/          the environment
    environments/airbyte-source-faker-7.2.1-py311/lotus.json  written last: without it the environment is unfinished
    locks/airbyte-source-faker-7.2.1.lock                    held while one process installs
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lotus.embedded.connectors.errors import InstallError, NoPythonError

Progress = Callable[[str], None]

INSTALL_SECONDS = 1800

MANIFESTS = "https://connectors.airbyte.com/files/metadata/airbyte"
"""Where Airbyte publishes the manifests of low-code connectors; nothing is fetched from there by itself."""

KNOWN_PYTHONS = ((3, 11), (3, 12), (3, 10), (3, 13), (3, 14))
"""Order in which Pythons are tried: connectors are published for 3.11 first (dataplane-baseline section 5)."""

_RANGE = re.compile(r"Python\s*(?P<range>[<>=!~][<>=!~0-9.,*\s]*[0-9*])")


def default_cache() -> Path:
    """`LOTUS_CACHE` (then its `connectors` folder), else `~/.cache/lotus/connectors`."""
    if root := os.environ.get("LOTUS_CACHE"):
        return Path(root) / "connectors"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lotus" / "connectors"


@dataclass(frozen=True)
class Environment:
    """An installed connector."""

    requirement: str
    folder: Path
    python: str
    programs: dict[str, str]
    packages: list[str]

    def program(self, name: str) -> Path:
        """The console script of that name; with no such script, the only `source-…` or `destination-…` one.

        Raises:
            InstallError: the package installs no such program.
        """
        if name in self.programs:
            return self.folder / "bin" / name
        connectors = [each for each in self.programs if each.startswith(("source-", "destination-"))]
        if len(connectors) == 1:
            return self.folder / "bin" / connectors[0]
        raise InstallError(f"the package {self.requirement} installs no program {name}")


class Environments:
    """Installs requirements and finds installed ones."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._pythons: list[tuple[tuple[int, int], str]] | None = None

    def installed(self, requirement: str) -> Environment | None:
        """The finished environment of a requirement, if there is one."""
        for marker in sorted((self._cache / "environments").glob(f"{_key(requirement)}-py3*/lotus.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                found: dict[str, Any] = json.loads(marker.read_text())
                found["folder"] = marker.parent
                environment = Environment(**found)
                # A Python that was removed since leaves an environment that cannot start.
                if (marker.parent / "bin" / "python").exists():
                    return environment
        return None

    def install(self, requirement: str, *, python: str = "", progress: Progress = print) -> Environment:
        """The environment of a requirement, installed first if need be; other processes wait for the one that does.

        Args:
            requirement: such as `airbyte-source-faker==7.2.1`.
            python: range to try, such as `>=3.10,<3.13`; empty: what the package's metadata allows.
            progress: gets one line for each step.

        Raises:
            InstallError: no fitting Python, no such package, or no network with a cold cache.
        """
        if found := self.installed(requirement):
            return found
        with self._locked(_key(requirement), progress):
            return self.installed(requirement) or self._install(requirement, python, progress)

    def _install(self, requirement: str, python: str, progress: Progress) -> Environment:
        started = time.monotonic()
        pythons = self.pythons()
        fitting = [(version, path) for version, path in pythons if _fits(version, python)]
        if not fitting:
            raise _no_python(requirement, python, pythons)
        refused: set[str] = set()
        for version, path in fitting:
            folder = self._cache / "environments" / f"{_key(requirement)}-py{version[0]}{version[1]}"
            progress(f"installing {requirement} with Python {version[0]}.{version[1]}")
            shutil.rmtree(folder, ignore_errors=True)
            self._uv(requirement, "venv", "--quiet", "--no-project", "--python", path, str(folder))
            result = self._uv(
                requirement,
                "pip",
                "install",
                "--compile-bytecode",
                "--python",
                str(folder / "bin" / "python"),
                *_constraints(self._cache, requirement),
                requirement,
                check=False,
            )
            if result.returncode == 0:
                environment = self._finish(requirement, folder, f"{version[0]}.{version[1]}")
                progress(f"installed {requirement} in {time.monotonic() - started:.1f} s")
                return environment
            shutil.rmtree(folder, ignore_errors=True)
            wanted = {match["range"].strip() for match in _RANGE.finditer(result.stderr)}
            if not wanted or "No solution found" not in result.stderr or "Python version" not in result.stderr:
                raise _translated(requirement, result.stderr)
            refused |= wanted
        raise _no_python(requirement, ", ".join(sorted(refused)), pythons)

    def _finish(self, requirement: str, folder: Path, python: str) -> Environment:
        programs: dict[str, str] = {}
        for metadata in folder.glob("lib/python3*/site-packages/*.dist-info/entry_points.txt"):
            section = ""
            for line in metadata.read_text().splitlines():
                if line.startswith("["):
                    section = line.strip("[] ")
                elif section == "console_scripts" and "=" in line:
                    name, target = line.split("=", 1)
                    programs[name.strip()] = target.strip()
        frozen = self._uv(requirement, "pip", "freeze", "--python", str(folder / "bin" / "python")).stdout
        environment = Environment(requirement, folder, python, programs, frozen.splitlines())
        locked = _lock_file(self._cache, requirement)
        if not locked.exists():
            locked.parent.mkdir(parents=True, exist_ok=True)
            _write(locked, frozen)
        _write(folder / "lotus.json", json.dumps({**asdict(environment), "folder": str(folder)}))
        return environment

    def pythons(self) -> list[tuple[tuple[int, int], str]]:
        """Interpreters on this machine, best first: this one's, PATH's and pyenv's; nothing is downloaded."""
        if self._pythons is None:
            found: dict[tuple[int, int], str] = {}
            base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
            if base.exists():
                found[(sys.version_info[0], sys.version_info[1])] = str(base)
            for version in KNOWN_PYTHONS:
                for path in _candidates(version):
                    if version not in found and _answers(path, version):
                        found[version] = str(path)
            order = {version: number for number, version in enumerate(KNOWN_PYTHONS)}
            self._pythons = sorted(found.items(), key=lambda item: order.get(item[0], 99))
        return self._pythons

    def _uv(self, requirement: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        from uv import find_uv_bin

        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        }
        environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        try:
            result = subprocess.run(
                [find_uv_bin(), *arguments],
                env=environment,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InstallError(f"installing {requirement} took longer than {INSTALL_SECONDS} s") from error
        except OSError as error:
            raise InstallError(f"cannot install {requirement}: uv cannot be started ({error})") from error
        if check and result.returncode != 0:
            raise _translated(requirement, result.stderr)
        return result

    @contextlib.contextmanager
    def _locked(self, key: str, progress: Progress) -> Generator[None]:
        folder = self._cache / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = (folder / f"{key}.lock").open("a+")
        except OSError as error:
            raise InstallError(f"the connector cache {self._cache} cannot be written ({error.strerror})") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that installs {key}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _key(requirement: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", requirement)


def _lock_file(cache: Path, requirement: str) -> Path:
    return cache / "locks" / f"{_key(requirement)}.txt"


def _constraints(cache: Path, requirement: str) -> list[str]:
    """What an earlier install of the same requirement chose, so that a second one runs the same code."""
    locked = _lock_file(cache, requirement)
    return ["--constraints", str(locked)] if locked.exists() else []


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


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


def _answers(path: Path, version: tuple[int, int]) -> bool:
    if not os.access(path, os.X_OK):
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        # ensurepip's absence would not matter to uv; venv and ssl do.
        probe = "import sys, ssl, venv; print(*sys.version_info[:2])"
        result = subprocess.run([path, "-I", "-c", probe], capture_output=True, text=True, timeout=20, check=False)
        return result.stdout.split() == [str(part) for part in version]
    return False


def _fits(version: tuple[int, int], wanted: str) -> bool:
    for part in filter(None, (piece.strip() for piece in wanted.split(","))):
        match = re.fullmatch(r"(>=|<=|<|>|==|!=)\s*(\d+)\.(\d+)(?:\.(?:\d+|\*))*", part)
        if match is None:
            continue
        bound = (int(match[2]), int(match[3]))
        holds = {
            ">=": version >= bound,
            "<=": version <= bound,
            "<": version < bound,
            ">": version >= bound,
            "==": version == bound,
            "!=": version != bound,
        }
        if not holds[match[1]]:
            return False
    return True


def _no_python(requirement: str, wanted: str, pythons: list[tuple[tuple[int, int], str]]) -> NoPythonError:
    have = ", ".join(f"{major}.{minor}" for (major, minor), _ in sorted(pythons)) or "none"
    return NoPythonError(
        f"{requirement} needs Python {wanted or '3.10 or newer'}, and this machine has {have}",
        fix="install a fitting one (`uv python install 3.11`, pyenv or the system's packages) and try again",
    )


def _translated(requirement: str, stderr: str) -> InstallError:
    text = " ".join(line.strip() for line in stderr.splitlines() if line.strip())
    name = re.split(r"[<>=!~\[ ]", requirement, maxsplit=1)[0]
    if "was not found in the package registry" in text or "no versions of" in text or "there is no version of" in text:
        return InstallError(
            f"there is no package {requirement} on PyPI",
            fix=(
                "check the version; a low-code connector that is not on PyPI runs from its manifest: save "
                f"{MANIFESTS}/{name.removeprefix('airbyte-')}/latest/manifest.yaml and declare that; "
                "one that is only a container image needs an Airbyte on Kubernetes"
            ),
            details=stderr,
        )
    network = ("Failed to fetch", "error sending request", "dns error", "Could not connect", "network")
    if any(word in text for word in network):
        return InstallError(
            f"cannot install {requirement}: the package index cannot be reached",
            fix="connect to a network once; after that the connector works offline",
            details=stderr,
        )
    return InstallError(f"cannot install {requirement}: {text[-400:]}", details=stderr)
