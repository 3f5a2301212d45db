"""The ASGI application: routes, the guard in front of them, and how errors become answers."""

from __future__ import annotations

import sys
import traceback
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lotus.embedded import auth
from lotus.embedded.errors import (
    PROBLEMS_URL,
    BadRequest,
    EmbeddedError,
    Forbidden,
    Problem,
    ResourceNotFound,
    TryAgainLater,
    Unauthorized,
    UnprocessableEntity,
    ValueNotFound,
)
from lotus.embedded.routes import ROUTES
from lotus.embedded.routes.operation import Operation
from lotus.embedded.server import Server

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a request body: a configured catalog of a thousand wide streams has about ten million."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

CONFIG_API = "/api/v1/"

OPEN_PATHS = frozenset({"/health", "/applications/token"})
"""What is answered without credentials, below each API's prefix."""


def create_app(server: Server) -> Starlette:
    """The application over a server; starting it starts the jobs, stopping it stops them and closes the store."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        try:
            await server.jobs.start()
            yield
        finally:
            try:
                await server.jobs.stop()
            finally:
                server.store.close()

    routes = [
        Route(prefix + operation.path, _endpoint(server, operation), methods=[operation.method])
        for prefix, operations in ROUTES.items()
        for operation in operations
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
        exception_handlers={HTTPException: _http_error, Exception: _unexpected},
    )
    app.state.server = server
    app.add_middleware(Guard, server=server)
    return app


def _endpoint(server: Server, operation: Operation) -> Any:
    async def endpoint(request: Request) -> Response:
        try:
            return await operation.handler(server, request)
        except Problem as problem:
            return refused(request.url.path, problem)
        except IntegrityError:
            # Checked before, and different by the time it was written: another request was faster.
            return refused(request.url.path, TryAgainLater("What the request is about changed meanwhile; try again"))
        except TimeoutError:
            return _plain_problem(request.url.path, 408, "request-timeout", "The request body did not arrive in time")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return endpoint


def refused(path: str, problem: Problem) -> Response:
    """The answer to a refused request, in the words of the API that was called (airbyte-api.md, "Errors")."""
    if not path.startswith(CONFIG_API) or isinstance(problem, Unauthorized):
        return _json(problem.body(), problem.status)
    status = problem.status
    body: dict[str, Any] = {"message": problem.message, "errorId": str(uuid.uuid4())}
    if isinstance(problem, ResourceNotFound):
        body["id"] = problem.data["resourceId"]
    if isinstance(problem, (BadRequest, ValueNotFound, UnprocessableEntity)):
        status = 422  # the config API has no 400
        body["validationErrors"] = []
    if problem.status == 501:
        body["operation"] = problem.data["operation"]
    return _json(body, status)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        text = f"There is no operation {request.method} {request.url.path}"
    elif status == 405:
        text = f"{request.url.path} has no operation {request.method}"
    else:
        text = str(error)
    names = {404: "resource-not-found", 405: "method-not-allowed"}
    return _plain_problem(request.url.path, status, names.get(status, "bad-request"), text)


async def _unexpected(request: Request, error: Exception) -> Response:
    # Values of local variables (secrets) are not part of a formatted traceback; the message may quote one.
    frames = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"{request.method} {request.url.path}: {type(error).__name__}\n{frames}")
    told = str(error) if isinstance(error, EmbeddedError) else f"{type(error).__name__} in the embedded Airbyte"
    return _plain_problem(request.url.path, 500, "unexpected-problem", told)


def _plain_problem(path: str, status: int, name: str, text: str) -> Response:
    if path.startswith(CONFIG_API):
        return _json({"message": text, "errorId": str(uuid.uuid4())}, status)
    body = {
        "status": status,
        "type": f"{PROBLEMS_URL}#{name}",
        "title": name,
        "detail": text,
        "documentationUrl": None,
        "data": {"message": text},
    }
    return _json(body, status)


def _json(body: Any, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


class Guard:
    """Refuses what a browser could be tricked into sending, and who may not call.

    A page on the internet can make a browser send requests to this machine: by a name that it points here (DNS
    rebinding: a foreign Host), or as a cross-site request (a foreign Origin). Neither is answered, and no CORS header
    ever is. With credentials required the Host does not matter: no browser has them.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path: str = scope["path"]
        try:
            await self._check(path, headers)
        except Problem as problem:
            await refused(path, problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _check(self, path: str, headers: dict[str, str]) -> None:
        required = self._server.access.required
        if not required and _host_name(headers.get("host", "")) not in LOOPBACK:
            raise Forbidden("The Host header names another machine; call the server as 127.0.0.1 or localhost")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).hostname not in LOOPBACK:
            raise Forbidden("Requests from web pages are not answered")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Forbidden("Requests from web pages are not answered")
        if required and not any(path.endswith(open_path) for open_path in OPEN_PATHS):
            await auth.check(self._server.store, self._server.access, headers.get("authorization"))


async def refuse_other_users(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that a connection of another user of this machine gets."""
    problem = Forbidden(
        "Only the user who runs this server may call it without credentials; "
        "others need the server's LOTUS_EMBEDDED_TOKEN or --require-credentials"
    )
    await refused(scope["path"], problem)(scope, receive, send)


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
