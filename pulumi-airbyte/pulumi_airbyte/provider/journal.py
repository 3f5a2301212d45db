"""The journal of creates: what was asked for, beside the state, so that a kill or a lost answer leaves no orphan.

Before a create is sent, an intent is written: for which resource, with which body (a hash without secrets), and which
objects that could be mistaken for it were there already. After it, the id. A create that finds an intent of its own
looks for what came of it before it asks again. Without an intent nothing is ever taken over.

Updates and deletes need none: they give the same result when they are repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from .faults import ProviderError
from .state_store import PLACE, StateStore, Stored, resources_in_state, state_store
from .values import Json, Path, Values


@dataclass(frozen=True)
class Intent:
    """One create that was about to be sent. `time` is in seconds since the epoch, by this machine's clock."""

    urn: str
    kind: str
    body: str
    time: float
    before: tuple[str, ...] = ()
    """Ids of objects that look like it and were there before."""
    id: str | None = None
    """Set once the server has answered."""


@dataclass
class Journal:
    """The intents of the stacks that one process works on."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _held: StateStore | None = None
    _stored: dict[tuple[str, str], asyncio.Task[list[Stored] | None]] = field(
        default_factory=dict[tuple[str, str], asyncio.Task[list[Stored] | None]]
    )

    async def intent(self, urn: str) -> Intent | None:
        """The intent of this resource, if one was written and not closed."""
        content = await self._do("read", _key(urn))
        if content is None:
            return None
        try:
            held: dict[str, Any] = json.loads(content)
            before = tuple(str(one) for one in held["before"])
            return Intent(held["urn"], held["kind"], held["body"], float(held["time"]), before, held["id"])
        except (ValueError, TypeError, KeyError) as error:
            raise ProviderError(
                f"the journal of creates is damaged: {self._store.where}/{_key(urn)}; look in Airbyte for what it was "
                "about, then remove the file"
            ) from error

    async def open(self, urn: str, kind: str, inputs: Values, before: Sequence[str]) -> Intent:
        """Write an intent; it is durable when this returns."""
        intent = Intent(urn, kind, body_hash(inputs), time.time(), tuple(before))
        await self._write(intent)
        return intent

    async def finish(self, intent: Intent, resource_id: str) -> None:
        """Write what came of it."""
        await self._write(replace(intent, id=resource_id))

    async def close(self, urn: str) -> None:
        """Forget the intent: nothing came of it, or its object is gone."""
        await self._do("remove", _key(urn))

    async def known_to_state(self, urn: str) -> set[str] | None:
        """The ids that the stack's state has; None where the state cannot be read from here."""
        stored = await self.stored(*_project_and_stack(urn))
        return None if stored is None else {one.id for one in stored if one.id}

    async def stored(self, project: str, stack: str) -> list[Stored] | None:
        """The stack's state as it was at this process's first look; None where it cannot be read from here."""
        if (project, stack) not in self._stored:
            self._stored[project, stack] = asyncio.create_task(self._read_state(project, stack))
        try:
            return await asyncio.shield(self._stored[project, stack])
        except ProviderError:
            self._stored.pop((project, stack), None)
            raise

    async def _read_state(self, project: str, stack: str) -> list[Stored] | None:
        # The state stays where it is, wherever the journal lies.
        environment = {name: value for name, value in self.environment.items() if name != PLACE}

        def read() -> list[Stored] | None:
            store, has_state = state_store(environment)
            return _stored(store, project, stack) if has_state else None

        return await asyncio.to_thread(read)

    async def _write(self, intent: Intent) -> None:
        content = json.dumps({**asdict(intent), "before": list(intent.before)}, indent=1).encode()
        await self._do("write", _key(intent.urn), content)

    async def _do(self, what: str, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(getattr(self._store, what), *arguments)
        except ProviderError:
            raise
        except Exception as error:  # boto3 makes its error classes while it runs
            raise ProviderError(
                f"the journal of creates could not be used ({self._store.where}: {error}); without it a lost answer "
                "would leave an orphan, so nothing is created. PULUMI_AIRBYTE_JOURNAL can name another folder"
            ) from error

    @property
    def _store(self) -> StateStore:
        if self._held is None:
            self._held = state_store(self.environment)[0]
        return self._held


def _stored(store: StateStore, project: str, stack: str) -> list[Stored]:
    try:
        return resources_in_state(store, project, stack)
    except Exception as error:  # as above
        raise ProviderError(f"the stack's state could not be read ({store.where}: {error})") from error


def _project_and_stack(urn: str) -> tuple[str, str]:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return project, stack


def _key(urn: str) -> str:
    project, stack = _project_and_stack(urn)
    name = hashlib.sha256(urn.encode()).hexdigest()[:32]
    return f".pulumi/airbyte-journal/{project}/{stack}/{name}.json"


def body_hash(inputs: Values) -> str:
    """A hash of what would be sent, without anything secret in it, so that it gives nothing away."""
    text = json.dumps(_open_part(inputs.data, (), inputs.secrets), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _open_part(value: Json, path: Path, secrets: frozenset[Path]) -> Json:
    if path in secrets:
        return "secret"
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Json]", value)
        return {name: _open_part(item, (*path, name), secrets) for name, item in items.items()}
    if isinstance(value, list):
        elements = cast("list[Json]", value)
        return [_open_part(item, (*path, index), secrets) for index, item in enumerate(elements)]
    return value
