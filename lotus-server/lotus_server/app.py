"""The ASGI application: routes, the guard in front of them, and what becomes of errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lotus_server.errors import BadRequest, Forbidden, Problem, TryAgainLater
from lotus_server.routes import ROUTES
from lotus_server.routes.abandoned import AbandonedAnswers
from lotus_server.routes.operation import Operation
from lotus_server.routes.refusals import failed, plain_problem, refused
from lotus_server.services import authentication as auth
from lotus_server.services.server import Server

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a request body: a configured catalog of a thousand wide streams has about ten million."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

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
            await server.stop()

    abandoned = AbandonedAnswers()
    routes = [
        Route(_path(prefix, operation), _endpoint(server, operation, abandoned), methods=[operation.method])
        for prefix, operations in ROUTES.items()
        for operation in operations
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    app.state.server = server
    app.add_middleware(Guard, server=server)
    return app


def _path(prefix: str, operation: Operation) -> str:
    """Where an operation is served: a path that ends in a slash is the same as without it (see ``Guard``)."""
    return (prefix + operation.path).rstrip("/")


def _endpoint(server: Server, operation: Operation, abandoned: AbandonedAnswers) -> Any:
    async def endpoint(request: Request) -> Response:
        try:
            return await abandoned.answer(operation, request, partial(operation.handler, server, request))
        except Problem as problem:
            return refused(request.url.path, problem)
        except IntegrityError:
            # Checked before, and different by the time it was written: another request was faster.
            return refused(
                request.url.path, TryAgainLater("Another request changed the same resource meanwhile; try again")
            )
        except TimeoutError:
            return plain_problem(request.url.path, 408, "request-timeout", "The request body did not arrive in time")
        except ClientDisconnect:
            return Response(status_code=400)  # no client is left to read it
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - answered here, so that the connection stays usable
            return failed(request.method, request.url.path, error)

    return endpoint


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == 404:
        text = f"There is no operation {request.method} {request.url.path}"
    elif status == 405:
        text = f"{request.url.path} has no operation {request.method}"
        headers = {"allow": ", ".join(sorted(_methods(request)))}
    else:
        text = str(error)
    names = {404: "resource-not-found", 405: "method-not-allowed"}
    return plain_problem(request.url.path, status, names.get(status, "bad-request"), text, headers)


def _methods(request: Request) -> set[str]:
    """The methods of all operations at the request's path; each of them is a route of its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


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
        path: str = scope["path"].rstrip("/") or "/"
        scope["path"] = path  # Airbyte matches a path with and without a slash at its end
        try:
            await self._check(path, headers)
        except Problem as problem:
            await refused(path, problem)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - answered, as the endpoints' errors are
            await failed(scope["method"], path, error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _check(self, path: str, headers: dict[str, str]) -> None:
        required = self._server.access.required
        if not required and _host_name(headers.get("host", "")) not in LOOPBACK:
            raise Forbidden("The Host header names another machine; call the server as 127.0.0.1 or localhost")
        origin = headers.get("origin")
        if origin is not None and _origin_host(origin) not in LOOPBACK:
            raise Forbidden("Requests from web pages are not answered")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Forbidden("Requests from web pages are not answered")
        if required and not any(path.endswith(open_path) for open_path in OPEN_PATHS):
            await auth.authorize(self._server.store, self._server.access, headers.get("authorization"))


async def refuse_other_users(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that a connection of another user of this machine gets."""
    problem = Forbidden(
        "Only the user who runs this server may call it without credentials; "
        "others need the server's LOTUS_EMBEDDED_TOKEN or --require-credentials"
    )
    await refused(scope["path"], problem)(scope, receive, send)


def _origin_host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        raise BadRequest("The Origin header is not an origin, such as http://localhost:8000") from None


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
