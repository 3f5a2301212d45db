"""One function per Kubernetes object, as plain data: what `GitOps` declares and `lotus gitops render` writes.

The reasons are beside the fields; the facts about PKO and Flux are in docs/pulumi-behaviour.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lotus.errors import Exit
from lotus.example_values import refuse_example
from lotus.gitops.settings import OPERATOR, GitOpsSettings

Manifest = dict[str, Any]

SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
"""Keeps `pulumi up` from waiting for the lake's first apply (docs/pulumi-behaviour.md#waiting-for-objects)."""
DRIFT_LABELS = {"app.kubernetes.io/part-of": "lotus", "app.kubernetes.io/component": "drift"}
STATE_FOLDER = "/etc/lotus/state"
SECRETS_FOLDER = "/etc/lotus/secrets"
AIRBYTE_FOLDER = "/etc/lotus/airbyte"
CREDENTIALS_FILE = f"{STATE_FOLDER}/credentials"
PASSPHRASE_FILE = f"{STATE_FOLDER}/passphrase"
SOURCE_FOLDER = "/var/lib/lotus/source"
DRIFT_FOUND = int(Exit.DIFFERENT)
"""Exit code of `lotus drift` when it found some; whatever keeps it from its answer has another."""

_USER = 1000  # uid and gid, as in docs/pulumi-behaviour.md#the-restricted-profile and the workspace image
_OPERATOR = {"app.kubernetes.io/name": "pulumi-kubernetes-operator"}
_HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def manifests(settings: GitOpsSettings, *, project: str) -> list[Manifest]:
    """Every object of the gitops stack, in an order in which they can be created; `project` is Pulumi.yaml's name.

    Raises:
        ConfigError: repository, image or state is still the example's.
    """
    for name in ("repository", "image", "state"):
        refuse_example(getattr(settings, name), f"lotus:gitops.{name}", where="Pulumi.gitops.yaml")
    objects = [
        namespace(settings),
        service_account(settings),
        auth_delegator(settings),
        operator_reaches_workspaces(settings),
        workspaces_reach_artifacts(settings),
        people_role(settings),
        git_repository(settings),
        stack(settings, project=project),
    ]
    if settings.people:
        objects.append(people_binding(settings))
    if settings.webhook:
        objects.append(receiver(settings))
    if settings.drift:
        objects += [drift_account(settings), drift_role(settings), drift_binding(settings), drift_job(settings)]
    return objects


def _metadata(settings: GitOpsSettings, name: str, **more: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "lotus", "app.kubernetes.io/instance": settings.name}
    return {"name": name, "namespace": settings.namespace, "labels": labels, **more}


def namespace(settings: GitOpsSettings) -> Manifest:
    """Where the whole delivery lives: PKO reads one namespace (docs/pulumi-behaviour.md#namespace-of-a-stack)."""
    metadata = _metadata(settings, settings.namespace)
    del metadata["namespace"]
    metadata["labels"] |= {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def service_account(settings: GitOpsSettings) -> Manifest:
    """Who the workspace's pod is."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(settings, settings.name)}


def auth_delegator(settings: GitOpsSettings) -> Manifest:
    """Lets the workspace's agent check who calls it (docs/pulumi-behaviour.md#authentication-of-the-agent)."""
    metadata = _metadata(settings, f"{settings.namespace}:{settings.name}:system:auth-delegator")
    del metadata["namespace"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [_account(settings, settings.name)],
    }


def _account(settings: GitOpsSettings, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": settings.namespace}


def operator_reaches_workspaces(settings: GitOpsSettings) -> Manifest:
    """Only the operator may call the workspace's agent, which runs whatever it is told."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(settings, f"{settings.name}-workspace-rpc"),
        "spec": {
            "podSelector": {"matchLabels": {"auto.pulumi.com/component": "workspace"}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "ports": [{"protocol": "TCP", "port": "grpc"}],
                    "from": [
                        {
                            "namespaceSelector": _namespace_called(settings.operator_namespace),
                            "podSelector": {"matchLabels": _OPERATOR},
                        }
                    ],
                }
            ],
        },
    }


def workspaces_reach_artifacts(settings: GitOpsSettings) -> Manifest:
    """Lets the workspace fetch from source-controller (docs/pulumi-behaviour.md#network-policies-of-flux).

    Flux's namespace is named too: where Flux was installed without policies, this one would shut its controllers out.
    """
    metadata = _metadata(settings, f"{settings.name}-artifacts", namespace=settings.flux_namespace)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": {"app": "source-controller"}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [{"podSelector": {}}]},
                {
                    "ports": [{"protocol": "TCP", "port": "http"}],
                    "from": [{"namespaceSelector": _namespace_called(settings.namespace)}],
                },
            ],
        },
    }


def _namespace_called(name: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def people_role(settings: GitOpsSettings) -> Manifest:
    """What `lotus status`, `lotus reconcile` and its ways out need: no Secrets, no exec; to delete, one pod."""
    look = ["get", "list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": _metadata(settings, f"{settings.name}-reconcile"),
        "rules": [
            {"apiGroups": ["source.toolkit.fluxcd.io"], "resources": ["gitrepositories"], "verbs": [*look, "patch"]},
            {"apiGroups": ["pulumi.com"], "resources": ["stacks"], "verbs": [*look, "patch"]},
            {"apiGroups": ["pulumi.com"], "resources": ["stacks/status"], "verbs": ["patch"]},
            {"apiGroups": ["auto.pulumi.com"], "resources": ["workspaces", "updates"], "verbs": look},
            {"apiGroups": ["auto.pulumi.com"], "resources": ["updates/status"], "verbs": ["patch"]},
            {"apiGroups": ["batch"], "resources": ["cronjobs", "jobs"], "verbs": look},
            {"apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": look},
            {
                "apiGroups": [""],
                "resources": ["pods"],
                "verbs": ["delete"],
                "resourceNames": [f"{settings.stack_object}-workspace-0"],
            },
        ],
    }


def people_binding(settings: GitOpsSettings) -> Manifest:
    """Gives that role to the groups of the settings."""
    groups = [{"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"} for name in settings.people]
    return _role_binding(settings, f"{settings.name}-reconcile", groups)


def _role_binding(settings: GitOpsSettings, name: str, subjects: Sequence[dict[str, str]]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(settings, name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": list(subjects),
    }


def git_repository(settings: GitOpsSettings) -> Manifest:
    """Flux's source: serves each new commit as an archive (docs/pulumi-behaviour.md#git-repositories-of-flux)."""
    spec: dict[str, Any] = {
        "url": settings.repository,
        "ref": {"branch": settings.branch},
        "interval": settings.interval,
        "timeout": "60s",
    }
    if settings.ignore:
        spec["ignore"] = "\n".join(settings.ignore) + "\n"
    if settings.secrets.git:
        spec["secretRef"] = {"name": settings.secrets.git}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": _metadata(settings, settings.name, annotations=SKIP_AWAIT),
        "spec": spec,
    }


def receiver(settings: GitOpsSettings) -> Manifest:
    """The address that the git host calls on a push; `kubectl get receiver` shows its path once it is ready.

    Raises:
        ValueError: the settings have no webhook.
    """
    if settings.webhook is None:
        raise ValueError("no webhook is asked for")
    spec: dict[str, Any] = {
        "type": settings.webhook.type,
        "secretRef": {"name": settings.webhook.secret},
        "resources": [{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": settings.name}],
    }
    if settings.webhook.type == "github":
        spec["events"] = ["ping", "push"]
    return {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": _metadata(settings, settings.name, annotations=SKIP_AWAIT),
        "spec": spec,
    }


def stack(settings: GitOpsSettings, *, project: str) -> Manifest:
    """PKO's Stack: applies the fetched commit, then again every `resync_minutes`."""
    spec: dict[str, Any] = {
        "stack": settings.stack,
        "backend": settings.state,
        "serviceAccountName": settings.name,
        "fluxSource": {
            "sourceRef": {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "name": settings.name,
            },
            "dir": settings.dir,
        },
        "refresh": settings.refresh,
        # A destroy without the program runs in an empty folder: nothing there can be imported, and pip tries to
        # upgrade itself in the image's read-only Python (docs/pulumi-behaviour.md#destroying-a-stack).
        "runProgram": True,
        "destroyOnFinalize": settings.destroy_on_finalize,
        "workspaceReclaimPolicy": settings.workspace,
        "updateTemplate": {"spec": {"continueOnError": settings.continue_on_error}},
        "workspaceTemplate": {"spec": _workspace(settings, project)},
    }
    if settings.resync_minutes:
        spec |= {"continueResyncOnCommitMatch": True, "resyncFrequencySeconds": settings.resync_minutes * 60}
    if settings.secrets_provider:
        spec["secretsProvider"] = settings.secrets_provider
    return {
        "apiVersion": "pulumi.com/v1",
        "kind": "Stack",
        "metadata": _metadata(settings, settings.stack_object, annotations=SKIP_AWAIT),
        "spec": spec,
    }


def _workspace(settings: GitOpsSettings, project: str) -> dict[str, Any]:
    return {
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "securityProfile": "restricted",
        "resources": _resources(settings),
        "env": _environment(settings, writer=OPERATOR),
        "podTemplate": {
            "spec": {
                "securityContext": {"fsGroup": _USER},
                "initContainers": [stale_lock_container(settings, project)],
                # Merged by name, and demanded: docs/pulumi-behaviour.md#pod-template-of-a-workspace.
                "containers": [{"name": "pulumi", "volumeMounts": _mounts(settings)}],
                "volumes": _volumes(settings, credentials=settings.secrets.writer),
            }
        },
    }


def _resources(settings: GitOpsSettings) -> dict[str, Any]:
    # Request and limit are equal (docs/pulumi-behaviour.md#memory-of-a-workspace): pulumi and Python beside the agent
    # know no limit at all, so a lower request would let the kernel end an apply halfway.
    return {
        "requests": {"cpu": settings.cpu, "memory": settings.memory},
        "limits": {"memory": settings.memory},
    }


def _environment(settings: GitOpsSettings, *, writer: str = "") -> list[dict[str, str]]:
    values = {
        "AWS_SHARED_CREDENTIALS_FILE": CREDENTIALS_FILE,
        "LOTUS_SECRETS_DIR": SECRETS_FOLDER,
        "PULUMI_RUN_PROGRAM": "true",  # else a refresh asks Airbyte with the address and credential of the last apply
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",  # the image has them all
    }
    if settings.secrets.passphrase:
        values["PULUMI_CONFIG_PASSPHRASE_FILE"] = PASSPHRASE_FILE
    if settings.secrets.airbyte:
        values["AIRBYTE_CREDENTIALS_DIR"] = AIRBYTE_FOLDER
    if writer:
        values["PULUMI_AIRBYTE_WRITER"] = writer  # the stack's airbyte:writer lets this process alone change the lake
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _mounts(settings: GitOpsSettings) -> list[dict[str, Any]]:
    # Files, not variables: the next apply has a rotated secret (docs/pulumi-behaviour.md#secrets-in-a-pod).
    folders = {"state": STATE_FOLDER, "secrets": SECRETS_FOLDER}
    if settings.secrets.airbyte:
        folders["airbyte"] = AIRBYTE_FOLDER
    return [{"name": name, "mountPath": folder, "readOnly": True} for name, folder in folders.items()]


def _volumes(settings: GitOpsSettings, *, credentials: str) -> list[dict[str, Any]]:
    # Optional, all of them: a missing Secret would keep the pod from starting, and the Stack would only ever say that
    # it waits. So the pod starts, and pulumi or lotus names what it misses, in the Stack's status.
    sources = [{"secret": _one_key(credentials, "credentials")}]
    if settings.secrets.passphrase:
        sources.append({"secret": _one_key(settings.secrets.passphrase, "passphrase")})
    folders = {"secrets": settings.secrets.values, "airbyte": settings.secrets.airbyte}
    return [
        {"name": "state", "projected": {"defaultMode": 0o440, "sources": sources}},
        *(
            {"name": name, "secret": {"secretName": secret, "optional": True, "defaultMode": 0o440}}
            for name, secret in folders.items()
            if secret
        ),
    ]


def _one_key(secret: str, key: str) -> dict[str, Any]:
    return {"name": secret, "optional": True, "items": [{"key": key, "path": key}]}


def stale_lock_container(settings: GitOpsSettings, project: str) -> dict[str, Any]:
    """Removes the state's lock that this same pod left behind when it was killed in mid-update.

    PKO does not know the words of a bucket's lock (docs/pulumi-behaviour.md#locks-and-the-operator), so one stale lock
    is three failures and a Stalled Stack.
    """
    command = ["python", "-m", "lotus.gitops.stale_locks", "--backend", settings.state]
    return {
        "name": "stale-locks",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*command, "--project", project, "--stack", settings.stack],
        "env": [{"name": "AWS_SHARED_CREDENTIALS_FILE", "value": CREDENTIALS_FILE}],
        "volumeMounts": _mounts(settings)[:1],
        "securityContext": _HARDENED,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }


def drift_account(settings: GitOpsSettings) -> Manifest:
    """Who looks for drift: may read the source and the Stack, and record an event."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(settings, settings.drift_object)}


def drift_role(settings: GitOpsSettings) -> Manifest:
    """Lets the drift job find the commit that Flux serves, and record an event on the Stack."""
    rule = {"apiGroups": ["source.toolkit.fluxcd.io"], "resources": ["gitrepositories"], "verbs": ["get"]}
    stack = {"apiGroups": ["pulumi.com"], "resources": ["stacks"], "verbs": ["get"]}
    events = {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": _metadata(settings, settings.drift_object),
        "rules": [
            {**rule, "resourceNames": [settings.name]},
            {**stack, "resourceNames": [settings.stack_object]},
            events,
        ],
    }


def drift_binding(settings: GitOpsSettings) -> Manifest:
    """Gives that role to the drift job."""
    return _role_binding(settings, settings.drift_object, [_account(settings, settings.drift_object)])


def drift_job(settings: GitOpsSettings) -> Manifest:
    """Runs `lotus drift` by schedule, with keys of the state that can only read: no lock, no write, no repair.

    A second Stack with `preview` would do the same but stalls after three finds and stays so once the drift is gone.

    Raises:
        ValueError: the settings ask for no drift job.
    """
    if settings.drift is None:
        raise ValueError("no drift job is asked for")
    fetch = ["python", "-m", "lotus.gitops.artifact", "--namespace", settings.namespace, "--name", settings.name]
    source = [{"name": "source", "mountPath": SOURCE_FOLDER}]
    environment = [{"name": "PULUMI_BACKEND_URL", "value": settings.state}, *_environment(settings)]
    container: dict[str, Any] = {
        "name": "drift",
        "image": settings.image,
        "command": ["sh", "-ec", f"pulumi install\nexec lotus drift --stack {settings.stack}"],
        "workingDir": f"{SOURCE_FOLDER}/{settings.dir}".rstrip("/"),
        "env": environment,
        "volumeMounts": [*_mounts(settings), *source],
        "securityContext": _HARDENED,
        "resources": _resources(settings),
    }
    pod = {
        "serviceAccountName": settings.drift_object,
        "restartPolicy": "Never",
        "securityContext": {"fsGroup": _USER},
        "initContainers": [
            {
                "name": "fetch",
                "image": settings.image,
                "command": [*fetch, "--into", SOURCE_FOLDER],
                "volumeMounts": source,
                "securityContext": _HARDENED,
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            }
        ],
        "containers": [container],
        "volumes": [*_volumes(settings, credentials=settings.secrets.reader), {"name": "source", "emptyDir": {}}],
    }
    on_drift = {"containerName": "drift", "operator": "In", "values": [DRIFT_FOUND]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": _metadata(settings, settings.drift_object),
        "spec": {
            "schedule": settings.drift.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": DRIFT_LABELS | {"app.kubernetes.io/instance": settings.name}},
                "spec": {
                    # Found drift ends the job at once and says so in the Job's own condition; a fault is tried again.
                    "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": on_drift}]},
                    "backoffLimit": 2,
                    "activeDeadlineSeconds": settings.drift.minutes * 60,
                    "template": {"spec": pod},
                },
            },
        },
    }
