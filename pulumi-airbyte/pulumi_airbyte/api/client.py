"""Airbyte's APIs as typed calls.

Example:
    async with Airbyte("http://localhost:8000") as airbyte:
        for connection in await airbyte.connections([workspace_id]):
            job = await airbyte.wait(await airbyte.start_job(connection["connectionId"], "sync"))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypedDict

import httpx

from .auth import Auth, BasicAuth, BearerAuth, ClientCredentials, NoAuth
from .errors import AirbyteError, AnswerError, NotFoundError, UnknownOutcomeError
from .http import LONG_TIMEOUT, Http, Query, Repeat
from .jobs import Job, JobType, RefreshMode, job_from_config_api
from .server_url import server_url

Object: TypeAlias = dict[str, Any]
"""An object as the API gives it, keys in camelCase."""
ConnectorType: TypeAlias = Literal["source", "destination"]
_PAGE = 100
"""The public API's largest page."""


class StreamName(TypedDict, total=False):
    """A stream in a config API call."""

    streamName: str
    streamNamespace: str | None


class CheckResult(TypedDict):
    """What a connector's check said."""

    succeeded: bool
    message: str


class Airbyte:
    """A client of one server. Calls may run side by side; close it, or use it as an async context manager.

    Args:
        server: the public API's root, or any form that `server_url` knows.
        client_id: with `client_secret`: an application's credential, exchanged for a token.
        client_secret: see `client_id`.
        token_url: where the token endpoint is, if not where it is looked for.
        bearer: a token, instead.
        username: with `password`: basic authentication, instead.
        password: see `username`.
        patience: seconds that a server which does not answer is waited for.
        on_wait: told, in a sentence, why a call takes longer.
        transport: in place of the network, for a server in the same process.
    """

    def __init__(
        self,
        server: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        token_url: str | None = None,
        bearer: str | None = None,
        username: str | None = None,
        password: str | None = None,
        patience: float = 30.0,
        on_wait: Callable[[str], None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = server_url(server, token_url)
        auth: Auth = NoAuth()
        if bearer:
            auth = BearerAuth(bearer)
        elif client_id and client_secret:
            auth = ClientCredentials(client_id, client_secret, self.url.token)
        elif username:
            auth = BasicAuth(username, password or "")
        self._http = Http(self.url, auth, patience=patience, on_wait=on_wait, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    # What the calls below are made of.

    async def get(self, path: str, query: Query | None = None, *, patience: float | None = None) -> Object:
        """One object of the public API."""
        return _object(await self._http.call("GET", self.url.public + path, query=query, patience=patience), path)

    async def objects(
        self, path: str, query: Query | None = None, *, paged: bool = True, patience: float | None = None
    ) -> list[Object]:
        """All objects of a list of the public API, over all pages."""
        items: list[Object] = []
        while True:
            page = {**(query or {}), "limit": _PAGE, "offset": len(items)} if paged else query
            response = await self.get(path, page, patience=patience)
            data = response.get("data")
            if not isinstance(data, list):
                raise AnswerError("a list was expected, and the answer has none", where=f"GET {self.url.public}{path}")
            items += data
            # `next` is set after every page that is not empty: only a page that is not full says that it is the last.
            if not paged or len(data) < _PAGE:
                return items

    async def create(self, path: str, body: Mapping[str, Any]) -> Object:
        """POST to the public API. Never repeated blindly: see `UnknownOutcomeError`."""
        url = self.url.public + path
        response = await self._http.call("POST", url, body=body, repeat=Repeat.NEVER, timeout=LONG_TIMEOUT)
        if not isinstance(response, dict) or not response:
            raise UnknownOutcomeError("the answer does not say what was created", where=f"POST {url}", status=200)
        return response

    async def put(self, path: str, body: Mapping[str, Any]) -> Object:
        """PUT to the public API: replaces the object's values."""
        response = await self._http.call("PUT", self.url.public + path, body=body, timeout=LONG_TIMEOUT)
        return _object(response, path)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Object:
        """PATCH of the public API: changes the values that are given."""
        response = await self._http.call("PATCH", self.url.public + path, body=body, timeout=LONG_TIMEOUT)
        return _object(response, path)

    async def delete(self, path: str) -> bool:
        """DELETE of the public API; False if there was nothing to delete."""
        try:
            await self._http.call("DELETE", self.url.public + path, timeout=LONG_TIMEOUT)
        except NotFoundError:
            return False
        except AnswerError as error:
            if error.status >= 300:
                raise
            # Done, in words that nobody can read; who needs to know looks.
        return True

    async def config(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        repeat: Repeat = Repeat.SAFE,
        timeout: float = LONG_TIMEOUT,
        patience: float | None = None,
    ) -> Object:
        """A call of the config API, such as `/jobs/get`: all are POST; say `Repeat.NEVER` for those that start work."""
        url = self.url.config + path
        response = await self._http.call("POST", url, body=body, repeat=repeat, timeout=timeout, patience=patience)
        return _object(response, path)

    # Workspaces and what is in them.

    async def healthy(self) -> bool:
        """Whether the server answers now; no waiting."""
        try:
            await self._http.call("GET", self.url.config + "/health", patience=0)
        except AnswerError as error:
            return error.status < 400
        except AirbyteError:
            return False
        return True

    async def workspaces(self) -> list[Object]:
        """All workspaces."""
        return await self.objects("/workspaces")

    async def sources(self, workspace_ids: Sequence[str] = ()) -> list[Object]:
        """The sources of these workspaces, or of all; secrets are masked."""
        return await self.objects("/sources", {"workspaceIds": list(workspace_ids)})

    async def destinations(self, workspace_ids: Sequence[str] = ()) -> list[Object]:
        """The destinations of these workspaces, or of all; secrets are masked."""
        return await self.objects("/destinations", {"workspaceIds": list(workspace_ids)})

    async def connections(self, workspace_ids: Sequence[str] = (), *, patience: float | None = None) -> list[Object]:
        """The connections of these workspaces, or of all; deleted ones are left out."""
        items = await self.objects("/connections", {"workspaceIds": list(workspace_ids)}, patience=patience)
        return [connection for connection in items if connection.get("status") != "deprecated"]

    async def connection(self, connection_id: str) -> Object:
        """One connection."""
        return await self.get(f"/connections/{connection_id}")

    async def tags(self, workspace_ids: Sequence[str] = ()) -> list[Object]:
        """The tags of these workspaces, or of all."""
        return await self.objects("/tags", {"workspaceIds": list(workspace_ids)}, paged=False)

    async def streams(
        self, source_id: str, destination_id: str | None = None, *, ignore_cache: bool = False
    ) -> list[Object]:
        """What a source offers (its discover runs); sync modes only with a destination."""
        query: Query = {"sourceId": source_id, "destinationId": destination_id, "ignoreCache": ignore_cache}
        url = self.url.public + "/streams"
        response = await self._http.call("GET", url, query=query, timeout=LONG_TIMEOUT)
        if not isinstance(response, list):
            raise AnswerError("a list of streams was expected", where=f"GET {url}")
        return response

    # Connectors.

    async def definitions(
        self, kind: ConnectorType, workspace_id: str | None = None, *, patience: float | None = None
    ) -> list[Object]:
        """The connector definitions that a workspace may use, with their images (config API)."""
        path = f"/{kind}_definitions/list_for_workspace" if workspace_id else f"/{kind}_definitions/list"
        body = {"workspaceId": workspace_id} if workspace_id else {}
        response = await self.config(path, body, patience=patience)
        return response.get(f"{kind}Definitions") or []

    async def specification(
        self, kind: ConnectorType, definition_id: str, workspace_id: str, *, patience: float | None = None
    ) -> Object:
        """What a connector's configuration may hold: JSON Schema with `airbyte_secret` marks (config API)."""
        body = {f"{kind}DefinitionId": definition_id, "workspaceId": workspace_id}
        response = await self.config(f"/{kind}_definition_specifications/get", body, patience=patience)
        specification = response.get("connectionSpecification")
        if not isinstance(specification, dict):
            failure: Object = (response.get("jobInfo") or {}).get("failureReason") or {}
            reason = failure.get("externalMessage") or "the server has no specification"
            raise AnswerError(str(reason), where=f"specification of {kind} definition {definition_id}")
        return specification

    async def check_source(self, source_id: str) -> CheckResult:
        """Whether the source can be reached with its stored configuration."""
        return _check(await self.config("/sources/check_connection", {"sourceId": source_id}))

    async def check_destination(self, destination_id: str) -> CheckResult:
        """Whether the destination can be reached with its stored configuration."""
        return _check(await self.config("/destinations/check_connection", {"destinationId": destination_id}))

    async def discover(self, source_id: str, *, disable_cache: bool = True) -> Object:
        """The source's catalog, `{"streams": [{"stream": …, "config": …}]}`."""
        response = await self.config(
            "/sources/discover_schema", {"sourceId": source_id, "disable_cache": disable_cache}
        )
        catalog = response.get("catalog")
        if not isinstance(catalog, dict):
            raise AnswerError(_job_failure(response), where=f"discover of source {source_id}")
        return catalog

    # Jobs.

    async def start_job(self, connection_id: str, job_type: JobType = "sync") -> Job:
        """Start a sync, or a reset or clear of all streams.

        Raises:
            ConflictError: a job is running, or the connection is inactive.
        """
        response = await self.create("/jobs", {"connectionId": connection_id, "jobType": job_type})
        return await self.job(int(response["jobId"]))

    async def job(self, job_id: int) -> Job:
        """A job with its attempts and their statistics."""
        return job_from_config_api(await self.config("/jobs/get", {"id": job_id}))

    async def jobs(
        self, connection_id: str, *, types: Sequence[str] = ("sync", "reset_connection", "refresh"), limit: int = 20
    ) -> list[Job]:
        """A connection's latest jobs, the newest first, without logs."""
        body = {"configTypes": list(types), "configId": connection_id, "pagination": {"pageSize": limit}}
        response = await self.config("/jobs/list", body)
        return [job_from_config_api(job) for job in response.get("jobs") or []]

    async def has_jobs(self, connection_id: str, *, patience: float | None = None) -> bool:
        """Whether a connection ever had a job; False for one that is not there (public API)."""
        try:
            response = await self.get("/jobs", {"connectionId": connection_id, "limit": 1}, patience=patience)
        except NotFoundError:
            return False
        return bool(response.get("data"))

    async def cancel_job(self, job_id: int) -> None:
        """Cancel a job.

        Raises:
            ConflictError: it is not running.
        """
        await self._http.call("DELETE", f"{self.url.public}/jobs/{job_id}")

    async def wait(self, job: Job | int, *, every: float = 1.0, on_change: Callable[[Job], None] | None = None) -> Job:
        """The job once it has ended; asks every so many seconds."""
        current = await self.job(job.id if isinstance(job, Job) else job)
        while True:
            if on_change is not None:
                on_change(current)
            if current.ended:
                return current
            await asyncio.sleep(every)
            current = await self.job(current.id)

    async def refresh(
        self, connection_id: str, streams: Sequence[StreamName], mode: RefreshMode = "Merge"
    ) -> Job | None:
        """Read these streams again from the start; `Merge` keeps what landed, `Truncate` removes it after success."""
        body = {"connectionId": connection_id, "streams": [*streams], "refreshMode": mode}
        response = await self.config("/connections/refresh", body, repeat=Repeat.NEVER)
        return job_from_config_api(response) if response.get("job") else None

    async def clear(self, connection_id: str, streams: Sequence[StreamName]) -> Job:
        """Delete the state and the landed data of these streams."""
        body = {"connectionId": connection_id, "streams": [*streams]}
        return job_from_config_api(await self.config("/connections/clear/stream", body, repeat=Repeat.NEVER))

    async def state(self, connection_id: str) -> Object:
        """How far each stream has been read, as the connector wrote it."""
        return await self.config("/state/get", {"connectionId": connection_id})

    async def set_state(self, connection_id: str, state: Mapping[str, Any]) -> Object:
        """Replace the state; refused while a sync runs."""
        body = {"connectionId": connection_id, "connectionState": dict(state)}
        return await self.config("/state/create_or_update_safe", body)


def _object(response: Any, path: str) -> Object:
    if response is None:
        return {}
    if not isinstance(response, dict):
        raise AnswerError(f"an object was expected, not {type(response).__name__}", where=path)
    return response


def _check(response: Mapping[str, Any]) -> CheckResult:
    succeeded = response.get("status") == "succeeded"
    return {
        "succeeded": succeeded,
        "message": str(response.get("message") or ("" if succeeded else _job_failure(response))),
    }


def _job_failure(response: Mapping[str, Any]) -> str:
    reason: Object = (response.get("jobInfo") or {}).get("failureReason") or {}
    return str(reason.get("externalMessage") or reason.get("internalMessage") or "the connector gave no reason")
