"""Adoption: objects that are there already become a stack's, as they are or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_airbyte.api import AirbyteError

from .differences import Difference
from .journal import Journal
from .resources import ResourceKind
from .server import Server
from .state import kind_of
from .state_store import Stored
from .values import Json, dotted

PATIENCE = 2.0
"""Seconds that a preview waits for a server which does not answer."""


@dataclass(frozen=True)
class Candidate:
    """An object that a program takes over, and the URNs of the resource that it becomes: of now, and of before."""

    urn: str
    id: str
    former_urns: Sequence[str] = ()
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the program declares a leaf, by its path or the start of it; the place of the empty one is that of all."""

    def place_of(self, leaf: str) -> str:
        """Where a leaf is declared."""
        starts = [start for start in self.places if leaf == start or leaf.startswith((f"{start}.", f"{start}["))]
        return self.places[max(starts, key=len)] if starts else self.places.get("", "")


@dataclass
class Judged:
    """What becomes of the objects that are candidate."""

    imports: dict[str, str] = field(default_factory=dict[str, str])
    """What Pulumi's `import` names, by URN."""
    managed: list[str] = field(default_factory=list[str])
    """URNs that the state has with this id: nothing is left to do."""
    faults: dict[str, str] = field(default_factory=dict[str, str])
    """Why an object cannot be taken over, by URN."""


class Adoption:
    """Judges what a program wants to take over, before the engine sees it.

    The engine plans to delete the original where the state has another id, and stops at an id that is not there
    (docs/pulumi-behaviour.md#imports-in-a-program).
    """

    def __init__(self, server: Server, journal: Journal) -> None:
        self._server = server
        self._journal = journal
        self._taken: dict[str, Candidate] = {}

    async def judge(self, project: str, stack: str, workspace: str, candidates: Sequence[Candidate]) -> Judged:
        """What is imported, what is in the state already, and what cannot be.

        Raises:
            AirbyteError: Airbyte does not answer.
        """
        stored = await self._journal.stored(project, stack) or []
        judged = Judged()
        unmanaged = [each for each in candidates if not self._is_decided(each, stored, judged)]
        lists: dict[str, Mapping[str, Mapping[str, Json]]] = {}
        for each in unmanaged:
            kind = kind_of(each.urn)
            if kind.token not in lists:
                place: dict[str, Json] = {"workspaceId": workspace}
                items = await kind.fetch_all(self._server.airbyte, place, patience=PATIENCE)
                lists[kind.token] = {kind.id_of(item): {**place, **item} for item in items if not kind.gone(item)}
            item = lists[kind.token].get(each.id)
            if item is None:
                judged.faults[each.urn] = await self._reason_absent(kind, each.id, workspace)
            else:
                judged.imports[each.urn] = kind.import_name(dict(item))
                self._taken[each.urn] = each
        return judged

    def _is_decided(self, candidate: Candidate, stored: Sequence[Stored], judged: Judged) -> bool:
        """Whether the state decides it: it has the resource, or the object as another one."""
        kind = kind_of(candidate.urn)
        for item in stored:
            if item.going or not item.id:
                continue
            if item.urn in (candidate.urn, *candidate.former_urns):
                if item.id == candidate.id:
                    judged.managed.append(candidate.urn)
                else:
                    judged.faults[candidate.urn] = f"in the state it is {kind.word} {item.id}, another one"
                return True
            if item.id == candidate.id:
                name = item.urn.rsplit("::", 1)[-1]
                judged.faults[candidate.urn] = f'{kind.word} {candidate.id} is in the state already, as "{name}"'
                return True
        return False

    async def _reason_absent(self, kind: ResourceKind, resource_id: str, workspace: str) -> str:
        try:
            item = await kind.fetch(self._server.airbyte, resource_id, {"workspaceId": workspace})
        except AirbyteError:
            item = None
        if item is not None and item.get("workspaceId") not in (None, workspace):
            return f"{kind.word} {resource_id} is in another workspace, {item['workspaceId']}"
        return f"Airbyte has no {kind.word} {resource_id}"

    def refusal(self, urn: str, differences: Sequence[Difference]) -> str | None:
        """Why an object is not taken over: it is not what the program declares. None if it is, or is no such object."""
        candidate = self._taken.get(urn)
        if candidate is None or not differences:
            return None
        leaves: list[str] = []
        for difference in differences:
            leaf = dotted(difference.path)
            place = candidate.place_of(leaf)
            leaves.append(f"{leaf} ({place})" if place else leaf)
        return (
            f"it is taken over as Airbyte has it, and differs from what is declared: {', '.join(leaves)}; declare what "
            "Airbyte has, take it over, and change it afterwards"
        )
