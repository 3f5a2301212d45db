"""Asks a source what it offers, and keeps the answer."""

from __future__ import annotations

from typing import Any

from lotus.embedded.connectors import Connectors
from lotus.embedded.definitions import connector_of
from lotus.embedded.store import Store
from lotus.embedded.store import connections as stored
from lotus.embedded.store.actors import Actor
from lotus.embedded.store.connections import DiscoveredCatalog
from lotus.embedded.store.definitions import StoredDefinition

ALWAYS = 2**62
"""As `since`: whatever is known is too old."""


async def discover(
    store: Store, connectors: Connectors, source: Actor, definition: StoredDefinition, *, since: int = 0
) -> DiscoveredCatalog:
    """What the source offers; asked once for a configuration and connector version, again if that was before `since`.

    Args:
        store: keeps the answer.
        connectors: runs the connector.
        source: the source, with its configuration.
        definition: its definition.
        since: epoch milliseconds.

    Raises:
        ConnectorError: the connector cannot be had or run, or failed to discover.
    """
    fingerprint = store.cipher.fingerprint(source.configuration, definition.id, definition.version)
    known = await store.read(stored.discovered, source.id, fingerprint)
    if known is not None and known.created_at >= since:
        return known
    catalog: dict[str, Any] = await connectors.discover(connector_of(definition), source.configuration)
    return await store.write(stored.put_discovered, source.id, fingerprint, catalog)
