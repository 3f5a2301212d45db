"""One async client for Airbyte's public API and for the parts of its config API that the public one lacks."""

from .client import Airbyte, CheckResult, ConnectorType, Object, StreamName
from .errors import (
    AirbyteError,
    AnswerError,
    ConflictError,
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
    "Airbyte",
    "AirbyteError",
    "AnswerError",
    "Attempt",
    "CheckResult",
    "ConflictError",
    "ConnectorType",
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
