"""Diff: what would change, leaf by leaf, and what that loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .differences import DefaultAt, Difference
from .losses import Losses, effects_of
from .ownership import BY_PROGRAM, MARK, label, respelled
from .resources import ResourceKind
from .server import Server
from .state import kind_of
from .values import Json, Path, Values, at, dotted


class Comparer:
    """Compares what a program declares with what it declared before, and with what Airbyte was last seen to have."""

    def __init__(self, server: Server, losses: Losses) -> None:
        self._server = server
        self._losses = losses

    async def diff(
        self, urn: str, resource_id: str, old: Values, outputs: Values, new: Values, ignored: Sequence[str]
    ) -> list[Difference]:
        """What would change. Equal in meaning is equal."""
        kind = kind_of(urn, new.data)
        seen = respelled(kind.properties, outputs.data)
        # A refresh compares what it read with the state's inputs, which no check has respelled.
        new = Values(respelled(kind.properties, new.data), new.secrets)
        declared = old_declaration(kind, old, new)
        default_at: DefaultAt | None = None
        result = kind.differences(declared, seen, new.data, None)
        if any(difference.path[0] == "configuration" and difference.kind != "update" for difference in result):
            # A leaf that comes or goes may be the connector's default, spelled out.
            default_at = await self._server.default_at(kind, new.data, seen)
            if default_at is not None:
                result = kind.differences(declared, seen, new.data, default_at)
        result = [
            _shown_kind(difference, old.data, new.data)
            for difference in result
            if not _ignored(difference.path, ignored)
        ]
        await self._warn(kind, urn, resource_id, declared, seen, new, result, default_at)
        return result

    async def _warn(
        self,
        kind: ResourceKind,
        urn: str,
        resource_id: str,
        declared: Mapping[str, Json],
        seen: dict[str, Json],
        new: Values,
        result: Sequence[Difference],
        default_at: DefaultAt | None,
    ) -> None:
        name = str(new.data.get("name") or seen.get("name"))
        replaces = sorted({dotted(difference.path) for difference in result if difference.replaces})
        if kind.loses_state and replaces:
            old_name = str(seen.get("name") or declared.get("name"))
            await self._losses.warn_of_replacement(kind, resource_id, old_name, urn, ", ".join(replaces))
            return
        effects = effects_of(kind, declared, new.data, name, default_at)
        await self._losses.warn_of_releases(kind, resource_id, urn, effects)
        then = {**kind.inputs_of(seen), **kind.written(declared, new.data, seen, default_at)} if result else {}
        streams = kind.overwritten(kind.inputs_of(seen), then)
        if streams:
            await self._losses.warn_of_overwriting(kind, resource_id, name, urn, streams)


def old_declaration(kind: ResourceKind, old: Values, new: Values) -> dict[str, Json]:
    """What the program declared before.

    Inputs that no program wrote (an import's, those of older versions) hold more than any declared, so of them counts
    what the program declares now.
    """
    data = {name: value for name, value in respelled(kind.properties, old.data).items() if name != MARK}
    return data if old.data.get(MARK) == BY_PROGRAM else kind.restricted(data, new.data)


def _shown_kind(result: Difference, old: Mapping[str, Json], new: Mapping[str, Json]) -> Difference:
    """A leaf that the inputs did not have is an addition to them, whatever Airbyte has."""
    if result.kind != "update":
        return result
    # At the place of an element an import may have another one, whose value would be shown as the old one.
    places = [result.path[:length] for length in range(1, len(result.path)) if isinstance(result.path[length - 1], int)]
    moved = any(label(at(old, place)) != label(at(new, place)) for place in places if isinstance(at(new, place), dict))
    return replace(result, kind="add") if moved or at(old, result.path) is None else result


def _ignored(path: Path, ignored: Sequence[str]) -> bool:
    words = dotted(path)
    return any(words == difference or words.startswith((f"{difference}.", f"{difference}[")) for difference in ignored)
