"""The one user of this server, as the APIs list users."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lotus_server.errors import BadRequest, ResourceNotFound
from lotus_server.services.server import Server
from lotus_server.store import access as stored
from lotus_server.store.access import User


async def existing(server: Server, user_id: str) -> User:
    """The user.

    Raises:
        ResourceNotFound: no user has this id.
    """
    user = await server.store.read(stored.user, user_id)
    if user is None:
        raise ResourceNotFound("user", user_id)
    return user


async def with_email(server: Server, email: str) -> User:
    """The user with this email.

    Raises:
        ResourceNotFound: no user has it.
    """
    for user in await listed(server, emails=[email]):
        return user
    raise ResourceNotFound("user", email)


async def listed(server: Server, *, ids: Collection[str] = (), emails: Collection[str] = ()) -> Sequence[User]:
    """Users by name; no ids and no emails means all.

    Raises:
        BadRequest: both ids and emails are given.
    """
    if ids and emails:
        raise BadRequest("ids and emails cannot be given together")
    users = await server.store.read(stored.listed_users)
    if ids:
        return [user for user in users if user.id in ids]
    if emails:
        return [user for user in users if user.email in emails]
    return users


async def rename(server: Server, user_id: str, *, name: str | None) -> User:
    """The user with another name.

    Raises:
        ResourceNotFound: no user has this id.
    """
    await existing(server, user_id)
    if name is not None:
        await server.store.write(stored.rename_user, user_id, name)
    return await existing(server, user_id)
