"""The gitops stack as Pulumi resources. Imports pulumi-kubernetes (0.9 s), so only that stack's program imports it."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.batch.v1 import CronJob
from pulumi_kubernetes.core.v1 import Namespace, ServiceAccount
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.rbac.v1 import ClusterRoleBinding, Role, RoleBinding

from lotus.gitops.manifests import Manifest, manifests
from lotus.gitops.settings import GitOpsSettings


class GitOps(pulumi.ComponentResource):
    """Everything that makes the operator apply the lake, declared from the same manifests as `lotus gitops render`."""

    def __init__(self, name: str, settings: GitOpsSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lotus:gitops:GitOps", name, None, opts)
        first, *others = manifests(settings, project=pulumi.get_project())
        namespace = _resource(first, pulumi.ResourceOptions(parent=self))
        for manifest in others:
            _resource(manifest, pulumi.ResourceOptions(parent=self, depends_on=[namespace]))
        self.register_outputs({"namespace": settings.namespace, "stack": settings.stack_object})


def _resource(manifest: Manifest, options: pulumi.ResourceOptions) -> pulumi.CustomResource:  # noqa: PLR0911  a table
    """The typed resource of a built-in kind; a kind that a CRD defines goes as it is."""
    metadata = manifest["metadata"]
    kind: str = manifest["kind"]
    name = f"{kind}/{metadata['name']}"
    match kind:
        case "Namespace":
            return Namespace(name, metadata=metadata, opts=options)
        case "ServiceAccount":
            return ServiceAccount(name, metadata=metadata, opts=options)
        case "NetworkPolicy":
            return NetworkPolicy(name, metadata=metadata, spec=manifest["spec"], opts=options)
        case "CronJob":
            return CronJob(name, metadata=metadata, spec=manifest["spec"], opts=options)
        case "Role":
            return Role(name, metadata=metadata, rules=manifest["rules"], opts=options)
        case "RoleBinding" | "ClusterRoleBinding":
            binding = RoleBinding if kind == "RoleBinding" else ClusterRoleBinding
            role, subjects = manifest["roleRef"], manifest["subjects"]
            return binding(name, metadata=metadata, role_ref=role, subjects=subjects, opts=options)
        case _:
            return CustomResource(
                name,
                api_version=manifest["apiVersion"],
                kind=kind,
                metadata=metadata,
                spec=manifest["spec"],
                opts=options,
            )
