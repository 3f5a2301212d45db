"""The resources' life: check, diff, create, read, update, delete, each passed on to the part whose job it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pulumi_airbyte.api import Airbyte

from .adoption import Adoption
from .checking import Checked, Checker
from .comparing import Comparer
from .consent import Consents
from .creating import Creator
from .deleting import Deleter
from .differences import Difference
from .faults import ProviderError
from .guard import Guard
from .journal import Journal
from .losses import Losses
from .notices import Notices
from .reading import Reader
from .recovery import Recovery
from .server import Server
from .settings import Settings
from .siblings import Siblings
from .specifications import Specifications
from .state import State, kind_of, name_of, project_and_stack
from .updating import Updater
from .values import Values


class AirbyteProvider:
    """One server's resources. Nothing here touches the network before a resource asks for it."""

    def __init__(self, notices: Notices, settings: Settings | None = None) -> None:
        self._notices = notices
        self.journal = Journal()
        self._faulty: dict[str, list[str]] | None = None
        self.planned = 0
        """How many resources this process was asked about that a preview creates or changes."""
        self.configure(settings or Settings())

    def configure(self, settings: Settings) -> None:
        """Take other settings; no call is made."""
        self.settings = settings
        self.consents = Consents(settings.confirm, settings.confirm_once)
        self._guard = Guard(settings.writer)
        self.server = Server(settings, self._notices)
        siblings = Siblings(self.server)
        recovery = Recovery(self.server, siblings, self.journal)
        self.losses = Losses(self.server, siblings, self.journal, self.consents)
        self.adoption = Adoption(self.server, self.journal)
        self._recovery = recovery
        self._checker = Checker(self.server)
        self._comparer = Comparer(self.server, self.losses)
        self._creator = Creator(self.server, siblings, self.journal, self.losses, recovery)
        self._reader = Reader(self.server)
        self._updater = Updater(self.server, self.losses)
        self._deleter = Deleter(self.server, self.journal, self.losses)

    def notify(self, notices: Notices) -> None:
        """Send notices there from now on."""
        self._notices = notices
        self.server.notices = notices

    async def close(self) -> None:
        """Close what is open."""
        await self.server.close()

    @property
    def airbyte(self) -> Airbyte:
        """The client."""
        return self.server.airbyte

    @property
    def specifications(self) -> Specifications:
        """The connectors' specifications."""
        return self.server.specifications

    async def check(self, urn: str, old: Values, new: Values) -> Checked:
        """The inputs as they will be stored, and what is wrong with them."""
        if old.data:
            self._recovery.seen_in_state(urn)
        return await self._checker.check(urn, old, new)

    def collect_faults(self) -> None:
        """Let a preview go on after a fault; the program asks for them at its end."""
        self._faulty = {}

    async def collected(self, urn: str, sentences: list[str]) -> bool:
        """Whether faults are collected: then they are shown at their resource, and stop nothing else."""
        if self._faulty is None:
            return False
        self._faulty[urn] = sentences
        for sentence in sentences:
            await self._notices.error(sentence, urn)
        return True

    @property
    def faulty(self) -> list[str]:
        """The names of the resources with collected faults."""
        return sorted(urn.rsplit("::", 1)[-1] for urn in self._faulty or {})

    async def diff(
        self, urn: str, resource_id: str, old: Values, outputs: Values, new: Values, ignored: Sequence[str]
    ) -> list[Difference]:
        """What would change, leaf by leaf."""
        found = await self._comparer.diff(urn, resource_id, old, outputs, new, ignored)
        refusal = self.adoption.refusal(urn, found)
        if refusal:
            if not await self.collected(urn, [refusal]):
                raise ProviderError(f"{name_of(kind_of(urn), new.data)}: {refusal}")
            return []
        self.planned += 1 if found else 0
        return found

    async def create(self, urn: str, inputs: Values, *, preview: bool) -> State:
        """Make the object. In a preview: what is known of it."""
        if preview:
            self.planned += 1
            return await self._creator.preview(urn, inputs)
        await self._as_writer(urn, f"{name_of(kind_of(urn), inputs.data)} was not created")
        return await self._creator.create(urn, inputs)

    async def read(self, urn: str, resource_id: str, outputs: Values, inputs: Values) -> State | None:
        """The object as the server has it, in the words of its declaration; None if it is not there."""
        return await self._reader.read(urn, resource_id, outputs, inputs)

    async def update(
        self, urn: str, resource_id: str, old: Values, outputs: Values, new: Values, *, preview: bool
    ) -> Values:
        """Make the reviewed change. In a preview: the outputs, ids included."""
        if preview:
            return self._updater.preview(urn, old, outputs, new)
        await self._as_writer(urn, f"{name_of(kind_of(urn), new.data)} was not updated")
        return await self._updater.update(urn, resource_id, old, outputs, new)

    async def delete(self, urn: str, resource_id: str, outputs: Values) -> None:
        """Remove the object; one that is gone already is as good as removed."""
        await self._as_writer(urn, f"{name_of(kind_of(urn), outputs.data)} was not deleted")
        await self._deleter.delete(urn, resource_id, outputs)

    async def _as_writer(self, urn: str, what: str) -> None:
        """Goes on only where this process may change the stack."""
        try:
            await asyncio.to_thread(self._guard.enter, *project_and_stack(urn))
        except ProviderError as error:
            raise ProviderError(f"{what}: {error}") from error
