"""The backfills that the stream files ask for. Pure: no network, no Pulumi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lotus.backfill.request import DESTRUCTIVE, BackfillRequest
from lotus.config import Connection, Destination, Project, Settings, Stream
from lotus.config.models import BackfillFile

DEFAULT_MODE = "refresh_and_retain"
FLAG = "true"
"""The request that `"backfill": true` is short for."""


@dataclass(frozen=True)
class Backfill:
    """One stream's request, with what is needed to talk about it."""

    name: str
    """The resource's name: `shop/orders`."""
    connection: str
    request: BackfillRequest
    file: str
    confirmed: bool
    """Whether the stack's `lotus:confirm` has its consent."""
    primary_key: tuple[tuple[str, ...], ...]
    namespace: str
    """What `${NAMESPACE}` becomes in paths."""
    landed_as: str
    """The stream's name in paths, with its prefix."""
    former_names: tuple[str, ...] = ()
    """The resource's names before its folder was renamed."""

    @property
    def properties(self) -> dict[str, Any]:
        """The request as the other backfills of the connection get it."""
        request = self.request
        return {
            "stream": request.stream,
            "namespace": request.namespace,
            "request": request.request,
            "mode": request.mode,
            "from": request.start,
            "sync": request.sync,
        }


def request_of(stream: Stream) -> BackfillRequest | None:
    """What a stream's `backfill` asks for; None where it is absent or false."""
    written = stream.backfill
    if written is None or written is False:
        return None
    cursor = stream.effective_cursor
    if isinstance(written, BackfillFile):
        sync = written.sync if written.sync is not None else written.start is not None
        return BackfillRequest(
            stream.name, stream.namespace, written.request, written.mode, written.start, sync, cursor
        )
    token = FLAG if written is True else str(written)
    return BackfillRequest(stream.name, stream.namespace, token, DEFAULT_MODE, None, False, cursor)


def backfills(connection: Connection, destination: Destination, confirmed: Sequence[str]) -> list[Backfill]:
    """The backfills of a connection, in the order of its streams."""
    title = connection.title_to(destination)
    requested: list[Backfill] = []
    for stream in connection.streams:
        request = request_of(stream)
        if request is None:
            continue
        stream_name = f"{stream.namespace}.{stream.name}" if _doubled(connection, stream) else stream.name
        requested.append(
            Backfill(
                name=f"{connection.name}/{stream_name}",
                former_names=tuple(f"{name}/{stream_name}" for name in connection.names[1:]),
                connection=title,
                request=request,
                file=stream.file,
                confirmed=phrase(title, request) in confirmed,
                primary_key=stream.effective_key,
                namespace=connection.namespace_of(stream),
                landed_as=connection.landed_name(stream),
            )
        )
    return requested


def phrase(connection: str, request: BackfillRequest) -> str:
    """The consent to a request that deletes landed files, as it is in `lotus:confirm`."""
    verb = "clear" if request.mode == "clear" else "replace"
    return f"{verb} stream {request.stream} of {connection}: {request.request}"


def of_backfill(consent: str) -> bool:
    """Whether a line of consent is one to a backfill."""
    return consent.startswith(("clear stream ", "replace stream "))


def missing_consents(project: Project) -> list[str]:
    """The consents that the backfills of a project need and its stack does not give, in the order of the files."""
    missing: dict[str, None] = {}
    for connection in project.connections:
        if any(stream.backfill for stream in connection.streams):
            for backfill in backfills(connection, project.destination_of(connection), project.settings.confirm):
                if not _is_agreed(backfill):
                    missing[phrase(backfill.connection, backfill.request)] = None
    return list(missing)


def consent(backfill: Backfill, settings: Settings, missing: Sequence[str]) -> str:
    """`given`, or the sentence that refuses the request until it is.

    Args:
        missing: all consents that the project lacks: each command that agrees has a place of its own.
    """
    if _is_agreed(backfill):
        return "given"
    loss = "its state and its landed files" if backfill.request.mode == "clear" else "its older landed files"
    agreed = phrase(backfill.connection, backfill.request)
    return (
        f"the backfill of {backfill.request.stream} ({backfill.file}) is {backfill.request.mode}: {loss} are deleted, "
        f"and this cannot be undone. To agree: {settings.agree(agreed, missing.index(agreed))}"
    )


def _is_agreed(backfill: Backfill) -> bool:
    return backfill.request.mode not in DESTRUCTIVE or backfill.confirmed


def _doubled(connection: Connection, stream: Stream) -> bool:
    return sum(1 for each in connection.streams if each.name == stream.name) > 1
