"""What lotus asks of connectors apart from a server, one JSON line on stdout for each answer; progress on stderr.

    python -m lotus_server.connectors install [--locks DIR] source-faker '{"package": "airbyte-source-x==1.2.3", …}'
    python -m lotus_server.connectors newest airbyte-source-github
    python -m lotus_server.connectors show airbyte-source-github
    python -m lotus_server.connectors spec airbyte-source-github==2.7.1
    python -m lotus_server.connectors sample < request.json

`install` answers `{"connector", "installed", "fits", "reason", "lock"}`: `fits` is false where no Python of this
machine runs it. The exit code is 1 when something could not be done for another reason; then `reason` says which.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lotus_server.connectors.connectors import Connectors, package_of
from lotus_server.connectors.definition import Definition
from lotus_server.connectors.errors import (
    ConnectorError,
    DependencyError,
    FailedCommandError,
    NoPythonError,
    TimedOutError,
)
from lotus_server.connectors.locks import Lock, Package, file_name, read_lock, write_whole
from lotus_server.connectors.pythons import fits
from lotus_server.connectors.registry import CONNECTORS, definition
from lotus_server.connectors.releases import VERSIONS_SHOWN, Release, newest, newest_resolvable, release, versions
from lotus_server.connectors.uv import name_of

MANIFEST = "manifest"
MOST_VERSIONS_TRIED = 5


def main(arguments: Sequence[str]) -> int:
    """Runs one of the verbs; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lotus_server.connectors", description="Install connectors.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    install = verbs.add_parser("install")
    install.add_argument("--locks", type=Path, help="folder of lock files; one that is missing is written")
    install.add_argument("connectors", nargs="*")
    for verb in ("newest", "show", "spec"):
        verbs.add_parser(verb).add_argument("package")
    sample = verbs.add_parser("sample", help="read a stream's first records; the request is JSON on stdin")
    sample.add_argument("--locks", type=Path)
    sample.add_argument("--components", action="store_true", help="run the code that the manifest brings")
    options = parser.parse_args(arguments)
    connectors = Connectors(
        locks=getattr(options, "locks", None),
        components=getattr(options, "components", False),
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if options.verb == "install":
        return asyncio.run(_install(connectors, options.connectors, options.locks))
    answers = {"newest": newest_installed, "show": _show, "spec": _spec, "sample": _sample}
    argument = sys.stdin.read() if options.verb == "sample" else options.package
    try:
        print(json.dumps(asyncio.run(answers[options.verb](connectors, argument))), flush=True)
    except ConnectorError as error:
        print(json.dumps({"reason": str(error)}), flush=True)
        return 1
    return 0


async def _install(connectors: Connectors, names: Sequence[str], locks: Path | None) -> int:
    failed = False
    for name in names:
        report: dict[str, Any] = {"connector": name, "installed": True, "fits": True, "reason": "", "lock": None}
        try:
            report["lock"] = await _installed(connectors, name, locks)
        except NoPythonError as error:
            report |= {"installed": False, "fits": False, "reason": str(error)}
        except ConnectorError as error:
            report |= {"installed": False, "reason": str(error)}
            failed = True
        print(json.dumps(report), flush=True)
    return 1 if failed else 0


async def _installed(connectors: Connectors, name: str, locks: Path | None) -> dict[str, str] | None:
    """Installs one connector; the lock that was written for it, None where it was there or is not needed."""
    if name == MANIFEST or name in CONNECTORS:
        await connectors.program(definition("source-declarative-manifest" if name == MANIFEST else name))
        if name != MANIFEST:  # a manifest has its own
            await _ask_spec(connectors, definition(name))
        return None
    package, versions = _requested(name)
    await connectors.environment(package, versions)
    await _ask_spec(connectors, _of_requirement(package.requirement))
    lock = connectors.environments.lock(package)
    if lock is None or "==" not in package.requirement:
        return None
    written = locks is not None and _write(lock, package, locks)
    return {"name": file_name(package), "text": lock.text(), "written": "yes" if written else ""}


async def _ask_spec(connectors: Connectors, definition: Definition) -> None:
    """Has the spec kept beside the environment, so that no request has to wait for it."""
    with contextlib.suppress(FailedCommandError, TimedOutError):  # the server asks again
        await connectors.spec(definition)


def _write(lock: Lock, package: Package, locks: Path) -> bool:
    existing = read_lock(locks / file_name(package))
    if existing is not None and existing.answers(package):
        return False
    write_whole(locks / file_name(package), lock.text())
    return True


def _requested(name: str) -> tuple[Package, str]:
    """A connector as lotus names it: `airbyte/source-x:1.2.3`, or an object with package, python and overrides."""
    if not name.startswith("{"):
        return package_of(_definition(name))
    request: dict[str, Any] = json.loads(name)
    return Package(request["package"], request.get("python") or "", tuple(request.get("overrides") or ())), ""


def _definition(name: str) -> Definition:
    repository, _, tag = name.partition(":")
    repository = repository if "/" in repository else f"airbyte/{repository}"
    return Definition(id=name, name=name, docker_repository=repository, docker_image_tag=tag or "latest")


async def newest_installed(connectors: Connectors, name: str) -> dict[str, Any]:
    """The newest version that can be installed here, installed; and why newer ones cannot."""
    environments = connectors.environments
    skipped: list[dict[str, str]] = []
    version = newest(name)
    while True:
        candidate = release(name, version, environments.cache)
        package = Package(candidate.requirement)
        try:
            await connectors.environment(package, candidate.python)
        except (DependencyError, NoPythonError) as error:
            skipped.append({"version": version, "reason": error.reason})
            if len(skipped) == MOST_VERSIONS_TRIED:
                raise
            python = environments.pythons.fitting(name, candidate.python)[0]
            version = newest_resolvable(f"{name}<{version}", python)
            continue
        lock = environments.lock(package)
        written = {"name": file_name(package), "text": lock.text()} if lock else None
        return {"version": version, "skipped": skipped, "lock": written}


async def _show(connectors: Connectors, name: str) -> dict[str, Any]:
    """The newest versions, and on which of this machine's Pythons each runs."""
    pythons = connectors.environments.pythons
    return {
        "package": name,
        "versions": [_shown(connectors, release) for release in versions(name, connectors.environments.cache)],
        "pythons": [str(python) for python in sorted(pythons.installed())],
        "shown": VERSIONS_SHOWN,
    }


def _shown(connectors: Connectors, release: Release) -> dict[str, Any]:
    environments = connectors.environments
    return {
        "version": release.version,
        "uploaded": release.uploaded[:10],
        "python": release.python,
        "licence": release.licence,
        "runs_on": [str(python) for python in environments.pythons.installed() if fits(python.version, release.python)],
        "installed": environments.installed(Package(release.requirement)) is not None,
    }


async def _sample(connectors: Connectors, text: str) -> dict[str, Any]:
    """The request holds secrets, so that it is no argument: other users see those."""
    request: dict[str, Any] = json.loads(text)
    definition = Definition(
        id="",
        name=request["repository"],
        docker_repository=request["repository"],
        docker_image_tag=request["version"],
        manifest=request.get("manifest"),
    )
    records = await connectors.sample(
        definition,
        request["configuration"],
        request["stream"],
        namespace=request.get("namespace"),
        count=request["count"],
    )
    return {"records": records}


async def _spec(connectors: Connectors, requirement: str) -> dict[str, Any]:
    return dict(await connectors.spec(_of_requirement(requirement)))


def _of_requirement(requirement: str) -> Definition:
    name = name_of(requirement).removeprefix("airbyte-")
    return _definition(f"{name}:{requirement.partition('==')[2]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
