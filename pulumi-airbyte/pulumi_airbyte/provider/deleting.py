"""Delete: an object is removed, and that is looked at."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_airbyte.api import AirbyteError

from .faults import ProviderError
from .journal import Journal
from .losses import Losses
from .resources import ResourceKind
from .server import Server
from .state import kind_of, name_of
from .values import Json, Values


class Deleter:
    """Removes objects."""

    def __init__(self, server: Server, journal: Journal, losses: Losses) -> None:
        self._server = server
        self._journal = journal
        self._losses = losses

    async def delete(self, urn: str, resource_id: str, outputs: Values) -> None:
        """Remove the object; one that Airbyte says is gone already is as good as removed."""
        kind = kind_of(urn)
        failure = f"{name_of(kind, outputs.data)} was not deleted"
        airbyte = self._server.airbyte
        try:
            await self._losses.agreed_to_delete(kind, resource_id, outputs.data, urn, failure)
            removed = await kind.delete(airbyte, resource_id, outputs.data)
            self._server.lists.forget(kind)
            if not await self._gone(kind, resource_id, outputs.data, removed=removed):
                raise ProviderError(f"{failure}: Airbyte answered that it is gone, and still has it; try again")
        except AirbyteError as error:
            raise self._server.failed(failure, error) from error
        finally:
            self._server.lists.forget(kind)
        intent = await self._journal.intent(urn)
        if intent is not None and intent.id == resource_id:
            await self._journal.close(urn)

    async def _gone(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json], *, removed: bool) -> bool:
        """Whether the object is gone: after a deletion a look suffices; where there was none, Airbyte must say so."""
        if not removed:
            return await self._server.is_gone(kind, resource_id, place)
        if await kind.fetch(self._server.airbyte, resource_id, place) is None:
            return True
        # Some versions still show a deleted object to who knows its id, and list it no more.
        return not await self._server.lists.has(kind, resource_id, place)
