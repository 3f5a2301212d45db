"""Tags."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_airbyte.api import Airbyte, Object

from ..properties import Fault, Property
from ..values import UNKNOWN, Json
from .kind import ResourceKind

_DIGITS = frozenset("0123456789abcdefABCDEF")


class TagKind(ResourceKind):
    """Tags."""

    token = "airbyte:index/tag:Tag"
    word = "tag"
    description = "A coloured word on connections."
    collection = "/tags"
    id_name = "tagId"
    listed = True
    paged = False
    properties = {
        "name": Property(type="string", description="The word.", required=True),
        "color": Property(
            type="string",
            description="Six hexadecimal digits, such as FF5733.",
            required=True,
            normal=lambda color: color.removeprefix("#").upper() if isinstance(color, str) else color,
        ),
        "workspaceId": Property(type="string", description="The workspace that owns it.", required=True, replaces=True),
    }
    outputs = {"tagId": Property(type="string", description="The id that connections name.")}

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:
        color = data.get("color")
        if isinstance(color, str) and color != UNKNOWN:
            digits = color.removeprefix("#")
            if len(digits) != 6 or not set(digits) <= _DIGITS:
                faults.append(Fault(("color",), f'"{color}" is not six hexadecimal digits, such as FF5733'))

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        return {
            "name": inputs["name"],
            "color": str(inputs["color"]).removeprefix("#"),
            "workspaceId": inputs["workspaceId"],
        }

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        # Airbyte wants both, whichever changes.
        body = {name: changes.get(name, item.get(name)) for name in ("name", "color")}
        await airbyte.patch(f"{self.collection}/{resource_id}", {**body, "color": str(body["color"]).removeprefix("#")})
