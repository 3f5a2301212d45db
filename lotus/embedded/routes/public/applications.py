"""Health, applications and access tokens of the public API."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from lotus.embedded import auth
from lotus.embedded.configuration import MASK
from lotus.embedded.errors import BadRequest, ResourceNotFound
from lotus.embedded.routes.operation import BODY_SECONDS, Body, Operation, answer, read_body
from lotus.embedded.server import Server
from lotus.embedded.store import access
from lotus.embedded.store.access import Application


class ApplicationCreate(Body):
    """ApplicationCreate."""

    name: str


class TokenRequest(msgspec.Struct, frozen=True):
    """ApplicationTokenRequest; ``grant_type`` may be left out (PyAirbyte does)."""

    client_id: str
    client_secret: str


def shown(application: Application, *, with_secret: bool = False) -> dict[str, Any]:
    """ApplicationRead: the secret is shown once, by the request that makes it."""
    return {
        "id": application.id,
        "name": application.name,
        "clientId": application.client_id,
        "clientSecret": application.client_secret if with_secret else MASK,
        "createdAt": application.created_at // 1000,
    }


async def health(_server: Server, _request: Request) -> Response:
    """The public API answers in text (airbyte-api.md, section a)."""
    return PlainTextResponse("Successful operation")


async def _existing(server: Server, request: Request) -> Application:
    application_id = request.path_params["application_id"]
    found = await server.store.read(access.application, server.store.cipher, application_id)
    if found is None:
        raise ResourceNotFound("application", application_id)
    return found


async def _list(server: Server, _request: Request) -> Response:
    found = await server.store.read(access.listed_applications, server.store.cipher)
    return answer({"applications": [shown(application) for application in found]})


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, ApplicationCreate)
    if not body.name.strip():
        raise BadRequest("name must not be empty")
    created = await server.store.write(access.create_application, server.store.cipher, name=body.name)
    return answer(shown(created, with_secret=True))


async def _get(server: Server, request: Request) -> Response:
    return answer(shown(await _existing(server, request)))


async def _delete(server: Server, request: Request) -> Response:
    application = await _existing(server, request)
    await server.store.write(access.remove_application, application.id)
    return answer(shown(application))


async def token(server: Server, request: Request) -> Response:
    """An access token for client credentials, sent as JSON or as a form (airbyte-api.md, section e)."""
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
    return answer(await auth.issue(server.store, credentials.client_id, credentials.client_secret))


OPERATIONS = [
    Operation("GET", "/health", "getHealthCheck", health),
    Operation("GET", "/applications", "listApplications", _list),
    Operation("POST", "/applications", "createApplication", _create),
    Operation("POST", "/applications/token", "createAccessToken", token),
    Operation("GET", "/applications/{application_id}", "getApplication", _get),
    Operation("DELETE", "/applications/{application_id}", "deleteApplication", _delete),
]
