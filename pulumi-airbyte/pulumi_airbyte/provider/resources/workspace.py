"""Workspaces."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_airbyte.api import Airbyte, Object

from ..properties import Property
from ..values import Json
from .kind import ResourceKind, without_none


def _enabled(description: str) -> Property:
    return Property(type="boolean", description=description, computed=True)


_NOTIFICATION = Property(
    type="object",
    description="How one kind of event is told.",
    type_name="WorkspaceNotification",
    computed=True,
    properties={
        "email": Property(
            type="object",
            description="By mail.",
            type_name="WorkspaceEmailNotification",
            computed=True,
            properties={"enabled": _enabled("Whether a mail is sent.")},
        ),
        "webhook": Property(
            type="object",
            description="By a call of a URL.",
            type_name="WorkspaceWebhookNotification",
            computed=True,
            properties={
                "enabled": _enabled("Whether the URL is called."),
                "url": Property(type="string", description="The URL.", computed=True),
            },
        ),
    },
)
_EVENTS = (
    "failure",
    "success",
    "connectionUpdate",
    "connectionUpdateActionRequired",
    "syncDisabled",
    "syncDisabledWarning",
)


class WorkspaceKind(ResourceKind):
    """Workspaces."""

    token = "airbyte:index/workspace:Workspace"
    word = "workspace"
    description = "A workspace: what owns sources, destinations and connections."
    collection = "/workspaces"
    id_name = "workspaceId"
    listed = True
    properties = {
        "name": Property(type="string", description="The name shown in Airbyte.", required=True),
        "organizationId": Property(
            type="string", description="The organization that owns it.", replaces=True, write_only=True
        ),
        "notifications": Property(
            type="object",
            description="What is told, and how; what is not named stays as it is.",
            type_name="WorkspaceNotifications",
            computed=True,
            properties=dict.fromkeys(_EVENTS, _NOTIFICATION),
        ),
        "regionId": Property(type="string", description="Where its syncs run.", write_only=True),
    }
    outputs = {
        "workspaceId": Property(type="string", description="The id that everything in it names."),
        "dataResidency": Property(type="string", description="Where its syncs run, in Airbyte's older words."),
    }

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        return without_none({name: inputs.get(name) for name in self.properties})

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        return item.get("name") == inputs.get("name")

    async def fetch_all(
        self, airbyte: Airbyte, place: Mapping[str, Json], *, patience: float | None = None
    ) -> list[Object]:
        return await airbyte.objects(self.collection, patience=patience)

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        await airbyte.patch(f"{self.collection}/{resource_id}", without_none(changes))
