"""One stream's request as its file says it."""

from __future__ import annotations

import json
from dataclasses import dataclass

DESTRUCTIVE = frozenset({"refresh_and_remove", "clear"})
"""Modes after which landed files are gone: they need a consent."""


def key(stream: str, namespace: str | None) -> str:
    """A stream's name in the journal."""
    return json.dumps([namespace, stream], ensure_ascii=False)


def names(of: str) -> tuple[str | None, str]:
    """Namespace and name of a stream, from its name in the journal."""
    namespace, stream = json.loads(of)
    return namespace, stream


@dataclass(frozen=True)
class BackfillRequest:
    """One stream's request, as the file says it."""

    stream: str
    namespace: str | None
    request: str
    mode: str
    start: str | None = None
    sync: bool = False
    cursor_field: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str, str | None, bool]:
        """What makes it this request and no other."""
        return self.request, self.mode, self.start, self.sync

    @property
    def key(self) -> str:
        """The stream's name in the journal."""
        return key(self.stream, self.namespace)
