"""Removes jobs that have ended long ago, with their logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from lotus_server.jobs.logs import AttemptLogs
from lotus_server.store import Store, retention
from lotus_server.store.database import now

EACH_SECONDS = 600.0
"""How often it is looked for."""

BATCH = 200
"""Jobs that are removed in one transaction: requests go on in between."""

DAY_MILLISECONDS = 86_400_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """How many jobs of a connection are kept, and for how many days; its newest always is."""

    jobs: int = 500
    days: int = 60


class Retirement:
    """The removal of old jobs."""

    def __init__(self, store: Store, logs: AttemptLogs, kept: Retention) -> None:
        self._store = store
        self._logs = logs
        self._kept = kept

    async def run(self, works: Callable[[], None]) -> None:
        """Removes them without end."""
        while True:
            removed = await self.remove_expired()
            if removed:
                _log.info("removed %d jobs that ended long ago", removed)
            works()
            await asyncio.sleep(EACH_SECONDS)

    async def remove_expired(self) -> int:
        """Removes what is old now; how many jobs that were."""
        total = 0
        before = now() - self._kept.days * DAY_MILLISECONDS
        while True:
            jobs = await self._store.read(retention.expired, before=before, keep=self._kept.jobs, limit=BATCH)
            if not jobs:
                return total
            # Logs first: a job without a log can be shown, a log without a job would never be found again.
            for job_id in jobs:
                await asyncio.to_thread(self._logs.remove, job_id)
            await self._store.write(retention.remove_jobs, jobs)
            total += len(jobs)
