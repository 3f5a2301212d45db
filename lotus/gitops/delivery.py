"""Where a commit is on its way into Airbyte: pushed, fetched, applied; and what is in its way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lotus.config import from_stack_file
from lotus.errors import FaultsError, LotusError
from lotus.gitops.cluster import Cluster, Object
from lotus.gitops.manifests import DRIFT_FOUND, DRIFT_LABELS
from lotus.gitops.settings import GitOpsSettings, gitops_settings
from lotus.tools.git import Git
from lotus.untyped import as_mapping, as_mappings, is_mapping

GRACE_SECONDS = 60
"""How long an object may look wrong before it is called so: PKO writes a Stack's status before it makes the Update."""


class Phase(StrEnum):
    """Where the delivery stands."""

    ABSENT = "absent"
    SUSPENDED = "suspended"
    NOT_FETCHED = "not fetched"
    APPLYING = "applying"
    RETRYING = "retrying"
    STALLED = "stalled"
    STUCK = "stuck"
    APPLIED = "applied"


@dataclass(frozen=True)
class Commit:
    """A commit at one of its stations; `at` is when it got there, where that is known."""

    sha: str
    at: datetime | None = None


@dataclass(frozen=True)
class Stuck:
    """PKO waits for an Update that cannot end. `remedy` is what `lotus reconcile --unstick` does about it."""

    update: str
    why: str
    remedy: str
    gone: bool


@dataclass(frozen=True)
class DriftLook:
    """What the last finished drift job found; `found` is None when the check itself failed."""

    found: bool | None
    at: datetime | None
    job: str
    message: str


@dataclass(frozen=True)
class Delivery:
    """One Stack's way from git to Airbyte."""

    stack: str
    namespace: str
    phase: Phase
    pushed: Commit | None = None
    pushed_unknown: str = ""
    fetched: Commit | None = None
    fetch_error: str = ""
    attempted: Commit | None = None
    applied: Commit | None = None
    failures: int = 0
    reason: str = ""
    error: tuple[str, ...] = ()
    stuck: Stuck | None = None
    drift: DriftLook | None = None
    hints: tuple[str, ...] = ()
    next: str = ""


def load_settings(project: Path, stack: str = "gitops") -> GitOpsSettings:
    """The delivery's settings, as `Pulumi.<stack>.yaml` has them.

    Raises:
        ConfigError: there is no such file, or its `lotus:gitops` has faults.
    """
    stack_settings = from_stack_file(project, stack)
    if stack_settings.faults:
        raise FaultsError(stack_settings.faults)
    return gitops_settings(stack_settings.gitops, where=f"{stack_settings.file}: lotus:gitops")


def delivery(
    cluster: Cluster, settings: GitOpsSettings, project: Path | None = None, *, grace: float = GRACE_SECONDS
) -> Delivery:
    """Reads everything in the cluster that tells where the delivery stands; changes nothing.

    `project`, a git checkout, is asked for the commit that was pushed last.
    """
    pushed, unknown = pushed_commit(project, settings) if project else (None, "")
    stack = cluster.get("Stack", settings.stack_object)
    return describe(
        settings,
        repository=cluster.get("GitRepository", settings.name),
        stack=stack,
        update=_named_update(cluster, stack),
        workspace=cluster.get("Workspace", settings.stack_object) if stack else None,
        jobs=cluster.list("Job", **(DRIFT_LABELS | {"app.kubernetes.io/instance": settings.name})),
        pushed=pushed,
        pushed_unknown=unknown,
        grace=grace,
    )


def _named_update(cluster: Cluster, stack: Object | None) -> Object | None:
    name = dig(stack, "status", "currentUpdate", "name")
    return cluster.get("Update", name) if name else None


def pushed_commit(project: Path, settings: GitOpsSettings) -> tuple[Commit | None, str]:
    """The newest commit of the branch at the git host, or why that cannot be told from here."""
    reason = ""
    for remote in ("origin", settings.repository):
        try:
            return Commit(Git(project).remote_commit(remote, settings.branch)), ""
        except LotusError as error:
            reason = error.what
    return None, reason


def describe(
    settings: GitOpsSettings,
    *,
    repository: Object | None,
    stack: Object | None,
    update: Object | None = None,
    workspace: Object | None = None,
    jobs: Iterable[Object] = (),
    pushed: Commit | None = None,
    pushed_unknown: str = "",
    grace: float = GRACE_SECONDS,
) -> Delivery:
    """What the objects say, in one record; pure."""
    last = _last_update(stack)
    failed = last.get("state") == "failed"
    stuck = find_stuck(repository, stack, update, workspace, grace=grace)
    phase, reason, message = _phase(repository, stack, stuck)
    failed_here = failed and last.get("lastAttemptedCommit") == dig(repository, "status", "artifact", "revision")
    words = _words(phase, reason, message, str(last.get("message", "")) if failed_here else "", workspace)
    delivery = Delivery(
        stack=settings.stack_object,
        namespace=settings.namespace,
        phase=phase,
        pushed=pushed,
        pushed_unknown=pushed_unknown,
        fetched=_fetched(repository),
        fetch_error=_fetch_error(repository),
        attempted=_commit(last.get("lastAttemptedCommit"), last.get("lastResyncTime")),
        applied=_commit(last.get("lastSuccessfulCommit"), None if failed else last.get("lastResyncTime")),
        failures=int(last.get("failures", 0)),
        reason=reason,
        error=words,
        stuck=stuck,
        drift=drift_look(jobs),
        hints=_hints(settings, stack, words, grace),
    )
    return _with_next(delivery)


def _phase(repository: Object | None, stack: Object | None, stuck: Stuck | None) -> tuple[Phase, str, str]:
    if repository is None or stack is None:
        missing = "Stack" if repository else "GitRepository"
        return Phase.ABSENT, f"No{missing}", f"the cluster has no {missing} of this name"
    if dig(repository, "spec", "suspend"):
        return Phase.SUSPENDED, "Suspended", "the GitRepository is suspended: Flux fetches nothing"
    if stuck:
        return Phase.STUCK, "UpdateStuck", stuck.why
    return _phase_by_conditions(stack) or _phase_by_commit(repository, stack)


def _phase_by_conditions(stack: Object) -> tuple[Phase, str, str] | None:
    """What the Stack says itself; None where it neither stalls nor reconciles."""
    stalled, reconciling = condition(stack, "Stalled"), condition(stack, "Reconciling")
    if stalled.get("status") == "True":
        phase = Phase.NOT_FETCHED if stalled["reason"] == "SourceUnavailable" else Phase.STALLED
        return phase, stalled["reason"], str(stalled.get("message", ""))
    if reconciling.get("status") == "True":
        failing = reconciling["reason"] in ("RetryingAfterFailure", "PreviewFailed")
        phase = Phase.RETRYING if failing else Phase.APPLYING
        return phase, reconciling["reason"], str(reconciling.get("message", ""))
    return None


def _phase_by_commit(repository: Object, stack: Object) -> tuple[Phase, str, str]:
    fetched = _fetched(repository)
    if fetched is None:
        return Phase.NOT_FETCHED, "NoArtifact", _fetch_error(repository) or "Flux has not fetched anything yet"
    ready = condition(stack, "Ready")
    if ready.get("status") == "True" and _revision(_last_update(stack).get("lastSuccessfulCommit")) == fetched.sha:
        return Phase.APPLIED, str(ready.get("reason", "")), ""
    return Phase.APPLYING, "NewCommit", "the operator has not started on the fetched commit yet"


def find_stuck(
    repository: Object | None,
    stack: Object | None,
    update: Object | None,
    workspace: Object | None,
    *,
    grace: float = GRACE_SECONDS,
) -> Stuck | None:
    """An Update for which PKO waits permanently (docs/pulumi-behaviour.md#waiting-updates)."""
    name = str(dig(stack, "status", "currentUpdate", "name") or "")
    if not name:
        return None
    if update is None:
        if _age(condition(stack, "Reconciling").get("lastTransitionTime")) < grace:
            return None
        return Stuck(name, f"the Stack waits for the Update {name}, which no longer exists", "forget that Update", True)
    waits = condition(update, "Progressing").get("reason") in ("WorkspaceNotReady", "WorkspaceNotFound")
    reason = _workspace_never_ready(repository, workspace) if waits else ""
    if not reason or condition(update, "Complete").get("status") == "True":
        return None
    return Stuck(name, f"the Update {name} waits for its workspace, and {reason}", "end that Update as failed", False)


def _workspace_never_ready(repository: Object | None, workspace: Object | None) -> str:
    if workspace is None:
        return "that does not exist"
    stalled = condition(workspace, "Stalled")
    if stalled.get("status") == "True":
        return f"that is stalled ({stalled.get('reason', '')}): the operator renews it only when the Update has ended"
    expected, served = dig(workspace, "spec", "flux", "url"), dig(repository, "status", "artifact", "url")
    if condition(workspace, "Ready").get("status") != "True" and expected and served and expected != served:
        return "that asks for an older commit's archive, which Flux no longer has"
    return ""


def drift_look(jobs: Iterable[Object]) -> DriftLook | None:
    """What the newest finished drift job found."""
    finished: list[tuple[datetime, DriftLook]] = []
    for job in jobs:
        for kind in ("Complete", "Failed"):
            end = condition(job, kind)
            if end.get("status") != "True":
                continue
            at = moment(end.get("lastTransitionTime")) or datetime.min.replace(tzinfo=UTC)
            message = str(end.get("message", ""))
            drifted: bool | None = False
            if kind == "Failed":
                drifted = True if f"exit code {DRIFT_FOUND} " in f"{message} " else None
            finished.append((at, DriftLook(drifted, at, str(dig(job, "metadata", "name")), message)))
    return max(finished, key=lambda look: look[0])[1] if finished else None


def failing_words(message: str) -> tuple[str, ...]:
    """The errors in what PKO keeps of a failed apply (docs/pulumi-behaviour.md#messages-of-a-failed-apply).

    Each is one error with its continuation lines; what only says that something failed is left out if more is there.
    """
    text = message.rpartition("\nstderr: ")[2] if "\nstderr: " in message else message
    blocks = (re.sub(r"^Exception calling application: ", "", block) for block in _error_blocks(text) if block)
    errors = list(dict.fromkeys(blocks))
    telling = [block for block in errors if not re.match(r"(update|preview|refresh) failed|an unhandled error", block)]
    if telling or errors:
        return tuple(telling or errors)
    return (text.strip(),) if text.strip() else ()


def _error_blocks(text: str) -> list[str]:
    """Each error of pulumi's output with its continuation lines."""
    blocks: list[str] = []
    for line in re.sub(r"(?<=\d)error: ", "\nerror: ", text).splitlines():
        if line.startswith("error: "):
            blocks.append(line.removeprefix("error: "))
        elif re.match(r"(warning|info|debug): ", line):
            blocks.append("")
        elif blocks and blocks[-1] and line.strip():
            blocks[-1] += f"\n{line.rstrip()}"
    return blocks


def _words(
    phase: Phase, reason: str, condition_message: str, last_message: str, workspace: Object | None
) -> tuple[str, ...]:
    if last_message and (phase in (Phase.APPLYING, Phase.RETRYING) or reason == "UpdateFailed"):
        return failing_words(last_message)
    if phase in (Phase.APPLIED, Phase.APPLYING):
        return ()
    stalled = condition(workspace, "Stalled")
    if phase is Phase.STUCK and stalled.get("message"):
        return (condition_message, *_last_lines(str(stalled["message"])))
    return _last_lines(condition_message)


def _last_lines(text: str, count: int = 12) -> tuple[str, ...]:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return ("\n".join(lines[-count:]),) if lines else ()


def _hints(settings: GitOpsSettings, stack: Object | None, words: Iterable[str], grace: float) -> tuple[str, ...]:
    hints: list[str] = []
    text = "\n".join(words)
    if lock := re.search(r"locked by \d+ lock.*?created by \S+?@(\S+)", text, re.DOTALL):
        pod = f"{settings.stack_object}-workspace-0"
        if lock[1] == pod:
            hints.append(
                f"the lock is this workspace's own, left by a killed apply: "
                f"kubectl delete pod {pod} -n {settings.namespace} (the new pod removes it), then lotus reconcile"
            )
        else:
            hints.append(
                f"the lock belongs to {lock[1]}: run lotus state unlock there; "
                "it frees the lock if its process has ended"
            )
    if re.search(r"S3: (PutObject|DeleteObject).*AccessDenied", text, re.DOTALL):
        hints.append(
            f"the operator's keys for the state can only read: put the writer's keys into the Secret "
            f"{settings.secrets.writer} (lotus state check tries keys)"
        )
    if re.search(r"InvalidAccessKeyId|SignatureDoesNotMatch", text):
        hints.append(
            "the state's bucket does not know the operator's keys: if they were rotated, put the new ones into the "
            f"Secret {settings.secrets.writer}"
        )
    generation, seen = dig(stack, "metadata", "generation"), dig(stack, "status", "observedGeneration")
    if stack and generation != seen and _age(dig(stack, "metadata", "creationTimestamp")) > grace:
        hints.append(
            f"the operator has not processed the Stack's last change: check that it runs: "
            f"kubectl get pods -n {settings.operator_namespace}"
        )
    return tuple(hints)


def _with_next(delivery: Delivery) -> Delivery:
    ahead = delivery.pushed and delivery.fetched and delivery.pushed.sha != delivery.fetched.sha
    steps = {
        Phase.ABSENT: "pulumi up --stack gitops (or: lotus gitops render | kubectl apply --server-side -f -)",
        Phase.SUSPENDED: f"flux resume source git {delivery.stack.rpartition('-')[0]} -n {delivery.namespace}",
        Phase.NOT_FETCHED: "fix what Flux reports, then: lotus reconcile --wait",
        Phase.APPLYING: "lotus reconcile --wait follows it",
        Phase.RETRYING: "fix the cause and push, then: lotus reconcile --wait",
        Phase.STALLED: "fix the cause and push, then: lotus reconcile --wait (a push alone gets one try)",
        Phase.STUCK: "lotus reconcile --unstick --wait",
        Phase.APPLIED: "lotus reconcile --wait" if ahead else "",
    }
    return replace(delivery, next=steps[delivery.phase])


def condition(resource: Object | None, kind: str) -> dict[str, Any]:
    """The condition of that type; empty where there is none."""
    for entry in as_mappings(dig(resource, "status", "conditions")):
        if entry.get("type") == kind:
            return entry
    return {}


def dig(value: Any, *path: str) -> Any:
    """The value at `path`, or None where a step is missing."""
    for key in path:
        if not is_mapping(value):
            return None
        value = value.get(key)
    return value


def moment(text: Any) -> datetime | None:
    """Kubernetes' time stamps, always UTC."""
    return datetime.fromisoformat(str(text)) if text else None


def _age(text: Any) -> float:
    """Seconds since a time stamp; without one, infinite."""
    at = moment(text)
    return (datetime.now(UTC) - at).total_seconds() if at else float("inf")


def _last_update(stack: Object | None) -> Mapping[str, Any]:
    return as_mapping(dig(stack, "status", "lastUpdate"))


def _revision(text: Any) -> str:
    """The commit in Flux's revision, "main@sha1:f00…"."""
    return str(text or "").rpartition(":")[2]


def _commit(revision: Any, at: Any) -> Commit | None:
    return Commit(_revision(revision), moment(at)) if revision else None


def _fetched(repository: Object | None) -> Commit | None:
    artifact = dig(repository, "status", "artifact") or {}
    return _commit(artifact.get("revision"), artifact.get("lastUpdateTime"))


def _fetch_error(repository: Object | None) -> str:
    ready = condition(repository, "Ready")
    return str(ready.get("message", "")) if ready.get("status") == "False" else ""
