"""Background tasks that go on whatever happens: an error is logged, named in /health, and tried again later."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from lotus_server import transient

PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further start of a task that ended."""

STEADY_SECONDS = 60.0
"""After so long without an error, the pauses begin with the first one again."""

Work = Callable[[Callable[[], None]], Awaitable[None]]
"""A task that goes on without end; it calls its argument whenever it has done a step."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps background tasks going, and knows which are down."""

    def __init__(self, pauses: Sequence[float] = PAUSES) -> None:
        self._pauses = pauses
        self._tasks: list[asyncio.Task[None]] = []
        self._down: dict[str, str] = {}
        self._stopping = False

    @property
    def down(self) -> Mapping[str, str]:
        """Why a task does not work at present, by its name."""
        return dict(self._down)

    def start(self, name: str, work: Work) -> None:
        """Begins a task and begins it again whenever it ends."""
        self._stopping = False
        self._tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    async def stop(self) -> None:
        """Ends all tasks."""
        self._stopping = True
        await end_tasks(self._tasks)
        self._tasks, self._down = [], {}

    async def _keep(self, name: str, work: Work) -> None:
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            try:
                await work(partial(self._works, name))
                reason = "it ended"
            except asyncio.CancelledError:
                if self._stopping:
                    raise
                reason = "it was cancelled"
                _log.error("%s was cancelled and starts again", name)
            except Exception as error:  # noqa: BLE001 - whatever it is, the task must go on; it is logged and shown
                reason = transient.cause(error) or f"{type(error).__name__}; see the server's log"
                _log.error("%s failed (%s) and starts again", name, reason, exc_info=error)
            failures = 0 if time.monotonic() - started > STEADY_SECONDS else failures + 1
            self._down[name] = reason
            await asyncio.sleep(self._pauses[min(failures, len(self._pauses)) - 1])

    def _works(self, name: str) -> None:
        self._down.pop(name, None)

    async def patiently(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns, however often a fault of the machine makes it fail before."""
        pauses = iter(self._pauses)
        pause = self._pauses[0]
        while True:
            try:
                result = await work()
            except Exception as error:
                cause = transient.cause(error)
                if cause is None:
                    raise
                self._down[name] = cause
                _log.warning("%s has to wait: %s", name, cause)
                pause = next(pauses, pause)
                await asyncio.sleep(pause)
            else:
                self._works(name)
                return result


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks until they have ended: `wait_for` of Python 3.11 can swallow a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=5)
