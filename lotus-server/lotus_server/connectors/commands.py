"""Runs commands of connectors as child processes, each in a folder of its own; what they print is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lotus_server.connectors.command_log import CommandLog
from lotus_server.connectors.errors import ConnectorError
from lotus_server.connectors.private import PrivateFolders, write_files
from lotus_server.connectors.process import Outcome, run_command
from lotus_server.connectors.scrubber import Scrubber

SPEC_SECONDS = 120.0
CHECK_SECONDS = 300.0
DISCOVER_SECONDS = 900.0
SAMPLE_SECONDS = 300.0
"""Airbyte's own limits are of this order; Shopify's discovery of a large shop takes minutes."""

_LIMITS = {"spec": SPEC_SECONDS, "check": CHECK_SECONDS, "discover": DISCOVER_SECONDS, "read": SAMPLE_SECONDS}
_ANSWERS = {"spec": "SPEC", "check": "CONNECTION_STATUS", "discover": "CATALOG", "read": "RECORD"}
"""The type of message that answers each command."""


class Commands:
    """Runs spec, check, discover and read until the message came that answers them."""

    def __init__(self, owner: str, *, private: PrivateFolders, logs: Path | None) -> None:
        """The commands of one server.

        Args:
            owner: marks child processes (see `process.MARK`).
            private: where configurations are written for connectors.
            logs: a folder that keeps what connectors print; nowhere if not given.
        """
        self._owner = owner
        self._private = private
        self._log = CommandLog(logs) if logs else None

    async def run(
        self,
        command: str,
        argv: Sequence[str],
        files: Mapping[str, Any],
        *,
        connector: str,
        scrubber: Scrubber,
        count: int = 1,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Runs one command; what it printed is kept, whatever comes of it.

        Args:
            command: one of Airbyte's: `spec`, `check`, `discover` or `read`.
            argv: the program and its arguments.
            files: added to the arguments: `--config` and `--catalog` with the path of a file that holds the value.
            connector: the name under which the log is kept.
            scrubber: takes secrets out of what it prints.
            count: how many messages answer it.
            variables: its environment, if it is not a connector's.

        Raises:
            ConnectorError: it cannot be started, printed a line beyond the bound, or took too long.
        """
        lines: Sequence[str] = ()
        with self._private.folder(command) as folder:
            options = [text for name, path in write_files(folder, files).items() for text in (f"--{name}", str(path))]
            try:
                outcome = await run_command(
                    [*argv, *options],
                    owner=self._owner,
                    folder=folder,
                    timeout=_LIMITS[command],
                    scrubber=scrubber,
                    until=_ANSWERS[command],
                    count=count,
                    variables=variables,
                )
                lines = outcome.log
            except ConnectorError as error:
                lines = [error.reason, error.details]
                raise
            finally:
                if self._log is not None:
                    await asyncio.to_thread(self._log.keep, command, connector, lines)
        return outcome
