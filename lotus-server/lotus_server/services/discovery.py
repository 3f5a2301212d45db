"""Asks a source what it offers."""

from __future__ import annotations

from lotus_server.connectors import ConnectorError
from lotus_server.errors import ResourceNotFound, UnprocessableEntity
from lotus_server.jobs import discovery
from lotus_server.services import definitions
from lotus_server.services.server import Server
from lotus_server.store import connections as stored
from lotus_server.store.actors import Actor
from lotus_server.store.connections import DiscoveredCatalog


class DiscoverFailed(UnprocessableEntity):
    """The connector failed to discover; `log` is what it printed, without secrets."""

    def __init__(self, error: ConnectorError) -> None:
        super().__init__(str(error))
        self.log = error.details.splitlines()


async def discovered_catalog(server: Server, source: Actor, *, ignore_cache: bool = False) -> DiscoveredCatalog:
    """What the source offers; asked once per configuration and connector version unless the cache is to be ignored.

    Raises:
        DiscoverFailed: the message is the connector's own.
    """
    definition = await definitions.even_deleted(server, source.definition_id)
    since = discovery.ALWAYS if ignore_cache else 0
    async with server.lock(f"discover {source.id}"):
        try:
            return await discovery.discover(server.store, server.connectors, source, definition, since=since)
        except ConnectorError as error:
            raise DiscoverFailed(error) from error


async def latest_catalog_or_none(server: Server, source: Actor) -> DiscoveredCatalog | None:
    """The catalog that was discovered last, with whichever configuration; None if there is none."""
    return await server.store.read(stored.latest_discovered, source.id)


async def latest_catalog(server: Server, source: Actor) -> DiscoveredCatalog:
    """The catalog that was discovered last, with whichever configuration.

    Raises:
        ResourceNotFound: the source was not asked yet.
    """
    catalog = await latest_catalog_or_none(server, source)
    if catalog is None:
        raise ResourceNotFound("discovered catalog of source", source.id)
    return catalog
