"""The specifications of the connectors in use, asked for once in a process, and kept on disk for when none answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pulumi_airbyte.api import Airbyte, AirbyteError, ConnectorType, Object, UnavailableError

from .specification import Specification
from .state_store import home
from .values import UNKNOWN, Json

_FORGIVEN = 20.0
"""Seconds after which a server that did not answer is asked again."""
_PATIENCE = 2.0
"""Seconds to wait for a server that does not answer: without it a preview goes on unchecked, and says so."""
UNKNOWN_CONNECTOR = "the connector is not known yet"


class UnknownConnector(str):
    """Why there is no specification: the server has no connector of that name."""


T = TypeVar("T")


class Specifications:
    """Specifications by connector.

    Args:
        airbyte: the server.
        folder: where they are kept, as `source-faker.json` or `<definition id>.json`; by default in Pulumi's home.
        unanswered: told once, with the cause, when the server does not answer.
    """

    def __init__(self, airbyte: Airbyte, folder: str | None, unanswered: Callable[[str], Awaitable[None]]) -> None:
        self._airbyte = airbyte
        self._folder = Path(folder) if folder else home(os.environ) / "airbyte-specifications"
        self._unanswered = unanswered
        self._requests: dict[tuple[str, str, str], tuple[float, asyncio.Task[Specification | str]]] = {}
        self._definitions: dict[tuple[ConnectorType, str], asyncio.Task[list[Object]]] = {}
        self._first = asyncio.Lock()
        self._answers = False
        self._down: tuple[float, UnavailableError] | None = None

    async def of(
        self, connector: ConnectorType, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None = None
    ) -> Specification | str:
        """The specification of a source's or destination's connector, or in a clause why there is none."""
        definition = inputs.get("definitionId") or (outputs or {}).get("definitionId")
        workspace = inputs.get("workspaceId")
        configuration = inputs.get("configuration")
        name = configuration.get(f"{connector}Type") if isinstance(configuration, dict) else None
        if UNKNOWN in (definition, workspace, name) or not workspace or not (definition or name):
            return UNKNOWN_CONNECTOR
        return await self._once(
            connector, str(workspace), str(definition) if definition else None, str(name) if name else None
        )

    async def _once(
        self, connector: ConnectorType, workspace: str, definition: str | None, name: str | None
    ) -> Specification | str:
        key = (connector, workspace, str(definition or name))
        request = self._requests.get(key)
        if request is None or _is_to_be_repeated(*request):
            ask = self._ask(connector, workspace, definition, name)
            request = self._requests[key] = (time.monotonic(), asyncio.create_task(ask))
        return await asyncio.shield(request[1])

    async def _ask(
        self, connector: ConnectorType, workspace: str, definition: str | None, name: str | None
    ) -> Specification | str:
        words = definition or f"{connector}-{str(name).removeprefix(f'{connector}-')}"
        file = self._folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', words)}.json"
        try:
            if definition is None:
                definition = await self.definition(connector, workspace, str(name))
                if definition is None:
                    return await self._unknown(connector, workspace, str(name))
            definition_id = definition
            schema = await self._reached(
                lambda: self._airbyte.specification(connector, definition_id, workspace, patience=_PATIENCE)
            )
        except UnavailableError:
            kept = await asyncio.to_thread(_read, file)
            return "the server does not answer" if kept is None else Specification(kept)
        except AirbyteError as error:
            return error.cause
        await asyncio.to_thread(_keep, file, schema)
        return Specification(schema)

    async def _unknown(self, connector: ConnectorType, workspace: str, name: str) -> UnknownConnector:
        definitions = await self._definitions[connector, workspace]
        names = [str(item.get("dockerRepository", "")).rsplit("/", 1)[-1] for item in definitions]
        short = [one.removeprefix(f"{connector}-") for one in names if one.startswith(f"{connector}-")]
        close = get_close_matches(name.removeprefix(f"{connector}-"), short, n=1)
        known = sorted(set(short))
        more = f" … ({len(known)} in all)" if len(known) > 12 else ""
        hint = f'; did you mean "{close[0]}"?' if close else f"; it has {', '.join(known[:12])}{more}"
        return UnknownConnector(f'the server has no {connector} connector "{name}"{hint}')

    async def definition(self, connector: ConnectorType, workspace: str, name: str) -> str | None:
        """The definition behind a short name such as `faker`, in this workspace."""
        key = (connector, workspace)
        if key not in self._definitions:
            self._definitions[key] = asyncio.create_task(
                self._reached(lambda: self._airbyte.definitions(connector, workspace, patience=_PATIENCE))
            )
        try:
            definitions = await asyncio.shield(self._definitions[key])
        except AirbyteError:
            self._definitions.pop(key, None)
            raise
        short = name.removeprefix(f"{connector}-")
        for item in definitions:
            image = str(item.get("dockerRepository", "")).rsplit("/", 1)[-1]
            if image == f"{connector}-{short}" or str(item.get("name", "")).lower() == short.lower():
                return str(item[f"{connector}DefinitionId"])
        return None

    async def _reached(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer. Until the server has given one, one asks and the others wait: its silence is waited for once."""
        if self._answers:
            return await ask()
        async with self._first:
            if self._down is not None and time.monotonic() - self._down[0] < _FORGIVEN:
                raise self._down[1]
            try:
                answer = await ask()
            except UnavailableError as error:
                if self._down is None:
                    await self._unanswered(error.cause)
                self._down = (time.monotonic(), error)
                raise
            except AirbyteError:
                self._answers = True
                raise
            self._answers = True
            return answer


def _is_to_be_repeated(time_of_request: float, request: asyncio.Task[Specification | str]) -> bool:
    """Whether a request without a result is old enough to ask again."""
    return time.monotonic() - time_of_request > _FORGIVEN and request.done() and isinstance(request.result(), str)


def _read(file: Path) -> Object | None:
    try:
        parsed: Json = json.loads(file.read_text())
    except (OSError, ValueError):
        return None  # not at hand, or not whole: the server is asked again when it answers
    if not isinstance(parsed, dict):
        return None
    # A connector's own `spec` command wraps it.
    return parsed.get("connectionSpecification") or parsed


def _keep(file: Path, schema: Object) -> None:
    text = json.dumps(schema, indent=1, ensure_ascii=False)
    try:
        if file.is_file() and file.read_text() == text:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f".{time.monotonic_ns()}")
        beside.write_text(text)
        beside.replace(file)
    except OSError:
        return  # a home that cannot be written, as in a pod: nothing is at hand when the server is away
