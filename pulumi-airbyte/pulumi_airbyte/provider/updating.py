"""Update: the reviewed change, made to what Airbyte has at that moment, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_airbyte.api import NO_SUCH_API, AirbyteError, Object

from .comparing import old_declaration
from .differences import DefaultAt, differences
from .faults import PartialError, ProviderError
from .losses import Losses, effects_of
from .ownership import MARK
from .recovery import partial
from .resources import ResourceKind
from .server import Server, placed
from .state import UNCHECKED, UNWRITTEN, State, kind_of, name_of, state_of
from .values import MASK, Json, Values, at, dotted, leaves


class Updater:
    """Changes objects in place."""

    def __init__(self, server: Server, losses: Losses) -> None:
        self._server = server
        self._losses = losses

    def preview(self, urn: str, old: Values, outputs: Values, new: Values) -> Values:
        """The outputs after the update, ids included; without them every dependent would be unknown."""
        kind = kind_of(urn, new.data)
        kept = {
            name: value
            for name, value in outputs.data.items()
            if name not in kind.properties or name not in old.data or kind.properties[name].computed
        }
        return Values({**kept, **_without_mark(new.data)}, new.secrets)

    async def update(self, urn: str, resource_id: str, old: Values, outputs: Values, new: Values) -> Values:
        """Make the change."""
        kind = kind_of(urn, new.data)
        name = name_of(kind, new.data)
        failure = f"{name} was not updated"
        declared = old_declaration(kind, old, new)
        for unwritten in outputs.data.get(UNWRITTEN) or []:
            declared.pop(unwritten, None)
        try:
            item = await self._read(kind, resource_id, outputs.data, failure)
            default_at = await self._server.default_at(kind, new.data, item)
            changes = kind.written(declared, new.data, item, default_at)
            await self._agreed(kind, resource_id, urn, failure, declared, new.data, item, changes, default_at)
            if changes:
                await kind.update(self._server.airbyte, resource_id, changes, item)
        except AirbyteError as error:
            raise self._server.failed(failure, error) from error
        finally:
            self._server.lists.forget(kind)
        written = await self._re_read(kind, urn, resource_id, item, changes, default_at)
        state = state_of(kind, {**item, **changes, **written}, new, default_at=default_at)
        if kind.connector is not None and (UNCHECKED in outputs.data or _secrets_differ(outputs, new)):
            await self._check_with_new_secret(kind, name, state, urn)
        return state.outputs

    async def _read(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json], failure: str) -> Object:
        item = await kind.fetch(self._server.airbyte, resource_id, place)
        if item is None:
            raise ProviderError(
                f"{failure}: Airbyte does not have it any more; `pulumi up --refresh` looks, and makes it again"
            )
        return placed(item, place)

    async def _agreed(
        self,
        kind: ResourceKind,
        resource_id: str,
        urn: str,
        failure: str,
        declared: Mapping[str, Json],
        new: Mapping[str, Json],
        item: Object,
        changes: Mapping[str, Json],
        default_at: DefaultAt | None,
    ) -> None:
        """Goes on only with consent to what stops, widens or overwrites data; what Airbyte has counts."""
        name = str(new.get("name") or item.get("name"))
        for effect in effects_of(kind, declared, new, name, default_at):
            if effect.consent:
                await self._losses.agreed_to_change(kind, resource_id, urn, failure, [effect.consent], effect.words)
        now = kind.inputs_of(item)
        streams = kind.overwritten(now, {**now, **changes})
        if streams:
            await self._losses.agreed_to_overwrite(kind, resource_id, urn, failure, streams, name)

    async def _re_read(
        self,
        kind: ResourceKind,
        urn: str,
        resource_id: str,
        item: Object,
        changes: Mapping[str, Json],
        default_at: DefaultAt | None,
    ) -> Object:
        """The object after the update; says so if it is not as it was written, since somebody else wrote as well."""
        try:
            written = await kind.fetch(self._server.airbyte, resource_id, item)
        except AirbyteError as error:
            words = f"was updated, but could not be read afterwards ({error.cause}); `pulumi refresh` looks again"
            await self._server.notices.warn(words, urn)
            return {}
        if written is None:
            await self._server.notices.warn("was deleted in Airbyte while it was updated", urn)
            return {}
        written = placed(written, item)
        properties = {name: kind.properties[name] for name in changes}
        sent = {name: value for name, value in changes.items() if value is not None}
        actual = kind.inputs_of(written)
        lost = differences(properties, actual, sent, default_at=default_at, mask_hides=True)
        if lost:
            where = ", ".join(dotted(difference.path) for difference in lost[:5])
            words = f"somebody else changed it in Airbyte at the same moment ({where}); `pulumi up --refresh` shows it"
            await self._server.notices.warn(words, urn)
        return written

    async def _check_with_new_secret(self, kind: ResourceKind, name: str, state: State, urn: str) -> None:
        """A rotated credential is tried at once: better now, by name, than in tonight's sync."""
        airbyte = self._server.airbyte
        check = airbyte.check_source if kind.connector == "source" else airbyte.check_destination
        try:
            result = await check(state.id)
        except NO_SUCH_API as error:
            # Cloud's config API does not know an application's token.
            await self._server.notices.info(f"the new secret of {name} was not tried: {error.cause}", urn)
            return
        except AirbyteError as error:
            message = f"{name} was updated, but its new secret could not be tried: {error}"
            raise _unchecked(state, message) from error
        if not result["succeeded"]:
            message = f"{name} was updated, but does not work with its new secret: {result['message']}"
            raise _unchecked(state, f"{message}. Correct the secret; `pulumi up` tries it again")


def _unchecked(state: State, message: str) -> PartialError:
    return partial(message, state.with_output(UNCHECKED, True))


def _without_mark(data: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in data.items() if name != MARK}


def _secrets_differ(old: Values, new: Values) -> bool:
    """Whether a secret has another value than the one that was written last."""
    leaves_now = {path: leaf for path, leaf in leaves(new.data) if new.secret(path)}
    return any(at(old.data, path) not in (leaf, MASK) and leaf != MASK for path, leaf in leaves_now.items())
