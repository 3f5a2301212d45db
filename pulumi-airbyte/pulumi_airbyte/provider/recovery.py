"""What became of creates whose end nobody saw: the journal's intents, and the objects that came of them."""

from __future__ import annotations

import asyncio
import os
import time

from pulumi_airbyte.api import AirbyteError, Object

from .differences import Difference
from .faults import PartialError, ProviderError
from .journal import Intent, Journal
from .resources import ResourceKind
from .server import Server, placed
from .siblings import Siblings
from .state import UNWRITTEN, State, state_of
from .values import Values, dotted

CREATES = "PULUMI_AIRBYTE_SLOWEST_CREATE"
"""Environment: the seconds of `slowest_create`, for a server that one knows."""


class Recovery:
    """Finds and takes over what an interrupted create made."""

    def __init__(self, server: Server, siblings: Siblings, journal: Journal) -> None:
        self._server = server
        self._siblings = siblings
        self._journal = journal
        self._in_state: set[str] = set()

    def seen_in_state(self, urn: str) -> None:
        """A resource that the engine has old inputs of."""
        self._in_state.add(urn)

    async def recovered(self, kind: ResourceKind, urn: str, name: str, inputs: Values) -> State | None:
        """The object that an earlier run made for this resource and never told the state of; None if there is none."""
        intent = await self._journal.intent(urn)
        if intent is None:
            return None
        in_state = await self._journal.known_to_state(urn)
        if intent.id is not None:
            # A replacement must not take over what it replaces: that one is in the state.
            if (in_state is None and urn in self._in_state) or (in_state is not None and intent.id in in_state):
                return None
            try:
                item = await kind.fetch(self._server.airbyte, intent.id, inputs.data)
            except AirbyteError as error:
                raise self._server.failed(f"{name} was not created", error) from error
            return None if item is None else await self.taken_over(kind, name, intent, item, inputs)
        item = await self.search(kind, name, intent, inputs, until=intent.time + slowest(kind))
        return None if item is None else await self.taken_over(kind, name, intent, item, inputs)

    async def search(
        self, kind: ResourceKind, name: str, intent: Intent, inputs: Values, *, until: float
    ) -> Object | None:
        """The one object that came of an intent; waits for a create that may be under way."""
        in_state = await self._journal.known_to_state(intent.urn) or set[str]()
        announced = False
        while True:
            try:
                items = await self._siblings.lookalikes_now(kind, inputs.data)
            except AirbyteError as error:
                failure = f"{name} was not created: what came of an earlier try is not clear"
                raise self._server.failed(failure, error) from error
            old = {*intent.before, *in_state, *self._siblings.made(kind)}
            new = [item for item in items if kind.id_of(item) not in old]
            if new:
                return await self._only_match(kind, name, new, inputs)
            if time.time() >= until:
                return None
            if not announced:
                words = f"looking for what came of an earlier create of {name}"
                await self._server.notices.info(words, intent.urn)
                announced = True
            await asyncio.sleep(1.0)

    async def _only_match(self, kind: ResourceKind, name: str, items: list[Object], inputs: Values) -> Object:
        matches = [item for item in items if not await self._differs(kind, item, inputs)]
        if len(matches) == 1 and len(items) == 1:
            return matches[0]
        ids = ", ".join(kind.id_of(item) for item in items)
        raise ProviderError(
            f"{name} was not created: an earlier try was interrupted, and which of these it made is not clear: {ids}. "
            "Keep the right one by importing it, and delete the others in Airbyte"
        )

    async def _differs(self, kind: ResourceKind, item: Object, inputs: Values) -> list[Difference]:
        item = placed(item, inputs.data)
        default_at = await self._server.default_at(kind, inputs.data, item)
        actual = kind.reconciled(inputs.data, item, default_at)
        found = kind.differences(actual, item, inputs.data, default_at)
        later = kind.incomplete(inputs.data)
        return [one for one in found if one.path[0] not in later]

    async def taken_over(self, kind: ResourceKind, name: str, intent: Intent, item: Object, inputs: Values) -> State:
        """The object, made as the inputs say: what is secret in it cannot be compared, so it is written."""
        replacing = [one for one in await self._differs(kind, item, inputs) if one.replaces]
        if replacing:
            failure = ", ".join(dotted(one.path) for one in replacing)
            raise ProviderError(
                f"{name} was not created: an earlier run made {kind.id_of(item)} for it with another {failure}. Delete "
                "that one in Airbyte, or keep it by importing it"
            )
        item = placed(item, inputs.data)
        state = state_of(kind, item, inputs)
        self._siblings.add(kind, {**inputs.data, **item})
        await noted(self._journal, intent, state)
        words = f"took over {state.id}, which an interrupted run had made for it"
        await self._server.notices.info(words, intent.urn)
        airbyte = self._server.airbyte
        try:
            changes = kind.written({}, inputs.data, item, None)
            if changes:
                await kind.update(airbyte, state.id, changes, item)
            written = await kind.fetch(airbyte, state.id, item)
        except AirbyteError as error:
            fault = self._server.failed(f"{name} exists, but was not updated", error)
            unwritten = state.with_output(UNWRITTEN, sorted(kind.properties))
            raise partial(str(fault), unwritten) from error
        finally:
            self._server.lists.forget(kind)
        return state_of(kind, placed(written or item, inputs.data), inputs)


def partial(message: str, state: State) -> PartialError:
    """A failure after the object exists."""
    return PartialError(message, resource_id=state.id, outputs=state.outputs, inputs=state.inputs)


async def noted(journal: Journal, intent: Intent, state: State) -> None:
    """Write what came of an intent."""
    try:
        await journal.finish(intent, state.id)
    except ProviderError as error:
        # The object exists; the engine is told its id in any case.
        raise partial(str(error), state) from error


def slowest(kind: ResourceKind) -> float:
    """Seconds to wait for a create that may be under way."""
    set_by_hand = os.environ.get(CREATES)
    return float(set_by_hand) if set_by_hand else kind.slowest_create
