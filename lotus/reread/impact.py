"""What a request will do to the data, in words, before it is made: cursor, rows, files, bytes, doubled rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from pulumi_airbyte.api import Airbyte, AirbyteError
from pulumi_airbyte.provider.settings import settings

from lotus.config.landing import folder, is_s3
from lotus.errors import LotusError
from lotus.reread.declared import Backfill
from lotus.reread.journal import journal
from lotus.reread.request import rewound, rows_committed, states

_PATIENCE = 3.0
_HISTORY = 200


async def tell(backfill: Backfill, connection_id: str, connector: str, configuration: Mapping[str, Any]) -> str | None:
    """The notice for a request that will be made; None if the journal says that it was made already."""
    wanted = backfill.wanted
    try:
        entry = (await asyncio.to_thread(journal)).page(connection_id).entry(wanted.stream, wanted.namespace)
    except LotusError as error:
        return f"{backfill.name}: whether this backfill was asked for already cannot be seen here: {error.what}"
    if entry is not None and entry.identity == wanted.identity:
        return None
    head = f'{wanted.stream} of {backfill.connection}: {_verb(wanted.mode)} ({wanted.mode}, request "{wanted.request}")'
    lines = [head, *(await _from_airbyte(backfill, connection_id))]
    landed = await asyncio.to_thread(_landed, backfill, connector, configuration)
    return "\n  ".join([*lines, *landed])


def _verb(mode: str) -> str:
    return {
        "refresh_and_retain": "will be read again",
        "refresh_and_remove": "will be read again, and what landed before is removed after success",
        "clear": "state and landed files will be deleted",
    }[mode]


async def _from_airbyte(backfill: Backfill, connection_id: str) -> list[str]:
    held = settings({}, explicit=False)
    wanted = backfill.wanted
    try:
        async with Airbyte(
            held.server_url,
            client_id=held.client_id,
            client_secret=held.client_secret,
            token_url=held.token_url,
            bearer=held.bearer_auth,
            username=held.username,
            password=held.password,
            patience=_PATIENCE,
        ) as airbyte:
            answer = await airbyte.state(connection_id)
            jobs = await airbyte.jobs(connection_id, limit=_HISTORY)
    except AirbyteError as error:
        return [f"cursor and rows: not known, Airbyte cannot be asked here ({error.cause})"]
    rows = rows_committed(jobs, wanted.stream, wanted.namespace)
    if not rows and wanted.key not in states(answer):
        return ["nothing was read from it yet, so there is nothing to read again: its first sync reads all of it"]
    lines = [f"cursor: {_cursor(states(answer).get(wanted.key))} → {_to(backfill, answer)}"]
    running = [job for job in jobs if not job.ended]
    if running:
        lines.append(f"job {running[0].id} ({running[0].type}) is running: it is waited for first")
    if wanted.mode != "clear" or wanted.sync:
        size = rows_committed(jobs, wanted.stream, wanted.namespace, of="bytes")
        upto = "up to " if wanted.start else "about "
        lines.append(f"read again: {upto}{rows:,} rows, {size:,} bytes (read by its past {len(jobs)} job(s))")
    else:
        lines.append('nothing is read until the next sync ("sync": true starts one)')
    return lines


def _cursor(state: Any) -> str:
    text = json.dumps(state, ensure_ascii=False) if state is not None else "none"
    return text if len(text) <= 120 else text[:119] + "…"


def _to(backfill: Backfill, answer: Mapping[str, Any]) -> str:
    wanted = backfill.wanted
    if wanted.start is None:
        return "none (the start)"
    try:
        return rewound(answer, wanted)[1].rsplit(" to ", 1)[-1]
    except LotusError as error:
        return f"refused: {error.what}"


def _landed(backfill: Backfill, connector: str, configuration: Mapping[str, Any]) -> list[str]:
    mode = backfill.wanted.mode
    stays = mode == "refresh_and_retain"
    fate = "stay" if stays else "are removed" if mode == "clear" else "are removed after success"
    lines: list[str] = []
    if is_s3(connector):
        prefix = folder(configuration, backfill.namespace, backfill.landed_as).lstrip("/").split("${", 1)[0]
        counted = _count(configuration, prefix)
        if isinstance(counted, str):
            lines.append(f"landed files {fate}; how many is not known here ({counted})")
        else:
            files, size = counted
            where = f"s3://{configuration.get('s3_bucket_name')}/{prefix[: prefix.rfind('/') + 1]}"
            lines.append(f"landed below {where}: {files:,} file(s), {size:,} bytes; they {fate}")
    else:
        lines.append(f"what landed in {connector}: {fate}")
    if stays:
        names = ", ".join(".".join(path) for path in backfill.primary_key)
        merge = (
            f"its key {names} lets downstream keep the newest of each (by _airbyte_extracted_at)"
            if names
            else "it has no key by which downstream could tell them apart"
        )
        lines.append(f"rows that landed already land a second time; {merge}")
    return lines


def _count(configuration: Mapping[str, Any], prefix: str) -> tuple[int, int] | str:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = configuration.get("s3_endpoint")
    try:
        client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=configuration.get("s3_bucket_region") or None,
            aws_access_key_id=configuration.get("access_key_id") or None,
            aws_secret_access_key=configuration.get("secret_access_key") or None,
            config=Config(
                connect_timeout=3,
                read_timeout=10,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=configuration["s3_bucket_name"], Prefix=prefix)
        sizes = [int(item["Size"]) for page in pages for item in cast("list[Any]", page.get("Contents") or [])]
    except (BotoCoreError, ClientError, ValueError, KeyError) as error:
        return type(error).__name__
    return len(sizes), sum(sizes)
