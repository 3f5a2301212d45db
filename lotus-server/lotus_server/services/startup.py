"""Opens a server on its data folder."""

from __future__ import annotations

from pathlib import Path

from lotus_server.connectors import Connectors, PrivateFolders
from lotus_server.connectors.registry import definitions
from lotus_server.jobs.jobs import Jobs
from lotus_server.jobs.retention import Retention
from lotus_server.services.authentication import Access
from lotus_server.services.server import Server
from lotus_server.store import Store, access, workspaces
from lotus_server.store import definitions as stored_definitions


def open_server(
    data: Path,
    *,
    access_rules: Access | None = None,
    retention: Retention | None = None,
    locks: Path | None = None,
    components: bool = False,
) -> Server:
    """The server of a data folder, with the records that every server has from its first start.

    `locks` is the folder of the lock files that decide which packages connectors are made of; `components`: whether
    low-code manifests may bring code of their own.

    Raises:
        StartError: the data folder is in use, or its key is missing or wrong.
    """
    store = Store(data)
    rules = access_rules or Access()
    try:
        store.write_now(workspaces.seed)
        store.write_now(access.seed_access, store.cipher, client_id=rules.client_id, client_secret=rules.client_secret)
        _seed_definitions(store)
    except BaseException:
        store.close()
        raise
    data = data.resolve()
    private = PrivateFolders(data / "private")
    logs = data / "logs" / "commands"
    connectors = Connectors(locks=locks, logs=logs, components=components, owner=str(data), private=private)
    return Server(store, connectors, Jobs(store, connectors, data=data, private=private, retention=retention), rules)


def _seed_definitions(store: Store) -> None:
    """Brings the builtin definitions in the store up to date with the connector registry."""
    builtin = [
        {
            "id": entry.id,
            "kind": entry.actor_type,
            "name": entry.name,
            "docker_repository": entry.docker_repository,
            "docker_image_tag": entry.docker_image_tag,
            "documentation_url": entry.documentation_url or None,
        }
        for entry in definitions()
    ]
    store.write_now(stored_definitions.put_builtin, builtin)
