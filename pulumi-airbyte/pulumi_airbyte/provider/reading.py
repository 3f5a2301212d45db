"""Read: an object as the server has it, in the words of its declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from pulumi_airbyte.api import AirbyteError, Object

from .differences import DefaultAt
from .faults import ProviderError
from .ownership import BY_IMPORT, MARK, respelled
from .resources import ResourceKind
from .resources.connectors import masked
from .server import Server, placed
from .specification import Specification, secrets_by_name
from .state import UNCHECKED, UNMANAGED, UNWRITTEN, State, kind_of, outermost, state_of
from .values import Json, Path, Values, at, leaves


class Reader:
    """Reads objects, in bulk where there are many."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def read(self, urn: str, resource_id: str, outputs: Values, inputs: Values) -> State | None:
        """The object; None if Airbyte says that it is not there."""
        kind = kind_of(urn, inputs.data)
        if not inputs.data and not outputs.data:
            return await self._imported(kind, resource_id)
        item = await self._item(kind, resource_id, outputs.data)
        if item is None:
            return None
        declared = Values(respelled(kind.properties, inputs.data), inputs.secrets)
        state = await self._state(kind, placed(item, outputs.data), declared)
        if state.inputs.data == declared.data:
            state = replace(state, inputs=inputs)  # in the spelling of the version that wrote them, which is no drift
        for name in (UNCHECKED, UNWRITTEN):
            if name in outputs.data:
                state = state.with_output(name, outputs.data[name])
        await self._report(urn, outputs.data, state)
        return state

    async def _item(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> Object | None:
        failure = f"{kind.word} {resource_id} could not be read"
        try:
            item = await self._server.lists.fetch(kind, resource_id, place)
            if item is not None or await self._server.is_gone(kind, resource_id, place):
                return item
            return await kind.fetch(self._server.airbyte, resource_id, place)
        except AirbyteError as error:
            raise self._server.failed(failure, error) from error

    async def _state(self, kind: ResourceKind, item: Object, declared: Values) -> State:
        default_at = await self._default_at(kind, item, declared)
        data = kind.reconciled(declared.data, item, default_at)
        if MARK in declared.data:
            data[MARK] = declared.data[MARK]
        secrets = frozenset(path for path in declared.secrets if at(data, path) is not None)
        return state_of(kind, item, Values(data, secrets), default_at=default_at)

    async def _default_at(self, kind: ResourceKind, item: Object, declared: Values) -> DefaultAt | None:
        """Needed only where the server shows a leaf that nobody declared, or lacks one that somebody did."""
        configuration = declared.data.get("configuration")
        if kind.connector is None or not isinstance(configuration, dict):
            return None
        declared_leaves = kind.without_connector(cast("dict[str, Json]", configuration))
        shown = item.get("configuration")
        if not (_has_more(shown, declared_leaves) or _has_more(declared_leaves, shown)):
            return None
        return await self._server.default_at(kind, declared.data, item)

    async def _imported(self, kind: ResourceKind, import_name: str) -> State | None:
        """The object with all that Airbyte shows among its inputs, and a mark that says so."""
        resource_id, place = kind.import_id(import_name)
        if "{workspaceId}" in kind.collection and not place:
            raise ProviderError(
                f'a {kind.word} is imported by its workspace\'s id and its own: "<workspace id>/<definition id>"'
            )
        try:
            item = await self._server.lists.fetch(kind, resource_id, place)
        except AirbyteError as error:
            raise self._server.failed(f"{kind.word} {resource_id} could not be read", error) from error
        if item is None:
            return None
        item = placed(item, place)
        data = kind.imported(item)
        secrets: set[Path] = set()
        if kind.connector is not None and isinstance(data.get("configuration"), dict):
            configuration = cast("dict[str, Json]", data["configuration"])
            paths = secrets_by_name(configuration) | set(masked(configuration))
            specification = await self._server.specification(kind, data, item)
            if isinstance(specification, Specification):
                paths |= specification.secrets(configuration)
            secrets = {("configuration", *path) for path in paths}
        marked = Values({**data, MARK: BY_IMPORT}, outermost(secrets))
        return state_of(kind, item, marked, imported=True)

    async def _report(self, urn: str, outputs: Mapping[str, Json], state: State) -> None:
        """Names settings that were not there at the last look and that the program does not declare."""
        listed = cast("Sequence[str]", outputs.get(UNMANAGED) or [])
        added = [one for one in cast("Sequence[str]", state.outputs.data.get(UNMANAGED) or []) if one not in listed]
        if added:
            words = ", ".join(added)
            await self._server.notices.info(f"set in Airbyte, not declared, and left as it is: {words}", urn)


def _has_more(one: Json, other: Json) -> bool:
    """Whether a configuration has a leaf that another one lacks."""
    return any(leaf is not None and at(other, path) is None for path, leaf in leaves(one))
