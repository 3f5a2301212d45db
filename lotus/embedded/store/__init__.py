"""What the embedded Airbyte holds, in one SQLite file (see ``schema.py``)."""

from lotus.embedded.store.database import Store, now

__all__ = ["Store", "now"]
