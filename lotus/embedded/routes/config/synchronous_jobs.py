"""What the config API says beside the answer of a spec, check or discover: SynchronousJobRead."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from lotus.embedded.store import now

What = Literal["get_spec", "check_connection_source", "check_connection_destination", "discover_schema"]


def shown(what: What, *, config_id: str, started: int, failure: str | None = None) -> dict[str, Any]:
    """The job that was done while the client waited; ``started`` in epoch milliseconds."""
    job: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "configType": what,
        "configId": config_id,
        "createdAt": started // 1000,
        "endedAt": now() // 1000,
        "succeeded": failure is None,
        "connectorConfigurationUpdated": False,
        "logType": "formatted",
        "logs": {"logLines": []},
    }
    if failure is not None:
        job["failureReason"] = {
            "failureOrigin": "destination" if what == "check_connection_destination" else "source",
            "failureType": "config_error",
            "externalMessage": failure,
            "retryable": False,
            "timestamp": now(),
        }
    return job
