"""The queue: what runs now, what waits, what a kill left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lotus.embedded.connectors import Connectors
    from lotus.embedded.store import Store

ConfigType = Literal["sync", "reset_connection", "refresh"]
"""Airbyte's own job config types; the server makes a `reset_connection` job for both reset and clear."""

RefreshMode = Literal["Merge", "Truncate"]


@dataclass(frozen=True)
class StreamKey:
    """A stream by name and namespace (None where the source has none)."""

    name: str
    namespace: str | None = None


class Jobs:
    """The queue and the worker processes; recovers at start what a kill left behind."""

    def __init__(self, store: Store, connectors: Connectors, *, data: Path, concurrency: int = 2) -> None:
        self._store = store
        self._connectors = connectors
        self._data = data
        self._concurrency = concurrency

    async def start(self) -> None:
        """Recover what a kill left behind, then run what is queued and what the schedules ask for."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End every worker within seconds; their jobs are retried at the next start."""
        raise NotImplementedError

    async def submit(
        self,
        connection_id: str,
        config_type: ConfigType,
        *,
        streams: Sequence[StreamKey] | None = None,
        refresh_mode: RefreshMode | None = None,
    ) -> int:
        """Queue a job and return its id; durable when this returns. No streams (or none given) means all.

        A reset or refresh cancels the running job first, as Airbyte does; a sync beside a running job is refused.

        Raises:
            JobNotFoundError: no such connection.
            JobRunningError: a job of this connection is pending or running.
            ConnectionInactiveError: the connection is not active.
        """
        raise NotImplementedError

    async def cancel(self, job_id: int) -> None:
        """Cancel a job; returns when its worker is gone (within 5 s) and the job is `cancelled`.

        Raises:
            JobNotFoundError: no such job.
            JobNotRunningError: it has ended.
        """
        raise NotImplementedError

    def log_lines(self, job_id: int, attempt_number: int) -> list[str]:
        """The log of an attempt (secrets removed); empty if there is none yet."""
        raise NotImplementedError
