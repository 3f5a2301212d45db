"""How a client proves who it is: client credentials, a bearer token, basic authentication, or nothing."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Protocol

from .errors import AirbyteError, AnswerError, UnauthorizedError

if TYPE_CHECKING:
    import httpx


class Auth(Protocol):
    """What a request needs to be let in."""

    given: str
    """What it is, as a refusal names it."""

    async def header(self, http: httpx.AsyncClient) -> str | None:
        """The `Authorization` header's value; None sends none."""
        ...

    def refused(self, header: str | None) -> bool:
        """A request with this header got a 401; True if another try makes sense."""
        ...


class NoAuth:
    """A server that lets everyone in, such as an embedded one on loopback."""

    given = "with no credential"

    async def header(self, http: httpx.AsyncClient) -> str | None:
        """None."""
        return None

    def refused(self, header: str | None) -> bool:
        """Another try gets the same answer."""
        return False


class BearerAuth(NoAuth):
    """A token that somebody else keeps fresh."""

    given = "with the bearer token that was given"

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    async def header(self, http: httpx.AsyncClient) -> str | None:
        """The token."""
        return self._header


class BasicAuth(NoAuth):
    """User and password; today's Airbyte has it only behind a proxy."""

    given = "with the username and password that were given"

    def __init__(self, username: str, password: str) -> None:
        pair = f"{username}:{password}".encode()
        self._header = f"Basic {base64.b64encode(pair).decode()}"

    async def header(self, http: httpx.AsyncClient) -> str | None:
        """User and password."""
        return self._header


class ClientCredentials:
    """An application's id and secret, exchanged for a token that lives 15 minutes (180 s on older servers)."""

    given = "with a token for the client id that was given"

    def __init__(self, client_id: str, client_secret: str, token_urls: tuple[str, ...]) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._token_urls = token_urls
        self._header: str | None = None
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()

    async def header(self, http: httpx.AsyncClient) -> str | None:
        """A token that is still good for a while; one is asked for at a time."""
        async with self._lock:
            if self._header is None or time.monotonic() >= self._fresh_until:
                await self._renew(http)
            return self._header

    def refused(self, header: str | None) -> bool:
        """Forget the token that was refused (unless it was replaced meanwhile); a new one may do."""
        if header == self._header:
            self._header = None
        return True

    async def _renew(self, http: httpx.AsyncClient) -> None:
        body = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        last = ""
        for url in self._token_urls:
            response = await http.post(url, json=body, headers={"Accept": "application/json"})
            last = f"POST {url}"
            if response.status_code in (404, 405):
                continue
            if response.status_code in (400, 401, 403, 422):
                raise UnauthorizedError(
                    "the server does not know this client id and secret", where=last, status=response.status_code
                )
            if response.status_code >= 500 or response.status_code == 429:
                response.raise_for_status()
            try:
                answer = response.json()
                self._header = f"Bearer {answer['access_token']}"
                lifetime = float(answer.get("expires_in") or 180)
            except (ValueError, KeyError, TypeError) as error:
                raise AnswerError("no access token in the answer", where=last, status=response.status_code) from error
            self._token_urls = (url,)
            # A margin for the way there and for clocks: a fifth of its life, a minute at most.
            self._fresh_until = time.monotonic() + lifetime - min(60.0, lifetime / 5)
            return
        raise AirbyteError(
            f"no token endpoint at any of {', '.join(self._token_urls)}; give its URL as tokenUrl", where=last
        )
