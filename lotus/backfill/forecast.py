"""What a request will do to the data, in words, before it is made: cursor, rows, files, bytes, doubled rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from pulumi_airbyte.api import AirbyteError
from pulumi_airbyte.provider.settings import settings

from lotus.backfill.declared import Backfill
from lotus.backfill.journal import journal
from lotus.backfill.submission import rewound, rows_committed, states
from lotus.config.landing import folder, is_s3
from lotus.errors import LotusError
from lotus.s3 import LandingBucket, Patience
from lotus.untrusted import Untrusted
from lotus.untyped import as_list
from lotus.words import counted

_PATIENCE = 3.0
_QUICK = Patience(connect=_PATIENCE, read=10, attempts=1)
_HISTORY = 200


async def notice(
    backfill: Backfill, connection_id: str, connector: str, configuration: Mapping[str, Any]
) -> str | None:
    """The notice for a request that will be made; None if the journal says that it was made already."""
    request = backfill.request
    try:
        entry = (await asyncio.to_thread(journal)).page(connection_id).entry(request.stream, request.namespace)
    except LotusError as error:
        unknown = f"this preview cannot tell whether the backfill was requested already: {error.what}"
        return Untrusted(f"{backfill.name}: {unknown}").terminal()
    if entry is not None and entry.identity == request.identity:
        return None
    effect = f'{_EFFECTS[request.mode]} ({request.mode}, request "{request.request}")'
    head = f"{request.stream} of {backfill.connection}: {effect}"
    lines = [head, *(await _from_airbyte(backfill, connection_id))]
    landing_lines = await asyncio.to_thread(_landing_lines, backfill, connector, configuration)
    return "\n  ".join(Untrusted(line).terminal() for line in [*lines, *landing_lines])


_EFFECTS = {
    "refresh_and_retain": "will be read again",
    "refresh_and_remove": "will be read again, and older landed files are deleted after success",
    "clear": "its state and its landed files will be deleted",
}
_FATES = {
    "refresh_and_retain": "stay",
    "refresh_and_remove": "are deleted after success",
    "clear": "are deleted",
}


async def _from_airbyte(backfill: Backfill, connection_id: str) -> list[str]:
    server = settings({}, explicit=False)
    request = backfill.request
    if server.server_url is None:
        return [f"cursor and rows: unknown, {server.lack}"]
    try:
        async with server.client(patience=_PATIENCE) as airbyte:
            state = await airbyte.state(connection_id)
            jobs = await airbyte.jobs(connection_id, limit=_HISTORY)
    except AirbyteError as error:
        return [f"cursor and rows: unknown, Airbyte cannot be reached here ({error.cause})"]
    rows = rows_committed(jobs, request.stream, request.namespace)
    if not rows and request.key not in states(state):
        return ["nothing was read from it yet, so there is nothing to read again: its first sync reads all of it"]
    lines = [f"cursor: {_cursor(states(state).get(request.key))} → {_to(backfill, state)}"]
    running = [job for job in jobs if not job.ended]
    if running:
        lines.append(f"job {running[0].id} ({running[0].type}) is running; the backfill waits for it")
    if request.mode != "clear" or request.sync:
        size = rows_committed(jobs, request.stream, request.namespace, of="bytes")
        upto = "up to " if request.start else "about "
        amount = f"{counted(rows, 'row')}, {counted(size, 'byte')}"
        lines.append(f"read again: {upto}{amount} (read by its {counted(len(jobs), 'past job')})")
    else:
        lines.append('nothing is read until the next sync ("sync": true starts one)')
    return lines


def _cursor(state: Any) -> str:
    text = json.dumps(state, ensure_ascii=False) if state is not None else "none"
    return text if len(text) <= 120 else text[:119] + "…"


def _to(backfill: Backfill, state: Mapping[str, Any]) -> str:
    request = backfill.request
    if request.start is None:
        return "none (the start)"
    try:
        return rewound(state, request)[1].rsplit(" to ", 1)[-1]
    except LotusError as error:
        return f"refused: {error.what}"


def _landing_lines(backfill: Backfill, connector: str, configuration: Mapping[str, Any]) -> list[str]:
    mode = backfill.request.mode
    stays = mode == "refresh_and_retain"
    fate = _FATES[mode]
    lines: list[str] = []
    if is_s3(connector):
        prefix = folder(configuration, backfill.namespace, backfill.landed_as).lstrip("/").split("${", 1)[0]
        listing = _count(configuration, prefix)
        if isinstance(listing, str):
            lines.append(f"landed files {fate}; their number is unknown here ({listing})")
        else:
            files, size = listing
            location = f"s3://{configuration.get('s3_bucket_name')}/{prefix[: prefix.rfind('/') + 1]}"
            lines.append(f"landed below {location}: {counted(files, 'file')}, {counted(size, 'byte')}; they {fate}")
    else:
        lines.append(f"what landed in {connector}: {fate}")
    if stays:
        names = ", ".join(".".join(path) for path in backfill.primary_key)
        merge = (
            f"its key {names} lets downstream keep the newest of each (by _airbyte_extracted_at)"
            if names
            else "it has no key to deduplicate by"
        )
        lines.append(f"rows that landed already land a second time; {merge}")
    return lines


def _count(configuration: Mapping[str, Any], prefix: str) -> tuple[int, int] | str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = LandingBucket.of(configuration).client_with(_QUICK)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=configuration["s3_bucket_name"], Prefix=prefix)
        sizes = [int(item["Size"]) for page in pages for item in as_list(page.get("Contents"))]
    except (BotoCoreError, ClientError, ValueError, KeyError) as error:
        return type(error).__name__
    return len(sizes), sum(sizes)
