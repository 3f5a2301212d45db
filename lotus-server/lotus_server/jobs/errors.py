"""Why a job is refused.

JobError
├── JobRunningError           409 try-again-later: one running job a connection
├── ConnectionInactiveError   409 state-conflict
├── JobNotRunningError        409: cancel of a job that has ended
└── JobNotFoundError          404
"""

from __future__ import annotations

from collections.abc import Sequence


class JobError(Exception):
    """A job cannot be submitted or cancelled."""


class JobRunningError(JobError):
    """The connection has a job that is pending or running."""

    def __init__(self, connection_id: str, job_id: int) -> None:
        super().__init__(f"A sync is already running for: {connection_id}")
        self.connection_id = connection_id
        self.job_id = job_id


class ConnectionInactiveError(JobError):
    """The connection is not active."""

    def __init__(self, connection_id: str, status: str) -> None:
        super().__init__(f"The connection {connection_id} is {status}, not active")
        self.connection_id = connection_id
        self.status = status


class JobNotRunningError(JobError):
    """The job has ended, so there is nothing to cancel."""

    def __init__(self, job_id: int) -> None:
        super().__init__("Job is not currently running")
        self.job_id = job_id


class JobNotFoundError(JobError):
    """There is no such job (or no such connection)."""


class ConfigurationRefusedError(Exception):
    """A connector's spec refuses the configuration of its source."""

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        super().__init__(
            f'The configuration of source "{name}" does not fulfill the specification. Errors: {", ".join(faults)}'
        )


class SchemaChangedError(Exception):
    """What the source offers changed so that the connection was made inactive; the text says what and why."""
