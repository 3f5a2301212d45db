"""Errors of the server, drawn as a tree.

::

    ServerError                      a sentence for the user; ends the process when nothing catches it
    ├── StartError                   the server cannot start: bad key, newer store, port in use, data in use
    └── Problem                      becomes an HTTP answer with Airbyte's problem body
        ├── BadRequest               400 bad-request
        ├── Unauthorized             401
        ├── WrongCredentials         400, in the shape of 401
        ├── Forbidden                403 forbidden
        ├── ResourceNotFound         404 resource-not-found
        ├── ValueNotFound            400 value-not-found
        ├── StateConflict            409 state-conflict
        │   └── SyncRunning          423 in the config API
        ├── TryAgainLater            409 try-again-later
        ├── UnprocessableEntity      422 unprocessable-entity
        ├── Unavailable              503 service-unavailable, with Retry-After
        └── NotOffered               501, names the operation
"""

from __future__ import annotations

from typing import Any, ClassVar

PROBLEMS_URL = "https://reference.airbyte.com/reference/errors"


class ServerError(Exception):
    """An error that one sentence describes."""


class StartError(ServerError):
    """The server cannot start."""


class Problem(ServerError):  # noqa: N818 - the word of RFC 9457 and of Airbyte
    """A refusal: Airbyte's problem body, its text in ``data.message`` (docs/airbyte-behaviour.md#refusals)."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "unexpected-problem"
    title: ClassVar[str] = "unexpected-problem"
    detail: ClassVar[str] = (
        "An unexpected problem has occurred. If this is an error that needs to be addressed, say so."
    )
    config_status: ClassVar[int | None] = None
    """The status in the config API, where that is another one."""
    same_in_both_apis: ClassVar[bool] = False
    """Whether the config API answers the public API's body."""

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = {"message": message, **data}

    def body(self, _path: str) -> dict[str, Any]:
        """The answer's body as the public API gives it to a request for this path."""
        return {
            "status": self.status,
            "type": f"{PROBLEMS_URL}#{self.type}",
            "title": self.title,
            "detail": self.detail,
            "documentationUrl": None,
            "data": self.data,
        }


class BadRequest(Problem):
    """The request's values contradict each other or what is stored."""

    status = 400
    config_status = 422  # the config API has no 400
    type = "bad-request"
    title = "bad-request"
    detail = "The server could not understand the request."


class ValueNotFound(Problem):
    """A name that has to be known is not, such as an unknown ``sourceType``."""

    status = 400
    config_status = 422
    type = "value-not-found"
    title = "value-not-found"
    detail = "Submitted value could not be found."


class Unauthorized(Problem):
    """No valid credentials came with the request."""

    status = 401
    type = "unauthorized"
    title = "unauthorized"
    detail = "The caller is not authenticated."
    same_in_both_apis = True

    def body(self, path: str) -> dict[str, Any]:
        """Airbyte's 401 body has a shape of its own (terraform-provider-airbyte issue 216)."""
        return _linked(path, "Unauthorized", self.message)


class WrongCredentials(Problem):
    """Client credentials that no application has (airbyte issues 65592 and 65595)."""

    status = 400
    type = "bad-request"
    title = "bad-request"
    detail = "The client credentials are wrong."
    same_in_both_apis = True

    def body(self, path: str) -> dict[str, Any]:
        """Airbyte's body, in the shape of its 401."""
        return _linked(path, "Bad Request", self.message)


def _linked(path: str, title: str, message: str) -> dict[str, Any]:
    return {
        "message": title,
        "_links": {"self": {"href": path, "templated": False}},
        "_embedded": {"errors": [{"message": message, "_links": {}, "_embedded": {}}]},
    }


class Forbidden(Problem):
    """The request comes from an origin that may not make it."""

    status = 403
    type = "forbidden"
    title = "forbidden"
    detail = "You don't have permissions to complete this action."


class ResourceNotFound(Problem):
    """Nothing with this id exists."""

    status = 404
    type = "resource-not-found"
    title = "resource-not-found"
    detail = "Could not find a resource for the given parameters."

    def __init__(self, kind: str, resource_id: str | int) -> None:
        super().__init__(f"Could not find {kind} {resource_id}", resourceType=kind, resourceId=str(resource_id))


class StateConflict(Problem):
    """The resource's state does not allow the request."""

    status = 409
    type = "state-conflict"
    title = "state-conflict"
    detail = "The request could not be completed due to a conflict with the current state of the target resource."


class SyncRunning(StateConflict):
    """A sync of the connection runs, and would overwrite what the request sets."""

    config_status = 423


class TryAgainLater(Problem):
    """The same request can succeed later, such as after the running sync."""

    status = 409
    type = "try-again-later"
    title = "try-again-later"
    detail = "Your previous request has not finished processing. Please try again later."


class UnprocessableEntity(Problem):
    """A configuration that its connector's spec refuses, or an operation that cannot be done."""

    status = 422
    type = "unprocessable-entity"
    title = "unprocessable-entity"
    detail = "The body of the request was not understood."


class Unavailable(Problem):
    """The machine or a part of the server does not work at present."""

    status = 503
    type = "service-unavailable"
    title = "service-unavailable"
    detail = "The server cannot answer at present. Please try again later."


class NotOffered(Problem):
    """An operation of Airbyte's API that makes no sense for one local server, or is not there yet."""

    status = 501
    type = "not-implemented"
    title = "not-implemented"
    detail = "The local server does not offer this operation; docs/api.md lists the ones that it offers."

    def __init__(self, operation: str, reason: str = "") -> None:
        super().__init__(
            f"The local server does not offer {operation}" + (f": {reason}" if reason else ""), operation=operation
        )
