"""Which names mean a secret, for connectors whose spec forgets to mark one.

A name is secret if it contains a word for a credential (password, secret, token, API key, DSN, …), unless its last word
says that the value only locates, identifies or describes that credential (url, path, name, id, type, expiry, …).
"""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(
    r"passw(or)?d|passphrase|passcode|secret|token|credential|api_?key|connection_?string|service_?account"
    r"|(access|private|ssh|ssl|client|account|shared|master|encryption|signing|signature|license|auth)_?key"
    r"|auth(entication|orization)?_?code"
    r"|(^|_)(pwd|jwt|dsn|pat|otp|pem|bearer|cookie|authorization)s?(_|$)"
)
_DESCRIPTION = re.compile(
    r"(^|_)(url|uri|endpoint|host|path|file|field|column|header|name|id|email|type|method|mode|format|prefix|title|algorithm"
    r"|length|size|count|limit|enabled|required|version|audience|scope|scopes|ttl|lifetime|max|min)$"
    r"|expir"
)


def is_secret_name(name: str) -> bool:
    """Whether a property of this name holds a secret.

    Example:
        >>> [is_secret_name(name) for name in ("app_password", "apiKey", "token_url", "primary_key")]
        [True, True, False, False]
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_").lower()
    return bool(_CREDENTIAL.search(words)) and not _DESCRIPTION.search(words)
