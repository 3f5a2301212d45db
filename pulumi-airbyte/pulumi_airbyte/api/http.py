"""One HTTP call to an Airbyte server: credential, retries where they are safe, errors as ours."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from types import TracebackType
from typing import Any, TypeAlias, cast

import httpx

from .auth import Auth, NoAuth
from .errors import (
    AirbyteError,
    AnswerError,
    ConflictError,
    ForeignAnswerError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnknownOutcomeError,
)
from .server_url import ServerUrl

Query: TypeAlias = Mapping[str, str | int | bool | Sequence[str] | None]


class Repeat(Enum):
    """What may be done when no usable answer came."""

    SAFE = "safe"
    """Reads, and writes that give the same result twice (PUT, PATCH, DELETE): repeat."""
    NEVER = "never"
    """Creates: repeat only what certainly did not reach the server; anything else is an UnknownOutcomeError."""


DEFAULT_TIMEOUT = 60.0
"""Seconds to wait for an answer."""
LONG_TIMEOUT = 900.0
"""Seconds for calls that run a connector (check, discover, a connection's creation): 130 s have been seen."""
_CONNECT_TIMEOUT = 5.0
_IDLE_SECONDS = 2.0
"""How long an idle connection is kept. uvicorn closes one after 5 s, and a request that meets the end gets a reset;
load balancers keep theirs for 60 s and more."""
_ATTEMPTS = 5
"""For answers that a second try may change (500, 429). A server that is not up yet is waited for by time."""
_STARTING = {502, 503, 504}
_LONGEST_PAUSE = 60.0
"""Seconds; a Retry-After beyond it is not waited for."""


class Http:
    """Calls with a credential, retries and our errors.

    Args:
        url: the server's roots.
        auth: the credential.
        patience: seconds that a server which does not answer is waited for.
        on_wait: told, in a sentence, why a call takes longer.
        transport: in place of the network, for a server in the same process.
    """

    def __init__(
        self,
        url: ServerUrl,
        auth: Auth | None = None,
        *,
        patience: float = 30.0,
        on_wait: Callable[[str], None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        self._auth = auth or NoAuth()
        self._patience = patience
        self._on_wait = on_wait
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(DEFAULT_TIMEOUT, connect=_CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=_IDLE_SECONDS),
            follow_redirects=False,
            # A proxy meant for the internet must not see calls to this machine.
            trust_env=not url.loopback,
        )

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        query: Query | None = None,
        repeat: Repeat = Repeat.SAFE,
        timeout: float = DEFAULT_TIMEOUT,
        patience: float | None = None,
    ) -> Any:
        """The decoded answer; None for an empty one.

        Raises:
            AirbyteError: one of its kinds, see errors.py.
        """
        where = f"{method} {url}"
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._once(method, url, body=body, query=query, timeout=timeout, where=where)
            if isinstance(outcome, httpx.Response):
                if outcome.status_code < 400:
                    return _decoded(outcome, where, repeat)
                fault = _fault(outcome, where, self._auth.given)
                if isinstance(fault, UnauthorizedError) and outcome.status_code == 401 and not renewed:
                    # A 401 means that nothing was done, so even a create may be sent again, once.
                    renewed = self._auth.refused(outcome.request.headers.get("Authorization"))
                    if renewed:
                        continue
                if outcome.status_code != 429 and outcome.status_code < 500:
                    if repeat is Repeat.NEVER and isinstance(fault, ForeignAnswerError):
                        raise UnknownOutcomeError(fault.cause, where=where, status=fault.status)
                    raise fault
                sent = outcome.status_code != 429
                by_time = outcome.status_code in _STARTING
                pause = _retry_after(outcome)
            else:
                fault, sent = outcome
                by_time = not sent
                pause = None
            if sent and repeat is Repeat.NEVER:
                raise UnknownOutcomeError(fault.cause, where=where, status=fault.status)
            if pause is None:
                pause = min(5.0, 0.25 * 2**attempt) * random.uniform(0.7, 1.3)  # noqa: S311  (jitter, no secret)
            late = time.monotonic() + pause > deadline if by_time else attempt >= _ATTEMPTS
            if late or pause > _LONGEST_PAUSE:
                raise fault
            if self._on_wait is not None and (attempt > 1 or pause > 1):
                self._on_wait(f"{fault.cause}; trying again in {pause:.0f} s ({where})")
            await asyncio.sleep(pause)

    async def _once(
        self, method: str, url: str, *, body: Any, query: Query | None, timeout: float, where: str
    ) -> httpx.Response | tuple[UnavailableError, bool]:
        """One exchange: the response, or why there is none and whether the request may have arrived."""
        reaching_token_endpoint = True
        try:
            authorization = await self._auth.header(self._client)
            reaching_token_endpoint = False
            headers = {"Accept": "application/json"}
            if authorization is not None:
                headers["Authorization"] = authorization
            return await self._client.request(
                method,
                url,
                json=body,
                params=_query(query),
                headers=headers,
                timeout=httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT),
            )
        except httpx.HTTPStatusError as error:
            cause = f"the token endpoint answered {error.response.status_code}"
            return UnavailableError(cause, where=where, status=error.response.status_code), False
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return UnavailableError(f"no connection to {_host(url)}: {_words(error)}", where=where), False
        except httpx.TimeoutException:
            return UnavailableError(f"no answer within {timeout:.0f} s", where=where), not reaching_token_endpoint
        except httpx.TransportError as error:
            cause = f"the connection broke: {_words(error)}"
            return UnavailableError(cause, where=where), not reaching_token_endpoint
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise AirbyteError(_words(error), where=where) from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _host(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.host}:{parts.port}" if parts.port else parts.host


def _query(query: Query | None) -> httpx.QueryParams | None:
    if not query:
        return None
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        if value is None:
            continue
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
        else:
            pairs += [(name, item) for item in value]
    return httpx.QueryParams(pairs)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait for; the header holds seconds or a date."""
    text = response.headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _decoded(response: httpx.Response, where: str, repeat: Repeat) -> Any:
    if response.status_code == 204 or not response.content:
        return None
    try:
        if response.status_code < 300:
            return response.json()
        cause = f"the server redirects to {response.headers.get('Location', 'elsewhere')}; is the server URL right?"
    except ValueError:
        kind = response.headers.get("Content-Type", "an unknown type")
        cause = f"the answer is not JSON but {kind}; is the server URL the root of the API?"
    error = UnknownOutcomeError if repeat is Repeat.NEVER else AnswerError
    raise error(cause, where=where, status=response.status_code)


def _fault(response: httpx.Response, where: str, given: str) -> UnavailableError | AirbyteError:
    status = response.status_code
    cause = f"{problem(response)}, {given}" if status == 401 else problem(response)
    kinds: dict[int, type[AirbyteError]] = {
        401: UnauthorizedError,
        403: UnauthorizedError,
        404: NotFoundError,
        409: ConflictError,
        429: UnavailableError,
    }
    if status in (404, 409) and not _of_airbyte(response):
        cause = (
            f"the answer is not Airbyte's ({problem(response)}); is the server URL right, and what is in between up?"
        )
        return ForeignAnswerError(cause, where=where, status=status)
    kind = kinds.get(status, UnavailableError if status >= 500 else RefusedError)
    return kind(cause, where=where, status=status)


def _of_airbyte(response: httpx.Response) -> bool:
    """Whether Airbyte itself says that an object is not there or in conflict.

    It does so with a problem of a type of its own, in a sentence ("Could not find …"), or by the id of an error in its
    log (config API). An ingress, a gateway, and the server itself for a path that it does not have, use other words.
    """
    try:
        body = response.json()
    except ValueError:
        return False
    if not isinstance(body, dict):
        return False
    answer = cast("dict[str, Any]", body)
    if answer.get("errorId") or answer.get("exceptionClassName"):
        return True
    if "reference.airbyte.com" in str(answer.get("type")):
        return True
    data = answer.get("data")
    details = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if details.get("resourceId"):
        return True
    return any(str(part.get("message")).startswith("Could not find") for part in (answer, details))


def problem(response: httpx.Response) -> str:
    """The human text of an error answer: `data.message` where there is one, since `detail` is generic."""
    try:
        body = response.json()
    except ValueError:
        body = None
    text = _problem_text(body) if isinstance(body, dict) else ""
    return text or response.reason_phrase or "no reason given"


def _problem_text(body: dict[str, Any]) -> str:
    data = body.get("data")
    details: dict[str, Any] = data if isinstance(data, dict) else {}
    if details.get("message"):
        return str(details["message"])
    if details.get("resourceId"):
        kind = details.get("resourceType", "object")
        return f"{body.get('title') or body.get('detail') or 'not found'}: {kind} {details['resourceId']}"
    for name in ("message", "detail", "title"):
        if body.get(name):
            return str(body[name])
    return f"error id {body['errorId']}, see the server's log" if body.get("errorId") else ""
