"""One async client for Airbyte's public API and for the parts of its config API that the public one lacks."""

from .client import Airbyte, CheckResult, ConnectorType, Object, StreamName
from .errors import (
    NO_SUCH_API,
    AirbyteError,
    AnswerError,
    ConflictError,
    ForeignAnswerError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnknownOutcomeError,
)
from .jobs import Attempt, Job, JobType, RefreshMode, StreamStats
from .server_url import CLOUD, ServerUrl, server_url

__all__ = [
    "CLOUD",
    "NO_SUCH_API",
    "Airbyte",
    "AirbyteError",
    "AnswerError",
    "Attempt",
    "CheckResult",
    "ConflictError",
    "ConnectorType",
    "ForeignAnswerError",
    "Job",
    "JobType",
    "NotFoundError",
    "Object",
    "RefreshMode",
    "RefusedError",
    "ServerUrl",
    "StreamName",
    "StreamStats",
    "UnauthorizedError",
    "UnavailableError",
    "UnknownOutcomeError",
    "server_url",
]
