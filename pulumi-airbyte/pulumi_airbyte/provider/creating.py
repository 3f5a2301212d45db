"""Create: an object that was not there, once, whatever happens to the answer."""

from __future__ import annotations

import os
import shlex
import time

from pulumi_airbyte.api import AirbyteError, ConflictError, Object, UnknownOutcomeError

from .faults import ProviderError
from .journal import Intent, Journal
from .losses import Losses
from .recovery import Recovery, noted, partial, slowest
from .resources import ResourceKind
from .resources.connectors import masked
from .server import Server, placed
from .siblings import Siblings
from .state import UNWRITTEN, State, kind_of, name_of, state_of
from .state_store import backend_url
from .values import Values, dotted, known

_TRIES = 3
"""How often a create is sent whose search proved that nothing came of it."""
_STILL_AT_IT = {0, 408, 409, 502, 503, 504}
"""Answers (0: none) after which a create may still be under way."""


class Creator:
    """Makes objects, with an intent in the journal before each."""

    def __init__(
        self, server: Server, siblings: Siblings, journal: Journal, losses: Losses, recovery: Recovery
    ) -> None:
        self._server = server
        self._siblings = siblings
        self._journal = journal
        self._losses = losses
        self._recovery = recovery
        self._silent = False

    async def preview(self, urn: str, inputs: Values) -> State:
        """What is known of an object that will be made; says if Airbyte has one of that name."""
        state = State("", inputs, inputs)
        kind = kind_of(urn, inputs.data)
        place = [inputs.data.get(name) for name in ("workspaceId", "userId") if name in kind.properties]
        if self._silent or self._server.settings.unknown or not known(place):
            return state
        try:
            others = await self._others(kind, urn, inputs, patience=1.0)
        except (AirbyteError, ProviderError) as error:
            self._silent = True
            cause = error.cause if isinstance(error, AirbyteError) else str(error)
            words = f"whether Airbyte has objects of the same names already could not be looked up: {cause}"
            await self._server.notices.info(words)
            return state
        if others and await self._journal.intent(urn) is None:
            name = inputs.data.get("name")
            consent = self._losses.needs_for_duplicate(kind, urn, name)
            refused = f". `pulumi up` makes no second one until the stack agrees; {consent}" if consent else ""
            await self._server.notices.warn(f"{_exists(kind, urn, inputs, others)}{refused}", urn)
        return state

    async def create(self, urn: str, inputs: Values) -> State:
        """Make the object."""
        kind = kind_of(urn, inputs.data)
        name = name_of(kind, inputs.data)
        await self._losses.agreed_to_replace(kind, urn)
        unset = masked(inputs.data.get("configuration")) if kind.connector else []
        if unset:
            paths = ", ".join(dotted(("configuration", *path)) for path in unset)
            raise ProviderError(f"{name} was not created: {paths} is a secret that has no value; give it one")
        recovered = await self._recovery.recovered(kind, urn, name, inputs)
        if recovered is not None:
            return recovered
        try:
            others = await self._others(kind, urn, inputs)
            before = [kind.id_of(item) for item in await self._siblings.lookalikes(kind, inputs.data)]
        except AirbyteError as error:
            raise self._server.failed(f"{name} was not created", error) from error
        if others:
            refusal = f"{name} was not created: {_exists(kind, urn, inputs, others)}"
            await self._losses.agreed_to_duplicate(kind, urn, inputs.data.get("name"), refusal)
        intent = await self._journal.open(urn, kind.token, inputs, before)
        item = await self._made(kind, name, intent, inputs)
        if isinstance(item, State):
            return item
        return await self._completed(kind, name, intent, placed(item, inputs.data), inputs)

    async def _made(self, kind: ResourceKind, name: str, intent: Intent, inputs: Values) -> Object | State:
        """The answer, or what was found in its place; sent again once a search proved that nothing came of it."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await kind.create(self._server.airbyte, inputs.data)
            except (UnknownOutcomeError, ConflictError) as error:
                state = await self._after_lost_answer(kind, name, intent, inputs, error)
                if state is not None:
                    return state
                if isinstance(error, ConflictError):
                    await self._journal.close(intent.urn)
                    raise self._server.failed(f"{name} was not created", error) from error
                if attempt == _TRIES:
                    raise ProviderError(
                        f"{name} was not created, as far as Airbyte shows: {error}. Run `pulumi up` again: before it "
                        "creates anything it looks for what may have come of this"
                    ) from error
                words = f"{name}: {error.cause}; nothing came of it, so it is sent again"
                await self._server.notices.info(words, intent.urn)
            except AirbyteError as error:
                await self._journal.close(intent.urn)
                raise self._server.failed(f"{name} was not created", error) from error
            finally:
                self._server.lists.forget(kind)

    async def _after_lost_answer(
        self, kind: ResourceKind, name: str, intent: Intent, inputs: Values, error: AirbyteError
    ) -> State | None:
        # Airbyte's own conflict, a 500, or an answer that cannot be read is the end of the request.
        ended = isinstance(error, ConflictError) or error.status not in _STILL_AT_IT
        longest = min(2.0, slowest(kind)) if ended else slowest(kind)
        item = await self._recovery.search(kind, name, intent, inputs, until=time.time() + longest)
        return None if item is None else await self._recovery.taken_over(kind, name, intent, item, inputs)

    async def _completed(self, kind: ResourceKind, name: str, intent: Intent, item: Object, inputs: Values) -> State:
        state = state_of(kind, item, inputs)
        self._siblings.add(kind, {**inputs.data, **item})
        await noted(self._journal, intent, state)
        try:
            if not await kind.complete(self._server.airbyte, state.id, inputs.data):
                return state
            completed = await kind.fetch(self._server.airbyte, state.id, item)
        except AirbyteError as error:
            fault = self._server.failed(f"{name} was created, but is not complete", error)
            raise partial(str(fault), state.with_output(UNWRITTEN, kind.incomplete(inputs.data))) from error
        finally:
            self._server.lists.forget(kind)
        return state_of(kind, placed(completed or item, inputs.data), inputs)

    async def _others(
        self, kind: ResourceKind, urn: str, inputs: Values, *, patience: float | None = None
    ) -> list[Object]:
        """Objects of that name that neither the state nor this run knows: made by another state, or by hand."""
        items = await self._siblings.lookalikes(kind, inputs.data, patience=patience)
        known_ids = await self._journal.known_to_state(urn) if items else None
        if known_ids is None:
            return []  # nothing is there, or the state cannot be read from here
        mine = known_ids | self._siblings.made(kind)
        return [item for item in items if kind.id_of(item) not in mine]


def _exists(kind: ResourceKind, urn: str, inputs: Values, others: list[Object]) -> str:
    """That an object of that name is there already, and how to adopt it."""
    ids = ", ".join(kind.id_of(item) for item in others)
    name = name_of(kind, inputs.data)
    adopt = _adoption(kind, urn, kind.import_name(others[0]))
    return f"Airbyte has {name} already ({ids}), and the state ({backend_url(os.environ)}) does not know it. {adopt}"


def _adoption(kind: ResourceKind, urn: str, import_name: str) -> str:
    typed = urn.split("::")[2]
    name = urn.split("::", 3)[3]
    if "$" in typed:
        # Only the program knows the parent: imported by a command, the resource would lie beside it, and be made again.
        return f'To adopt it, declare "{name}" with `ResourceOptions(import_="{import_name}")`, or delete it in Airbyte'
    command = shlex.join(["pulumi", "import", kind.token, name, import_name])
    return f"To adopt it: `{command} --protect=false --generate-code=false --yes`, or delete it in Airbyte"
