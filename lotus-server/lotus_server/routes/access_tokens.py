"""Access tokens, which both APIs issue."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import BadRequest
from lotus_server.routes.operation import BODY_SECONDS, read_body, reply
from lotus_server.services import applications
from lotus_server.services.server import Server


class TokenRequest(msgspec.Struct, frozen=True):
    """ApplicationTokenRequest; ``grant_type`` may be left out (PyAirbyte does)."""

    client_id: str
    client_secret: str


async def issue_token(server: Server, request: Request) -> Response:
    """An access token for client credentials, sent as JSON or as a form (docs/airbyte-behaviour.md#access-tokens)."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/x-www-form-urlencoded":
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.body()
        try:
            form = parse_qs(raw.decode(), max_num_fields=20)
        except ValueError as error:
            raise BadRequest("The form cannot be read") from error
        missing = [name for name in ("client_id", "client_secret") if name not in form]
        if missing:
            raise BadRequest(f"The form lacks {' and '.join(missing)}")
        credentials = TokenRequest(form["client_id"][0], form["client_secret"][0])
    else:
        credentials = await read_body(request, TokenRequest)
    return reply(await applications.access_token(server, credentials.client_id, credentials.client_secret))
