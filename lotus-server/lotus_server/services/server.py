"""What every request handler gets: the store, the connectors, the jobs, and who may call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lotus_server.connectors import Connectors
from lotus_server.errors import ServerError
from lotus_server.jobs.jobs import Jobs
from lotus_server.jobs.supervision import end_tasks
from lotus_server.services.authentication import Access
from lotus_server.store import Store

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass
class Server:
    """The parts of a running server."""

    store: Store
    connectors: Connectors
    jobs: Jobs
    access: Access
    _locks: dict[str, tuple[asyncio.Lock, int]] = field(default_factory=dict[str, tuple[asyncio.Lock, int]])
    _tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, "asyncio.Task[Any]"])

    def in_background(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Work that goes on when the request is answered; the same name is the same work while it runs."""
        if name not in self._tasks:
            self._tasks[name] = task = asyncio.create_task(work(), name=name)
            task.add_done_callback(self._background_ended)
        return self._tasks[name]

    async def stop(self) -> None:
        """Ends what runs in the background and the jobs, and closes the store."""
        try:
            self.connectors.stop()
            await end_tasks(list(self._tasks.values()))
            await self.jobs.stop()
        finally:
            self.store.close()

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task.get_name(), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("%s failed: %s", task.get_name(), error if isinstance(error, ServerError) else type(error))

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncGenerator[None]:
        """Lets one request at a time do something, such as discovering one source."""
        lock, waiting = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[name]
            if waiting == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, waiting - 1
