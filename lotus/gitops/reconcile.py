"""Makes the cluster fetch and apply now, follows it, and gets it going again where it stands still."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lotus.errors import RemoteError, UnavailableError
from lotus.gitops.cluster import Cluster, Object
from lotus.gitops.delivery import GRACE_SECONDS, Delivery, Phase, Stuck, condition, delivery, dig, find_stuck
from lotus.gitops.settings import GitOpsSettings

FETCH_REQUEST = "reconcile.fluxcd.io/requestedAt"
APPLY_REQUEST = "pulumi.com/reconciliation-request"
FETCH_SECONDS = 60.0
"""Flux answers in 0-4 s when the git host does; its own limit is 60 s (docs/pulumi-behaviour.md#fetch-requests)."""
POLL_SECONDS = 1.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Reconciled:
    """What was asked of the cluster, and where the delivery stood when the following ended."""

    delivery: Delivery
    asked: tuple[str, ...]
    seconds: float
    timed_out: bool = False

    @property
    def applied(self) -> bool:
        """Whether the fetched commit is in Airbyte."""
        return self.delivery.phase is Phase.APPLIED


def reconcile(
    cluster: Cluster,
    settings: GitOpsSettings,
    *,
    say: Say,
    wait: bool = False,
    unstick: bool = False,
    seconds: float = 1800,
    fetch_seconds: float = FETCH_SECONDS,
    grace: float = GRACE_SECONDS,
) -> Reconciled:
    """Asks Flux to fetch and PKO to apply, whatever state they are in.

    With `wait`, follows until the commit is applied or an apply of it has failed. With `unstick`, first ends an Update
    that PKO would wait for permanently.

    Raises:
        RemoteError: the Stack is stuck and `unstick` was not said; the GitRepository or the Stack does not exist.
        UnavailableError: Flux does not answer the request.
    """
    started = time.monotonic()
    token = datetime.now(UTC).isoformat()
    requests: list[str] = []
    _unstick_first(cluster, settings, unstick, requests, say, grace)
    before = _required(cluster, "Stack", settings.stack_object)
    repository = _fetch(cluster, settings, token, say, fetch_seconds)
    requests.append("fetch")
    if _renew_workspace(cluster, settings, repository, say, fetch_seconds if wait else 0):
        requests.append("new pod")
    revision = str(dig(repository, "status", "artifact", "revision") or "")
    if "unstick" in requests or needs_request(before, revision):
        cluster.annotate("Stack", settings.stack_object, {APPLY_REQUEST: token})
        requests.append("apply")
        say("asked the operator to apply")
    else:
        token = ""
        say("the operator starts by itself: the commit is new")
    timed_out = False
    if wait:
        timed_out = not _follow(cluster, settings, revision, token, before, started + seconds, say, grace)
    return Reconciled(delivery(cluster, settings, grace=grace), tuple(requests), time.monotonic() - started, timed_out)


def needs_request(stack: Object, revision: str) -> bool:
    """Whether PKO needs its own request to run `revision`, besides the fetch.

    It starts by itself for a revision that it never tried, but with the failure count of the one before: after three
    strikes a new commit gets one try. A request counts from nought again. It is also what runs the same revision again
    (docs/pulumi-behaviour.md#retries-of-a-stack).
    """
    last = dig(stack, "status", "lastUpdate") or {}
    if not last:
        return False
    tried = {last.get("lastAttemptedCommit"), last.get("lastSuccessfulCommit")}
    stalled = condition(stack, "Stalled").get("status") == "True"
    return stalled or last.get("state") == "failed" or revision in tried


def _unstick_first(
    cluster: Cluster, settings: GitOpsSettings, allowed: bool, requests: list[str], say: Say, grace: float
) -> None:
    stuck = _stuck(cluster, settings, grace)
    if stuck is None:
        return
    if not allowed:
        raise RemoteError(
            stuck.why,
            where=f"Stack {settings.namespace}/{settings.stack_object}",
            fix=f"lotus reconcile --unstick ({stuck.remedy}; then the commit is applied again)",
        )
    say(stuck.why)
    release(cluster, settings, stuck)
    requests.append("unstick")
    say(f"done: {stuck.remedy}")


def _renew_workspace(cluster: Cluster, settings: GitOpsSettings, repository: Object, say: Say, seconds: float) -> bool:
    """Deletes the pod of a workspace whose installation failed, where no new commit does so.

    The operator installs once per pod (docs/pulumi-behaviour.md#installation-of-a-workspace): a request alone finds the
    workspace stalled and stalls the Stack again. Waits up
    to `seconds` until the operator has begun with the new pod, so that the old stall is not taken for its answer.
    """
    workspace = cluster.get("Workspace", settings.stack_object)
    old = condition(workspace, "Stalled")
    same = dig(workspace, "spec", "flux", "url") == dig(repository, "status", "artifact", "url")
    if old.get("status") != "True" or not same:
        return False
    cluster.delete("Pod", f"{settings.stack_object}-workspace-0")
    say("the workspace's installation had failed: asked for a new pod")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition(cluster.get("Workspace", settings.stack_object), "Stalled") != old:
            break
        time.sleep(POLL_SECONDS)
    return True


def _stuck(cluster: Cluster, settings: GitOpsSettings, grace: float) -> Stuck | None:
    stack = cluster.get("Stack", settings.stack_object)
    name = dig(stack, "status", "currentUpdate", "name")
    if not name:
        return None
    return find_stuck(
        cluster.get("GitRepository", settings.name),
        stack,
        cluster.get("Update", name),
        cluster.get("Workspace", settings.stack_object),
        grace=grace,
    )


def release(cluster: Cluster, settings: GitOpsSettings, stuck: Stuck) -> None:
    """Ends what PKO waits for. Nothing ran in that Update, so nothing of Airbyte is touched."""
    if stuck.gone:
        cluster.patch_status("Stack", settings.stack_object, {"currentUpdate": None})
        return
    update = _required(cluster, "Update", stuck.update)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = "ended by lotus reconcile --unstick: its workspace never became ready"
    ends = {"Complete": "True", "Failed": "True", "Progressing": "False"}
    conditions = [
        {"type": kind, "status": value, "reason": "Aborted", "message": message, "lastTransitionTime": now}
        for kind, value in ends.items()
    ]
    generation = dig(update, "metadata", "generation")
    cluster.patch_status(
        "Update", stuck.update, {"conditions": conditions, "observedGeneration": generation, "message": message}
    )


def _fetch(cluster: Cluster, settings: GitOpsSettings, token: str, say: Say, seconds: float) -> Object:
    """Flux's answer to a request: the GitRepository once it has dealt with it."""
    repository = _required(cluster, "GitRepository", settings.name)
    if dig(repository, "spec", "suspend"):
        raise RemoteError(
            "the GitRepository is suspended: Flux fetches nothing",
            where=f"GitRepository {settings.namespace}/{settings.name}",
            fix=f"flux resume source git {settings.name} -n {settings.namespace}",
        )
    cluster.annotate("GitRepository", settings.name, {FETCH_REQUEST: token})
    say("asked Flux to fetch")
    until = time.monotonic() + seconds
    while True:
        repository = _required(cluster, "GitRepository", settings.name)
        ready = condition(repository, "Ready")
        if dig(repository, "status", "lastHandledReconcileAt") == token and ready.get("status") != "Unknown":
            break
        if time.monotonic() > until:
            raise UnavailableError(
                f"Flux did not answer within {seconds:.0f} s: {ready.get('message') or 'no message'}",
                where=f"GitRepository {settings.namespace}/{settings.name}",
                fix=f"check that source-controller runs: kubectl get pods -n {settings.flux_namespace}",
            )
        time.sleep(POLL_SECONDS)
    if ready.get("status") == "False":
        raise RemoteError(
            f"Flux cannot fetch: {ready.get('message', '')}",
            where=f"{settings.repository}, branch {settings.branch}",
            fix="fix the address, the branch, or the Secret of the setting secrets.git, then run lotus reconcile again",
        )
    say(f"fetched: {dig(repository, 'status', 'artifact', 'revision')}")
    return repository


def _follow(
    cluster: Cluster,
    settings: GitOpsSettings,
    revision: str,
    token: str,
    before: Object,
    until: float,
    say: Say,
    grace: float,
) -> bool:
    """Waits for the end of an apply of `revision`; False when the time is over first. Says each new state once."""
    last_state = ""
    while True:
        stack = _required(cluster, "Stack", settings.stack_object)
        state = _state(stack)
        if state != last_state:
            say(state)
            last_state = state
        if _ended(stack, revision, token, before) or _stuck(cluster, settings, grace):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)


def _state(stack: Object) -> str:
    for kind in ("Stalled", "Reconciling", "Ready"):
        entry = condition(stack, kind)
        if entry.get("status") == "True":
            return f"operator: {entry.get('reason')}: {str(entry.get('message', '')).partition(chr(10))[0]}"
    return "operator: no status yet"


def _ended(stack: Object, revision: str, token: str, before: Object) -> bool:
    last = dig(stack, "status", "lastUpdate") or {}
    fresh = last.get("reconcileRequest") == token if token else last.get("name") != _last_name(before)
    if fresh and last.get("lastAttemptedCommit") == revision and not dig(stack, "status", "currentUpdate"):
        return True
    # Stalls that come before any Update: no artifact, a bad spec, a workspace that cannot be made ready.
    stalled = condition(stack, "Stalled")
    if stalled.get("status") != "True" or stalled.get("reason") == "UpdateFailed":
        return False
    old = condition(before, "Stalled")
    seen = dig(stack, "status", "observedReconcileRequest") == token if token else True
    return seen and (not old or stalled.get("lastTransitionTime") != old.get("lastTransitionTime"))


def _last_name(stack: Object) -> str:
    return str(dig(stack, "status", "lastUpdate", "name") or "")


def _required(cluster: Cluster, kind: str, name: str) -> Object:
    resource = cluster.get(kind, name)
    if resource is None:
        raise RemoteError(
            f'there is no {kind} "{name}"',
            where=f"namespace {cluster.namespace} of {cluster.server}",
            fix="pulumi up --stack gitops (or: lotus gitops render | kubectl apply --server-side -f -)",
        )
    return resource
