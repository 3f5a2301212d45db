"""What is there beside an object: others that look like it, connections that use it, and whether those have synced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pulumi_airbyte.api import AirbyteError, Object

from .resources import RESOURCES, ResourceKind
from .server import Server, placed
from .values import Json

CONNECTION = RESOURCES["airbyte:index/connection:Connection"]
ACTORS = {word: RESOURCES[f"airbyte:index/{word}:{word.title()}"] for word in ("source", "destination")}


class Siblings:
    """Objects of one server, as they were when this process first asked, and what it made since."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._at_start: dict[tuple[str, str, str], asyncio.Task[list[Object]]] = {}
        self._made: dict[str, list[Object]] = {}
        self._connections: asyncio.Task[list[Object]] | None = None
        self._synced: dict[str, asyncio.Task[bool]] = {}

    def add(self, kind: ResourceKind, item: Object) -> None:
        """An object that this process made."""
        self._made.setdefault(kind.token, []).append(item)

    def made(self, kind: ResourceKind) -> set[str]:
        """The ids of what this process made."""
        return {kind.id_of(item) for item in self._made.get(kind.token, [])}

    async def lookalikes(
        self, kind: ResourceKind, data: Mapping[str, Json], *, patience: float | None = None
    ) -> list[Object]:
        """What a person could take for the object: by one list for all creates of a run, and what the run made."""
        scope = (kind.token, str(data.get("workspaceId", "")), str(data.get("userId", "")))
        if scope not in self._at_start:
            self._at_start[scope] = asyncio.create_task(kind.fetch_all(self._server.airbyte, data, patience=patience))
        try:
            existing = await asyncio.shield(self._at_start[scope])
        except AirbyteError:
            self._at_start.pop(scope, None)
            raise
        made = self._made.get(kind.token, [])
        return [placed(item, data) for item in [*existing, *made] if kind.lookalike(item, data)]

    async def lookalikes_now(self, kind: ResourceKind, data: Mapping[str, Json]) -> list[Object]:
        """The same by a list of this moment."""
        items = await kind.fetch_all(self._server.airbyte, data)
        return [item for item in items if kind.lookalike(item, data)]

    async def using(self, kind: ResourceKind, resource_id: str, *, patience: float | None = None) -> list[Object]:
        """The connections of a source or destination, as they were when this process first asked."""
        if self._connections is None:
            self._connections = asyncio.create_task(self._server.airbyte.connections(patience=patience))
        try:
            connections = await asyncio.shield(self._connections)
        except AirbyteError:
            self._connections = None
            raise
        return [connection for connection in connections if connection.get(f"{kind.connector}Id") == resource_id]

    async def still_using(self, kind: ResourceKind, resource_id: str) -> list[Object]:
        """Those of them that are there at this moment."""
        result: list[Object] = []
        for connection in await self.using(kind, resource_id):
            item = await CONNECTION.fetch(self._server.airbyte, CONNECTION.id_of(connection), connection)
            if item is not None:
                result.append(item)
        return result

    async def made_of(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> list[Object]:
        """The sources or destinations of a connector definition, at this moment."""
        if kind.makes is None:
            return []
        items = await ACTORS[kind.makes].fetch_all(self._server.airbyte, {"workspaceId": place.get("workspaceId")})
        return [item for item in items if item.get("definitionId") == resource_id]

    async def in_workspace(self, resource_id: str) -> dict[str, int]:
        """How many sources and destinations a workspace has, by their words."""
        counts: dict[str, int] = {}
        for word, kind in ACTORS.items():
            counts[word] = len(await kind.fetch_all(self._server.airbyte, {"workspaceId": resource_id}))
        return counts

    async def synced_with(self, kind: ResourceKind, resource_id: str, *, patience: float | None = None) -> list[str]:
        """The names of the connections whose sync state goes with an object; for a connection, its id."""
        if not kind.loses_state:
            return []
        ends = {resource_id: resource_id}
        if kind.connector is not None:
            connections = await self.using(kind, resource_id, patience=patience)
            ends = {CONNECTION.id_of(connection): str(connection.get("name")) for connection in connections}
        synced = await asyncio.gather(*(self.has_synced(connection, patience) for connection in ends))
        return [name for name, yes in zip(ends.values(), synced, strict=True) if yes]

    async def has_synced(self, connection_id: str, patience: float | None = None) -> bool:
        """Whether a connection ever had a job."""
        if connection_id not in self._synced:
            ask = self._server.airbyte.has_jobs(connection_id, patience=patience)
            self._synced[connection_id] = asyncio.create_task(ask)
        try:
            return await asyncio.shield(self._synced[connection_id])
        except AirbyteError:
            self._synced.pop(connection_id, None)
            raise
