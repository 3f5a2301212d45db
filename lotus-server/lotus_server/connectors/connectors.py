"""Spec, check and discover of a definition, whichever way its connector runs."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus_server.connectors.commands import Commands
from lotus_server.connectors.definition import CheckResult, Definition, DiscoverResult
from lotus_server.connectors.environments import Environment, Environments, default_cache
from lotus_server.connectors.errors import ConnectorError, ContainerOnlyError, FailedCommandError, InstallError
from lotus_server.connectors.locks import Package
from lotus_server.connectors.private import PrivateFolders
from lotus_server.connectors.process import Outcome
from lotus_server.connectors.reasons import readable
from lotus_server.connectors.registry import CDK_VERSION, CONNECTORS
from lotus_server.connectors.sampling import sampled_stream
from lotus_server.connectors.scrubber import Scrubber
from lotus_server.domain.configuration import secret_values
from lotus_server.domain.connector_specs import ManifestError, manifest_spec, schema_of
from lotus_server.protocol import object_of, present

Progress = Callable[[str], None]

MANIFEST_KEY = "__injected_declarative_manifest"
"""Where airbyte-cdk looks for the manifest in the configuration (docs/airbyte-behaviour.md#low-code-connectors)."""

COMPONENTS_VARIABLE = "AIRBYTE_ENABLE_UNSAFE_CODE"
"""By which airbyte-cdk knows whether it may run the code in a manifest's configuration."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Program:
    """How to start a source: the argument list before `spec`, `check`, `discover` or `read`."""

    argv: tuple[str, ...]
    injected: Mapping[str, Any]

    environment: Environment | None = None

    def configuration(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration that the program reads: with the manifest inside, if there is one."""
        return {**configuration, **self.injected}

    def without_injected(self, configuration: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """A configuration that the program sent back, as it is stored."""
        if configuration is None:
            return None
        return {name: value for name, value in configuration.items() if name not in self.injected}


class Connectors:
    """Installs connectors once and runs their spec, check and discover as child processes."""

    def __init__(
        self,
        cache: Path | None = None,
        *,
        locks: Path | None = None,
        logs: Path | None = None,
        components: bool = False,
        owner: str = "",
        private: PrivateFolders | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Connectors of one server.

        Args:
            cache: where environments are kept; `default_cache()` if not given.
            locks: a folder of lock files (`source-s3-4.14.6.lock`), which decide what is installed.
            logs: a folder that keeps what connectors print while they answer spec, check and discover.
            components: whether manifests may bring code of their own.
            owner: the server's data directory: marks child processes (see `process.MARK`).
            private: where configurations are written for connectors; temporary folders if not given.
            progress: gets a line for each step of an install; the log if not given.
        """
        self.environments = Environments(cache or default_cache(), locks=locks)
        self._components = components
        self._commands = Commands(owner or f"pid {id(self)}", private=private or PrivateFolders(), logs=logs)
        self._progress = progress or _logger.info
        self._specs: dict[str, dict[str, Any]] = {}
        self._installing: dict[str, asyncio.Lock] = {}

    def known_spec(self, definition: Definition) -> dict[str, Any] | None:
        """The connector's SPEC if no program has to be run for it; None if one has.

        Raises:
            ConnectorError: the connector does not run here at all.
        """
        if definition.actor_type == "destination":
            return _destination_class(definition).spec()
        if definition.manifest is not None:
            return _manifest_spec(definition)
        if definition.command is not None:
            return None
        package, _ = package_of(definition)
        environment = self.environments.installed(package)
        return self._specs.get(package.requirement) or (environment.spec() if environment is not None else None)

    def is_installed(self, definition: Definition) -> bool:
        """Whether the connector can be run without installing something first."""
        if definition.actor_type == "destination" or definition.command is not None:
            return True
        return self.environments.installed(package_of(definition)[0]) is not None

    async def spec(self, definition: Definition) -> dict[str, Any]:
        """The connector's SPEC (`connectionSpecification`, `supported_destination_sync_modes`, ...).

        Raises:
            ConnectorError: it cannot be installed or run.
        """
        known = self.known_spec(definition)
        if known is not None:
            return known
        program = await self.program(definition)
        argv = [*program.argv, "spec"]
        outcome = await self._commands.run("spec", argv, {}, connector=definition.name, scrubber=Scrubber(()))
        message = outcome.first("SPEC")
        if message is None or not present(message.spec):
            raise _failed("spec", outcome)
        spec: dict[str, Any] = object_of(message.spec)
        if program.environment is not None:
            self._specs[program.environment.requirement] = spec
            program.environment.keep_spec(spec)
        return spec

    async def check(self, definition: Definition, configuration: Mapping[str, Any]) -> CheckResult:
        """Whether the configuration works, by the connector's own check.

        Raises:
            ConnectorError: it cannot be installed or run; a check that says no is a result, not an error.
        """
        scrubber = await self.scrubber(definition, configuration)
        variables: Mapping[str, str] | None = None
        if definition.actor_type == "destination":
            _destination_class(definition)
            program = Program((sys.executable, "-m", "lotus_server.destinations.check", _short(definition)), {})
            argv, variables = program.argv, os.environ
        else:
            program = await self.program(definition)
            argv = (*program.argv, "check")
        files = {"config": program.configuration(configuration)}
        outcome = await self._commands.run(
            "check", argv, files, connector=definition.name, scrubber=scrubber, variables=variables
        )
        changed = program.without_injected(outcome.configuration())
        message = outcome.first("CONNECTION_STATUS")
        if message is None or message.connectionStatus is None:
            if outcome.errors:
                return CheckResult(
                    succeeded=False, message=outcome.errors[-1], log=tuple(outcome.log), configuration=changed
                )
            raise _failed("check", outcome)
        status = message.connectionStatus
        text = scrubber.scrub(readable(status.message)) if status.message else None
        succeeded = status.status == "SUCCEEDED"
        return CheckResult(succeeded=succeeded, message=text, log=tuple(outcome.log), configuration=changed)

    async def discover(self, definition: Definition, configuration: Mapping[str, Any]) -> DiscoverResult:
        """The discovered catalog (`{"streams": [...]}`, the protocol's snake_case keys) as the connector gives it.

        Raises:
            ConnectorError: it cannot be installed or run, or it failed to discover.
        """
        scrubber = await self.scrubber(definition, configuration)
        program = await self.program(definition)
        argv, files = [*program.argv, "discover"], {"config": program.configuration(configuration)}
        outcome = await self._commands.run("discover", argv, files, connector=definition.name, scrubber=scrubber)
        message = outcome.first("CATALOG")
        if message is None or not present(message.catalog):
            raise _failed("discover", outcome)
        return DiscoverResult(object_of(message.catalog), program.without_injected(outcome.configuration()))

    async def sample(
        self,
        definition: Definition,
        configuration: Mapping[str, Any],
        stream: str,
        *,
        namespace: str | None = None,
        count: int = 10,
    ) -> list[Any]:
        """The first records of a stream, read from the source and kept nowhere.

        Raises:
            ConnectorError: the connector cannot be installed or run, has no such stream, or failed to read it.
        """
        discovered = await self.discover(definition, configuration)
        configured = sampled_stream(discovered.catalog["streams"], stream, namespace)
        program = await self.program(definition)
        files = {"config": program.configuration(configuration), "catalog": {"streams": [configured]}}
        scrubber = await self.scrubber(definition, configuration)
        argv = [*program.argv, "read"]
        outcome = await self._commands.run(
            "read", argv, files, connector=definition.name, scrubber=scrubber, count=count
        )
        records = [object_of(message.record.data) for message in outcome.messages if message.record is not None]
        if not records and (outcome.errors or outcome.exit_code):
            raise _failed("read", outcome)
        return records[:count]

    async def program(self, definition: Definition) -> Program:
        """How to start a source, installed first if need be.

        Raises:
            ConnectorError: it is not available.
        """
        if definition.command:
            return _command(definition.name, definition.command)
        package, versions = package_of(definition)
        environment = await self.environment(package, versions)
        if definition.manifest is not None:
            allowed = ("/usr/bin/env", f"{COMPONENTS_VARIABLE}=true") if self._components else ()
            argv = (*allowed, str(environment.program("source-declarative-manifest")))
            return Program(argv, {MANIFEST_KEY: definition.manifest}, environment)
        return Program((str(environment.program(_repository_name(definition))),), {}, environment)

    def stop(self) -> None:
        """Ends installations that run: the next start begins them again."""
        self.environments.stop()

    async def scrubber(self, definition: Definition, configuration: Mapping[str, Any]) -> Scrubber:
        """Takes the secrets of this configuration out of text."""
        spec = await self.spec(definition)
        return Scrubber(secret_values(configuration, schema_of(spec)))

    async def environment(self, package: Package, versions: str = "") -> Environment:
        """The environment of a package, installed first if need be.

        Raises:
            InstallError: it is not available.
        """
        lock = self._installing.setdefault(package.requirement, asyncio.Lock())
        async with lock:
            return await asyncio.to_thread(
                self.environments.install, package, versions=versions, progress=self._progress
            )


def package_of(definition: Definition) -> tuple[Package, str]:
    """The package that a source's definition names, and the Pythons that it is known to work on (empty: unknown).

    Raises:
        ConnectorError: it is no source, or one that runs in a container only.
    """
    if definition.manifest is not None:
        return Package(f"airbyte-cdk=={CDK_VERSION}"), ">=3.10,<3.14"
    name = _repository_name(definition)
    entry = CONNECTORS.get(name)
    if entry is not None and entry.container_only:
        raise ContainerOnlyError(
            f"the connector {name} does not run on the local server: {entry.container_only}",
            fix="use an Airbyte on Kubernetes for it, or another connector",
        )
    if not name.startswith("source-"):
        raise InstallError(
            f"{definition.docker_repository} is not a connector that can be installed",
            fix="the local server runs airbyte/source-* packages of PyPI, manifests, and command:/… programs",
        )
    tag = definition.docker_image_tag
    package = "airbyte-cdk" if name == "source-declarative-manifest" else f"airbyte-{name}"
    requirement = package if tag in ("", "latest") else f"{package}=={tag}"
    # A registry entry's Pythons are those of its own version.
    versions = entry.python if entry is not None and entry.version == tag else ""
    return Package(requirement), versions


def _repository_name(definition: Definition) -> str:
    return definition.docker_repository.rsplit("/", 1)[-1]


def _command(name: str, command: str) -> Program:
    argv = tuple(shlex.split(command))
    if not argv or not Path(argv[0]).is_absolute():
        raise ConnectorError(
            f"the command of {name} does not begin with an absolute path: {command}",
            fix="write docker_repository as command:/absolute/program arguments",
        )
    return Program(argv, {})


def _short(definition: Definition) -> str:
    return definition.docker_repository.rsplit("/", 1)[-1].removeprefix("destination-")


def _destination_class(definition: Definition) -> Any:
    from lotus_server.destinations import destination_class

    destination = destination_class(_short(definition))
    if destination is None:
        raise ContainerOnlyError(
            f"the destination {definition.docker_repository} does not run on the local server",
            fix="use s3, local or duckdb, or an Airbyte on Kubernetes",
        )
    return destination


def _manifest_spec(definition: Definition) -> dict[str, Any]:
    try:
        return manifest_spec(definition.manifest or {})
    except ManifestError as error:
        raise ConnectorError(str(error)) from error


def _failed(command: str, outcome: Outcome) -> ConnectorError:
    words = outcome.errors[-1] if outcome.errors else next((line for line in reversed(outcome.log) if line), "")
    reason = words[:1000] or f"the connector's {command} ended with exit code {outcome.exit_code} and gave no reason"
    return FailedCommandError(reason, details="\n".join(outcome.log))
