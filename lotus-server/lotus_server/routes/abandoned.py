"""Answers that their client did not wait for: the same request, sent again, gets them instead of a second object."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.routes.operation import BODY_SECONDS, Operation

KEPT_SECONDS = 120.0
"""How long a client that gave up has to ask again."""

NOT_REPEATED = frozenset({"createAccessToken", "createJob"})
"""A token is made anew, and a second sync is a wish of its own."""


@dataclass
class _Turn:
    """Requests with the same content wait for each other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    answer: Response | None = None
    until: float = 0.0


class AbandonedAnswers:
    """Keeps them for as long as a client may come back."""

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._turns: dict[bytes, _Turn] = {}

    async def answer(
        self, operation: Operation, request: Request, handle: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What the handler answers, or what it answered to the same request when its client had left."""
        if not _creates(operation):
            return await handle()
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.body()
        key = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).digest()
        self._forget_old()
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                response, turn.answer = turn.answer or await handle(), None
                # A client may give up more than once.
                if response.status_code < 300 and await request.is_disconnected():
                    turn.answer, turn.until = response, time.monotonic() + self._seconds
                return response
        finally:
            turn.waiting -= 1
            if not turn.waiting and turn.answer is None:
                self._turns.pop(key, None)

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key, turn in list(self._turns.items()):
            if turn.answer is not None and not turn.waiting and turn.until < now:
                del self._turns[key]


def _creates(operation: Operation) -> bool:
    """Whether the operation makes something new each time it is called."""
    name = operation.name
    makes = name.startswith("create") or name == "webBackendCreateConnection"
    # What is set again is set: the same state may be wanted after another one.
    sets = name.startswith("createOrUpdate")
    return operation.method == "POST" and makes and not sets and name not in NOT_REPEATED
