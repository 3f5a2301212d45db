"""The backfills that the stream files ask for. Pure: no network, no Pulumi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lotus.config import Destination, Source, Stream
from lotus.config.models import BackfillFile
from lotus.reread.wanted import DESTRUCTIVE, Wanted

DEFAULT_MODE = "refresh_and_retain"
FLAG = "true"
"""The request that `"backfill": true` is short for."""


@dataclass(frozen=True)
class Backfill:
    """One stream's request, with what is needed to talk about it."""

    name: str
    """The resource's name: `shop/orders`."""
    connection: str
    wanted: Wanted
    file: str
    confirmed: bool
    """Whether the stack's `lotus:confirm` has its consent."""
    primary_key: tuple[tuple[str, ...], ...]
    namespace: str
    """What `${NAMESPACE}` becomes in paths."""
    landed_as: str
    """The stream's name in paths, with its prefix."""

    @property
    def properties(self) -> dict[str, Any]:
        """The request as other resources of the connection are told of it."""
        wanted = self.wanted
        return {
            "stream": wanted.stream,
            "namespace": wanted.namespace,
            "request": wanted.request,
            "mode": wanted.mode,
            "from": wanted.start,
            "sync": wanted.sync,
        }


def request_of(stream: Stream) -> Wanted | None:
    """What a stream's `backfill` asks for; None where it is absent or false."""
    written = stream.backfill
    if written is None or written is False:
        return None
    cursor = stream.cursor_field or (stream.discovered.cursor_field if stream.discovered else ())
    if isinstance(written, BackfillFile):
        sync = written.sync if written.sync is not None else written.start is not None
        return Wanted(stream.name, stream.namespace, written.request, written.mode, written.start, sync, cursor)
    request = FLAG if written is True else str(written)
    return Wanted(stream.name, stream.namespace, request, DEFAULT_MODE, None, False, cursor)


def backfills(source: Source, destination: Destination, confirmed: Sequence[str]) -> list[Backfill]:
    """The backfills of a source, in the order of its streams."""
    connection = source.connection_to(destination)
    found: list[Backfill] = []
    for stream in source.streams:
        wanted = request_of(stream)
        if wanted is None:
            continue
        known = stream.discovered.primary_key if stream.discovered else ()
        found.append(
            Backfill(
                name=f"{source.name}/{stream.namespace}.{stream.name}"
                if _doubled(source, stream)
                else f"{source.name}/{stream.name}",
                connection=connection,
                wanted=wanted,
                file=stream.file,
                confirmed=phrase(connection, wanted) in confirmed,
                primary_key=stream.primary_key or known,
                namespace=source.namespace_of(stream),
                landed_as=source.landed_name(stream),
            )
        )
    return found


def phrase(connection: str, wanted: Wanted) -> str:
    """The consent to a request that deletes landed files, as it stands in `lotus:confirm`."""
    verb = "clear" if wanted.mode == "clear" else "replace"
    return f"{verb} stream {wanted.stream} of {connection}: {wanted.request}"


def consent(backfill: Backfill) -> str:
    """`given`, or the sentence that refuses the request until it is."""
    if backfill.wanted.mode not in DESTRUCTIVE or backfill.confirmed:
        return "given"
    what = "its state and its landed files go" if backfill.wanted.mode == "clear" else "its older landed files go"
    agreed = phrase(backfill.connection, backfill.wanted)
    return (
        f"the backfill of {backfill.wanted.stream} ({backfill.file}) is {backfill.wanted.mode}: {what}, and nothing "
        f"brings them back. To agree: pulumi config set --path 'lotus:confirm[0]' '{agreed}'"
    )


def _doubled(source: Source, stream: Stream) -> bool:
    return sum(1 for each in source.streams if each.name == stream.name) > 1


def as_mapping(wanted: Wanted) -> Mapping[str, Any]:
    """A request as JSON shows it."""
    return {"request": wanted.request, "mode": wanted.mode, "from": wanted.start, "sync": wanted.sync}
