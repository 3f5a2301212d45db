"""What the `gitops` stack asks for: the object `lotus:gitops` in `Pulumi.gitops.yaml`, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lotus.errors import ConfigError

OPERATOR = "operator"
"""What the lake's stack calls its writer (`airbyte:writer`) where the operator applies it."""
DOCS_ONLY = ("/docs/", "/*.md", "/tests/", "/.github/", "/.ci/")
"""Paths that no apply needs, in .gitignore's syntax. They stay out of Flux's artifact, which keeps it small."""


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise ValueError("a Kubernetes name: lower case letters, digits and dashes, at most 63")
    return value


def _pinned(value: str) -> str:
    name = value.rsplit("/", 1)[-1]
    if "@sha256:" in name:
        return value
    tag = name.partition(":")[2]
    if not tag or tag == "latest":
        raise ValueError("an image with a fixed tag or a digest: a tag that moves would change a running lake")
    return value


def _git_url(value: str) -> str:
    if not re.match(r"(https?|ssh)://[^\s/]+/\S", value):
        raise ValueError("an https:// or ssh:// address (Flux takes no git@host:path)")
    return value


def _state_url(value: str) -> str:
    if not re.match(r"(s3|gs|azblob)://\S", value):
        raise ValueError("a bucket that operator, CI and laptops all reach, such as s3://BUCKET?region=eu-central-1")
    return value


def _cron(value: str) -> str:
    from datetime import UTC, datetime

    try:
        CronSim(value, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"a cron line of five fields: {error}") from None
    return value


Label = Annotated[str, AfterValidator(_label)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretNames(_Model):
    """Which Kubernetes Secrets of the namespace hold what. Lotus names them, and never writes them."""

    writer: Label = Field(
        default="lotus-state-writer",
        description="key `credentials`: an AWS credentials file that may write the state bucket",
    )
    reader: Label = Field(
        default="lotus-state-reader", description="key `credentials`: an AWS credentials file that can only read it"
    )
    passphrase: Label | None = Field(
        default="lotus-passphrase", description="key `passphrase`; null with a secretsProvider of its own"
    )
    values: Label = Field(default="lotus-secrets", description='one key per {"$secret": "name"} of the files')
    airbyte: Label | None = Field(default=None, description="keys AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET")
    git: Label | None = Field(default=None, description="Flux's credentials for a private repository")


class Webhook(_Model):
    """A push tells Flux at once, instead of waiting for its next look."""

    type: Literal["github", "gitlab", "bitbucket", "generic", "generic-hmac"] = "github"
    secret: Label = Field(default="lotus-webhook", description="key `token`: what the git host signs its calls with")


class DriftJob(_Model):
    """A look, without locks, whether somebody changed Airbyte behind the files' back."""

    schedule: Annotated[str, AfterValidator(_cron)] = "17 * * * *"
    minutes: int = Field(default=30, ge=1, le=1440, description="a look that takes longer is ended")


class GitOpsSettings(_Model):
    """Everything the manifests need; the first three have no default."""

    repository: Annotated[str, AfterValidator(_git_url)]
    image: Annotated[str, AfterValidator(_pinned)]
    state: Annotated[str, AfterValidator(_state_url)]
    branch: str = "main"
    dir: str = Field(default="", description="the folder of Pulumi.yaml in the repository; empty: its root")
    stack: Label = Field(default="prod", description="the Pulumi stack that the operator applies")
    name: Label = Field(default="lotus", description="GitRepository and service account; the Stack is <name>-<stack>")
    namespace: Label = "lotus"
    flux_namespace: Label = "flux-system"
    operator_namespace: Label = "pulumi-kubernetes-operator"
    interval: Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")] = "1m"
    ignore: tuple[str, ...] = DOCS_ONLY
    secrets: SecretNames = SecretNames()
    secrets_provider: str | None = Field(default=None, description="awskms://…, gcpkms://…; null: the passphrase")
    webhook: Webhook | None = Webhook()
    drift: DriftJob | None = DriftJob()
    memory: Annotated[str, Field(pattern=r"^[0-9]+(Mi|Gi)$")] = "1Gi"
    cpu: Annotated[str, Field(pattern=r"^([0-9]+m|[0-9]+(\.[0-9]+)?)$")] = "500m"
    resync_minutes: int = Field(
        default=60, ge=0, le=1440, description="apply again without a push: rotated secrets, drift; 0: never"
    )
    refresh: bool = True
    continue_on_error: bool = True
    workspace: Literal["Retain", "Delete"] = Field(default="Retain", description="keep the pod between applies, or not")
    destroy_on_finalize: bool = Field(
        default=False, description="deleting the Stack deletes everything it made in Airbyte"
    )
    people: tuple[str, ...] = Field(default=(), description="groups that may look and reconcile")

    @property
    def stack_object(self) -> str:
        """Name of the PKO Stack; its workspace has the same name, its pod `<name>-workspace-0`."""
        return f"{self.name}-{self.stack}"

    @property
    def drift_object(self) -> str:
        """Name of the drift CronJob and of its service account."""
        return f"{self.name}-{self.stack}-drift"


def gitops_settings(values: Any, *, where: str = "Pulumi.gitops.yaml: lotus:gitops") -> GitOpsSettings:
    """The settings in `values`, which is the value of `lotus:gitops`.

    Raises:
        ConfigError: with every fault; unknown keys come with the nearest known one.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(
            "lotus:gitops needs repository, image and state",
            where=where,
            fix="pulumi config set --path lotus:gitops.repository https://… (see docs/gitops.md)",
        )
    try:
        return GitOpsSettings.model_validate(dict(values))
    except ValidationError as error:
        first, *others = _sentences(error)
        raise ConfigError(first, details=others, where=where, fix="docs/gitops.md lists the settings") from None


def _sentences(error: ValidationError) -> list[str]:
    sentences: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            model = {"secrets": SecretNames, "webhook": Webhook, "drift": DriftJob}.get(
                str(problem["loc"][0]), GitOpsSettings
            )
            close = get_close_matches(str(problem["loc"][-1]), model.model_fields, n=1)
            sentences.append(f'unknown setting "{key}"' + (f', did you mean "{close[0]}"?' if close else ""))
        elif problem["type"] == "missing":
            sentences.append(f'"{key}" is missing')
        else:
            sentences.append(f'"{key}": {problem["msg"].removeprefix("Value error, ")}')
    return sentences
