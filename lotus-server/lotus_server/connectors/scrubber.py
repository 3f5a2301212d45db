"""Takes secrets out of text: logs, errors, events."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from lotus_server.domain.configuration import MASK

MIN_LENGTH = 4
"""Shorter values are not replaced: a secret `1` would blacken every number."""


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
