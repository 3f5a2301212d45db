"""One change as a person has to know it: what it does to the data, the risk, how to verify, whether it can go back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Kind = Literal["connection", "source", "destination"]
"""Airbyte's objects that hold a lake together."""


class Risk(StrEnum):
    """How bad a change is if it was not meant; worst first."""

    DESTRUCTIVE = "destructive"
    """Landed data or sync state is lost: it needs consent."""
    HIGH = "high"
    """Readers of what lands break or miss rows."""
    MEDIUM = "medium"
    """Rows are read or land again, or something stops that a revert starts again."""
    LOW = "low"
    """Nothing that landed is touched, and a revert undoes it."""


class Action(StrEnum):
    """What happens to the object in Airbyte."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NOTHING = "nothing"


def landing_of(connection: str) -> str:
    """The commands that show what the next sync of a connection lands."""
    return f"lotus sync {connection} --wait && lotus landing --source {connection}"


_WORST_FIRST = list(Risk)


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `name` is the object's Pulumi name, `title` its name in Airbyte, `subject` what a person calls it."""

    risk: Risk
    action: Action
    kind: Kind
    name: str
    title: str
    subject: str
    what: str
    data: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    verify: str = ""
    revert: str = ""
    consent: str = ""
    file: str = ""
    streams: tuple[str, ...] = ()
    """The streams whose data it touches, as `source/stream`."""

    @property
    def resource(self) -> str:
        """The object as Airbyte and its users name it: `connection Shopify → Lake`."""
        return f"{self.kind} {self.title}"

    def json(self) -> dict[str, Any]:
        """The change as a JSON object; the keys are stable."""
        return {
            "risk": self.risk.value,
            "action": self.action.value,
            "resource": self.resource,
            "name": self.name,
            "subject": self.subject,
            "what": self.what,
            "data": list(self.data),
            "downstream": list(self.downstream),
            "verify": self.verify,
            "revert": self.revert,
            "consent": self.consent or None,
            "file": self.file,
            "streams": list(self.streams),
        }


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Worst first; what depends (connections) before what it depends on; then by name."""
    kinds = ("connection", "source", "destination")
    return tuple(
        sorted(changes, key=lambda c: (_WORST_FIRST.index(c.risk), kinds.index(c.kind), c.title, c.subject, c.what))
    )


def digest(changes: Iterable[Change]) -> str:
    """A short text that two plans share only if they change the same things in the same way.

    Revisions, paths and the words around are no part of it, so a rebased branch keeps its digest.
    """
    lines = sorted(f"{c.action} {c.resource} {c.subject} {c.what} {c.consent}" for c in changes)
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
