"""What PKO 2.9 writes into a Stack, a Workspace and Updates, played against a real API server.

No package registry has the operator, so it cannot run here. This follows `stack_controller.go` of commit 475dbc6 step
by step (isSynced, markStackFailed, markStackSucceeded, markStackResult, saveStatus by server-side apply), with two
differences: what `pulumi up` would say comes from the test, and waiting times are shorter. It keeps what shaped lotus:
the failure count that only a success, a new generation or a new request resets, three strikes, and an Update that is
waited for whatever happens to its workspace.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lotus.gitops.settings import GitOpsSettings
from tests.gitops.control_plane import ControlPlane

Outcome = Callable[[str], str | None]
STRIKES = 3
BACKOFF_SECONDS = 2.0  # PKO: 10 s, then three times as long each time; its time stamps have whole seconds
MANAGER = "pulumi-kubernetes-operator/stack-status"


def stamp() -> str:
    """Now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def set_condition(conditions: list[dict[str, Any]], kind: str, status: str, reason: str, message: str) -> None:
    """As apimeta.SetStatusCondition: the time changes with the status only."""
    old = next((one for one in conditions if one["type"] == kind), None)
    at = old["lastTransitionTime"] if old and old["status"] == status else stamp()
    new = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}
    conditions[:] = [one for one in conditions if one["type"] != kind] + [new]


def mark_reconciling(status: dict[str, Any], reason: str, message: str) -> None:
    """MarkReconcilingCondition."""
    conditions = status.setdefault("conditions", [])
    conditions[:] = [one for one in conditions if one["type"] != "Stalled"]
    set_condition(conditions, "Ready", "False", "NotReadyInProgress", "reconciliation is in progress")
    set_condition(conditions, "Reconciling", "True", reason, message)


def mark_stalled(status: dict[str, Any], reason: str, message: str) -> None:
    """MarkStalledCondition."""
    conditions = status.setdefault("conditions", [])
    conditions[:] = [one for one in conditions if one["type"] != "Reconciling"]
    set_condition(conditions, "Ready", "False", "NotReadyStalled", "reconciliation is stalled")
    set_condition(conditions, "Stalled", "True", reason, message)


def mark_ready(status: dict[str, Any]) -> None:
    """MarkReadyCondition."""
    conditions = status.setdefault("conditions", [])
    conditions[:] = [one for one in conditions if one["type"] == "Ready"]
    set_condition(conditions, "Ready", "True", "ProcessingCompleted", "the stack has been processed and is up to date")


def mark_result(status: dict[str, Any]) -> None:
    """markStackResult."""
    last = status["lastUpdate"]
    if last["state"] == "succeeded":
        mark_ready(status)
    elif last.get("failures", 0) >= STRIKES:
        words = f"{last['type']} failed {last['failures']} times; not retrying until the spec or source changes"
        mark_stalled(status, "UpdateFailed", words)
    else:
        mark_reconciling(status, "RetryingAfterFailure", f"{last.get('failures', 0)} update failure(s)")


@dataclass
class Operator:
    """One Stack's controller. `outcome(revision)` is the error that `pulumi up` would end with, or None."""

    api: ControlPlane
    settings: GitOpsSettings
    outcome: Outcome = lambda _revision: None
    installation: Outcome = lambda _revision: None
    interrupted: bool = False
    count: int = field(default=0)
    installed: str = field(default="")

    def object(self, api_version: str, kind: str, name: str) -> dict[str, Any]:
        """The head of a manifest in the delivery's namespace."""
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": self.settings.namespace},
        }

    @property
    def stack(self) -> dict[str, Any]:
        """The Stack's head."""
        return self.object("pulumi.com/v1", "Stack", self.settings.stack_object)

    @property
    def workspace(self) -> dict[str, Any]:
        """The Workspace's head: it is called like the Stack."""
        return self.object("auto.pulumi.com/v1alpha1", "Workspace", self.settings.stack_object)

    def update(self, name: str) -> dict[str, Any]:
        """An Update's head."""
        return self.object("auto.pulumi.com/v1alpha1", "Update", name)

    def save(self, head: dict[str, Any], status: dict[str, Any], manager: str = MANAGER) -> None:
        """saveStatus: what is not in `status` any more is removed, as PKO owns those fields."""
        self.api.apply({**head, "status": status}, manager=manager, subresource="status")

    def reconcile(self) -> None:
        """One pass of StackReconciler.Reconcile."""
        stack = self.api.get(self.stack)
        if stack is None:
            return
        status = copy.deepcopy(stack.get("status") or {})
        request = stack["metadata"].get("annotations", {}).get("pulumi.com/reconciliation-request", "")
        generation = stack["metadata"]["generation"]
        status |= {"observedGeneration": generation, "observedReconcileRequest": request}
        if not self._absorb(status):
            self.save(self.stack, status)
            return
        repository = self.object("source.toolkit.fluxcd.io/v1", "GitRepository", self.settings.name)
        artifact = ((self.api.get(repository) or {}).get("status") or {}).get("artifact")
        if not artifact:
            mark_stalled(status, "SourceUnavailable", "Flux source has no artifact")
            self.save(self.stack, status)
            return
        if self._synced(status, generation, request, artifact["revision"]):
            mark_result(status)
            self.save(self.stack, status)
            return
        mark_reconciling(status, "StackProcessing", "waiting for workspace readiness")
        self.save(self.stack, status)
        if words := self._workspace_fault(artifact):
            mark_stalled(status, "WorkspaceFailed", f"InstallationFailed: {words}")
            self.save(self.stack, status)
            return
        self.count += 1
        name = f"{self.settings.stack_object}-{self.count:x}"
        status["currentUpdate"] = {
            "generation": generation,
            "reconcileRequest": request,
            "name": name,
            "commit": artifact["revision"],
        }
        mark_reconciling(status, "StackProcessing", "stack is being processed")
        self.save(self.stack, status)
        spec = {"workspaceName": self.settings.stack_object, "stackName": self.settings.stack, "type": "up"}
        self.api.apply({**self.update(name), "spec": spec})
        if self.interrupted:
            self.workspace_not_ready(name)
        else:
            self.run(name, artifact["revision"])

    @property
    def pod(self) -> dict[str, Any]:
        """The workspace's only pod."""
        return self.object("v1", "Pod", f"{self.settings.stack_object}-workspace-0")

    def _workspace_fault(self, artifact: dict[str, Any]) -> str:
        """The workspace controller: a new pod for a new source; `pulumi install` once per pod, whatever it said."""
        flux = {"url": artifact["url"], "digest": artifact["digest"]}
        before = (self.api.get(self.workspace) or {}).get("spec", {}).get("flux")
        self.api.apply({**self.workspace, "spec": {"flux": flux}})
        pod = self.api.get(self.pod)
        if pod and before != flux:
            self.api.delete(self.pod)
            pod = None
        if pod is None:
            self.api.apply(self.object("v1", "ServiceAccount", self.settings.name))
            containers = [{"name": "pulumi", "image": self.settings.image}]
            spec = {"serviceAccountName": self.settings.name, "containers": containers}
            self.api.apply({**self.pod, "spec": spec})
            self.installed = ""
            if words := self.installation(artifact["revision"]):
                self.stall_workspace(words)
            else:
                conditions: list[dict[str, Any]] = []
                set_condition(conditions, "Ready", "True", "Succeeded", "")
                self.save(self.workspace, {"conditions": conditions, "observedGeneration": 1}, "workspace-status")
        return self.installed

    def _absorb(self, status: dict[str, Any]) -> bool:
        """The outstanding update, if there is one, into the status; False while it is to be waited for."""
        current = status.get("currentUpdate")
        if not current:
            return True
        update = self.api.get(self.update(current["name"]))
        found = {one["type"]: one["status"] for one in ((update or {}).get("status") or {}).get("conditions", ())}
        if found.get("Complete") != "True":
            mark_reconciling(status, "StackProcessing", "stack is being processed")
            return False
        assert update
        last = status.get("lastUpdate") or {}
        failed = found.get("Failed") == "True"
        new = {
            "generation": current["generation"],
            "reconcileRequest": current.get("reconcileRequest", ""),
            "name": current["name"],
            "type": "up",
            "state": "failed" if failed else "succeeded",
            "lastAttemptedCommit": current["commit"],
            "lastSuccessfulCommit": last.get("lastSuccessfulCommit", "") if failed else current["commit"],
            "lastResyncTime": stamp(),
            "failures": 0,
        }
        if failed:
            new["message"] = update["status"].get("message", "")
            same = all(last.get(key, "") == new[key] for key in ("generation", "reconcileRequest"))
            new["failures"] = last.get("failures", 0) + 1 if last and same else 0
        status["lastUpdate"] = {key: value for key, value in new.items() if value != ""}
        del status["currentUpdate"]
        return True

    def _synced(self, status: dict[str, Any], generation: int, request: str, revision: str) -> bool:
        last = status.get("lastUpdate")
        if not last or last["generation"] != generation or last.get("reconcileRequest", "") != request:
            return False
        if last["state"] == "succeeded":
            return last["lastSuccessfulCommit"] == revision
        if last["lastAttemptedCommit"] != revision:
            return False
        since = datetime.now(UTC) - datetime.fromisoformat(last["lastResyncTime"])
        return last.get("failures", 0) >= STRIKES or since.total_seconds() < BACKOFF_SECONDS

    def run(self, name: str, revision: str) -> None:
        """What the update controller writes when `pulumi up` has ended."""
        words = self.outcome(revision)
        conditions: list[dict[str, Any]] = []
        set_condition(conditions, "Progressing", "False", "Complete", "")
        set_condition(conditions, "Complete", "True", "Updated", "")
        if words is None:
            set_condition(conditions, "Failed", "False", "UpdateSucceeded", "")
        else:
            set_condition(conditions, "Failed", "True", "Unknown", "")
        ended = {"conditions": conditions, "observedGeneration": 1, "message": words or ""}
        self.save(self.update(name), ended, "pulumi-kubernetes-operator/update-status")

    def workspace_not_ready(self, name: str) -> None:
        """What the update controller writes when the pod is being replaced as the Update begins."""
        conditions: list[dict[str, Any]] = []
        set_condition(conditions, "Progressing", "False", "WorkspaceNotReady", "")
        set_condition(conditions, "Failed", "False", "Progressing", "")
        set_condition(conditions, "Complete", "False", "Progressing", "")
        waits = {"conditions": conditions, "observedGeneration": 1}
        self.save(self.update(name), waits, "pulumi-kubernetes-operator/update-status")

    def stall_workspace(self, words: str) -> None:
        """What the workspace controller writes when `pulumi install` failed."""
        self.installed = words
        conditions: list[dict[str, Any]] = []
        set_condition(conditions, "Ready", "False", "InstallationFailed", words)
        set_condition(conditions, "Stalled", "True", "InstallationFailed", words)
        self.save(self.workspace, {"conditions": conditions, "observedGeneration": 1}, "workspace-status")

    @contextmanager
    def working(self) -> Generator[None]:
        """The controller's loop, beside the test."""
        stop = threading.Event()

        def loop() -> None:
            while not stop.is_set():
                self.reconcile()
                time.sleep(0.1)

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
