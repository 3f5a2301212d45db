"""The cluster's API, as far as delivery needs it: get, list and patch of plain objects, by the shell's kubeconfig."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.core.exceptions import ConfigError as KubeConfigError
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.types import PatchType

from lotus.errors import ConfigError, RemoteError, UnavailableError

Object = dict[str, Any]

KINDS: dict[str, tuple[str, str, str]] = {
    "GitRepository": ("source.toolkit.fluxcd.io", "v1", "gitrepositories"),
    "Stack": ("pulumi.com", "v1", "stacks"),
    "Workspace": ("auto.pulumi.com", "v1alpha1", "workspaces"),
    "Update": ("auto.pulumi.com", "v1alpha1", "updates"),
    "CronJob": ("batch", "v1", "cronjobs"),
    "Job": ("batch", "v1", "jobs"),
    "Pod": ("", "v1", "pods"),
    "Event": ("", "v1", "events"),
}
"""The kinds that are read, patched or made: group, version, plural."""


class Cluster:
    """One namespace of one cluster.

    Found as kubectl finds it: inside a pod its service account, else `KUBECONFIG`, else `~/.kube/config`.

    Raises:
        ConfigError: there is no kubeconfig, or it has no such context.
    """

    def __init__(self, namespace: str, *, context: str | None = None) -> None:
        self.namespace = namespace
        try:
            config = KubeConfig.from_env().get(context)
            self._client = Client(config=config, field_manager="lotus", trust_env=True)
        except (KubeConfigError, KeyError, TypeError) as error:
            raise ConfigError(
                f"the kubeconfig cannot be used: {error}",
                where="KUBECONFIG, or ~/.kube/config",
                fix="point KUBECONFIG at a file whose current context is the lake's cluster",
            ) from None
        self.server = config.cluster.server if config else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, kind: str, name: str) -> Object | None:
        """The object, or None when there is none of that name, or no such kind in this cluster."""
        return self._calling(kind, name, lambda: self._client.get(_resource(kind), name, namespace=self.namespace))

    def list(self, kind: str, **labels: str) -> list[Object]:
        """Every object of the kind that has these labels; none where the cluster does not know the kind."""
        objects = self._calling(
            kind,
            "",
            lambda: list(self._client.list(_resource(kind), namespace=self.namespace, labels=dict(labels) or None)),
        )
        return [_plain(item) for item in objects or []]

    def annotate(self, kind: str, name: str, annotations: Mapping[str, str]) -> Object:
        """Sets annotations and leaves the others alone."""
        return self._patch(kind, name, {"metadata": {"annotations": dict(annotations)}})

    def patch_status(self, kind: str, name: str, status: Mapping[str, Any]) -> Object:
        """Merges into the status subresource; None as a value removes a field."""
        return self._patch(kind, name, {"status": dict(status)}, subresource="status")

    def warn(self, kind: str, name: str, *, reason: str, message: str) -> None:
        """Records an Event of type Warning about an object, which `kubectl describe` shows; kept an hour by default."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = self.get(kind, name) or {}
        group, version, _ = KINDS[kind]
        involved = {
            "apiVersion": f"{group}/{version}".lstrip("/"),
            "kind": kind,
            "name": name,
            "namespace": self.namespace,
            "uid": about.get("metadata", {}).get("uid"),
        }
        body: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{name}.", "namespace": self.namespace},
            "involvedObject": {key: value for key, value in involved.items() if value},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "lotus"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        event = _resource("Event").from_dict(body)
        self._calling("Event", name, lambda: self._client.create(event, namespace=self.namespace))

    def delete(self, kind: str, name: str) -> None:
        """Deletes the object; an object that is gone already is not an error."""
        self._calling(kind, name, lambda: self._client.delete(_resource(kind), name, namespace=self.namespace))

    def _patch(self, kind: str, name: str, body: Object, *, subresource: str = "") -> Object:
        resource = _resource(kind)
        chosen = resource.Status if subresource else resource
        patched = self._calling(
            kind,
            name,
            lambda: self._client.patch(chosen, name, body, namespace=self.namespace, patch_type=PatchType.MERGE),
        )
        if patched is None:
            raise RemoteError(f'there is no {kind} "{name}"', where=f"namespace {self.namespace} of {self.server}")
        return _plain(patched)

    def _calling(self, kind: str, name: str, call: Callable[[], Any]) -> Any:
        """Runs one call; "not found" is None, any other error becomes lotus's own."""
        import httpx2

        subject = f"{kind} {self.namespace}/{name}".rstrip("/") + f" of {self.server}"
        try:
            return call()
        except ApiError as error:
            if error.status.code == 404:
                return None
            if error.status.code in (401, 403):
                raise RemoteError(
                    f"the cluster refuses: {error.status.message}",
                    where=subject,
                    fix="ask for the role that `lotus gitops render` declares (its setting `people`)",
                ) from None
            if (error.status.code or 0) in (429, 500, 503, 504):
                raise UnavailableError(
                    f"the cluster cannot answer now: {error.status.message}", where=subject
                ) from None
            raise RemoteError(f"the cluster refuses: {error.status.message}", where=subject) from None
        except httpx2.HTTPError as error:
            raise UnavailableError(
                f"the cluster does not answer: {error}",
                where=subject,
                fix="check the network and the current context of your kubeconfig, then try again",
            ) from None


@functools.cache
def _resource(kind: str) -> type[GenericNamespacedResource]:
    group, version, plural = KINDS[kind]
    return create_namespaced_resource(group, version, kind, plural)


def _plain(value: Any) -> Object:
    return value
