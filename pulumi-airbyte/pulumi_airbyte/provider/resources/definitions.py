"""Connector definitions: container images, and low-code manifests."""

# What each method is for stands once, in kind.py; tables of properties are constants; a type token is no password.
# ruff: noqa: D102, RUF012, S105
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pulumi_airbyte.api import Airbyte, Object

from ..properties import Fault, Property
from ..values import UNKNOWN, Json
from .kind import ResourceKind, without_none

_NAME = "The name shown in Airbyte."
_WORKSPACE = Property(type="string", description="The workspace that owns it.", required=True, replaces=True)
_ID = {"definitionId": Property(type="string", description="The id that sources and destinations name.")}


class _Definition(ResourceKind):
    id_name = "id"
    outputs = _ID
    folder: str

    def path(self, place: Mapping[str, Json]) -> str:
        return f"/workspaces/{place['workspaceId']}/definitions/{self.folder}"

    def import_id(self, text: str) -> tuple[str, dict[str, Json]]:
        """A definition is found through its workspace: `{"id": …, "workspace_id": …}`, or `workspace/definition`."""
        try:
            parts = json.loads(text)
            return str(parts["id"]), {"workspaceId": str(parts["workspace_id"])}
        except (ValueError, KeyError, TypeError):
            workspace, _, definition = text.rpartition("/")
            return definition, {"workspaceId": workspace} if workspace else {}

    def import_name(self, item: Object) -> str:
        return f"{item['workspaceId']}/{item['id']}"

    async def fetch_all(
        self, airbyte: Airbyte, place: Mapping[str, Json], *, patience: float | None = None
    ) -> list[Object]:
        return await airbyte.objects(self.path(place), paged=False, patience=patience)

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        return item.get("name") == inputs.get("name")

    def outputs_of(self, item: Object) -> dict[str, Json]:
        return {**{name: item.get(name) for name in self.outputs}, "definitionId": item["id"]}


class _ImageDefinition(_Definition):
    properties = {
        "name": Property(type="string", description=_NAME, required=True),
        "workspaceId": _WORKSPACE,
        "dockerRepository": Property(
            type="string", description="The image, without its tag.", required=True, replaces=True
        ),
        "dockerImageTag": Property(type="string", description="The image's tag.", required=True),
        "documentationUrl": Property(type="string", description="Where it is described.", computed=True, replaces=True),
    }

    def inputs_of(self, item: Object) -> dict[str, Json]:
        return {**super().inputs_of(item), "documentationUrl": item.get("documentationUrl") or None}

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        names = ("name", "dockerImageTag", "dockerRepository", "documentationUrl")
        return without_none({name: inputs.get(name) for name in names})

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        # Airbyte wants both, whichever changes.
        body = {name: changes.get(name, item.get(name)) for name in ("name", "dockerImageTag")}
        await airbyte.put(f"{self.path(item)}/{resource_id}", body)


class SourceDefinitionKind(_ImageDefinition):
    """Custom source connectors."""

    token = "airbyte:index/sourceDefinition:SourceDefinition"
    word = "source definition"
    description = "A custom source connector in a container image."
    folder = "sources"
    makes = "source"
    collection = "/workspaces/{workspaceId}/definitions/sources"


class DestinationDefinitionKind(_ImageDefinition):
    """Custom destination connectors."""

    token = "airbyte:index/destinationDefinition:DestinationDefinition"
    word = "destination definition"
    description = "A custom destination connector in a container image."
    folder = "destinations"
    makes = "destination"
    collection = "/workspaces/{workspaceId}/definitions/destinations"


class DeclarativeSourceDefinitionKind(_Definition):
    """Low-code connectors."""

    token = "airbyte:index/declarativeSourceDefinition:DeclarativeSourceDefinition"
    word = "declarative source definition"
    description = "A low-code connector. Its id stays when its manifest changes."
    folder = "declarative_sources"
    makes = "source"
    collection = "/workspaces/{workspaceId}/definitions/declarative_sources"
    properties = {
        "name": Property(type="string", description=_NAME, required=True, replaces=True),
        "workspaceId": _WORKSPACE,
        "manifest": Property(
            type="json",
            description="The manifest: an object, or the same as JSON or YAML text.",
            required=True,
            whole=True,
        ),
    }
    outputs = {
        **_ID,
        "version": Property(type="integer", description="Counts the manifest's changes."),
    }

    def parsed(self, data: dict[str, Json], faults: list[Fault]) -> dict[str, Json]:
        text = data.get("manifest")
        if not isinstance(text, str) or text == UNKNOWN:
            return data
        import yaml

        try:
            # JSON is YAML, as far as manifests go.
            manifest: Json = yaml.safe_load(text)
            return {**data, "manifest": json.loads(json.dumps(manifest, default=str))}
        except (yaml.YAMLError, TypeError) as error:
            faults.append(Fault(("manifest",), f"is text, but neither JSON nor YAML: {error}"))
            return data

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:
        manifest = data.get("manifest")
        if manifest in (None, UNKNOWN) or faults:
            return
        if not isinstance(manifest, dict):
            faults.append(Fault(("manifest",), "must be an object"))
        elif not {"streams", "dynamic_streams"} & set(cast("dict[str, Json]", manifest)):
            faults.append(Fault(("manifest", "streams"), "is required, or dynamic_streams"))

    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        return {name: inputs[name] for name in ("name", "manifest", "workspaceId")}

    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        await airbyte.put(f"{self.path(item)}/{resource_id}", {"manifest": changes["manifest"]})
