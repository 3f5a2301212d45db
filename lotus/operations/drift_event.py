"""Drift that a job in the cluster found, as a Kubernetes Event on the Stack: `kubectl describe stack` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lotus.errors import LotusError
from lotus.operations.drift import Drift
from lotus.operations.drift_report import counted

_LIMIT = 1024
"""Characters that the API server takes as an event's message."""


def record(project: Path, drift: Drift, environment: Mapping[str, str]) -> str:
    """Records an Event for drift that was found, and says what became of it; empty where there is nothing to record.

    Only inside of a cluster, and only for the stack that `Pulumi.gitops.yaml` has the operator apply. A cluster that
    refuses is said, and changes nothing about the answer of the look.
    """
    if not drift.lines or not environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    from lotus.gitops.cluster import Cluster
    from lotus.operations.status import load_settings

    try:
        settings = load_settings(project)
        if settings.stack != drift.stack:
            return ""
        lines = [counted(drift), *(line.text for line in drift.lines)]
        message = "\n".join(lines)
        if len(message) > _LIMIT:
            message = message[: _LIMIT - 1] + "…"
        with Cluster(settings.namespace) as cluster:
            cluster.warn("Stack", settings.stack_object, reason="DriftFound", message=message)
    except LotusError as error:
        return f"no event in the cluster: {error.what}"
    return f"event: Stack {settings.namespace}/{settings.stack_object} DriftFound"
