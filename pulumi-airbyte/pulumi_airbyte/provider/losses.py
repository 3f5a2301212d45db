"""What is lost for good: announced in previews, refused without consent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pulumi_airbyte.api import AirbyteError, Object

from .consent import Consents, phrase
from .differences import DefaultAt
from .faults import ProviderError
from .journal import Journal
from .releases import Release
from .resources import RESOURCES, ResourceKind
from .server import Server
from .siblings import ACTORS, CONNECTION, Siblings
from .state import project_and_stack, token_of
from .state_store import Stored
from .values import Json, dotted

WORKSPACE = "airbyte:index/workspace:Workspace"


@dataclass(frozen=True)
class Effect:
    """What happens when a declaration is taken away, and the consent that it needs, if any."""

    words: str
    consent: str = ""


class Losses:
    """What a stack's changes lose, and whether it agreed to that."""

    def __init__(self, server: Server, siblings: Siblings, journal: Journal, consents: Consents) -> None:
        self._server = server
        self._siblings = siblings
        self._journal = journal
        self._consents = consents
        self._replaced: dict[str, tuple[str, str]] = {}
        self._needed: set[str] = set()

    # In a preview.

    async def warn_of_replacement(self, kind: ResourceKind, resource_id: str, name: str, urn: str, paths: str) -> None:
        """Says what a replacement loses, and which consent it needs."""
        loss = "its connections are made anew and lose" if kind.connector else "it is made anew and loses"
        words = f"{paths} cannot be changed in place: {loss} the sync state, so every stream is read from the start"
        self._replaced[urn] = resource_id, name
        needs = await self._needs(urn, kind, resource_id, lambda lost: _phrases("replace", kind, name, lost))
        await self._server.notices.warn(words + needs, urn)

    async def warn_of_overwriting(
        self, kind: ResourceKind, resource_id: str, name: str, urn: str, streams: Sequence[str]
    ) -> None:
        """Says that the next sync deletes what landed, and which consent that needs."""
        needs = await self._needs(urn, kind, resource_id, lambda _: _overwriting(streams, name))
        await self._server.notices.warn(_overwritten(streams) + needs, urn)

    async def warn_of_releases(self, kind: ResourceKind, resource_id: str, urn: str, effects: Sequence[Effect]) -> None:
        """Says what happens where declarations were taken away."""
        for effect in effects:
            consent = effect.consent
            needs = await self._needs(urn, kind, resource_id, lambda _, item=consent: [item]) if consent else ""
            await self._server.notices.warn(effect.words + needs, urn)

    async def warn_of_deletions(self, project: str, stack: str, urns: Sequence[str], ids: Sequence[str]) -> None:
        """Says what the next `up` deletes and loses, and which phrases of consent nothing needs.

        For a deletion the engine asks the provider nothing in a preview
        (docs/pulumi-behaviour.md#deletions-in-a-preview), so the program says what it declares.
        """
        notices = self._server.notices
        stored = await self._journal.stored(project, stack)
        if stored is None:
            await notices.info("deletions cannot be announced: the state is in no folder or bucket that shows it")
            return
        managed = [item for item in stored if token_of(item.urn) in RESOURCES and not item.kept]
        removed = [item for item in managed if item.going or (item.urn not in urns and item.id not in ids)]
        await asyncio.gather(*(self._warn_of_deletion(item) for item in removed))
        for idle in self._consents.idle(self._needed):
            await notices.info(f'nothing needs the consent "{idle}" (any more): take it out of the configuration')

    async def _warn_of_deletion(self, removed: Stored) -> None:
        kind = RESOURCES[token_of(removed.urn)]
        self._needed.add(phrase("delete", kind.word, removed.name))
        if kind.token != CONNECTION.token:
            return
        needs = await self._needs(
            removed.urn, kind, removed.id, lambda lost: _phrases("delete", kind, removed.name, lost)
        )
        words = f'connection "{removed.name}" will be deleted, and with it how far its streams were read'
        await self._server.notices.warn(words + needs, removed.urn)

    async def _needs(
        self, urn: str, kind: ResourceKind, resource_id: str, needed: Callable[[Sequence[str]], list[str]]
    ) -> str:
        """What a warning adds about consent: `needed` gives the phrases for the connections that have synced."""
        try:
            lost = await self._siblings.synced_with(kind, resource_id, patience=1.0)
        except AirbyteError as error:
            return f"; whether it has synced, and so needs consent, could not be asked ({error.cause})"
        phrases = needed(lost)
        self._needed.update(phrases)
        missing = self._consents.missing(phrases) if lost else []
        if missing:
            return f". An update refuses that until the stack agrees; {self._how(missing, urn)}"
        return "; agreed to" if lost else "; nothing was synced yet, so nothing is lost"

    # Before it happens.

    async def agreed_to_replace(self, kind: ResourceKind, urn: str) -> None:
        """Goes on only with consent, before the new object is made: refused afterwards, both would be there."""
        if not kind.loses_state:
            return
        # `up --replace` checks without the old inputs (docs/pulumi-behaviour.md#forced-replacements).
        stored = await self._journal.stored(*project_and_stack(urn))
        if stored is not None:
            old = {item.id: item.name for item in stored if item.urn == urn and not item.going}
        else:
            old = dict([self._replaced[urn]]) if urn in self._replaced else {}
        for resource_id, name in old.items():
            failure = f'{kind.word} "{name}" was not replaced'
            try:
                await self._refuse_to_replace_under_others(kind, resource_id, stored, failure)
                await self._agreed("replace", kind, resource_id, name, urn, failure)
            except AirbyteError as error:
                raise self._server.failed(failure, error) from error

    async def agreed_to_delete(
        self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json], urn: str, failure: str
    ) -> None:
        """Goes on only where nothing is lost, or its loss was agreed to."""
        await self._refuse_to_take_along(kind, resource_id, place, failure)
        if kind.token == WORKSPACE:
            await self._agreed_to_empty(resource_id, place.get("name"), urn, failure)
        await self._agreed("delete", kind, resource_id, place.get("name"), urn, failure)

    async def _agreed_to_empty(self, resource_id: str, name: object, urn: str, failure: str) -> None:
        """Airbyte deletes all that is in a workspace with it."""
        counts = await self._siblings.in_workspace(resource_id)
        words = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items() if count]
        if words:
            refusal = f"{failure}: {' and '.join(words)} in it would be deleted as well"
            await self._use([phrase("delete", RESOURCES[WORKSPACE].word, name)], urn, refusal)

    async def agreed_to_change(
        self, kind: ResourceKind, resource_id: str, urn: str, failure: str, phrases: Sequence[str], words: str
    ) -> None:
        """Goes on only where nothing was synced yet, or the change was agreed to."""
        if phrases and kind.loses_state and await self._siblings.synced_with(kind, resource_id):
            await self._use(phrases, urn, f"{failure}: {words}")

    async def agreed_to_overwrite(
        self, kind: ResourceKind, resource_id: str, urn: str, failure: str, streams: Sequence[str], name: str
    ) -> None:
        """Goes on only where no rows landed, or their loss was agreed to."""
        phrases = _overwriting(streams, name)
        await self.agreed_to_change(kind, resource_id, urn, failure, phrases, _overwritten(streams))

    async def agreed_to_duplicate(self, kind: ResourceKind, urn: str, name: object, refusal: str) -> None:
        """Goes on only where a second object of one name was agreed to."""
        await self._use([phrase("duplicate", kind.word, name)], urn, refusal)

    def needs_for_duplicate(self, kind: ResourceKind, urn: str, name: object) -> str:
        """What a preview adds about a second object of one name."""
        needed = phrase("duplicate", kind.word, name)
        self._needed.add(needed)
        missing = self._consents.missing([needed])
        return self._how(missing, urn) if missing else ""

    def _how(self, missing: Sequence[str], urn: str) -> str:
        _, stack = project_and_stack(urn)
        return self._consents.how(missing, stack)

    async def _agreed(
        self, verb: str, kind: ResourceKind, resource_id: str, name: object, urn: str, failure: str
    ) -> None:
        lost = await self._siblings.synced_with(kind, resource_id)
        if not lost or await kind.fetch(self._server.airbyte, resource_id, {}) is None:
            return
        if verb == "delete" and self._consents.given(phrase("replace", kind.word, name)):
            return  # the second half of a replacement, perhaps of an earlier run
        synced = f"{', '.join(lost)} synced" if kind.connector else "it has synced"
        refusal = f"{failure}: {synced}, and how far each stream was read would be lost for good"
        await self._use(_phrases(verb, kind, name, lost), urn, refusal)

    async def _use(self, needed: Sequence[str], urn: str, refusal: str) -> None:
        """Goes on only with all of these consents, and names those that it used."""
        missing = self._consents.missing(needed)
        if missing:
            raise ProviderError(f"{refusal}. To go on, the stack has {self._how(missing, urn)}")
        used = ", ".join(f'"{item}"' for item in needed if self._consents.given(item) == item)
        if used:
            words = f"agreed to by {used}; take it out of the stack's configuration afterwards"
            await self._server.notices.info(words, urn)

    async def _refuse_to_replace_under_others(
        self, kind: ResourceKind, resource_id: str, stored: Sequence[Stored] | None, failure: str
    ) -> None:
        """What others use could not be deleted afterwards, so its replacement is not made either."""
        if stored is None or kind.connector is None:
            return
        mine = {item.id for item in stored}
        using = await self._siblings.using(kind, resource_id)
        others = [item for item in using if CONNECTION.id_of(item) not in mine]
        if others:
            raise ProviderError(f"{failure}: {_taken_along(others)}")

    async def _refuse_to_take_along(
        self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json], failure: str
    ) -> None:
        """The server deletes a source's connections with it, and the sources of a definition.

        Those of the program went before; others stay.
        """
        using = await self._siblings.still_using(kind, resource_id) if kind.connector else []
        if using:
            raise ProviderError(f"{failure}: {_taken_along(using)}")
        made = await self._siblings.made_of(kind, resource_id, place)
        if made and kind.makes:
            raise ProviderError(f"{failure}: {_taken_along(made, ACTORS[kind.makes])}")


def effects_of(
    kind: ResourceKind, old: Mapping[str, Json], new: Mapping[str, Json], name: str, default_at: DefaultAt | None
) -> list[Effect]:
    """What happens where the program declared something and does not any more."""
    return [_effect(release, name) for release in kind.releases(old, new, default_at)]


def _effect(release: Release, name: str) -> Effect:
    path, prop = release.path, release.prop
    if release.stays:
        return Effect(f"{dotted(path)}: stays as Airbyte has it; the program does not manage it any more")
    words = prop.taken_away.format(default=prop.default or "none") or "back to Airbyte's default"
    if prop.harmless is not None and prop.harmless(release.old, prop.default):
        return Effect(f"{dotted(path)}: {words}")
    stream = path[2] if len(path) > 2 else ""
    return Effect(f"{dotted(path)}: {words}", prop.consent.format(name=name, stream=stream))


def _phrases(verb: str, kind: ResourceKind, name: object, connections: Sequence[str]) -> list[str]:
    """A source or destination takes its connections along: one round of consent for all."""
    below = [phrase(verb, CONNECTION.word, item) for item in connections] if kind.connector else []
    return [phrase(verb, kind.word, name), *below]


def _overwritten(streams: Sequence[str]) -> str:
    if len(streams) == 1:
        return f"stream {streams[0]} is overwritten from now on: the next sync deletes what landed of it before"
    return f"streams {', '.join(streams)} are overwritten from now on: the next sync deletes what landed of them before"


def _overwriting(streams: Sequence[str], name: str) -> list[str]:
    return [phrase("overwrite", "stream", f"{stream} of {name}") for stream in streams]


def _taken_along(items: Sequence[Object], kind: ResourceKind = CONNECTION) -> str:
    words = ", ".join(f'"{item.get("name")}" ({kind.id_of(item)})' for item in items)
    return (
        f"{kind.word}s that are not in this program use it and would be deleted with it: {words}. Delete them in "
        "Airbyte first, or import them"
    )
