"""Names of settings that hold a secret, whether or not a connector's specification marks them."""

from __future__ import annotations

import re
from itertools import pairwise

_ALONE = {
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "jwt", "dsn"),
    *("pat", "otp", "pem", "bearer", "cookie", "authorization", "apikey"),
}
"""One word is enough."""
_KEYS = {
    *("api", "access", "private", "ssh", "ssl", "client", "account", "shared", "master", "encryption", "signing"),
    *("signature", "license", "auth", "secret"),
}
"""A key of this kind is one; a primary, public or partition key is none."""
_KEY_PAIRS = {(kind, "key") for kind in _KEYS}
_TOGETHER = {
    ("connection", "string"),
    ("service", "account"),
    ("auth", "code"),
    ("authorization", "code"),
    ("authentication", "code"),
}
_ABOUT = {
    *("url", "uri", "endpoint", "host", "path", "file", "field", "column", "header", "name", "id", "email", "type"),
    *("method", "mode", "format", "prefix", "title", "algorithm", "length", "size", "count", "limit", "enabled"),
    *("required", "version", "audience", "scope", "ttl", "lifetime", "max", "min"),
}
"""A last word that says the value is about a credential, and is none."""


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret: a word for one is in it, and its last word is not about one.

    Example:
        >>> [is_secret_name(name) for name in ("app_password", "apiKey", "token_url", "primary_key")]
        [True, True, False, False]
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name)
    words = [_singular(word) for word in apart.lower().split("_")]
    if not any(words) or words[-1] in _ABOUT or any(word.startswith("expir") for word in words):
        return False
    pairs = set(pairwise(words))
    return not (_KEY_PAIRS | _TOGETHER).isdisjoint(pairs) or not _ALONE.isdisjoint(words)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
