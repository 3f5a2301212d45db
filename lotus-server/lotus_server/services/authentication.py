"""Who may call the server: without credentials on loopback, else with a token; access tokens as Airbyte issues them."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from typing import Any

from lotus_server.errors import Unauthorized, WrongCredentials
from lotus_server.store import Store
from lotus_server.store.access import DEFAULT_USER_ID, application_of_client

TOKEN_SECONDS = 900
"""How long an access token is valid (docs/airbyte-behaviour.md#access-tokens)."""

ISSUER = "lotus-embedded"
AUDIENCE = "airbyte-server"


@dataclass(frozen=True)
class Access:
    """The rules of this server.

    Without ``required``, requests are not asked for credentials (Airbyte's community edition as it comes). With it,
    they need a bearer token: either ``token`` itself or one issued for an application's client credentials.
    """

    required: bool = False
    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)


async def issue(store: Store, access: Access, client_id: str, client_secret: str) -> dict[str, Any]:
    """An access token for client credentials; a server that asks for none takes any, as it takes any bearer token.

    Raises:
        WrongCredentials: no application has them.
    """
    application = await store.read(application_of_client, store.cipher, client_id)
    expected = application.client_secret if application else ""
    right = hmac.compare_digest(expected.encode(), client_secret.encode()) and application is not None
    if access.required and not right:
        raise WrongCredentials("Invalid client id or token")
    return {"access_token": _signed(store, client_id), "token_type": "Bearer", "expires_in": TOKEN_SECONDS}


async def authorize(store: Store, access: Access, authorization: str | None) -> None:
    """Lets a request pass, or not.

    Raises:
        Unauthorized: credentials are required and these are none, wrong or expired.
    """
    if not access.required:
        return
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "A bearer token is required: exchange client credentials at /api/public/v1/applications/token"
        )
    token = token.strip()
    if access.token is not None and hmac.compare_digest(access.token.encode(), token.encode()):
        return
    client_id = _verified(store, token)
    if await store.read(application_of_client, store.cipher, client_id) is None:
        raise Unauthorized("The application of this access token was deleted")


def _signed(store: Store, client_id: str) -> str:
    import jwt  # costs 0.1 s, which only those pay who use tokens

    issued = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": DEFAULT_USER_ID,  # Airbyte's tokens name the user, and clients look the user up by it
        "azp": client_id,
        "roles": ["AUTHENTICATED_USER", "ADMIN"],
        "iat": issued,
        "exp": issued + TOKEN_SECONDS,
    }
    return jwt.encode(claims, store.cipher.derived_key("access tokens"), algorithm="HS256")


def _verified(store: Store, token: str) -> str:
    import jwt

    try:
        key = store.cipher.derived_key("access tokens")
        claims = jwt.decode(token, key, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The access token has expired") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("The access token is not valid") from None
    return str(claims.get("azp", ""))
