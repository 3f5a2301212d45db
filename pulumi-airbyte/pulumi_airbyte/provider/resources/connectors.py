"""Sources and destinations: a connector and its configuration."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pulumi_airbyte.api import Airbyte, ConnectorType, Object

from ..properties import DefaultAt, Difference, Fault, Property
from ..values import MASK, UNKNOWN, Json, leaves
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
        self,
        old: Mapping[str, Json],
        outputs: Mapping[str, Json],
        new: Mapping[str, Json],
        default_at: DefaultAt | None,
    ) -> list[Difference]:
        before, was = self._split(old)
        after, wanted = self._split(new)
        before["definitionId"] = outputs.get("definitionId") or old.get("definitionId")
        found = super().differences(before, outputs, after, default_at)
        was = outputs.get(self.type_name) or was
        if wanted is not None and was is not None and wanted != was and not new.get("definitionId"):
            found.append(Difference(("configuration", self.type_name), "update", replaces=True))
        return found

    def reconciled(
        self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None, *, importing: bool
    ) -> dict[str, Json]:
        words, connector = self._split(declared)
        result = super().reconciled(words, item, default_at, importing=importing)
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

    def body(self, inputs: Mapping[str, Json], *, creating: bool) -> dict[str, Any]:
        body = {
            "name": inputs["name"],
            "configuration": inputs["configuration"],
            "resourceAllocation": inputs.get("resourceAllocation"),
        }
        if creating:
            body |= {"workspaceId": inputs["workspaceId"], "definitionId": inputs.get("definitionId")}
        else:
            body["configuration"] = self._split(inputs)[0]["configuration"]
        return without_none(body)

    async def update(self, airbyte: Airbyte, resource_id: str, inputs: Mapping[str, Json]) -> Object:
        return await airbyte.put(f"{self.path(inputs)}/{resource_id}", self.body(inputs, creating=False))


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

    def body(self, inputs: Mapping[str, Json], *, creating: bool) -> dict[str, Any]:
        body = super().body(inputs, creating=creating)
        return without_none({**body, "secretId": inputs.get("secretId")}) if creating else body


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
