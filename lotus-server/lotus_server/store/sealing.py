"""Whether the key is the one that the store was written with: said at the start, not at the first request."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from lotus_server.store.encryption import Cipher
from lotus_server.store.schema import actors, applications, settings

CHECK = "key check"
"""A setting that is sealed with the key; a store without one is older than it, or new."""

Sealed = tuple[str, bytes]
"""An owner and what was sealed for it."""


def values_to_check(db: Connection) -> Sequence[Sealed]:
    """Values that the right key opens; none in a store that holds none."""
    value = db.execute(select(settings.c.value).where(settings.c.name == CHECK)).scalar_one_or_none()
    if value is not None:
        return [(CHECK, bytes.fromhex(value))]
    for table, column in ((applications, applications.c.client_secret), (actors, actors.c.configuration)):
        row = db.execute(select(table.c.id, column).limit(1)).first()
        if row is not None:
            return [(row[0], row[1])]
    return []


def check_key(db: Connection, cipher: Cipher, sealed: Sequence[Sealed]) -> None:
    """Opens the values, and keeps one for the next start.

    Raises:
        StartError: the key is another one.
    """
    for owner, value in sealed:
        cipher.open(value, owner=owner)
    if not any(owner == CHECK for owner, _ in sealed):
        value = cipher.seal("", owner=CHECK).hex()
        db.execute(insert(settings).values(name=CHECK, value=value))
