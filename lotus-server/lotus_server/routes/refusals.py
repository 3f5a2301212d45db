"""How errors become answers, in the words of the API that was called (docs/airbyte-behaviour.md#refusals)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from lotus_server import transient
from lotus_server.errors import (
    PROBLEMS_URL,
    BadRequest,
    Problem,
    ResourceNotFound,
    ServerError,
    Unavailable,
    UnprocessableEntity,
    ValueNotFound,
)

CONFIG_API = "/api/v1/"

_log = logging.getLogger(__name__)


def refused(path: str, problem: Problem) -> Response:
    """The answer to a refused request."""
    headers = {"Retry-After": str(transient.RETRY_AFTER_SECONDS)} if isinstance(problem, Unavailable) else None
    if not path.startswith(CONFIG_API) or problem.same_in_both_apis:
        return _json(problem.body(path), problem.status, headers)
    status = problem.config_status or problem.status
    body: dict[str, Any] = {"message": problem.message, "errorId": str(uuid.uuid4())}
    if isinstance(problem, ResourceNotFound):
        body["id"] = problem.data["resourceId"]
    if isinstance(problem, (BadRequest, ValueNotFound, UnprocessableEntity)):
        body["validationErrors"] = []
    if problem.status == 501:
        body["operation"] = problem.data["operation"]
    return _json(body, status, headers)


def failed(method: str, path: str, error: Exception) -> Response:
    """The answer to a request that met a fault: of the machine (to be tried again), or of this server."""
    if cause := transient.cause(error):
        _log.warning("%s %s could not be answered: %s", method, path, cause)
        return refused(path, Unavailable(f"The local server cannot answer now: {cause}. Try again later."))
    _log.error("%s %s failed", method, path, exc_info=error)
    message = str(error) if isinstance(error, ServerError) else f"{type(error).__name__} in the local server"
    return plain_problem(path, 500, "unexpected-problem", message)


def plain_problem(path: str, status: int, name: str, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer to what never reached an operation."""
    if path.startswith(CONFIG_API):
        return _json({"message": text, "errorId": str(uuid.uuid4())}, status, headers)
    body = {
        "status": status,
        "type": f"{PROBLEMS_URL}#{name}",
        "title": name,
        "detail": text,
        "documentationUrl": None,
        "data": {"message": text},
    }
    return _json(body, status, headers)


def _json(body: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers=headers, media_type="application/json")
