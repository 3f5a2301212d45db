"""Permissions."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_airbyte.api import Airbyte, Object

from ..properties import Fault, Property
from ..values import Json
from .kind import ResourceKind, without_none

TYPES = (
    "organization_admin",
    "organization_editor",
    "organization_runner",
    "organization_reader",
    "organization_member",
    "workspace_admin",
    "workspace_editor",
    "workspace_runner",
    "workspace_reader",
)


class PermissionKind(ResourceKind):
    """Permissions."""

    token = "airbyte:index/permission:Permission"
    word = "permission"
    description = "What a user may do in a workspace or an organization."
    collection = "/permissions"
    id_name = "permissionId"
    # A user has one permission at a place, so the old one goes first.
    delete_before_replace = True
    properties = {
        "permissionType": Property(type="string", description="What the user may do.", required=True, enum=TYPES),
        "userId": Property(type="string", description="Who.", required=True, replaces=True),
        "workspaceId": Property(type="string", description="In this workspace.", replaces=True),
        "organizationId": Property(type="string", description="Or in this organization.", replaces=True),
    }
    outputs = {"permissionId": Property(type="string", description="Its id.")}

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:
        here = [name for name in ("workspaceId", "organizationId") if data.get(name)]
        if len(here) != 1:
            faults.append(Fault((), "give exactly one of workspaceId and organizationId: where it holds"))
            return
        kind = data.get("permissionType")
        place = here[0].removesuffix("Id")
        if kind in TYPES and not str(kind).startswith(place):
            allowed = ", ".join(one for one in TYPES if one.startswith(place))
            faults.append(Fault(("permissionType",), f'"{kind}" does not fit {here[0]}; allowed there: {allowed}'))

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        return without_none({name: inputs.get(name) for name in self.properties})

    async def fetch_all(
        self, airbyte: Airbyte, place: Mapping[str, Json], *, patience: float | None = None
    ) -> list[Object]:
        # Permissions are listed by user only, and then say where they hold in other words.
        query = {"userId": str(place["userId"])}
        found = await airbyte.objects(self.collection, query, paged=False, patience=patience)
        return [{**item, f"{item.get('scope')}Id": item.get("scopeId")} for item in found]

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        return all(item.get(name) == inputs.get(name) for name in ("userId", "workspaceId", "organizationId"))

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        await airbyte.patch(f"{self.collection}/{resource_id}", {"permissionType": changes["permissionType"]})
