"""What can go wrong between the client and an Airbyte server.

AirbyteError
├── UnavailableError        no usable answer, nothing was done: the same call may succeed later
│   └── UnknownOutcomeError no usable answer to a call that must not be repeated: look before trying again
├── UnauthorizedError       401 or 403: the credential is wrong, missing or not allowed to
├── NotFoundError           404
├── ConflictError           409, such as a running job
├── RefusedError            any other 4xx: the request is wrong
└── AnswerError             an answer that is not what the API promises
    └── ForeignAnswerError  an answer of something in between, such as an ingress: nothing is known about the object

`NO_SUCH_API` are the answers of a server whose config API cannot be used from here.
"""

from __future__ import annotations


class AirbyteError(Exception):
    """One fault in one sentence.

    `cause` is the server's own words, `where` the method and URL, `status` the HTTP status (0: there was no answer).
    No credential and no request body is ever part of it.
    """

    def __init__(self, cause: str, *, where: str, status: int = 0) -> None:
        super().__init__(cause)
        self.cause = cause
        self.where = where
        self.status = status

    def __str__(self) -> str:
        return f"{self.cause} ({self.where}{f' answered {self.status}' if self.status else ''})"


class UnavailableError(AirbyteError):
    """The server did not give a usable answer, and the call can be made again."""


class UnknownOutcomeError(UnavailableError):
    """The server may have done what it was asked: the call was sent, and no usable answer came back."""


class UnauthorizedError(AirbyteError):
    """The server does not accept the credential."""


class NotFoundError(AirbyteError):
    """The object is not there."""


class ConflictError(AirbyteError):
    """The object is not in a state that allows the call."""


class RefusedError(AirbyteError):
    """The server understood the request and refused it."""


class AnswerError(AirbyteError):
    """The server's answer is not what the API promises."""


class ForeignAnswerError(AnswerError):
    """Something in between answered in the server's place."""


NO_SUCH_API = (NotFoundError, UnauthorizedError, ForeignAnswerError)
