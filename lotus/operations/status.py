"""Where a commit is on its way into Airbyte: pushed, fetched, applied; and what is in its way."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lotus.config import from_stack_file
from lotus.errors import ConfigError, LotusError
from lotus.gitops.cluster import Cluster, Object
from lotus.gitops.manifests import DRIFT_FOUND, DRIFT_LABELS
from lotus.gitops.settings import GitOpsSettings, gitops_settings

if TYPE_CHECKING:
    from pulumi_airbyte.provider.guard import BrokenGlass

    from lotus.operations.backfill import Receipt

GRACE_SECONDS = 60
"""How long an object may look wrong before it is called so: PKO writes a Stack's status before it makes the Update."""

GLASS_DAYS = 30
"""How long a broken glass is shown."""


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
    """What the last finished drift job found; `found` is None when the look itself failed."""

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
    backfills: tuple[Receipt, ...] = ()
    backfills_unknown: str = ""
    broken_glass: tuple[BrokenGlass, ...] = ()
    """Who changed the stack in place of the operator in the last thirty days, newest first."""
    broken_glass_unknown: str = ""
    hints: tuple[str, ...] = ()
    next: str = ""


def load_settings(project: Path, stack: str = "gitops") -> GitOpsSettings:
    """The delivery's settings, as `Pulumi.<stack>.yaml` has them.

    Raises:
        ConfigError: there is no such file, or its `lotus:gitops` has mistakes.
    """
    held = from_stack_file(project, stack)
    if held.faults:
        raise ConfigError("\n".join(str(fault) for fault in held.faults), where=held.file)
    return gitops_settings(held.gitops, where=f"{held.file}: lotus:gitops")


def status(
    cluster: Cluster, settings: GitOpsSettings, project: Path | None = None, *, grace: float = GRACE_SECONDS
) -> Delivery:
    """Reads everything that tells where the delivery stands; changes nothing.

    `project`, a git checkout, is asked for the commit that was pushed last and for the backfills in its files.
    """
    pushed, unknown = pushed_commit(project, settings) if project else (None, "")
    backfills, backfills_unknown = open_backfills(project, settings) if project else ((), "")
    stack = cluster.get("Stack", settings.stack_object)
    update = _named_update(cluster, stack)
    found = describe(
        settings,
        repository=cluster.get("GitRepository", settings.name),
        stack=stack,
        update=update,
        workspace=cluster.get("Workspace", settings.stack_object) if stack else None,
        jobs=cluster.list("Job", **(DRIFT_LABELS | {"app.kubernetes.io/instance": settings.name})),
        pushed=pushed,
        pushed_unknown=unknown,
        grace=grace,
    )
    glass, glass_unknown = recent_broken_glass(project, settings) if project else ((), "")
    return replace(
        found,
        backfills=backfills,
        backfills_unknown=backfills_unknown,
        broken_glass=glass,
        broken_glass_unknown=glass_unknown,
    )


def open_backfills(
    project: Path, settings: GitOpsSettings, environment: Mapping[str, str] | None = None
) -> tuple[tuple[Receipt, ...], str]:
    """The backfills that the files ask for and that are not finished, or why that cannot be told from here."""
    from lotus.operations.backfill import listed
    from lotus.operations.backfill import status as receipts

    environment = {"PULUMI_BACKEND_URL": settings.state, **(os.environ if environment is None else environment)}
    try:
        if not listed(project):
            return (), ""
        return tuple(one for one in receipts(project, settings.stack, environment) if not one.finished), ""
    except LotusError as error:
        return (), error.what


def recent_broken_glass(
    project: Path, settings: GitOpsSettings, environment: Mapping[str, str] | None = None
) -> tuple[tuple[BrokenGlass, ...], str]:
    """Who changed the stack in place of the operator in the last thirty days, or why that cannot be told from here."""
    from lotus.operations.state import broken_glass

    environment = {"PULUMI_BACKEND_URL": settings.state, **(os.environ if environment is None else environment)}
    oldest = (datetime.now(UTC) - timedelta(days=GLASS_DAYS)).isoformat()
    try:
        found = broken_glass(project, settings.stack, environment)
    except LotusError as error:
        return (), error.what
    return tuple(one for one in reversed(found) if one.at >= oldest), ""


def _named_update(cluster: Cluster, stack: Object | None) -> Object | None:
    name = dig(stack, "status", "currentUpdate", "name")
    return cluster.get("Update", name) if name else None


def pushed_commit(project: Path, settings: GitOpsSettings) -> tuple[Commit | None, str]:
    """The newest commit of the branch at the git host, or why that cannot be told from here."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    words = "git is not installed"
    for remote in ("origin", settings.repository):
        command = ["git", "ls-remote", "--exit-code", remote, f"refs/heads/{settings.branch}"]
        try:
            answer = subprocess.run(
                command, cwd=project, env=environment, capture_output=True, text=True, timeout=20, check=False
            )
        except subprocess.TimeoutExpired:
            words = f"{remote} does not answer"
            continue
        except OSError:
            break
        if answer.returncode == 0:
            return Commit(answer.stdout.split()[0]), ""
        words = (answer.stderr.strip().splitlines() or [f'{remote} has no branch "{settings.branch}"'])[-1]
    return None, words


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


def _phase(repository: Object | None, stack: Object | None, stuck: Stuck | None) -> tuple[Phase, str, str]:  # noqa: PLR0911
    if repository is None or stack is None:
        missing = "Stack" if repository else "GitRepository"
        return Phase.ABSENT, f"No{missing}", f"the cluster has no {missing} of this name"
    if dig(repository, "spec", "suspend"):
        return Phase.SUSPENDED, "Suspended", "the GitRepository is suspended: Flux fetches nothing"
    if stuck:
        return Phase.STUCK, "UpdateStuck", stuck.why
    stalled, reconciling = condition(stack, "Stalled"), condition(stack, "Reconciling")
    if stalled.get("status") == "True":
        unavailable = stalled["reason"] == "SourceUnavailable"
        return Phase.NOT_FETCHED if unavailable else Phase.STALLED, stalled["reason"], str(stalled.get("message", ""))
    if reconciling.get("status") == "True":
        failing = reconciling["reason"] in ("RetryingAfterFailure", "PreviewFailed")
        return (
            Phase.RETRYING if failing else Phase.APPLYING,
            reconciling["reason"],
            str(reconciling.get("message", "")),
        )
    fetched = _fetched(repository)
    if fetched is None:
        return Phase.NOT_FETCHED, "NoArtifact", _fetch_error(repository) or "Flux has not fetched anything yet"
    ready = condition(stack, "Ready")
    if ready.get("status") == "True" and _revision(_last_update(stack).get("lastSuccessfulCommit")) == fetched.sha:
        return Phase.APPLIED, str(ready.get("reason", "")), ""
    return Phase.APPLYING, "NewCommit", "the operator has not begun with the fetched commit yet"


def find_stuck(
    repository: Object | None,
    stack: Object | None,
    update: Object | None,
    workspace: Object | None,
    *,
    grace: float = GRACE_SECONDS,
) -> Stuck | None:
    """The two ways in which PKO 2.9 waits for ever: an Update that no longer exists, and one without its workspace."""
    name = str(dig(stack, "status", "currentUpdate", "name") or "")
    if not name:
        return None
    if update is None:
        if _age(condition(stack, "Reconciling").get("lastTransitionTime")) < grace:
            return None
        return Stuck(name, f"the Stack waits for the Update {name}, which no longer exists", "forget that Update", True)
    waits = condition(update, "Progressing").get("reason") in ("WorkspaceNotReady", "WorkspaceNotFound")
    why = _workspace_never_ready(repository, workspace) if waits else ""
    if not why or condition(update, "Complete").get("status") == "True":
        return None
    return Stuck(name, f"the Update {name} waits for its workspace, and {why}", "end that Update as failed", False)


def _workspace_never_ready(repository: Object | None, workspace: Object | None) -> str:
    if workspace is None:
        return "there is none"
    stalled = condition(workspace, "Stalled")
    if stalled.get("status") == "True":
        return f"that is stalled ({stalled.get('reason', '')}): the operator renews it only when the Update has ended"
    wanted, served = dig(workspace, "spec", "flux", "url"), dig(repository, "status", "artifact", "url")
    if condition(workspace, "Ready").get("status") != "True" and wanted and served and wanted != served:
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
            found: bool | None = False
            if kind == "Failed":
                found = True if f"exit code {DRIFT_FOUND} " in f"{message} " else None
            finished.append((at, DriftLook(found, at, str(dig(job, "metadata", "name")), message)))
    return max(finished, key=lambda one: one[0])[1] if finished else None


def failing_words(message: str) -> tuple[str, ...]:
    """The errors in what PKO keeps of a failed apply: the whole output of pulumi, of which a person needs a few lines.

    Each is one error with its continuation lines; what only says that something failed is left out if more is there.
    """
    text = message.rpartition("\nstderr: ")[2] if "\nstderr: " in message else message
    blocks: list[str] = []
    for line in re.sub(r"(?<=\d)error: ", "\nerror: ", text).splitlines():
        if line.startswith("error: "):
            blocks.append(line.removeprefix("error: "))
        elif re.match(r"(warning|info|debug): ", line):
            blocks.append("")
        elif blocks and blocks[-1] and line.strip():
            blocks[-1] += f"\n{line.rstrip()}"
    found = list(dict.fromkeys(re.sub(r"^Exception calling application: ", "", block) for block in blocks if block))
    telling = [block for block in found if not re.match(r"(update|preview|refresh) failed|an unhandled error", block)]
    return tuple(telling or found or ([text.strip()] if text.strip() else []))


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
    found: list[str] = []
    text = "\n".join(words)
    if lock := re.search(r"locked by \d+ lock.*?created by \S+?@(\S+)", text, re.DOTALL):
        pod = f"{settings.stack_object}-workspace-0"
        if lock[1] == pod:
            found.append(
                f"the lock is this workspace's own, left by a killed apply: "
                f"kubectl delete pod {pod} -n {settings.namespace} (the new one removes it), then lotus reconcile"
            )
        else:
            found.append(
                f"the lock is {lock[1]}'s: lotus state unlock, run there, sees whether its process goes on, "
                "and frees it if not"
            )
    if re.search(r"S3: (PutObject|DeleteObject).*AccessDenied", text, re.DOTALL):
        found.append(
            f"the operator's keys for the state can only read: is {settings.secrets.writer} the writer's? "
            "lotus state check, with them, says what they can do"
        )
    if re.search(r"InvalidAccessKeyId|SignatureDoesNotMatch", text):
        found.append(
            "the state's bucket does not know the operator's keys: were they rotated? put the new ones into the "
            f"Secret {settings.secrets.writer}"
        )
    generation, seen = dig(stack, "metadata", "generation"), dig(stack, "status", "observedGeneration")
    if stack and generation != seen and _age(dig(stack, "metadata", "creationTimestamp")) > grace:
        found.append(
            f"the operator has not looked at the Stack's last change: is it running? "
            f"kubectl get pods -n {settings.operator_namespace}"
        )
    return tuple(found)


def _with_next(delivery: Delivery) -> Delivery:
    ahead = delivery.pushed and delivery.fetched and delivery.pushed.sha != delivery.fetched.sha
    steps = {
        Phase.ABSENT: "pulumi up --stack gitops (or: lotus gitops render | kubectl apply --server-side -f -)",
        Phase.SUSPENDED: f"flux resume source git {delivery.stack.rpartition('-')[0]} -n {delivery.namespace}",
        Phase.NOT_FETCHED: "mend what Flux says, then: lotus reconcile --wait",
        Phase.APPLYING: "lotus reconcile --wait follows it",
        Phase.RETRYING: "mend the cause and push, then: lotus reconcile --wait",
        Phase.STALLED: "mend the cause and push, then: lotus reconcile --wait (a push alone gets one try)",
        Phase.STUCK: "lotus reconcile --unstick --wait",
        Phase.APPLIED: "lotus reconcile --wait" if ahead else "",
    }
    return replace(delivery, next=steps[delivery.phase])


def condition(found: Object | None, kind: str) -> dict[str, Any]:
    """The condition of that type; empty where there is none."""
    for one in dig(found, "status", "conditions") or ():
        if one.get("type") == kind:
            return cast("dict[str, Any]", one)
    return {}


def dig(found: Any, *path: str) -> Any:
    """The value at `path`, or None where a step is missing."""
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, Any]", found).get(key)
    return found


def moment(text: Any) -> datetime | None:
    """Kubernetes' time stamps, always UTC."""
    return datetime.fromisoformat(str(text)) if text else None


def _age(text: Any) -> float:
    """Seconds since a time stamp; without one, for ever."""
    at = moment(text)
    return (datetime.now(UTC) - at).total_seconds() if at else float("inf")


def _last_update(stack: Object | None) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", dig(stack, "status", "lastUpdate") or {})


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
