"""Settings as an administrator writes them, the CRDs of shared/, and one API server for the whole run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lotus.gitops.cluster import Cluster
from lotus.gitops.manifests import git_repository, stack
from lotus.gitops.settings import GitOpsSettings, gitops_settings
from tests.gitops.control_plane import ControlPlane, control_plane, definitions, flux_definitions
from tests.gitops.flux import GitHost, git_host, source_controller
from tests.gitops.operator import Operator

MINIMUM = {
    "repository": "https://git.example/you/lake",
    "image": "images.example/you/lotus-workspace:2026-11-20",
    "state": "s3://lotus-state?region=eu-central-1",
}


@pytest.fixture
def settings() -> GitOpsSettings:
    """Everything that can be declared, declared."""
    secrets = {"airbyte": "lotus-airbyte", "git": "lotus-git"}
    return gitops_settings(MINIMUM | {"people": ["lake-team"], "secrets": secrets})


@pytest.fixture(scope="session")
def crds() -> Path:
    """The folder of CRDs in shared/; without LOTUS_SHARED the test is skipped."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("needs the operator's CRDs: set LOTUS_SHARED to the folder that has kubernetes/crds")
    folder = Path(shared) / "kubernetes" / "crds"
    assert folder.is_dir(), f"LOTUS_SHARED is set, but there is no {folder}"
    return folder


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server without any kind of its own yet."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as found:
        yield found


@pytest.fixture(scope="session")
def api(plane: ControlPlane, crds: Path) -> ControlPlane:
    """The API server with Flux's and PKO's kinds; where shared/ and source-controller both have one, the newer."""
    for folder in (flux_definitions(), crds):
        for definition in definitions(folder):
            plane.install(definition)
    return plane


@pytest.fixture
def space(api: ControlPlane) -> str:
    """A namespace of the test's own."""
    name = f"lotus-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def lake(space: str) -> GitOpsSettings:
    """The settings of a delivery in that namespace."""
    return gitops_settings(MINIMUM | {"namespace": space, "flux_namespace": space})


@pytest.fixture
def cluster(api: ControlPlane, space: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The product's own client on that namespace, found through KUBECONFIG."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig))
    with Cluster(space) as found:
        yield found


@pytest.fixture(scope="session")
def flux(api: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running source-controller; its log."""
    folder = tmp_path_factory.mktemp("flux") / "storage"
    folder.mkdir()
    with source_controller(api, folder) as log:
        yield log


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    """A git host whose one repository has a first commit."""
    with git_host(tmp_path) as found:
        found.push("Pulumi.yaml", "name: lotus\n")
        yield found


@pytest.fixture
def delivery(flux: Path, host: GitHost, space: str, api: ControlPlane) -> GitOpsSettings:
    """GitRepository and Stack, as declared; Flux looks by itself once an hour, so that only requests count."""
    found = gitops_settings(MINIMUM | {"namespace": space, "repository": host.url, "interval": "1h"})
    api.apply(git_repository(found))
    api.apply(stack(found, project="lotus"))
    return found


@pytest.fixture
def operator(api: ControlPlane, delivery: GitOpsSettings) -> Operator:
    """PKO, not working yet."""
    return Operator(api, delivery)
