"""Instants in requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lotus_server.errors import BadRequest


def as_milliseconds(text: str, name: str) -> int:
    """An ISO 8601 instant (UTC unless it says otherwise).

    Raises:
        BadRequest: not a date and time.
    """
    try:
        # A plus sign in a query string arrives as a space.
        instant = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} must be a date and time such as 2026-01-01T00:00:00Z") from None
