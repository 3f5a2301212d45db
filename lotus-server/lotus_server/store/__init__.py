"""The server's store: one SQLite file (see ``schema.py``)."""

from lotus_server.store.database import Store, now

__all__ = ["Store", "now"]
