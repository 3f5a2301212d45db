"""Sources and destinations: a connector and its configuration."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: RUF012, S105
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pulumi_airbyte.api import Airbyte, ConnectorType, Object

from ..differences import DefaultAt, Difference
from ..properties import Fault, Property
from ..releases import Release
from ..values import MASK, UNKNOWN, Json, Path, leaves
from .kind import ResourceKind, without_none


def _connector_properties(word: str, connector: ConnectorType) -> dict[str, Property]:
    return {
        "name": Property(type="string", description="The name shown in Airbyte.", required=True),
        "workspaceId": Property(type="string", description="The workspace that owns it.", required=True, replaces=True),
        "definitionId": Property(
            type="string",
            description=f"The connector's definition. Not needed with `{connector}Type` in the configuration.",
            computed=True,
            replaces=True,
        ),
        "configuration": Property(
            type="json",
            description=f"The {word}'s configuration as its connector wants it: an object, or the same as JSON text.",
            required=True,
            taken_away="the connector's own default applies",
        ),
        "resourceAllocation": Property(
            type="json", description="CPU and memory of its jobs, as Airbyte spells them.", computed=True
        ),
    }


def _connector_outputs(word: str) -> dict[str, Property]:
    return {
        f"{word}Id": Property(type="string", description="The id that connections name."),
        f"{word}Type": Property(type="string", description="The connector's short name; empty for a custom one."),
        "createdAt": Property(type="integer", description="Seconds since the epoch."),
    }


class _Connector(ResourceKind):
    listed = True
    loses_state = True
    connector: ClassVar[ConnectorType | None]
    type_name: ClassVar[str]

    def parsed(self, data: dict[str, Json], faults: list[Fault]) -> dict[str, Json]:
        text = data.get("configuration")
        if not isinstance(text, str) or text == UNKNOWN:
            return data
        try:
            return {**data, "configuration": json.loads(text)}
        except ValueError as error:
            faults.append(Fault(("configuration",), f"is text, but not JSON: {error}"))
            return data

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:
        configuration = data.get("configuration")
        if configuration in (None, UNKNOWN) or (isinstance(configuration, str) and faults):
            return
        if not isinstance(configuration, dict):
            faults.append(Fault(("configuration",), "must be an object"))
            return
        if not data.get("definitionId") and not cast("dict[str, Json]", configuration).get(self.type_name):
            reason = f"names no connector: give definitionId, or {self.type_name} in the configuration (such as s3)"
            faults.append(Fault(("configuration",), reason))

    def differences(
        self, old: Mapping[str, Json], seen: Mapping[str, Json], new: Mapping[str, Json], default_at: DefaultAt | None
    ) -> list[Difference]:
        earlier, was = self._split(old)
        later, connector = self._split(new)
        earlier["definitionId"] = seen.get("definitionId") or old.get("definitionId")
        found = super().differences(earlier, seen, later, default_at)
        was = seen.get(self.type_name) or was
        if connector is not None and was is not None and connector != was and not new.get("definitionId"):
            found.append(Difference(("configuration", self.type_name), "update", replaces=True))
        return found

    def written(
        self, old: Mapping[str, Json], new: Mapping[str, Json], item: Object, default_at: DefaultAt | None
    ) -> dict[str, Json]:
        return super().written(self._split(old)[0], self._split(new)[0], item, default_at)

    def releases(self, old: Mapping[str, Json], new: Mapping[str, Json], default_at: DefaultAt | None) -> list[Release]:
        return super().releases(self._split(old)[0], self._split(new)[0], default_at)

    def unmanaged(self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None) -> list[Path]:
        return super().unmanaged(self._split(declared)[0], item, default_at)

    def reconciled(self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None) -> dict[str, Json]:
        words, connector = self._split(declared)
        result = super().reconciled(words, item, default_at)
        if connector is not None and isinstance(result.get("configuration"), dict):
            # The server takes the connector's name out of what it stores.
            result["configuration"] = {self.type_name: connector, **result["configuration"]}
        return result

    def _split(self, inputs: Mapping[str, Json]) -> tuple[dict[str, Json], Json]:
        """The inputs without the connector's name in their configuration, and that name."""
        configuration = inputs.get("configuration")
        if not isinstance(configuration, dict):
            return dict(inputs), None
        items = dict(cast("dict[str, Json]", configuration))
        connector = items.pop(self.type_name, None)
        return {**inputs, "configuration": items}, connector

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        return without_none({name: inputs.get(name) for name in self.properties})

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        path = f"{self.path(item)}/{resource_id}"
        if "configuration" not in changes:
            await airbyte.patch(path, without_none(changes))
            return
        # Only a PUT takes a leaf away. A leaf that was read as a mask goes back as one: the server keeps its secret.
        await airbyte.put(path, without_none({"name": item.get("name"), **changes}))


def masked(configuration: Json) -> list[tuple[str | int, ...]]:
    """The paths at which the configuration holds Airbyte's mask instead of a value."""
    return [path for path, leaf in leaves(configuration) if leaf == MASK]


class SourceKind(_Connector):
    """Sources."""

    token = "airbyte:index/source:Source"
    word = "source"
    description = "A source: where records come from."
    collection = "/sources"
    id_name = "sourceId"
    connector = "source"
    type_name = "sourceType"
    properties = {
        **_connector_properties("source", "source"),
        "secretId": Property(
            type="string", description="From Airbyte's OAuth redirect flow.", replaces=True, write_only=True
        ),
    }
    outputs = _connector_outputs("source")


class DestinationKind(_Connector):
    """Destinations."""

    token = "airbyte:index/destination:Destination"
    word = "destination"
    description = "A destination: where records go."
    collection = "/destinations"
    id_name = "destinationId"
    connector = "destination"
    type_name = "destinationType"
    properties = _connector_properties("destination", "destination")
    outputs = _connector_outputs("destination")
