"""Reads in bulk: one list answers the reads of a whole run, instead of one GET for each resource."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pulumi_airbyte.api import Airbyte, Object

from .resources import ResourceKind
from .values import Json

FRESH = 60.0
"""Seconds that a list is believed. A run's reads come all at once; a longer run than this re-reads."""
_SINGLE = 2
"""Reads that are answered one by one: for an import of one object a whole list would be dearer."""


class Lists:
    """The objects of one server, by kind and workspace. A kind is forgotten when this process changes one of it."""

    def __init__(self, airbyte: Airbyte) -> None:
        self._airbyte = airbyte
        self._lists: dict[tuple[str, str], tuple[float, asyncio.Task[dict[str, Object]]]] = {}
        self._reads: dict[tuple[str, str], int] = {}

    async def fetch(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> Object | None:
        """The object, from the list once there is more than a read or two of its kind; None if it is not there."""
        workspace = place.get("workspaceId")
        scope = (kind.token, str(workspace or ""))
        self._reads[scope] = self._reads.get(scope, 0) + 1
        if not kind.listed or self._reads[scope] <= _SINGLE:
            return await kind.fetch(self._airbyte, resource_id, place)
        item = (await self._list(kind, scope, place)).get(resource_id)
        # Something that the list lacks may have been moved or filtered: only a GET of its own proves that it is gone.
        return item if item is not None else await kind.fetch(self._airbyte, resource_id, place)

    async def has(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> bool:
        """Whether the list of the kind, in the object's workspace, has it."""
        scope = (kind.token, str(place.get("workspaceId") or ""))
        return resource_id in await self._list(kind, scope, place)

    def forget(self, kind: ResourceKind) -> None:
        """An object of the kind was changed. Deleting a source also takes its connections along on the server."""
        for scope in [scope for scope in self._lists if scope[0] == kind.token or kind.connector]:
            del self._lists[scope]

    async def _list(self, kind: ResourceKind, scope: tuple[str, str], place: Mapping[str, Json]) -> dict[str, Object]:
        held = self._lists.get(scope)
        if held is None or time.monotonic() - held[0] > FRESH or _failed(held[1]):
            held = (time.monotonic(), asyncio.create_task(self._by_id(kind, place)))
            self._lists[scope] = held
        return await asyncio.shield(held[1])

    async def _by_id(self, kind: ResourceKind, place: Mapping[str, Json]) -> dict[str, Object]:
        return {kind.id_of(item): item for item in await kind.fetch_all(self._airbyte, place)}


def _failed(task: asyncio.Task[dict[str, Object]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
