"""Jobs: the queue, and one worker process for each running sync."""

from __future__ import annotations

from lotus.embedded.jobs.errors import ConnectionInactiveError, JobNotFoundError, JobNotRunningError, JobRunningError
from lotus.embedded.jobs.jobs import ConfigType, Jobs, RefreshMode, StreamKey

__all__ = [
    "ConfigType",
    "ConnectionInactiveError",
    "JobNotFoundError",
    "JobNotRunningError",
    "JobRunningError",
    "Jobs",
    "RefreshMode",
    "StreamKey",
]
