"""Drift that a job in the cluster found, as a Kubernetes Event on the Stack: `kubectl describe stack` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lotus.drift.report import summary
from lotus.drift.scan import Drift
from lotus.errors import LotusError

_LIMIT = 1024
"""Characters that the API server takes as an event's message."""


def record(project: Path, drift: Drift, environment: Mapping[str, str]) -> str:
    """Records an Event for drift, and returns a line about it; empty where there is nothing to record.

    Only inside a cluster, and only for the stack that the operator applies by `Pulumi.gitops.yaml`. If the cluster
    refuses, the line says so; the drift that was found stays the same.
    """
    if not drift.lines or not environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    from lotus.gitops.cluster import Cluster
    from lotus.gitops.delivery import load_settings

    try:
        settings = load_settings(project)
        if settings.stack != drift.stack:
            return ""
        lines = [summary(drift), *(line.text for line in drift.lines)]
        message = "\n".join(lines)
        if len(message) > _LIMIT:
            message = message[: _LIMIT - 1] + "…"
        with Cluster(settings.namespace) as cluster:
            cluster.warn("Stack", settings.stack_object, reason="DriftFound", message=message)
    except LotusError as error:
        return f"no event was recorded in the cluster: {error.what}"
    return f"event: Stack {settings.namespace}/{settings.stack_object} DriftFound"
