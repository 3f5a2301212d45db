"""Schedules: when each connection is due is computed once, stored, and looked at when the time has come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from lotus_server.domain.schedules import ScheduleError, next_run
from lotus_server.jobs import transitions
from lotus_server.jobs.errors import ConnectionInactiveError, JobNotFoundError, JobRunningError
from lotus_server.store import Store, next_runs
from lotus_server.store.database import now
from lotus_server.store.next_runs import ScheduledConnection

LOOK_SECONDS = 1.0
"""How often the time is looked at; jobs start this close to the time of a cron expression."""

CLOCK_STEP_SECONDS = 2.0
"""The clock was set if it moved so much more, or less, than time has passed."""

_log = logging.getLogger(__name__)


@dataclass
class _Look:
    """What the last look at the store said: nothing is due before `due_at` unless the store changed."""

    writes: int = -1
    due_at: int = 0


class Scheduler:
    """Makes the jobs of schedules."""

    def __init__(self, store: Store, submitted: Callable[[], None]) -> None:
        """The schedules of one server.

        Args:
            store: where connections and the times of their next jobs are.
            submitted: called after a job was made.
        """
        self._store = store
        self._submitted = submitted
        self._look = _Look()
        self._refused: set[str] = set()

    async def run(self, works: Callable[[], None]) -> None:
        """Makes jobs without end."""
        self._look = _Look()
        clock = time.time() - time.monotonic()
        while True:
            step = abs(time.time() - time.monotonic() - clock)
            if step > CLOCK_STEP_SECONDS:
                _log.warning("the clock was set by %.0f s; schedules are computed again", step)
                self._look = _Look()
                clock = time.time() - time.monotonic()
            if self._store.writes != self._look.writes or now() >= self._look.due_at:
                await self._tick()
            works()
            await asyncio.sleep(LOOK_SECONDS)

    async def _tick(self) -> None:
        writes = self._store.writes
        if stale := await self._store.read(next_runs.stale, now()):
            await self._store.write(self._compute, stale)
            writes = self._store.writes
        for connection in await self._store.read(next_runs.due, now()):
            await self._submit(connection)
        self._look = _Look(writes, await self._store.read(next_runs.earliest) or now() + 3_600_000)

    def _compute(self, db: Connection, stale: list[ScheduledConnection]) -> None:
        """Stores when these connections are due next."""
        for connection in stale:
            next_runs.put_next_run(db, connection, self._next_run(connection))

    def _next_run(self, connection: ScheduledConnection) -> int | None:
        try:
            return next_run(connection, now())
        except ScheduleError as error:
            if connection.id not in self._refused:
                self._refused.add(connection.id)
                _log.error("the schedule of connection %s is ignored: %s", connection.name, error)
            return None

    async def _submit(self, connection: ScheduledConnection) -> None:
        try:
            submitted = await self._store.write(self._submit_if_due, connection)
        except (JobRunningError, ConnectionInactiveError, JobNotFoundError):
            return  # a request was faster; the next look sees what it left
        if submitted:
            self._submitted()

    def _submit_if_due(self, db: Connection, connection: ScheduledConnection) -> bool:
        """A job for a tick that has come, together with the time of the next: neither is there without the other."""
        following = self._next_run(connection)
        if connection.schedule_type == "basic" and following is not None and following > now():
            next_runs.put_next_run(db, connection, following)  # a job that was asked for since counts too
            return False
        if connection.has_open_job:
            if connection.schedule_type == "cron":  # this tick is skipped, as Airbyte does; a basic one waits
                next_runs.put_next_run(db, connection, following)
            return False
        transitions.submit_job(db, connection.id, "sync", None, None, scheduled=True)
        next_runs.put_next_run(db, connection, self._next_run(replace(connection, last_job_at=now())))
        return True
