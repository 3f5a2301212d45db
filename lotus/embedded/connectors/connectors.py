"""Spec, check and discover of a definition, whichever way its connector runs."""

from __future__ import annotations

import asyncio
import logging
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.embedded.connectors.definition import CheckResult, Definition
from lotus.embedded.connectors.environments import Environments, default_cache
from lotus.embedded.connectors.errors import ConnectorError, ContainerOnlyError, FailedCommandError, InstallError
from lotus.embedded.connectors.process import Outcome, private_files, run_command
from lotus.embedded.connectors.registry import CDK_VERSION, CONNECTORS
from lotus.embedded.connectors.secrets import Scrubber, secret_values
from lotus.embedded.protocol import object_of, present

Progress = Callable[[str], None]

MANIFEST_KEY = "__injected_declarative_manifest"
"""Where airbyte-cdk's `source-declarative-manifest` looks for the manifest in its configuration."""

SPEC_SECONDS = 120.0
CHECK_SECONDS = 300.0
DISCOVER_SECONDS = 900.0
"""Airbyte's own limits are of this order; Shopify's discovery of a large shop takes minutes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Program:
    """How to start a source: the argument list before `spec`, `check`, `discover` or `read`."""

    argv: tuple[str, ...]
    injected: Mapping[str, Any]

    def configuration(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as the program wants it: with the manifest inside, if there is one."""
        return {**configuration, **self.injected}


class Connectors:
    """Installs connectors once and runs their spec, check and discover as child processes."""

    def __init__(self, cache: Path | None = None, *, owner: str = "", progress: Progress | None = None) -> None:
        """Connectors of one server.

        Args:
            cache: where environments are kept; `default_cache()` if not given.
            owner: the server's data directory: marks child processes (see `process.MARK`).
            progress: gets a line for each step of an install; the log if not given.
        """
        self._environments = Environments(cache or default_cache())
        self._owner = owner or f"pid {id(self)}"
        self._progress = progress or _log.info
        self._specs: dict[tuple[str, str], dict[str, Any]] = {}
        self._installing: dict[str, asyncio.Lock] = {}

    async def spec(self, definition: Definition) -> dict[str, Any]:
        """The connector's SPEC (`connectionSpecification`, `supported_destination_sync_modes`, ...).

        Raises:
            ConnectorError: it cannot be installed or run.
        """
        if definition.actor_type == "destination":
            return _destination_class(definition).spec()
        if definition.manifest is not None:
            return _manifest_spec(definition.manifest)
        key = (definition.docker_repository, definition.docker_image_tag)
        if key not in self._specs or definition.command is not None:
            program = await self.program(definition)
            outcome = await run_command(
                [*program.argv, "spec"], owner=self._owner, timeout=SPEC_SECONDS, scrubber=Scrubber(()), until="SPEC"
            )
            message = outcome.first("SPEC")
            if message is None or not present(message.spec):
                raise _failed(definition, "spec", outcome)
            self._specs[key] = object_of(message.spec)
        return self._specs[key]

    async def check(self, definition: Definition, configuration: Mapping[str, Any]) -> CheckResult:
        """Whether the configuration works, by the connector's own check.

        Raises:
            ConnectorError: it cannot be installed or run; a check that says no is a result, not an error.
        """
        scrubber = await self.scrubber(definition, configuration)
        if definition.actor_type == "destination":
            _destination_class(definition)
            argv = [sys.executable, "-m", "lotus.embedded.destinations.check", _short(definition)]
            injected = dict(configuration)
            arguments = ("--config",)
        else:
            program = await self.program(definition)
            argv = [*program.argv, "check"]
            injected = program.configuration(configuration)
            arguments = ("--config",)
        with private_files({"config": injected}) as files:
            outcome = await run_command(
                [*argv, *arguments, str(files["config"])],
                owner=self._owner,
                timeout=CHECK_SECONDS,
                scrubber=scrubber,
                until="CONNECTION_STATUS",
            )
        message = outcome.first("CONNECTION_STATUS")
        if message is None or message.connectionStatus is None:
            if outcome.errors:
                return CheckResult(succeeded=False, message=outcome.errors[-1])
            raise _failed(definition, "check", outcome)
        status = message.connectionStatus
        said = scrubber.scrub(status.message) if status.message else None
        return CheckResult(succeeded=status.status == "SUCCEEDED", message=said)

    async def discover(self, definition: Definition, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The discovered catalog (`{"streams": [...]}`, the protocol's snake_case keys) as the connector gives it.

        Raises:
            ConnectorError: it cannot be installed or run, or it failed to discover.
        """
        scrubber = await self.scrubber(definition, configuration)
        program = await self.program(definition)
        with private_files({"config": program.configuration(configuration)}) as files:
            outcome = await run_command(
                [*program.argv, "discover", "--config", str(files["config"])],
                owner=self._owner,
                timeout=DISCOVER_SECONDS,
                scrubber=scrubber,
                until="CATALOG",
            )
        message = outcome.first("CATALOG")
        if message is None or not present(message.catalog):
            raise _failed(definition, "discover", outcome)
        return object_of(message.catalog)

    async def program(self, definition: Definition) -> Program:
        """How to start a source, installed first if need be.

        Raises:
            ConnectorError: it cannot be had.
        """
        if command := definition.command:
            argv = tuple(shlex.split(command))
            if not argv or not Path(argv[0]).is_absolute():
                raise ConnectorError(
                    f"the command of {definition.name} does not begin with an absolute path: {command}",
                    fix="write docker_repository as command:/absolute/program arguments",
                )
            return Program(argv, {})
        if definition.manifest is not None:
            environment = await self._environment(f"airbyte-cdk=={CDK_VERSION}", ">=3.10,<3.14")
            argv = (str(environment.program("source-declarative-manifest")),)
            return Program(argv, {MANIFEST_KEY: definition.manifest})
        short_name = definition.docker_repository.rsplit("/", 1)[-1]
        known = CONNECTORS.get(short_name)
        if known is not None and known.container_only:
            raise ContainerOnlyError(
                f"the connector {short_name} does not run in the embedded Airbyte: {known.container_only}",
                fix="use an Airbyte on Kubernetes for it, or another connector",
            )
        if not short_name.startswith("source-"):
            raise InstallError(
                f"{definition.docker_repository} is not a connector that can be installed",
                fix="the embedded Airbyte runs airbyte/source-* packages of PyPI, manifests, and command:/… programs",
            )
        requirement, python = f"airbyte-{short_name}", ""
        if definition.docker_image_tag not in ("", "latest"):
            requirement += f"=={definition.docker_image_tag}"
        if known is not None:
            python = known.python
            if short_name == "source-declarative-manifest":
                requirement = f"airbyte-cdk=={definition.docker_image_tag}"
        environment = await self._environment(requirement, python)
        return Program((str(environment.program(short_name)),), {})

    async def scrubber(self, definition: Definition, configuration: Mapping[str, Any]) -> Scrubber:
        """Takes the secrets of this configuration out of text."""
        spec = await self.spec(definition)
        return Scrubber(secret_values(configuration, spec.get("connectionSpecification")))

    async def _environment(self, requirement: str, python: str) -> Any:
        lock = self._installing.setdefault(requirement, asyncio.Lock())
        async with lock:
            return await asyncio.to_thread(
                self._environments.install, requirement, python=python, progress=self._progress
            )


def _short(definition: Definition) -> str:
    return definition.docker_repository.rsplit("/", 1)[-1].removeprefix("destination-")


def _destination_class(definition: Definition) -> Any:
    from lotus.embedded.destinations import destination_class

    found = destination_class(_short(definition))
    if found is None:
        raise ContainerOnlyError(
            f"the destination {definition.docker_repository} does not run in the embedded Airbyte",
            fix="use s3, local or duckdb here, or an Airbyte on Kubernetes",
        )
    return found


def _manifest_spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    spec = manifest.get("spec") or {}
    specification = spec.get("connection_specification") or {"type": "object", "properties": {}}
    answer: dict[str, Any] = {"connectionSpecification": specification}
    if url := spec.get("documentation_url"):
        answer["documentationUrl"] = url
    if auth := spec.get("advanced_auth"):
        answer["advanced_auth"] = auth
    return answer


def _failed(definition: Definition, command: str, outcome: Outcome) -> ConnectorError:
    words = outcome.errors[-1] if outcome.errors else next((line for line in reversed(outcome.log) if line), "")
    reason = f"{command} of {definition.name} failed (exit code {outcome.exit_code})"
    return FailedCommandError(f"{reason}: {words[:1000]}" if words else reason, details="\n".join(outcome.log))
