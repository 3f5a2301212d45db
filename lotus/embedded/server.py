"""What every request handler gets: the store, the connectors, the jobs, and who may call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lotus.embedded import definitions
from lotus.embedded.auth import Access
from lotus.embedded.connectors import Connectors
from lotus.embedded.jobs.jobs import Jobs
from lotus.embedded.store import Store, access, workspaces


@dataclass
class Server:
    """The parts of a running embedded Airbyte."""

    store: Store
    connectors: Connectors
    jobs: Jobs
    access: Access
    _locks: dict[str, tuple[asyncio.Lock, int]] = field(default_factory=dict[str, tuple[asyncio.Lock, int]])

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


def open_server(data: Path, *, access_rules: Access | None = None, connectors: Connectors | None = None) -> Server:
    """The server of a data directory, with what has to be there from the first start.

    Raises:
        StartError: the data directory is in use, or its key is missing or wrong.
    """
    store = Store(data)
    rules = access_rules or Access()
    try:
        store.write_now(workspaces.seed)
        store.write_now(access.seed, store.cipher, client_id=rules.client_id, client_secret=rules.client_secret)
        definitions.seed(store)
    except BaseException:
        store.close()
        raise
    used = connectors or Connectors(owner=str(data.resolve()))
    return Server(store, used, Jobs(store, used, data=data), rules)
