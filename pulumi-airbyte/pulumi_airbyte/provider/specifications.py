"""The specifications of the connectors in use, asked for once in a process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import cast

from pulumi_airbyte.api import Airbyte, AirbyteError, ConnectorType, Object

from .specification import Specification
from .values import UNKNOWN, Json

_FORGIVEN = 20.0
"""Seconds after which a specification that could not be had is asked for again."""
_PATIENCE = 2.0
"""Seconds to wait for a server that does not answer: without it a preview goes on unchecked, and says so."""


class Specifications:
    """Specifications by connector."""

    def __init__(self, airbyte: Airbyte) -> None:
        self._airbyte = airbyte
        self._held: dict[tuple[str, str, str], tuple[float, asyncio.Task[Specification | str]]] = {}
        self._definitions: dict[tuple[ConnectorType, str], asyncio.Task[list[Object]]] = {}

    async def of(
        self, connector: ConnectorType, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None = None
    ) -> Specification | str:
        """The specification of a source's or destination's connector, or in a clause why there is none."""
        definition = inputs.get("definitionId") or (outputs or {}).get("definitionId")
        workspace = inputs.get("workspaceId")
        configuration = inputs.get("configuration")
        name: Json = None
        if isinstance(configuration, dict):
            name = cast("dict[str, Json]", configuration).get(f"{connector}Type")
        if UNKNOWN in (definition, workspace, name) or not workspace or not (definition or name):
            return "the connector is not known yet"
        key = (connector, str(workspace), str(definition or name))
        held = self._held.get(key)
        if held is None or (
            time.monotonic() - held[0] > _FORGIVEN and held[1].done() and isinstance(held[1].result(), str)
        ):
            ask = self._ask(connector, str(workspace), definition and str(definition), name and str(name))
            held = (time.monotonic(), asyncio.create_task(ask))
            self._held[key] = held
        return await asyncio.shield(held[1])

    async def _ask(
        self, connector: ConnectorType, workspace: str, definition: str | None, name: str | None
    ) -> Specification | str:
        try:
            if definition is None:
                definition = await self.definition(connector, workspace, str(name))
                if definition is None:
                    return f'the server has no {connector} connector "{name}"'
            schema = await self._airbyte.specification(connector, definition, workspace, patience=_PATIENCE)
        except AirbyteError as error:
            return error.cause
        return Specification(schema)

    async def definition(self, connector: ConnectorType, workspace: str, name: str) -> str | None:
        """The definition behind a short name such as `faker`, in this workspace."""
        key = (connector, workspace)
        if key not in self._definitions:
            self._definitions[key] = asyncio.create_task(
                self._airbyte.definitions(connector, workspace, patience=_PATIENCE)
            )
        try:
            definitions = await asyncio.shield(self._definitions[key])
        except AirbyteError:
            del self._definitions[key]
            raise
        short = name.removeprefix(f"{connector}-")
        for item in definitions:
            image = str(item.get("dockerRepository", "")).rsplit("/", 1)[-1]
            if image == f"{connector}-{short}" or str(item.get("name", "")).lower() == short.lower():
                return str(item[f"{connector}DefinitionId"])
        return None
