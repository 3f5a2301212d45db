"""Tags of a workspace."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lotus_server.errors import BadRequest, ResourceNotFound, StateConflict
from lotus_server.services import workspaces
from lotus_server.services.server import Server
from lotus_server.store import tags as stored
from lotus_server.store.tags import Tag


async def existing(server: Server, tag_id: str) -> Tag:
    """The tag.

    Raises:
        ResourceNotFound: no tag has this id.
    """
    tag = await server.store.read(stored.tag, tag_id)
    if tag is None:
        raise ResourceNotFound("tag", tag_id)
    return tag


async def listed(server: Server, workspace_ids: Collection[str]) -> Sequence[Tag]:
    """The tags of these workspaces; no workspaces means all."""
    return await server.store.read(stored.listed, workspace_ids)


async def create(server: Server, *, workspace_id: str, name: str, color: str) -> Tag:
    """A new tag.

    Raises:
        StateConflict: its name is taken.
    """
    workspace = await workspaces.existing(server, workspace_id)
    _check(name, color)
    if await server.store.read(stored.named, workspace.id, name):
        raise StateConflict(f"A tag named {name} exists in the workspace already")
    return await server.store.write(stored.create, workspace_id=workspace.id, name=name, color=color)


async def change(server: Server, tag: Tag, *, name: str, color: str) -> Tag:
    """The tag with another name and colour.

    Raises:
        StateConflict: the name is taken.
    """
    _check(name, color)
    other = await server.store.read(stored.named, tag.workspace_id, name)
    if other is not None and other.id != tag.id:
        raise StateConflict(f"A tag named {name} exists in the workspace already")
    await server.store.write(stored.change, tag.id, name=name, color=color)
    return await existing(server, tag.id)


async def remove(server: Server, tag: Tag) -> None:
    """Deletes the tag and takes it off its connections."""
    await server.store.write(stored.remove, tag.id)


def _check(name: str, color: str) -> None:
    if not name.strip():
        raise BadRequest("name must not be empty")
    if len(color) != 6 or not all(letter in "0123456789abcdefABCDEF" for letter in color):
        raise BadRequest("color must be six hexadecimal digits, such as ff0000")
