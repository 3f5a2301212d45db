"""Spec, check and discover of a definition, whichever way its connector runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lotus.embedded.connectors.definition import CheckResult, Definition

Progress = Callable[[str], None]


class Connectors:
    """Installs connectors once and runs their spec, check and discover as child processes."""

    def __init__(self, cache: Path | None = None, *, progress: Progress | None = None) -> None:
        self._cache = cache
        self._progress = progress

    async def spec(self, definition: Definition) -> dict[str, Any]:
        """The connector's SPEC (`connectionSpecification`, `supported_destination_sync_modes`, ...).

        Raises:
            ConnectorError: it cannot be installed or run.
        """
        raise NotImplementedError

    async def check(self, definition: Definition, configuration: Mapping[str, Any]) -> CheckResult:
        """Whether the configuration works, by the connector's own check.

        Raises:
            ConnectorError: it cannot be installed or run; a check that says no is a result, not an error.
        """
        raise NotImplementedError

    async def discover(self, definition: Definition, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The discovered catalog (`{"streams": [...]}`, the protocol's snake_case keys) as the connector gives it.

        Raises:
            ConnectorError: it cannot be installed or run, or it failed to discover.
        """
        raise NotImplementedError
