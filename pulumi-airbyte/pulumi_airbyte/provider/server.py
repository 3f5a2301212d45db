"""One Airbyte server as a stack sees it: client, shared lists, specifications. Nothing is asked before it is needed."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_airbyte.api import (
    Airbyte,
    AirbyteError,
    ConflictError,
    NotFoundError,
    Object,
    UnauthorizedError,
    UnavailableError,
)

from .differences import DefaultAt
from .faults import ProviderError
from .lists import Lists
from .notices import Notices
from .resources import ResourceKind
from .settings import Settings
from .specification import Specification
from .specifications import UNKNOWN_CONNECTOR, Specifications
from .values import Json

PATIENCE = 60.0
"""Seconds that Create, Read, Update and Delete wait for a server that is starting."""


class Server:
    """A server, reached with a stack's settings."""

    def __init__(self, settings: Settings, notices: Notices) -> None:
        self.settings = settings
        self.notices = notices
        self._airbyte: Airbyte | None = None
        self._lists: Lists | None = None
        self._specifications: Specifications | None = None
        self._workspaces: set[str] = set()

    async def close(self) -> None:
        """Close what is open."""
        if self._airbyte is not None:
            await self._airbyte.close()

    @property
    def airbyte(self) -> Airbyte:
        """The client, made when it is first needed."""
        if self._airbyte is None:
            settings = self.settings
            if settings.unknown:
                raise ProviderError("the provider's server or credential is not known yet")
            try:
                self._airbyte = settings.client(patience=PATIENCE)
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

    async def specification(
        self, kind: ResourceKind, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None
    ) -> Specification | str:
        """The specification of an object's connector, or in a clause why there is none."""
        if kind.connector is None or self.settings.unknown or self.settings.server_url is None:
            return UNKNOWN_CONNECTOR
        return await self.specifications.of(kind.connector, inputs, outputs)

    async def default_at(
        self, kind: ResourceKind, inputs: Mapping[str, Json], outputs: Mapping[str, Json] | None
    ) -> DefaultAt | None:
        """What the connector takes where the configuration says nothing; None where that is not known."""
        specification = await self.specification(kind, inputs, outputs)
        configuration = inputs.get("configuration")
        if not isinstance(specification, Specification) or not isinstance(configuration, dict):
            return None
        configuration_alone = kind.without_connector(configuration)
        return lambda path: specification.default(configuration_alone, path[1:]) if path[0] == "configuration" else None

    async def is_gone(self, kind: ResourceKind, resource_id: str, place: Mapping[str, Json]) -> bool:
        """Whether Airbyte says that an object is not there: its own answer, its workspace's, and the list of its kind.

        Raises:
            ProviderError: the answers contradict each other, or this server does not know the workspace.
        """
        if await kind.fetch(self.airbyte, resource_id, place) is not None:
            return False
        workspace = place.get("workspaceId")
        if isinstance(workspace, str) and kind.id_name != "workspaceId":
            await self._answers_for(workspace, f"{kind.word} {resource_id}")
        for attempt in (1, 2):
            if not await self.lists.has(kind, resource_id, place):
                return True
            if attempt == 1:
                self.lists.forget(kind)
        raise ProviderError(
            f"Airbyte lists {kind.word} {resource_id} and says that it is not there; is {self.airbyte.url.public} one "
            "server? Try again when it is"
        )

    async def _answers_for(self, workspace: str, subject: str) -> None:
        if workspace in self._workspaces:
            return
        try:
            answer = await self.airbyte.get(f"/workspaces/{workspace}")
        except NotFoundError as error:
            raise ProviderError(
                f"Airbyte at {self.airbyte.url.public} has neither {subject} nor its workspace {workspace}; is that "
                "the stack's server? If the workspace was deleted, remove the resource from the state: "
                "`pulumi state delete <URN>`"
            ) from error
        if answer.get("workspaceId") != workspace:
            raise ProviderError(f"{self.airbyte.url.public} does not answer as Airbyte; is the server's URL right?")
        self._workspaces.add(workspace)

    def failed(self, subject: str, error: AirbyteError) -> ProviderError:
        """One sentence: what, the cause in Airbyte's words, how to go on."""
        fix = ""
        if isinstance(error, UnauthorizedError):
            fix = "; check airbyte:clientId and airbyte:clientSecret, or the AIRBYTE_ variables"
        elif isinstance(error, ConflictError):
            fix = "; try again when it is done"
        elif isinstance(error, UnavailableError):
            fix = f"; is {self.airbyte.url.public} the server's URL, and is it up?"
        return ProviderError(f"{subject}: {error}{fix}")


def placed(item: Object, place: Mapping[str, Json]) -> Object:
    """The object with the workspace through which it was found: the API shows a definition without it."""
    return {"workspaceId": place.get("workspaceId"), **item}
