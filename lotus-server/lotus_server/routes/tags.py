"""Tags as both APIs read and show them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from lotus_server.routes.operation import Body
from lotus_server.store.tags import Tag


class TagReference(Body):
    """Tag: only the id is read."""

    tag_id: uuid.UUID


def tag_ids(tags: Sequence[TagReference] | None) -> list[str] | None:
    """The ids of the tags that a request names; None: it names none and leaves them."""
    return None if tags is None else [str(tag.tag_id) for tag in tags]


def tag_response(tag: Tag) -> dict[str, Any]:
    """TagResponse."""
    return {"tagId": tag.id, "name": tag.name, "color": tag.color, "workspaceId": tag.workspace_id}
