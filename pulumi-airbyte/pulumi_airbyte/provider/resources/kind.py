"""What the provider asks of each kind of resource."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from pulumi_airbyte.api import Airbyte, AnswerError, ConnectorType, NotFoundError, Object, UnknownOutcomeError

from ..differences import DefaultAt, Difference, differences
from ..ownership import before, restricted
from ..properties import Fault, Property
from ..reconciliation import reconciled, shown, unmanaged
from ..releases import Release, releases
from ..values import Json, Path
from ..writing import Change

DEFAULTS = "defaults"
"""An input with the values that settings get at creation, and go back to, where the program does not declare them."""


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
    properties: Mapping[str, Property]
    outputs: ClassVar[Mapping[str, Property]]
    listed: ClassVar[bool] = False
    paged: ClassVar[bool] = True
    delete_before_replace: ClassVar[bool] = False
    connector: ClassVar[ConnectorType | None] = None
    """For kinds whose `configuration` belongs to a connector: which sort."""
    makes: ClassVar[ConnectorType | None] = None
    """For connector definitions: what is made of one, and deleted with it."""
    slowest_create: ClassVar[float] = 20.0
    """Seconds after which a create that was sent is taken for ended, one way or the other."""
    loses_state: ClassVar[bool] = False
    """Whether a replacement loses how far streams have been read."""

    # What it is made of.

    def with_defaults(self, inputs: Mapping[str, Json]) -> Self:
        """The kind with the program's defaults in place of Airbyte's, for settings that these inputs do not declare."""
        defaults = self.program_defaults(inputs)
        if not defaults:
            return self
        kind = copy.copy(self)
        kind.properties = {
            name: replace(prop, default=defaults[name]) if name in defaults else prop
            for name, prop in self.properties.items()
        }
        return kind

    def program_defaults(self, inputs: Mapping[str, Json]) -> dict[str, Json]:
        """What the program's `defaults` say of settings that it does not declare."""
        defaults = inputs.get(DEFAULTS) if DEFAULTS in self.properties else None
        return without_none(defaults) if isinstance(defaults, dict) else {}

    def parsed(self, data: dict[str, Json], faults: list[Fault]) -> dict[str, Json]:
        """The same data with texts that hold structures (JSON, YAML) read."""
        return data

    def more_faults(self, data: Mapping[str, Json], faults: list[Fault]) -> None:  # noqa: B027  (most have none)
        """Add what is wrong beyond single properties."""

    def arranged(self, data: dict[str, Json], old: Mapping[str, Json]) -> dict[str, Json]:
        """The same data with its sets in an order that keeps differences readable."""
        return data

    def differences(
        self, old: Mapping[str, Json], seen: Mapping[str, Json], new: Mapping[str, Json], default_at: DefaultAt | None
    ) -> list[Difference]:
        """What applying `new` would change; `seen` is what Airbyte was last seen to have."""
        return differences(self.properties, before(self.properties, old, seen, new), new, default_at=default_at)

    def restricted(self, data: Mapping[str, Json], to: Mapping[str, Json]) -> dict[str, Json]:
        """What `data` says of the leaves and elements that `to` declares."""
        return restricted(self.properties, data, to)

    def written(
        self, old: Mapping[str, Json], new: Mapping[str, Json], item: Object, default_at: DefaultAt | None
    ) -> dict[str, Json]:
        """The properties that a reviewed change touches, as they are sent: what the server has, changed by it alone."""
        return Change(old, new, default_at).written(self.properties, self.inputs_of(item))

    def releases(self, old: Mapping[str, Json], new: Mapping[str, Json], default_at: DefaultAt | None) -> list[Release]:
        """What the program declared and does not declare any more."""
        return releases(self.properties, old, new, default_at=default_at)

    def unmanaged(self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None) -> list[Path]:
        """The settings that exist only in Airbyte."""
        return unmanaged(self.properties, declared, self.inputs_of(item), default_at=default_at)

    def overwritten(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
        """Names of the streams whose landed rows `old` keeps and `new` lets the next sync delete."""
        return []

    def reconciled(self, declared: Mapping[str, Json], item: Object, default_at: DefaultAt | None) -> dict[str, Json]:
        """The declared inputs as the server has them, in the words of the declaration where they still hold."""
        return reconciled(self.properties, declared, self.inputs_of(item), default_at=default_at)

    def imported(self, item: Object) -> dict[str, Json]:
        """The inputs of an import: all that the server shows."""
        return {name: value for name, value in self.inputs_of(item).items() if value is not None}

    def shown(self, declared: Mapping[str, Json], item: Object) -> dict[str, Json]:
        """What is stored about the object: the declared inputs in their words, and what the server has beside them."""
        known = {name: value for name, value in self.outputs_of(item).items() if value is not None}
        return {**known, **shown(self.properties, declared, self.inputs_of(item))}

    def without_connector(self, configuration: Mapping[str, Json]) -> dict[str, Json]:
        """A configuration without the key that names the connector to Airbyte."""
        return {name: value for name, value in configuration.items() if name != f"{self.connector}Type"}

    def import_name(self, item: Object) -> str:
        """What an import of the object names."""
        return self.id_of(item)

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
    def body(self, inputs: Mapping[str, Json]) -> dict[str, Any]:
        """What a create sends."""

    async def create(self, airbyte: Airbyte, inputs: Mapping[str, Json]) -> Object:
        """Make it. Never repeated blindly."""
        item = await airbyte.create(self.path(inputs), self.body(inputs))
        if self.id_name not in item:
            where = f"POST {self.path(inputs)}"
            raise UnknownOutcomeError(f"the answer has no {self.id_name}", where=where, status=200)
        return item

    async def complete(self, airbyte: Airbyte, resource_id: str, inputs: Mapping[str, Json]) -> list[str]:
        """Set what a create cannot say, and name it."""
        return []

    def incomplete(self, inputs: Mapping[str, Json]) -> list[str]:
        """The properties of these inputs that a create cannot say."""
        return []

    async def fetch(self, airbyte: Airbyte, resource_id: str, place: Mapping[str, Json]) -> Object | None:
        """The object; None if it is not there."""
        try:
            item = await airbyte.get(f"{self.path(place)}/{resource_id}")
        except NotFoundError:
            return None
        if self.id_name not in item:
            raise AnswerError(f"the answer is not a {self.word}", where=f"GET {self.path(place)}/{resource_id}")
        return None if self.gone(item) else item

    async def fetch_all(
        self, airbyte: Airbyte, place: Mapping[str, Json], *, patience: float | None = None
    ) -> list[Object]:
        """All objects of the kind, in the workspace that the place names, or in all."""
        workspace = place.get("workspaceId")
        query = {"workspaceIds": [str(workspace)]} if workspace else None
        items = await airbyte.objects(self.path(place), query, paged=self.paged, patience=patience)
        return [item for item in items if not self.gone(item)]

    def lookalike(self, item: Object, inputs: Mapping[str, Json]) -> bool:
        """Whether a person would take the object for what these inputs describe."""
        workspace = item.get("workspaceId")
        return item.get("name") == inputs.get("name") and workspace in (None, inputs.get("workspaceId"))

    @abstractmethod
    async def update(self, airbyte: Airbyte, resource_id: str, changes: Mapping[str, Json], item: Object) -> None:
        """Set these properties of an object, which was read as `item`, and no others."""

    async def delete(self, airbyte: Airbyte, resource_id: str, place: Mapping[str, Json]) -> bool:
        """Remove it; False if there was nothing to remove."""
        return await airbyte.delete(f"{self.path(place)}/{resource_id}")


def without_none(data: Mapping[str, Json]) -> dict[str, Any]:
    """The same without what is not given."""
    return {name: value for name, value in data.items() if value is not None}
