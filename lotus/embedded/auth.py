"""Who may call: nobody is asked on loopback unless told otherwise; access tokens as Airbyte issues them."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from typing import Any

from lotus.embedded.errors import Unauthorized
from lotus.embedded.store import Store
from lotus.embedded.store.access import Application, application_of_client

TOKEN_SECONDS = 900
"""How long an access token is valid (airbyte-api.md, section e)."""

ISSUER = "lotus-embedded"


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


async def issue(store: Store, client_id: str, client_secret: str) -> dict[str, Any]:
    """An access token for an application's credentials.

    Raises:
        Unauthorized: they are wrong.
    """
    found = await store.read(application_of_client, store.cipher, client_id)
    expected = found.client_secret if found else ""
    if not hmac.compare_digest(expected.encode(), client_secret.encode()) or found is None:
        raise Unauthorized("Invalid client id or client secret")
    return {"access_token": _signed(store, found), "token_type": "Bearer", "expires_in": TOKEN_SECONDS}


async def check(store: Store, access: Access, authorization: str | None) -> None:
    """Lets a request pass, or not.

    Raises:
        Unauthorized: credentials are required and these are none, wrong or expired.
    """
    if not access.required:
        return
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise Unauthorized(
            "A bearer token is required: exchange client credentials at /api/public/v1/applications/token"
        )
    given = given.strip()
    if access.token is not None and hmac.compare_digest(access.token.encode(), given.encode()):
        return
    client_id = _verified(store, given)
    if await store.read(application_of_client, store.cipher, client_id) is None:
        raise Unauthorized("The application of this access token was deleted")


def _signed(store: Store, application: Application) -> str:
    import jwt  # costs 0.1 s, which only those pay who use tokens

    issued = int(time.time())
    claims = {"iss": ISSUER, "sub": application.client_id, "iat": issued, "exp": issued + TOKEN_SECONDS}
    return jwt.encode(claims, store.cipher.derived_key("access tokens"), algorithm="HS256")


def _verified(store: Store, token: str) -> str:
    import jwt

    try:
        claims = jwt.decode(token, store.cipher.derived_key("access tokens"), algorithms=["HS256"], issuer=ISSUER)
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The access token has expired") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("The access token is not valid") from None
    return str(claims.get("sub", ""))
