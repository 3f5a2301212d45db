"""Applications: client credentials that are exchanged for access tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lotus_server.errors import BadRequest, ResourceNotFound
from lotus_server.services import authentication
from lotus_server.services.server import Server
from lotus_server.store import access as stored
from lotus_server.store.access import Application


async def existing(server: Server, application_id: str) -> Application:
    """The application.

    Raises:
        ResourceNotFound: no application has this id.
    """
    application = await server.store.read(stored.application, server.store.cipher, application_id)
    if application is None:
        raise ResourceNotFound("application", application_id)
    return application


async def listed(server: Server) -> Sequence[Application]:
    """All applications in the order they were made."""
    return await server.store.read(stored.listed_applications, server.store.cipher)


async def create(server: Server, *, name: str) -> Application:
    """A new application with new credentials.

    Raises:
        BadRequest: the name is empty.
    """
    if not name.strip():
        raise BadRequest("name must not be empty")
    return await server.store.write(stored.create_application, server.store.cipher, name=name)


async def remove(server: Server, application: Application) -> None:
    """Deletes the application; its access tokens end with it."""
    await server.store.write(stored.remove_application, application.id)


async def access_token(server: Server, client_id: str, client_secret: str) -> dict[str, Any]:
    """An access token for client credentials.

    Raises:
        WrongCredentials: no application has them, and the server asks for credentials.
    """
    return await authentication.issue(server.store, server.access, client_id, client_secret)
