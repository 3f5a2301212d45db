"""What a connector is: the stored definition that names it, and the answer of its check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ActorType = Literal["source", "destination"]


COMMAND_SCHEME = "command:"
"""A docker repository `command:/abs/program args` names a program on this machine that speaks the Airbyte protocol."""


@dataclass(frozen=True)
class Definition:
    """A source or destination definition as the store keeps it; enough to install and run the connector."""

    id: str
    name: str
    docker_repository: str
    docker_image_tag: str
    actor_type: ActorType = "source"
    documentation_url: str = ""
    manifest: Mapping[str, Any] | None = None
    custom: bool = False

    @property
    def short_name(self) -> str:
        """`faker` for `airbyte/source-faker`: what the API calls `sourceType` or `destinationType`."""
        last = self.docker_repository.rsplit("/", 1)[-1]
        return last.removeprefix("source-").removeprefix("destination-")

    @property
    def command(self) -> str | None:
        """The program and arguments of a `command:` definition, else None."""
        if self.docker_repository.startswith(COMMAND_SCHEME):
            return self.docker_repository.removeprefix(COMMAND_SCHEME).strip()
        return None


@dataclass(frozen=True)
class CheckResult:
    """CONNECTION_STATUS of a connector: whether the configuration works, and the connector's own words if not."""

    succeeded: bool
    message: str | None = None
    log: tuple[str, ...] = ()
    """What it printed besides, without secrets."""
    configuration: Mapping[str, Any] | None = field(default=None, repr=False)
    """What the connector wants to have stored instead of its configuration (CONTROL)."""


@dataclass(frozen=True)
class DiscoverResult:
    """CATALOG of a connector, and the configuration that it wants to have stored instead of its own (CONTROL)."""

    catalog: dict[str, Any]
    configuration: Mapping[str, Any] | None = field(default=None, repr=False)
