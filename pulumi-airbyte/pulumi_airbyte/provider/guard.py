"""One writer: a stack that names its writer is changed by that writer alone, or by who breaks the glass with a reason.

`airbyte:writer` in the stack's configuration is a name, such as `operator`; what runs with the same name in
`PULUMI_AIRBYTE_WRITER` is the writer. A stack without it belongs to everybody. This is a friendly layer: what really
keeps others out is the key of the state's bucket. Who holds that key in an emergency gives a reason in
`PULUMI_AIRBYTE_BREAK_GLASS`; it is recorded beside the state before anything is changed.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from .faults import ProviderError
from .state_store import PLACE, StateStore, backend_url, state_store

WRITER = "PULUMI_AIRBYTE_WRITER"
"""Environment: who this process is."""
BREAK_GLASS = "PULUMI_AIRBYTE_BREAK_GLASS"
"""Environment: why somebody else than the writer changes the stack."""
KEPT = 100
"""How many records stay; in a bucket with versions the older ones are still there."""
SAME_RUN = timedelta(hours=1)
"""The same person with the same reason within this time is one record."""


@dataclass(frozen=True)
class BrokenGlass:
    """Who changed a stack in place of its writer, when (UTC, ISO 8601) and why."""

    reason: str
    user: str
    host: str
    at: str


@dataclass(frozen=True)
class Refusal:
    """Why this process may not change the stack, and how to go on."""

    what: str
    fix: str


@dataclass
class Guard:
    """Whether this process may change a stack.

    Args:
        writer: the stack's `airbyte:writer`; None: everybody may.
        environment: who this process is, and where the state is.
        shared: the one address of the state, where it is known; a run on any other is refused.
    """

    writer: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    shared: str = ""
    _entered: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def own_state(self, stack: str) -> Refusal | None:
        """A state in files, or in another place than the shared one, is a second one; no reason makes it the first."""
        backend = backend_url(self.environment)
        if not self.writer:
            return None
        if backend.startswith("file://"):
            return Refusal(
                f'stack {stack} is changed by "{self.writer}", with its state in a place that all share; {backend} is '
                "a state of your own, which knows nothing of what is there",
                "set PULUMI_BACKEND_URL to the shared place, or work on a stack of your own",
            )
        if self.shared and _place(backend) != _place(self.shared):
            return Refusal(
                f"stack {stack} has its state in {_place(self.shared)}; {_place(backend) or 'the login of pulumi'} "
                "is another one, which knows nothing of what is there",
                "set PULUMI_BACKEND_URL to the shared place; if the state moved, correct the address in the settings",
            )
        return None

    def refusal(self, stack: str) -> Refusal | None:
        """Why the stack may not be changed from here; None if it may."""
        own = self.own_state(stack)
        if own or not self.writer or self.environment.get(WRITER) == self.writer or self.reason:
            return own
        return Refusal(
            f'stack {stack} is changed by "{self.writer}" alone, and this is not it',
            f"push, and it is applied; if that cannot wait, {BREAK_GLASS}='the reason' breaks the glass, on record",
        )

    @property
    def reason(self) -> str:
        """The reason for breaking the glass; empty where there is none."""
        return self.environment.get(BREAK_GLASS, "").strip()

    def enter(self, project: str, stack: str) -> None:
        """To be called before anything is changed; the second call for a stack costs nothing.

        Raises:
            ProviderError: this process may not change the stack, or the broken glass could not be recorded.
        """
        if not self.writer or (project, stack) in self._entered:
            return
        refusal = self.refusal(stack)
        if refusal:
            raise ProviderError(f"{refusal.what}. To go on: {refusal.fix}")
        if self.environment.get(WRITER) != self.writer:
            self._record(project, stack)
        self._entered.add((project, stack))

    def _record(self, project: str, stack: str) -> None:
        """The program and each of the engine's plugins come here in one run, which is one record."""
        store = _store(self.environment)
        now = datetime.now(UTC)
        new = BrokenGlass(self.reason, _user(), socket.gethostname(), now.isoformat(timespec="seconds"))
        try:
            held = _read(store, project, stack)
            if held and replace(held[-1], at=new.at) == new and now - datetime.fromisoformat(held[-1].at) < SAME_RUN:
                return
            document = {"version": 1, "entries": [asdict(one) for one in [*held, new][-KEPT:]]}
            store.write(_key(project, stack), json.dumps(document, indent=1, ensure_ascii=False).encode())
        except ProviderError:
            raise
        except Exception as error:  # boto3 makes its error classes while it runs
            raise ProviderError(
                f"the broken glass could not be recorded beside the state ({store.where}: {error}), so nothing is "
                "changed. The keys that write the state are needed for it"
            ) from error


def broken_glass(environment: Mapping[str, str], project: str, stack: str) -> list[BrokenGlass]:
    """Who changed the stack in place of its writer, oldest first.

    Raises:
        ProviderError: the record is damaged; whatever the store raises when it cannot be read.
    """
    return _read(_store(environment), project, stack)


def _place(backend: str) -> str:
    """Bucket and folder; how they are reached (endpoint, region) differs between a cluster and a laptop."""
    parts = urlsplit(backend)
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/") if parts.scheme else backend


def _store(environment: Mapping[str, str]) -> StateStore:
    """Beside the state, whatever PULUMI_AIRBYTE_JOURNAL says; only a backend without files needs another place."""
    store, has_state = state_store({name: value for name, value in environment.items() if name != PLACE})
    return store if has_state else state_store(environment)[0]


def _read(store: StateStore, project: str, stack: str) -> list[BrokenGlass]:
    content = store.read(_key(project, stack))
    if content is None:
        return []
    try:
        return [BrokenGlass(**one) for one in cast("list[dict[str, Any]]", json.loads(content)["entries"])]
    except (ValueError, TypeError, KeyError) as error:
        raise ProviderError(f"the record of broken glass is damaged: {store.where}/{_key(project, stack)}") from error


def _key(project: str, stack: str) -> str:
    return f".pulumi/airbyte-journal/{project}/{stack}/broken-glass.json"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
