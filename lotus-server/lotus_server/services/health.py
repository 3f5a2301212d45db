"""Whether the server's background work works."""

from __future__ import annotations

from lotus_server.errors import Unavailable
from lotus_server.services.server import Server


def require(server: Server) -> None:
    """Does nothing if all is well.

    Raises:
        Unavailable: something is down; the message names it.
    """
    if down := server.jobs.down:
        parts = "; ".join(f"{name} ({reason})" for name, reason in down.items())
        raise Unavailable(f"The local server is not well, and tries again by itself: {parts}")
