"""What the provider asks of each kind of resource."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pulumi_airbyte.api import Airbyte, ConnectorType, NotFoundError, Object

from ..properties import DefaultAt, Difference, Fault, Property, differences, reconciled
from ..values import Json


class ResourceKind(ABC):
    """One kind of object: its properties, and the calls that make, show, change and remove it.

    `collection` is its path in the public API. A kind with `listed` is read from one list for all of its resources.
    """

    token: ClassVar[str]
    word: ClassVar[str]
    """What a person calls it, such as `source definition`."""
    description: ClassVar[str]
    collection: ClassVar[str]
    id_name: ClassVar[str]
    properties: ClassVar[Mapping[str, Property]]
    outputs: ClassVar[Mapping[str, Property]]
    listed: ClassVar[bool] = False
    paged: ClassVar[bool] = True
    delete_before_replace: ClassVar[bool] = False
    connector: ClassVar[ConnectorType | None] = None
    """For kinds whose `configuration` belongs to a connector: which sort."""
    slowest_create: ClassVar[float] = 20.0
    """Seconds after which a create that was sent is taken for ended, one way or the other."""
    loses_state: ClassVar[bool] = False
    """Whether a replacement loses how far streams have been read."""

    # What it is made of.

    def parsed(self, data: dict[str, Json], faults: list[Fault]) -> dict[str, Json]:
        """The same data with texts that hold structures (JSON, YAML) read."""
        return data

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:  # noqa: B027  (most have none)
        """Add what is wrong beyond single properties."""

    def arranged(self, data: dict[str, Json], old: Mapping[str, Json]) -> dict[str, Json]:
        """The same data with its sets in an order that keeps differences readable."""
        return data

    def differences(
        self,
        old: Mapping[str, Json],
        outputs: Mapping[str, Json],
        new: Mapping[str, Json],
        default_at: DefaultAt | None,
    ) -> list[Difference]:
        """What applying `new` would change of what `old` says; `outputs` is what the server last told."""
        return differences(self.properties, old, new, default_at=default_at)

    def overwritten(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
        """Names of the streams whose landed rows `old` keeps and `new` lets the next sync delete."""
        return []

    def reconciled(
        self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None, *, importing: bool
    ) -> dict[str, Json]:
        """The inputs that say what the server has, in the words of the declaration where they still hold."""
        return reconciled(self.properties, declared, self.inputs_of(item), importing=importing, default_at=default_at)

    def inputs_of(self, item: Object) -> dict[str, Json]:
        """A server's object under the names of our inputs."""
        return {name: item.get(name) for name in self.properties}

    def outputs_of(self, item: Object) -> dict[str, Json]:
        """What only the server knows."""
        return {name: item.get(name) for name in self.outputs}

    def id_of(self, item: Object) -> str:
        """The object's id."""
        return str(item[self.id_name])

    def gone(self, item: Object) -> bool:
        """Whether the server only remembers the object."""
        return False

    # The calls. `place` holds what the path needs besides the id: inputs, or what an import id said.

    def path(self, place: Mapping[str, Json]) -> str:
        """Where objects of this kind are."""
        return self.collection

    def import_id(self, text: str) -> tuple[str, dict[str, Json]]:
        """The id and the place that an import names."""
        return text, {}

    @abstractmethod
    def body(self, inputs: Mapping[str, Json], *, creating: bool) -> dict[str, Any]:
        """What is sent."""

    async def create(self, airbyte: Airbyte, inputs: Mapping[str, Json]) -> Object:
        """Make it. Never repeated blindly."""
        return await airbyte.create(self.path(inputs), self.body(inputs, creating=True))

    async def fetch(self, airbyte: Airbyte, resource_id: str, place: Mapping[str, Json]) -> Object | None:
        """The object; None if it is not there."""
        try:
            item = await airbyte.get(f"{self.path(place)}/{resource_id}")
        except NotFoundError:
            return None
        return None if self.gone(item) else item

    async def fetch_all(self, airbyte: Airbyte, place: Mapping[str, Json]) -> list[Object]:
        """All objects of the kind, in the workspace that the place names, or in all."""
        workspace = place.get("workspaceId")
        query = {"workspaceIds": [str(workspace)]} if workspace else None
        items = await airbyte.objects(self.path(place), query, paged=self.paged)
        return [item for item in items if not self.gone(item)]

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        """Whether a person would take the object for what these inputs describe."""
        workspace = item.get("workspaceId")
        return item.get("name") == inputs.get("name") and workspace in (None, inputs.get("workspaceId"))

    @abstractmethod
    async def update(self, airbyte: Airbyte, resource_id: str, inputs: Mapping[str, Json]) -> Object:
        """Make it as the inputs say."""

    async def delete(self, airbyte: Airbyte, resource_id: str, place: Mapping[str, Json]) -> bool:
        """Remove it; False if there was nothing to remove."""
        return await airbyte.delete(f"{self.path(place)}/{resource_id}")


def without_none(data: Mapping[str, Json]) -> dict[str, Any]:
    """The same without what is not given."""
    return {name: value for name, value in data.items() if value is not None}
