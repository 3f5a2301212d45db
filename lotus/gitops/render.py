"""The manifests as YAML, for whoever applies them with kubectl or lets Flux do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from lotus.gitops.manifests import manifests
from lotus.gitops.settings import GitOpsSettings


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and no anchors: manifests share parts that are no references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def render_manifests(settings: GitOpsSettings, *, project: str) -> str:
    """Every object as one YAML stream, in the order in which they can be applied."""
    return "---\n".join(_document(manifest) for manifest in manifests(settings, project=project))


def _document(manifest: Mapping[str, Any]) -> str:
    return yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=False, width=120)
