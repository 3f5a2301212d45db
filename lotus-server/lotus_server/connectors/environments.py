"""Python environments for connectors: one each, made once, shared by all servers of a user.

Layout of the cache:

    environments/airbyte-source-faker-7.2.1-py311-1f0c9a3e/  the environment; the last part stands for its lock
    environments/…/lotus.json                                written last: without it the environment is unfinished
    environments/…/spec.json                                 what the connector answered to `spec`
    locks/source-faker-7.2.1.lock                            what the package resolved to
    locks/source-faker-7.2.1.held                            held while one process installs
    releases/                                                what releases say of themselves
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lotus_server.connectors.errors import InstallError, NoPackageError, PythonRangeError
from lotus_server.connectors.locks import Lock, Package, file_name, read_lock, write_whole
from lotus_server.connectors.pythons import Python, Pythons, fits
from lotus_server.connectors.releases import newest, release, resolved
from lotus_server.connectors.uv import name_of, online_or_cached, run_uv, stop_uv

Progress = Callable[[str], None]

QUIET_SECONDS = 8.0
"""An install says that it goes on at least this often."""

MANIFESTS = "https://connectors.airbyte.com/files/metadata/airbyte"
"""Where Airbyte publishes the manifests of low-code connectors; the server itself fetches nothing from there."""


def default_cache() -> Path:
    """`LOTUS_CACHE` (then its `connectors` folder), else `~/.cache/lotus/connectors`."""
    if root := os.environ.get("LOTUS_CACHE"):
        return Path(root) / "connectors"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lotus" / "connectors"


@dataclass(frozen=True)
class Environment:
    """An installed connector; `lock` is the digest of the lock that it was made from."""

    requirement: str
    folder: Path
    python: str
    programs: dict[str, str]
    packages: list[str]
    lock: str = ""

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

    def spec(self) -> dict[str, Any] | None:
        """The connector's SPEC as it was once answered; None if it was never asked."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.folder / "spec.json").read_text())
        return None

    def keep_spec(self, spec: Mapping[str, Any]) -> None:
        """Keeps the answer for every server that uses this environment."""
        with contextlib.suppress(OSError):  # a cache that cannot be written is only slower
            write_whole(self.folder / "spec.json", json.dumps(spec))


class Environments:
    """Installs packages and finds installed ones.

    Args:
        cache: where environments are.
        locks: a project's own folder of locks (`streams/_connectors`), which come before the cache's.
    """

    def __init__(self, cache: Path, *, locks: Path | None = None) -> None:
        self._cache = cache
        self._locks = locks
        self.pythons = Pythons()
        self._stopped = False

    @property
    def cache(self) -> Path:
        """The folder that all this is kept in."""
        return self._cache

    def installed(self, package: Package) -> Environment | None:
        """The finished environment of a package, if there is one that was made from its lock."""
        lock = self.lock(package)
        if lock is None and package != Package(package.requirement):
            return None
        for marker in sorted((self._cache / "environments").glob(f"{_key(package)}-py3*/lotus.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                values: dict[str, Any] = json.loads(marker.read_text())
                values["folder"] = marker.parent
                environment = Environment(**values)
                if environment.lock != (lock.digest if lock is not None else ""):
                    continue
                # A Python that was removed since leaves an environment that cannot start.
                if (marker.parent / "bin" / "python").exists():
                    return environment
        return None

    def lock(self, package: Package) -> Lock | None:
        """The project's lock of a package, else the cache's; one with other overrides does not count.

        A project's lock decides overrides and Python where the caller names none: a definition has a version only.
        """
        if self._locks is not None:
            lock = read_lock(self._locks / file_name(package))
            if lock is not None and (lock.answers(package) or package == Package(package.requirement)):
                return lock
        lock = read_lock(self._cache / "locks" / file_name(package))
        return lock if lock is not None and lock.answers(package) else None

    def install(self, package: Package, *, versions: str = "", progress: Progress = print) -> Environment:
        """The environment of a package, installed first if need be; other processes wait for the one that does.

        Args:
            package: what to install.
            versions: range of Pythons to try, such as `>=3.10,<3.13`; empty: what the package's metadata allows.
            progress: gets one line for each step.

        Raises:
            InstallError: no fitting Python, no such package, or no network with a cold cache.
        """
        if environment := self.installed(package):
            return environment
        with self._held(package, progress):
            return self.installed(package) or self._install(package, versions, progress)

    def _install(self, package: Package, versions: str, progress: Progress) -> Environment:
        started = time.monotonic()
        lock = self.lock(package)
        if self._stopped:
            raise InstallError(f"the installation of {package.requirement} was stopped")
        try:
            if lock is not None:
                python = self.pythons.fitting(package.requirement, f"=={lock.package.python}")[0]
                environment = self._made(package, lock, python, progress)
            else:
                environment = self._resolved(package, versions, progress)
        except NoPackageError as error:
            raise _not_on_pypi(package, error) from None
        except InstallError as error:
            if self._stopped:
                raise InstallError(f"the installation of {package.requirement} was stopped") from error
            raise
        progress(f"installed {package.requirement} in {time.monotonic() - started:.1f} s")
        return environment

    def _resolved(self, package: Package, versions: str, progress: Progress) -> Environment:
        """The environment on the first Python that the package takes; what it resolved to is kept as its lock.

        uv itself ignores the upper bounds of a range.
        """
        if package.python:
            versions = f"=={package.python}"
        versions = versions or self._released_versions(package)
        refused: set[str] = set()
        tried: set[str] = set()
        while True:
            ranges = ",".join(filter(None, (versions, *sorted(refused))))
            untried = [each for each in self.pythons.fitting(package.requirement, ranges) if each.path not in tried]
            if not untried:
                raise InstallError(f"{package.requirement} runs on none of the Pythons of this machine: {self.pythons}")
            python = untried[0]
            tried.add(python.path)
            try:
                progress(f"resolving {package.requirement} for Python {python}")
                lock = resolved(package, python)
                environment = self._made(package, lock, python, progress)
            except PythonRangeError as error:
                refused |= {bound for bound in error.versions.split(", ") if not fits(python.version, bound)}
                continue
            write_whole(self._cache / "locks" / file_name(package), lock.text())
            return environment

    def _released_versions(self, package: Package) -> str:
        """The Pythons that the package's release names."""
        name = name_of(package.requirement)
        version = package.requirement.partition("==")[2] or newest(name)
        return release(name, version, self._cache).python

    def _made(self, package: Package, lock: Lock, python: Python, progress: Progress) -> Environment:
        requirement = package.requirement
        name = f"{_key(package)}-py{python.version[0]}{python.version[1]}-{lock.digest}"
        folder = self._cache / "environments" / name
        progress(f"installing {requirement} with Python {python} ({lock.packages.count('==')} packages)")
        shutil.rmtree(folder, ignore_errors=True)
        run_uv(requirement, "venv", "--quiet", "--no-project", "--python", python.path, str(folder))
        locked = folder / "lotus.lock"
        locked.write_text(lock.text())
        try:
            with _signs_of_life(requirement, folder, lock.packages.count("=="), progress):
                online_or_cached(
                    requirement, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--no-deps",
                    "--python", str(folder / "bin" / "python"), "-r", str(locked),
                )  # fmt: skip
        except InstallError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        frozen = run_uv(requirement, "pip", "freeze", "--python", str(folder / "bin" / "python"))
        environment = Environment(requirement, folder, str(python), _programs(folder), frozen.splitlines(), lock.digest)
        write_whole(folder / "lotus.json", json.dumps({**asdict(environment), "folder": str(folder)}))
        return environment

    def stop(self) -> None:
        """Ends installations that run, so that the process can end."""
        self._stopped = True
        stop_uv()

    @contextlib.contextmanager
    def _held(self, package: Package, progress: Progress) -> Generator[None]:
        folder = self._cache / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = (folder / f"{package.key}.held").open("a+")
        except OSError as error:
            raise InstallError(f"the connector cache {self._cache} cannot be written ({error.strerror})") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that installs {package.requirement}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def _signs_of_life(requirement: str, folder: Path, count: int, progress: Progress) -> Generator[None]:
    """A line every few seconds while packages are fetched and installed."""
    started = time.monotonic()
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(QUIET_SECONDS):
            installed = sum(1 for _ in folder.glob("lib/python3*/site-packages/*.dist-info"))
            state = f"{installed} of {count} packages installed" if installed else f"fetching {count} packages"
            progress(f"{requirement}: {state}, {time.monotonic() - started:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _programs(folder: Path) -> dict[str, str]:
    """The console scripts that the packages of an environment install."""
    programs: dict[str, str] = {}
    for metadata in folder.glob("lib/python3*/site-packages/*.dist-info/entry_points.txt"):
        section = ""
        for line in metadata.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[] ")
            elif section == "console_scripts" and "=" in line:
                name, target = line.split("=", 1)
                programs[name.strip()] = target.strip()
    return programs


def _key(package: Package) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", package.requirement)


def _not_on_pypi(package: Package, error: NoPackageError) -> NoPackageError:
    connector = name_of(package.requirement).removeprefix("airbyte-")
    way_out = (
        "check the version"
        if "==" in package.requirement and "version" in error.reason
        else (
            "check its name; a low-code connector that is not on PyPI runs from its manifest: save "
            f"{MANIFESTS}/{connector}/latest/manifest.yaml and declare that; "
            "one that is only a container image needs an Airbyte on Kubernetes"
        )
    )
    return NoPackageError(error.reason, fix=way_out, details=error.details)
