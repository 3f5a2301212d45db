"""The resources' life: check, diff, create, read, update, delete, by what their kind says about them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pulumi_airbyte.api import (
    Airbyte,
    AirbyteError,
    ConflictError,
    NotFoundError,
    Object,
    UnauthorizedError,
    UnavailableError,
    UnknownOutcomeError,
)

from .consent import Consents, phrase
from .faults import PartialError, ProviderError
from .guard import Guard
from .journal import Intent, Journal
from .lists import Lists
from .notices import Notices
from .properties import DefaultAt, Difference, Fault, accepted
from .resources import RESOURCES, ResourceKind
from .resources.connectors import masked
from .settings import Settings
from .specification import Specification, secrets_by_name
from .specifications import UNKNOWN_CONNECTOR, Specifications
from .state_store import Stored, backend_url
from .values import MASK, UNKNOWN, Json, Path, Values, at, dotted, leaves, replaced

UNCHECKED = "__unchecked"
"""An output that says that a new secret did not work yet, so that the next update tries it again."""
_CONNECTION = RESOURCES["airbyte:index/connection:Connection"]
PATIENCE = 60.0
"""Seconds that Create, Read, Update and Delete wait for a server that is starting."""


@dataclass(frozen=True)
class Checked:
    """The inputs as they will be stored, and what is wrong with them."""

    inputs: Values
    faults: Sequence[Fault]


@dataclass(frozen=True)
class State:
    """An object's id and what is stored about it."""

    id: str
    outputs: Values
    inputs: Values


def kind_of(urn: str) -> ResourceKind:
    """The kind of a resource, from its URN."""
    token = _token(urn)
    kind = RESOURCES.get(token)
    if kind is None:
        raise ProviderError(f"this provider has no resource {token}; it has {', '.join(sorted(RESOURCES))}")
    return kind


class AirbyteProvider:
    """One server's resources. Nothing here touches the network before a resource asks for it."""

    def __init__(self, notices: Notices, settings: Settings | None = None) -> None:
        self.notices = notices
        self.settings = settings or Settings()
        self.journal = Journal()
        self._guard = Guard(self.settings.writer)
        self.consents = Consents(self.settings.confirm)
        self._in_state: set[str] = set()
        self._replaced: dict[str, tuple[str, str]] = {}
        self._needed: set[str] = set()
        self._synced: dict[str, asyncio.Task[bool]] = {}
        self._at_start: dict[tuple[str, str, str], asyncio.Task[list[Object]]] = {}
        self._made: dict[str, list[Object]] = {}
        self._connections: asyncio.Task[list[Object]] | None = None
        self._airbyte: Airbyte | None = None
        self._lists: Lists | None = None
        self._specifications: Specifications | None = None

    def configure(self, settings: Settings) -> None:
        """Take other settings; no call is made."""
        self.settings = settings
        self._guard = Guard(settings.writer)
        self.consents = Consents(settings.confirm)
        self._airbyte = self._lists = self._specifications = None

    async def close(self) -> None:
        """Close what is open."""
        if self._airbyte is not None:
            await self._airbyte.close()

    @property
    def airbyte(self) -> Airbyte:
        """The client, made when it is first needed."""
        if self._airbyte is None:
            held = self.settings
            if held.unknown:
                raise ProviderError("the provider's server or credential is not known yet")
            try:
                self._airbyte = Airbyte(
                    held.server_url,
                    client_id=held.client_id,
                    client_secret=held.client_secret,
                    token_url=held.token_url,
                    bearer=held.bearer_auth,
                    username=held.username,
                    password=held.password,
                    patience=PATIENCE,
                )
            except ValueError as error:
                raise ProviderError(f"airbyte:serverUrl: {error}") from error
        return self._airbyte

    @property
    def lists(self) -> Lists:
        """The shared lists."""
        if self._lists is None:
            self._lists = Lists(self.airbyte)
        return self._lists

    @property
    def specifications(self) -> Specifications:
        """The connectors' specifications."""
        if self._specifications is None:
            self._specifications = Specifications(self.airbyte, self.settings.specifications, self._unanswered)
        return self._specifications

    async def _unanswered(self, cause: str) -> None:
        await self.notices.warn(
            f"Airbyte at {self.airbyte.url.public} does not answer ({cause}): configurations are checked only where a "
            "connector's specification is at hand from before, and what was changed by hand is not seen"
        )

    # Check.

    async def check(self, urn: str, old: Values, new: Values) -> Checked:
        """Inputs under their proper names, sets in a readable order, secrets marked; and every fault at once."""
        kind = kind_of(urn)
        if old.data:
            self._in_state.add(urn)
        faults: list[Fault] = []
        data = kind.parsed(accepted(kind.properties, new.data, faults), faults)
        kind.more_faults(data, faults)
        data = kind.arranged(data, old.data)
        secrets = set(new.secrets)
        if kind.connector is not None and isinstance(data.get("configuration"), dict):
            data, secrets = self._kept(data, secrets, old)
            secrets |= await self._checked_configuration(urn, kind, data, secrets, faults)
        present = frozenset(path for path in secrets if at(data, path) is not None)
        return Checked(Values(data, _outermost(present)), faults)

    def _kept(self, data: dict[str, Json], secrets: set[Path], old: Values) -> tuple[dict[str, Json], set[Path]]:
        """Where the program says "keep" (a mask), the value that the state holds."""
        changes: dict[Path, Json] = {}
        for below in masked(data["configuration"]):
            path = ("configuration", *below)
            held = at(old.data, path)
            secrets.add(path)
            if isinstance(held, str):
                changes[path] = held
        return cast("dict[str, Json]", replaced(data, changes)), secrets

    async def _checked_configuration(
        self, urn: str, kind: ResourceKind, data: dict[str, Json], secrets: set[Path], faults: list[Fault]
    ) -> set[Path]:
        """Faults by the connector's specification go to `faults`; the result is the paths that it calls secret."""
        configuration = self._connectors_own(kind, data["configuration"])
        found = secrets_by_name(configuration)
        specification = await self._specification(kind, data, None)
        if isinstance(specification, Specification):
            found |= specification.secrets(configuration)
            if not faults:
                for fault in specification.faults(configuration):
                    faults.append(Fault(("configuration", *fault.path), fault.reason))
                for fault in specification.unknown_names(configuration):
                    path = dotted(("configuration", *fault.path))
                    await self.notices.warn(f"{path}: {fault.reason}", urn)
        elif specification != UNKNOWN_CONNECTOR:
            await self.notices.info(f"configuration not checked against its connector: {specification}", urn)
        return {("configuration", *path) for path in found}

    async def _specification(
        self, kind: ResourceKind, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None
    ) -> Specification | str:
        if kind.connector is None or self.settings.unknown:
            return UNKNOWN_CONNECTOR
        return await self.specifications.of(kind.connector, inputs, outputs)

    def _connectors_own(self, kind: ResourceKind, configuration: Json) -> dict[str, Json]:
        """The configuration without the key that names the connector to Airbyte."""
        items = cast("dict[str, Json]", configuration)
        return {name: value for name, value in items.items() if name != f"{kind.connector}Type"}

    # Diff.

    async def diff(
        self, urn: str, resource_id: str, old: Values, outputs: Values, new: Values, ignored: Sequence[str]
    ) -> list[Difference]:
        """What would change, leaf by leaf. Equal in meaning is equal."""
        kind = kind_of(urn)
        found = kind.differences(old.data, outputs.data, new.data, None)
        if any(one.path[0] == "configuration" and one.kind != "update" for one in found):
            # A leaf that comes or goes may be the connector's default, spelled out.
            default_at = await self._default_at(kind, new.data, outputs.data)
            if default_at is not None:
                found = kind.differences(old.data, outputs.data, new.data, default_at)
        found = [one for one in found if not _ignored(one.path, ignored)]
        if kind.loses_state and any(one.replaces for one in found):
            what = ", ".join(sorted({dotted(one.path) for one in found if one.replaces}))
            loss = "its connections are made anew and lose" if kind.connector else "it is made anew and loses"
            loss = f"{what} cannot be changed in place: {loss} the sync state, so every stream is read from the start"
            name = str(outputs.data.get("name") or old.data.get("name"))
            self._replaced[urn] = resource_id, name
            told = await self._foretold(kind, resource_id, lambda lost: self._phrases("replace", kind, name, lost))
            await self.notices.warn(loss + told, urn)
        if streams := kind.overwritten(outputs.data, new.data):
            needed = _overwriting(streams, outputs.data, new.data)
            told = await self._foretold(kind, resource_id, lambda _: needed)
            await self.notices.warn(_overwritten(streams) + told, urn)
        return found

    async def _default_at(
        self, kind: ResourceKind, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None
    ) -> DefaultAt | None:
        specification = await self._specification(kind, inputs, outputs)
        if not isinstance(specification, Specification):
            return None
        configuration = inputs.get("configuration")
        if not isinstance(configuration, dict):
            return None
        own = self._connectors_own(kind, configuration)
        return lambda path: specification.default(own, path[1:]) if path[0] == "configuration" else None

    # Create.

    async def create(self, urn: str, inputs: Values, *, preview: bool) -> State:
        """Make the object. In a preview: what is known of it."""
        kind = kind_of(urn)
        if preview:
            return State("", inputs, inputs)
        name = self._name(kind, inputs.data)
        await self._as_writer(urn, f"{name} was not created")
        await self._agreed_to_replace(kind, urn)
        unset = masked(inputs.data.get("configuration")) if kind.connector else []
        if unset:
            paths = ", ".join(dotted(("configuration", *path)) for path in unset)
            raise ProviderError(f"{name} was not created: {paths} is a secret that has no value; give it one")
        recovered = await self._recovered(kind, urn, name, inputs)
        if recovered is not None:
            return recovered
        try:
            before = await self._before(kind, inputs.data)
        except AirbyteError as error:
            raise self._failed(f"{name} was not created", error) from error
        await self._refuse_to_double(kind, urn, name, before)
        intent = await self.journal.open(urn, kind.token, inputs, before)
        try:
            item = await kind.create(self.airbyte, inputs.data)
        except UnknownOutcomeError as error:
            return await self._after_lost_answer(kind, name, intent, inputs, error)
        except AirbyteError as error:
            await self.journal.close(urn)
            raise self._failed(f"{name} was not created", error) from error
        finally:
            self.lists.forget(kind)
        state = self._state(kind, item, inputs)
        self._made.setdefault(kind.token, []).append({**inputs.data, **item})
        await self._noted(intent, state)
        return state

    # One writer.

    async def _as_writer(self, urn: str, what: str) -> None:
        """Goes on only where this process may change the stack."""
        try:
            await asyncio.to_thread(self._guard.enter, *_project_and_stack(urn))
        except ProviderError as error:
            raise ProviderError(f"{what}: {error}") from error

    async def _refuse_to_double(self, kind: ResourceKind, urn: str, name: str, before: Sequence[str]) -> None:
        """With one writer, what is there and unknown to the state was made by another state, or by hand."""
        known = await self.journal.known_to_state(urn) if self.settings.writer and before else None
        if known is None:
            return  # nothing is there, the stack is everybody's, or the state cannot be read from here
        made = {kind.id_of(item) for item in self._made.get(kind.token, [])}
        foreign = [one for one in before if one not in known | made]
        if foreign:
            raise ProviderError(
                f"{name} was not created: Airbyte has it already ({', '.join(foreign)}), and this state does not know "
                f"it. Is {backend_url(os.environ)} the stack's state? If it is, adopt the object: "
                f"`pulumi import {kind.token} {urn.rsplit('::', 1)[-1]} {foreign[0]}`, or delete it in Airbyte"
            )

    # What is lost for good: announced in previews, refused without consent.

    async def _agreed_to_replace(self, kind: ResourceKind, urn: str) -> None:
        """Before the new object is made: refused afterwards, both would be there."""
        if not kind.loses_state:
            return
        # `up --replace` asks for no difference and checks without the old inputs: only the state tells what is there.
        stored = await self.journal.stored(*_project_and_stack(urn))
        if stored is not None:
            old = {one.id: one.name for one in stored if one.urn == urn and not one.going}
        else:
            old = dict([self._replaced[urn]]) if urn in self._replaced else {}
        for resource_id, name in old.items():
            what = f'{kind.word} "{name}" was not replaced'
            try:
                await self._refuse_to_replace_under_others(kind, resource_id, stored, what)
                await self._agreed("replace", kind, resource_id, name, urn, what)
            except AirbyteError as error:
                raise self._failed(what, error) from error

    async def _agreed(self, verb: str, kind: ResourceKind, resource_id: str, name: object, urn: str, what: str) -> None:
        """Goes on only where nothing is lost, or its loss was agreed to."""
        lost = await self._lost_with(kind, resource_id)
        if not lost or await kind.fetch(self.airbyte, resource_id, {}) is None:
            return
        needed = self._phrases(verb, kind, name, lost)
        if verb == "delete" and self.consents.given(phrase("replace", kind.word, name)):
            return  # the second half of a replacement, perhaps of an earlier run
        synced = f"{', '.join(lost)} synced" if kind.connector else "it has synced"
        await self._use(needed, urn, f"{what}: {synced}, and how far each stream was read would be lost for good")

    async def _agreed_to_overwrite(
        self, kind: ResourceKind, resource_id: str, urn: str, outputs: Values, inputs: Values, what: str
    ) -> None:
        streams = kind.overwritten(outputs.data, inputs.data)
        if streams and await self._has_synced(resource_id, None):
            needed = _overwriting(streams, outputs.data, inputs.data)
            await self._use(needed, urn, f"{what}: {_overwritten(streams)}")

    async def _use(self, needed: Sequence[str], urn: str, refusal: str) -> None:
        """Goes on only with all of these consents, and names those that it used."""
        missing = self.consents.missing(needed)
        if missing:
            raise ProviderError(f"{refusal}. To go on, the stack has {self.consents.how(missing)}")
        used = ", ".join(f'"{one}"' for one in needed if self.consents.given(one) == one)
        if used:
            await self.notices.info(f"agreed to by {used}; take it out of the stack's configuration afterwards", urn)

    async def _foretold(
        self, kind: ResourceKind, resource_id: str, needed: Callable[[Sequence[str]], list[str]]
    ) -> str:
        """What a preview adds about consent: `needed` gives the phrases for the connections that have synced."""
        try:
            lost = await self._lost_with(kind, resource_id, patience=1.0)
        except AirbyteError as error:
            return f"; whether it has synced, and so needs consent, could not be asked ({error.cause})"
        phrases = needed(lost)
        self._needed.update(phrases)
        missing = self.consents.missing(phrases) if lost else []
        if missing:
            return f". An update refuses that until the stack agrees; {self.consents.how(missing)}"
        return "; agreed to" if lost else "; nothing was synced yet, so nothing is lost"

    def _phrases(self, verb: str, kind: ResourceKind, name: object, connections: Sequence[str]) -> list[str]:
        """A source or destination takes its connections along: one round of consent for all."""
        below = [phrase(verb, _CONNECTION.word, one) for one in connections] if kind.connector else []
        return [phrase(verb, kind.word, name), *below]

    async def _lost_with(self, kind: ResourceKind, resource_id: str, *, patience: float | None = None) -> list[str]:
        """The names of the connections whose sync state goes with an object; for a connection, its id."""
        if not kind.loses_state:
            return []
        ends = {resource_id: resource_id}
        if kind.connector is not None:
            found = await self._using(kind, resource_id, patience=patience)
            ends = {_CONNECTION.id_of(one): str(one.get("name")) for one in found}
        synced = await asyncio.gather(*(self._has_synced(one, patience) for one in ends))
        return [name for name, yes in zip(ends.values(), synced, strict=True) if yes]

    async def _has_synced(self, connection_id: str, patience: float | None) -> bool:
        if connection_id not in self._synced:
            ask = self.airbyte.has_jobs(connection_id, patience=patience)
            self._synced[connection_id] = asyncio.create_task(ask)
        try:
            return await asyncio.shield(self._synced[connection_id])
        except AirbyteError:
            self._synced.pop(connection_id, None)
            raise

    async def _using(self, kind: ResourceKind, resource_id: str, *, patience: float | None = None) -> list[Object]:
        """The connections of a source or destination, as they were when this process first asked."""
        if self._connections is None:
            self._connections = asyncio.create_task(self.airbyte.connections(patience=patience))
        try:
            connections = await asyncio.shield(self._connections)
        except AirbyteError:
            self._connections = None
            raise
        return [one for one in connections if one.get(f"{kind.connector}Id") == resource_id]

    async def _refuse_to_replace_under_others(
        self, kind: ResourceKind, resource_id: str, stored: Sequence[Stored] | None, what: str
    ) -> None:
        """What others use could not be deleted afterwards, so its replacement is not made either."""
        if stored is None or kind.connector is None:
            return
        mine = {one.id for one in stored}
        found = [one for one in await self._using(kind, resource_id) if _CONNECTION.id_of(one) not in mine]
        if found:
            raise ProviderError(f"{what}: {_taken_along(found)}")

    async def foretell_deletions(self, project: str, stack: str, urns: Sequence[str], ids: Sequence[str]) -> None:
        """Says in a preview what the next `up` deletes and loses, and which phrases of consent nothing needs.

        For a deletion the engine asks the provider nothing in a preview, so the program says what it declares.
        """
        stored = await self.journal.stored(project, stack)
        if stored is None:
            await self.notices.info("deletions cannot be foretold: the state is in no folder or bucket that shows it")
            return
        known = [one for one in stored if _token(one.urn) in RESOURCES and not one.kept]
        gone = [one for one in known if one.going or (one.urn not in urns and one.id not in ids)]
        await asyncio.gather(*(self._foretell_deletion(one) for one in gone))
        for idle in self.consents.idle(self._needed):
            await self.notices.info(f'nothing needs the consent "{idle}" (any more): take it out of the configuration')

    async def _foretell_deletion(self, gone: Stored) -> None:
        kind = RESOURCES[_token(gone.urn)]
        self._needed.add(phrase("delete", kind.word, gone.name))
        if kind.token != _CONNECTION.token:
            return
        told = await self._foretold(kind, gone.id, lambda lost: self._phrases("delete", kind, gone.name, lost))
        await self.notices.warn(
            f'connection "{gone.name}" will be deleted, and with it how far its streams were read{told}', gone.urn
        )

    # What became of creates whose end nobody saw.

    async def _noted(self, intent: Intent, state: State) -> None:
        try:
            await self.journal.finish(intent, state.id)
        except ProviderError as error:
            # The object exists; the engine is told its id in any case.
            raise PartialError(str(error), resource_id=state.id, outputs=state.outputs, inputs=state.inputs) from error

    async def _before(self, kind: ResourceKind, data: Mapping[str, Json]) -> list[str]:
        """The ids of lookalikes that are there already: by one list for all creates of a run, and what the run made."""
        scope = (kind.token, str(data.get("workspaceId", "")), str(data.get("userId", "")))
        if scope not in self._at_start:
            self._at_start[scope] = asyncio.create_task(kind.fetch_all(self.airbyte, data))
        try:
            there = await asyncio.shield(self._at_start[scope])
        except AirbyteError:
            self._at_start.pop(scope, None)
            raise
        made = self._made.get(kind.token, [])
        return [kind.id_of(item) for item in [*there, *made] if kind.lookalike(item, data)]

    async def _lookalikes(self, kind: ResourceKind, data: Mapping[str, Json]) -> list[Object]:
        """The objects that could be mistaken for what these inputs describe."""
        return [item for item in await kind.fetch_all(self.airbyte, data) if kind.lookalike(item, data)]

    async def _recovered(self, kind: ResourceKind, urn: str, name: str, inputs: Values) -> State | None:
        """The object that an earlier run made for this resource and never told the state of; None if there is none."""
        intent = await self.journal.intent(urn)
        if intent is None:
            return None
        known = await self.journal.known_to_state(urn)
        if intent.id is not None:
            # A replacement must not take over what it replaces: that one is in the state.
            if (known is None and urn in self._in_state) or (known is not None and intent.id in known):
                return None
            try:
                item = await kind.fetch(self.airbyte, intent.id, inputs.data)
            except AirbyteError as error:
                raise self._failed(f"{name} was not created", error) from error
            return None if item is None else await self._taken_over(kind, name, intent, item, inputs)
        found = await self._found(kind, name, intent, inputs, until=intent.time + _slowest(kind))
        return None if found is None else await self._taken_over(kind, name, intent, found, inputs)

    async def _after_lost_answer(
        self, kind: ResourceKind, name: str, intent: Intent, inputs: Values, error: UnknownOutcomeError
    ) -> State:
        # A 500 is the end of the request; any other silence may be a create that is still under way.
        longest = min(2.0, _slowest(kind)) if error.status == 500 else _slowest(kind)
        found = await self._found(kind, name, intent, inputs, until=time.time() + longest)
        if found is None:
            raise ProviderError(
                f"{name} was not created, as far as Airbyte shows: {error}. Run `pulumi up` again: before it creates "
                "anything it looks for what may have come of this"
            ) from error
        return await self._taken_over(kind, name, intent, found, inputs)

    async def _found(
        self, kind: ResourceKind, name: str, intent: Intent, inputs: Values, *, until: float
    ) -> Object | None:
        """The one object that came of an intent; waits for a create that may be under way."""
        known = await self.journal.known_to_state(intent.urn) or set[str]()
        told = False
        while True:
            try:
                items = await self._lookalikes(kind, inputs.data)
            except AirbyteError as error:
                raise self._failed(
                    f"{name} was not created: what came of an earlier try is not clear", error
                ) from error
            made = {kind.id_of(item) for item in self._made.get(kind.token, [])}
            new = [item for item in items if kind.id_of(item) not in {*intent.before, *known, *made}]
            if new:
                return await self._only_match(kind, name, new, inputs)
            if time.time() >= until:
                return None
            if not told:
                await self.notices.info(f"looking for what came of an earlier create of {name}", intent.urn)
                told = True
            await asyncio.sleep(1.0)

    async def _only_match(self, kind: ResourceKind, name: str, items: list[Object], inputs: Values) -> Object:
        matches = [item for item in items if not await self._differs(kind, item, inputs)]
        if len(matches) == 1 and len(items) == 1:
            return matches[0]
        ids = ", ".join(kind.id_of(item) for item in items)
        raise ProviderError(
            f"{name} was not created: an earlier try was interrupted, and which of these it made is not clear: {ids}. "
            f"Adopt the right one with `pulumi import {kind.token} <name> <id>` and delete the others"
        )

    async def _differs(self, kind: ResourceKind, item: Object, inputs: Values) -> list[Difference]:
        item = _placed(item, inputs.data)
        default_at = await self._default_at(kind, inputs.data, item)
        actual = kind.reconciled(inputs.data, item, default_at, importing=False)
        return kind.differences(actual, item, inputs.data, default_at)

    async def _taken_over(self, kind: ResourceKind, name: str, intent: Intent, item: Object, inputs: Values) -> State:
        """The object, made as the inputs say: what is secret in it cannot be compared, so it is written."""
        replacing = [one for one in await self._differs(kind, item, inputs) if one.replaces]
        if replacing:
            what = ", ".join(dotted(one.path) for one in replacing)
            raise ProviderError(
                f"{name} was not created: an earlier run made {kind.id_of(item)} for it with another {what}. Delete "
                f"that one, or adopt it with `pulumi import {kind.token} <name> {kind.id_of(item)}`"
            )
        state = self._state(kind, item, inputs)
        self._made.setdefault(kind.token, []).append({**inputs.data, **item})
        await self._noted(intent, state)
        await self.notices.info(f"took over {state.id}, which an interrupted run had made for it", intent.urn)
        try:
            updated = await kind.update(self.airbyte, state.id, inputs.data)
        except AirbyteError as error:
            fault = self._failed(f"{name} exists, but was not updated", error)
            raise PartialError(str(fault), resource_id=state.id, outputs=state.outputs, inputs=state.inputs) from error
        finally:
            self.lists.forget(kind)
        return self._state(kind, {**item, **updated}, inputs)

    # Read, update, delete.

    async def read(self, urn: str, resource_id: str, outputs: Values, inputs: Values) -> State | None:
        """The object as the server has it, in the words of its declaration; None if it is not there."""
        kind = kind_of(urn)
        importing = not inputs.data and not outputs.data
        resource_id, place = kind.import_id(resource_id) if importing else (resource_id, outputs.data)
        if importing and "{workspaceId}" in kind.collection and not place:
            raise ProviderError(
                f'a {kind.word} is imported by its workspace\'s id and its own: "<workspace id>/<definition id>"'
            )
        try:
            item = await self.lists.fetch(kind, resource_id, place)
        except AirbyteError as error:
            raise self._failed(f"{kind.word} {resource_id} could not be read", error) from error
        if item is None:
            return None
        item = _placed(item, place)
        return await self._read_state(kind, item, inputs, importing=importing)

    async def _read_state(self, kind: ResourceKind, item: Object, inputs: Values, *, importing: bool) -> State:
        data = kind.reconciled(inputs.data, item, None, importing=importing)
        secrets = {path for path in inputs.secrets if at(data, path) is not None}
        configuration = data.get("configuration")
        if kind.connector is not None and isinstance(configuration, dict):
            if importing or _has_more(configuration, inputs.data.get("configuration")):
                default_at = await self._default_at(kind, data, kind.outputs_of(item))
                data = kind.reconciled(inputs.data, item, default_at, importing=importing)
            specification = await self._specification(kind, data, item) if importing else ""
            own = self._connectors_own(kind, data["configuration"])
            found = secrets_by_name(own) | set(masked(own))
            if isinstance(specification, Specification):
                found |= specification.secrets(own)
            secrets |= {("configuration", *path) for path in found}
        marked = Values(data, _outermost(frozenset(secrets)))
        return self._state(kind, item, marked)

    async def update(self, urn: str, resource_id: str, outputs: Values, inputs: Values, *, preview: bool) -> Values:
        """Make the object as the inputs say. In a preview: its outputs, ids included."""
        kind = kind_of(urn)
        if preview:
            kept = {
                name: value
                for name, value in outputs.data.items()
                if name not in kind.properties or kind.properties[name].computed
            }
            return Values({**kept, **inputs.data}, inputs.secrets)
        name = self._name(kind, inputs.data)
        await self._as_writer(urn, f"{name} was not updated")
        try:
            await self._agreed_to_overwrite(kind, resource_id, urn, outputs, inputs, f"{name} was not updated")
            item = await kind.update(self.airbyte, resource_id, inputs.data)
        except AirbyteError as error:
            raise self._failed(f"{name} was not updated", error) from error
        finally:
            self.lists.forget(kind)
        held = {name: value for name, value in outputs.data.items() if name in kind.outputs}
        state = self._state(kind, {**held, **item}, inputs)
        if kind.connector is not None and (UNCHECKED in outputs.data or _secrets_differ(outputs, inputs)):
            await self._check_with_new_secret(kind, name, state, urn)
        return state.outputs

    async def _check_with_new_secret(self, kind: ResourceKind, name: str, state: State, urn: str) -> None:
        """A rotated credential is tried at once: better now, by name, than in tonight's sync."""
        check = self.airbyte.check_source if kind.connector == "source" else self.airbyte.check_destination
        try:
            result = await check(state.id)
        except (NotFoundError, UnauthorizedError) as error:
            # Cloud's config API does not know an application's token.
            await self.notices.info(f"the new secret of {name} was not tried: {error.cause}", urn)
            return
        except AirbyteError as error:
            raise self._unchecked(
                state, f"{name} was updated, but its new secret could not be tried: {error}"
            ) from error
        if not result["succeeded"]:
            message = f"{name} was updated, but does not work with its new secret: {result['message']}"
            raise self._unchecked(state, f"{message}. Correct the secret; `pulumi up` tries it again")

    def _unchecked(self, state: State, message: str) -> PartialError:
        outputs = Values({**state.outputs.data, UNCHECKED: True}, state.outputs.secrets)
        return PartialError(message, resource_id=state.id, outputs=outputs, inputs=state.inputs)

    async def delete(self, urn: str, resource_id: str, outputs: Values) -> None:
        """Remove the object; one that is gone already is as good as removed."""
        kind = kind_of(urn)
        what = f"{self._name(kind, outputs.data)} was not deleted"
        await self._as_writer(urn, what)
        try:
            await self._refuse_to_take_along(kind, resource_id, outputs.data)
            await self._agreed("delete", kind, resource_id, outputs.data.get("name"), urn, what)
            await kind.delete(self.airbyte, resource_id, outputs.data)
        except AirbyteError as error:
            raise self._failed(what, error) from error
        finally:
            self.lists.forget(kind)
        intent = await self.journal.intent(urn)
        if intent is not None and intent.id == resource_id:
            await self.journal.close(urn)

    async def _refuse_to_take_along(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> None:
        """The server deletes a source's connections with it. Those of the program went before; others stay."""
        if kind.connector is None:
            return
        using: list[Object] = []
        for connection in await self._using(kind, resource_id):
            # The list is as old as this run's first look: only another look shows what is still there.
            item = await _CONNECTION.fetch(self.airbyte, _CONNECTION.id_of(connection), connection)
            if item is not None:
                using.append(item)
        if using:
            raise ProviderError(f"{self._name(kind, place)} was not deleted: {_taken_along(using)}")

    def _state(self, kind: ResourceKind, item: Object, inputs: Values) -> State:
        """What is stored: the declared inputs as they are, and what only the server knows."""
        shown = {name: value for name, value in kind.outputs_of(item).items() if value is not None}
        chosen = {
            name: item[name]
            for name, prop in kind.properties.items()
            if prop.computed and prop.type == "string" and inputs.data.get(name) is None and item.get(name)
        }
        try:
            resource_id = kind.id_of(item)
        except KeyError as error:
            raise ProviderError(
                f"the server's answer has no {kind.id_name}, so the {kind.word} is not known"
            ) from error
        return State(resource_id, Values({**shown, **chosen, **inputs.data}, inputs.secrets), inputs)

    def _name(self, kind: ResourceKind, data: Mapping[str, Json]) -> str:
        name = data.get("name")
        return f'{kind.word} "{name}"' if isinstance(name, str) and name != UNKNOWN else f"this {kind.word}"

    def _failed(self, what: str, error: AirbyteError) -> ProviderError:
        """One sentence: what, the cause in Airbyte's words, how to go on."""
        fix = ""
        if isinstance(error, UnauthorizedError):
            fix = "; check airbyte:clientId and airbyte:clientSecret, or the AIRBYTE_ variables"
        elif isinstance(error, ConflictError):
            fix = "; try again when it is done"
        elif isinstance(error, UnavailableError):
            fix = f"; is {self.airbyte.url.public} the server's URL, and is it up?"
        return ProviderError(f"{what}: {error}{fix}")


def _overwritten(streams: Sequence[str]) -> str:
    if len(streams) == 1:
        return f"stream {streams[0]} is overwritten from now on: the next sync deletes what landed of it before"
    return f"streams {', '.join(streams)} are overwritten from now on: the next sync deletes what landed of them before"


def _overwriting(streams: Sequence[str], outputs: Mapping[str, Json], inputs: Mapping[str, Json]) -> list[str]:
    name = inputs.get("name") or outputs.get("name")
    return [phrase("overwrite", "stream", f"{stream} of {name}") for stream in streams]


def _taken_along(connections: Sequence[Object]) -> str:
    words = ", ".join(f'"{one.get("name")}" ({_CONNECTION.id_of(one)})' for one in connections)
    return (
        f"connections that are not in this program use it and would be deleted with it: {words}. Delete them in "
        "Airbyte first, or import them"
    )


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _project_and_stack(urn: str) -> tuple[str, str]:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return project, stack


def _placed(item: Object, place: Mapping[str, Json]) -> Object:
    """The object with the workspace through which it was found: the API shows a definition without it."""
    return {"workspaceId": place.get("workspaceId"), **item}


def _slowest(kind: ResourceKind) -> float:
    """Seconds to wait for a create that may be under way; the environment can set them for a server that one knows."""
    set_by_hand = os.environ.get("PULUMI_AIRBYTE_SLOWEST_CREATE")
    return float(set_by_hand) if set_by_hand else kind.slowest_create


def _secrets_differ(old: Values, new: Values) -> bool:
    """Whether a secret has another value than the one that was written last."""
    leaves_now = {path: leaf for path, leaf in leaves(new.data) if new.secret(path)}
    return any(at(old.data, path) not in (leaf, MASK) and leaf != MASK for path, leaf in leaves_now.items())


def _ignored(path: Path, ignored: Sequence[str]) -> bool:
    words = dotted(path)
    return any(words == one or words.startswith((f"{one}.", f"{one}[")) for one in ignored)


def _has_more(configuration: Json, declared: Json) -> bool:
    """Whether the server shows a leaf that nobody declared."""
    return any(leaf is not None and at(declared, path) is None for path, leaf in leaves(configuration))


def _outermost(paths: frozenset[Path]) -> frozenset[Path]:
    """Without those that lie below another one."""
    return frozenset(path for path in paths if not any(path[:length] in paths for length in range(1, len(path))))
