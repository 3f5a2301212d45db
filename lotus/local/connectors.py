"""What the local server's installer does with connectors: install them, lock them, look up their versions.

It runs as a process of its own, whose answers are JSON lines: lotus imports nothing of the server.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.config import Settings, Source
from lotus.config.connector import Connector
from lotus.config.project import CONNECTORS
from lotus.errors import ToolError
from lotus.untyped import as_mapping

Say = Callable[[str], None]


def locks_of(project: Path, settings: Settings) -> Path:
    """Beside the shared connectors: one lock file for each pinned version, committed with the sources."""
    return project / settings.streams / CONNECTORS


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file: every package of a connector's environment, with hashes."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class InstallReport:
    """Whether a connector is installed. `fits`: a Python of this machine runs it. `reason`: why it is not installed."""

    installed: bool = True
    fits: bool = True
    reason: str = ""
    lock: LockFile | None = None

    def require(self, where: str) -> None:
        """Stops where it is not installed.

        Raises:
            ToolError: says why, of what `where` names.
        """
        if not self.installed:
            raise _failure(self.reason, where)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version that runs here, its lock, and why newer ones do not."""

    version: str
    skipped: tuple[tuple[str, str], ...]
    lock: LockFile | None


def install(sources: Iterable[Source], locks: Path, say: Say) -> list[tuple[Source, InstallReport]]:
    """Has the connectors of sources installed, each once; a lock that is missing is written.

    Raises:
        ToolError: the local server is not installed.
    """
    needed = [(source, installer_request(source.connector)) for source in sources]
    requests = sorted({request for _, request in needed if request})
    reports: dict[str, InstallReport] = {}
    for response in _ask(["install", "--locks", str(locks), *requests], say) if requests else ():
        if as_mapping(response.get("lock")).get("written"):
            say(f"wrote {locks / str(response['lock']['name'])}; commit it")
        reports[str(response["connector"])] = _report(response)
    return [(source, reports.get(request or "", InstallReport())) for source, request in needed]


def install_one(connector: Connector, say: Say) -> InstallReport:
    """Has one connector installed; its lock is in the report and nowhere else.

    Raises:
        ToolError: the local server is not installed.
    """
    request = installer_request(connector)
    return _report(_ask(["install", request], say)[0]) if request else InstallReport()


def newest(package: str, say: Say) -> Newest:
    """The newest version of a package that runs on this machine, installed.

    Raises:
        ToolError: there is no such package, none of its versions runs here, or the index does not answer.
    """
    response = _response(["newest", package], say)
    skipped = tuple((str(item["version"]), str(item["reason"])) for item in response["skipped"])
    return Newest(str(response["version"]), skipped, _lock(response))


def releases(package: str) -> dict[str, Any]:
    """The newest versions of a package and the Pythons that each runs on.

    Raises:
        ToolError: there is no such package, or the index does not answer.
    """
    return _response(["show", package], lambda _line: None)


def spec_of(requirement: str, say: Say) -> dict[str, Any]:
    """The spec of a version, installed first if need be.

    Raises:
        ToolError: it cannot be installed, or gives none.
    """
    return _response(["spec", requirement], say)


def first_records(request: Mapping[str, Any], locks: Path, say: Say, *, components: bool) -> list[Any]:
    """The first records of a stream, by a connector that runs on this machine.

    `components`: whether the stack lets a manifest bring code of its own.

    Raises:
        ToolError: the connector cannot be installed or run, or fails; the message is its own.
    """
    arguments = ["sample", "--locks", str(locks), *(["--components"] if components else [])]
    return list(_response(arguments, say, input=json.dumps(request))["records"])


def installer_request(connector: Connector) -> str | None:
    """The connector as the installer names it; None where only the server knows."""
    match connector.kind:
        case "manifest":
            return "manifest"
        case "type":
            return f"source-{connector.value}"
        case "image" if "/" in connector.value:  # an image that is not Airbyte's
            return f"{connector.repository}:{connector.version}"
        case "image":
            request = {"package": connector.requirement, "python": connector.python, "overrides": connector.overrides}
            return json.dumps(request)
        case _:
            return None


def _report(response: dict[str, Any]) -> InstallReport:
    return InstallReport(bool(response["installed"]), bool(response["fits"]), str(response["reason"]), _lock(response))


def _lock(response: dict[str, Any]) -> LockFile | None:
    lock = as_mapping(response.get("lock"))
    return LockFile(str(lock["name"]), str(lock["text"])) if lock else None


def _response(arguments: Sequence[str], say: Say, *, input: str = "") -> dict[str, Any]:
    response = _ask(arguments, say, input=input)[0]
    if "reason" in response:
        raise _failure(str(response["reason"]), arguments[-1])
    return response


def _failure(reason: str, where: str) -> ToolError:
    """The installer's sentence: what, and behind a semicolon how to go on."""
    what, _, fix = reason.partition("; ")
    return ToolError(what, where=where, fix=fix)


def _ask(arguments: Sequence[str], say: Say, *, input: str = "") -> list[dict[str, Any]]:
    """The installer's answers, one for each line that it prints; what it says meanwhile goes to `say`."""
    installer = subprocess.Popen(
        [sys.executable, "-m", "lotus_server.connectors", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []

    def listen() -> None:
        for line in installer.stderr or ():
            said.append(line.rstrip())
            if "No module named" not in line:
                say(line.rstrip())

    with installer:
        listening = threading.Thread(target=listen)
        listening.start()
        if installer.stdin is not None:
            installer.stdin.write(input)
            installer.stdin.close()
        answers = [json.loads(line) for line in installer.stdout or ()]
        listening.join()
    if answers:
        return answers
    if any("No module named" in line and "lotus_server" in line for line in said):
        raise ToolError("the local server is not installed", fix="pip install -r requirements-dev.txt")
    raise ToolError(f"the installer of connectors ended without an answer: {said[-1] if said else 'it said nothing'}")
