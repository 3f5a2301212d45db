"""Health, applications and access tokens of the public API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from lotus_server.domain.configuration import MASK
from lotus_server.routes.access_tokens import issue_token
from lotus_server.routes.operation import Body, Operation, read_body, reply
from lotus_server.services import applications
from lotus_server.services import health as health_of_server
from lotus_server.services.server import Server
from lotus_server.store.access import Application


class ApplicationCreate(Body):
    """ApplicationCreate."""

    name: str


def application_response(application: Application, *, with_secret: bool = False) -> dict[str, Any]:
    """ApplicationRead: the secret is application_response once, by the request that makes it."""
    return {
        "id": application.id,
        "name": application.name,
        "clientId": application.client_id,
        "clientSecret": application.client_secret if with_secret else MASK,
        "createdAt": application.created_at // 1000,
    }


async def health(server: Server, _request: Request) -> Response:
    """The public API answers in text (docs/airbyte-behaviour.md#health)."""
    health_of_server.require(server)
    return PlainTextResponse("Successful operation")


async def _list(server: Server, _request: Request) -> Response:
    return reply(
        {"applications": [application_response(application) for application in await applications.listed(server)]}
    )


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, ApplicationCreate)
    created = await applications.create(server, name=body.name)
    return reply(application_response(created, with_secret=True))


async def _get(server: Server, request: Request) -> Response:
    return reply(application_response(await applications.existing(server, request.path_params["application_id"])))


async def _delete(server: Server, request: Request) -> Response:
    application = await applications.existing(server, request.path_params["application_id"])
    await applications.remove(server, application)
    return reply(application_response(application))


OPERATIONS = [
    Operation("GET", "/health", "getHealthCheck", health),
    Operation("GET", "/applications", "listApplications", _list),
    Operation("POST", "/applications", "createApplication", _create),
    Operation("POST", "/applications/token", "createAccessToken", issue_token),
    Operation("GET", "/applications/{application_id}", "getApplication", _get),
    Operation("DELETE", "/applications/{application_id}", "deleteApplication", _delete),
]
