"""The job in the config API's answer to a spec, check or discover: SynchronousJobRead."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Literal

from lotus_server.store import now

JobType = Literal["get_spec", "check_connection_source", "check_connection_destination", "discover_schema"]


def synchronous_job(
    job_type: JobType, *, config_id: str, started: int, failure: str | None = None, log: Sequence[str] = ()
) -> dict[str, Any]:
    """The job that was done while the client waited; ``started`` in epoch milliseconds."""
    job: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "configType": job_type,
        "configId": config_id,
        "createdAt": started // 1000,
        "endedAt": now() // 1000,
        "succeeded": failure is None,
        "connectorConfigurationUpdated": False,
        "logType": "formatted",
        "logs": {"logLines": list(log)},
    }
    if failure is not None:
        job["failureReason"] = {
            "failureOrigin": "destination" if job_type == "check_connection_destination" else "source",
            "failureType": "config_error",
            "externalMessage": failure,
            "retryable": False,
            "timestamp": now(),
        }
    return job
