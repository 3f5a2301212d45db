"""Takes secrets out of text: logs, errors, events."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, quote_plus

MASK = "**********"

MIN_LENGTH = 4
"""Shorter values are not replaced: a secret `1` would blacken every number."""

SECRET_NAME = re.compile(
    r"(?i)(pass(word|phrase)?|secret|token|api_?key|private_?key|access_?key|credential|auth_code|jwt)"
)
"""Names that hold secrets in specs which forgot `airbyte_secret` (Airbyte keeps such a list too)."""

NOT_SECRET = re.compile(r"(?i)(_url|_uri|_endpoint|_type|_path|_field|_name|_expiry.*|_id)$")


def secret_values(configuration: Any, specification: Mapping[str, Any] | None) -> set[str]:
    """Strings of a configuration that its spec marks `airbyte_secret`, or whose name says so."""
    return set(_values(configuration, [specification] if specification else [], secret=False))


def _values(value: Any, schemas: list[Mapping[str, Any]], *, secret: bool) -> Iterator[str]:
    schemas = list(_alternatives(schemas))
    secret = secret or any(schema.get("airbyte_secret") for schema in schemas)
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            below = [s["properties"][key] for s in schemas if key in (s.get("properties") or {})]
            named = bool(SECRET_NAME.search(key)) and not NOT_SECRET.search(key)
            yield from _values(item, below, secret=secret or (named and not isinstance(item, Mapping)))
    elif isinstance(value, list):
        below = [s["items"] for s in schemas if isinstance(s.get("items"), Mapping)]
        for item in cast("list[Any]", value):
            yield from _values(item, below, secret=secret)
    elif secret and isinstance(value, str) and value:
        yield value


def _alternatives(schemas: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for schema in schemas:
        yield schema
        for key in ("oneOf", "anyOf", "allOf"):
            yield from _alternatives(schema.get(key) or [])


class Scrubber:
    """Replaces secrets in text, also as JSON, URL-encoded and base64 write them.

    Example:
        >>> Scrubber({"hunter22"}).scrub("login with hunter22 failed")
        'login with ********** failed'
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            # Each line of a private key by itself: log libraries print them one by one.
            parts = [secret, *(line for line in secret.splitlines() if len(line) >= 12)]
            for part in parts:
                encoded = base64.b64encode(part.encode()).decode().rstrip("=")
                forms |= {part, json.dumps(part)[1:-1], quote(part, safe=""), quote_plus(part), encoded}
        ordered = sorted((form for form in forms if len(form) >= MIN_LENGTH), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def scrub(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(MASK, text) if self._pattern else text
