"""The manifests against a real kube-apiserver 1.34 with Flux's and PKO's CRDs, strictly validated."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from lotus.errors import RemoteError
from lotus.gitops.artifact import fetch
from lotus.gitops.cluster import Cluster
from lotus.gitops.manifests import Manifest, git_repository, manifests, stack
from lotus.gitops.settings import GitOpsSettings, gitops_settings
from tests.gitops.conftest import MINIMUM
from tests.gitops.control_plane import ControlPlane, definitions, flux_definitions
from tests.gitops.flux import GitHost, until

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(1800)]  # the first may have to build


def test_the_api_server_is_the_version_that_the_manifests_are_written_for(api: ControlPlane):
    """An older one would validate less."""
    found = api.client.get("/version").json()
    assert (found["major"], found["minor"]) == ("1", "34")


@pytest.fixture
def declared(lake: GitOpsSettings) -> list[Manifest]:
    """Every object, in a namespace of the test's own."""
    full = lake.model_copy(update={"people": ("lake-team",)})
    return manifests(full, project="lotus")


def test_every_object_is_created_updated_and_deleted(api: ControlPlane, declared: list[Manifest]):
    """The server takes each as it is, with no unknown field, changes it in place, and lets it go."""
    for manifest in declared:
        made = api.apply(manifest)
        changed = copy.deepcopy(manifest)
        changed["metadata"]["labels"]["lotus/changed"] = "yes"
        again = api.apply(changed)
        assert again["metadata"]["uid"] == made["metadata"]["uid"], manifest["kind"]
        assert again["metadata"]["labels"]["lotus/changed"] == "yes"
    for manifest in reversed(declared):
        api.delete(manifest)
    left = [one["kind"] for one in declared if api.get(one) and one["kind"] != "Namespace"]
    assert not left


def test_applying_the_same_again_changes_nothing(api: ControlPlane, declared: list[Manifest]):
    """No field that the server rewrites: else every `pulumi up` and every kubectl diff would show a change."""
    first = [api.apply(manifest)["metadata"].get("generation") for manifest in declared]
    second = [api.apply(manifest)["metadata"].get("generation") for manifest in declared]
    assert first == second


def test_the_server_refuses_a_field_that_it_does_not_know(api: ControlPlane, lake: GitOpsSettings):
    """The strictness of the tests above: kubectl without it would drop the field and say nothing."""
    wrong = stack(lake, project="lotus")
    wrong["spec"]["workspaceTemplate"]["spec"]["imagePolicy"] = "Always"
    with pytest.raises(AssertionError, match="imagePolicy"):
        api.apply(wrong)


def test_the_drift_jobs_pod_is_allowed_where_only_restricted_pods_are(api: ControlPlane, lake: GitOpsSettings):
    """Pod security `restricted` is what many clusters enforce."""
    restricted: Manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": lake.namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    api.apply(restricted)
    job = next(one for one in manifests(lake, project="lotus") if one["kind"] == "CronJob")
    template = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for name in (lake.name, lake.drift_object):
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": lake.namespace},
        }
        api.apply(account)
    workspace = stack(lake, project="lotus")["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"]
    locks = {
        **template,
        "initContainers": [],
        "containers": workspace["initContainers"],
        "volumes": workspace["volumes"],
    }
    for name, spec in (("drift", template), ("locks", locks)):
        pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": lake.namespace}}
        assert api.apply({**pod, "spec": spec})["status"]["phase"] == "Pending"


def test_the_git_repository_fits_both_versions_of_flux(plane: ControlPlane, crds: Path, lake: GitOpsSettings):
    """The CRD of the source-controller that runs here (1.3) and of the newest: one manifest serves both."""
    name = "gitrepositories.source.toolkit.fluxcd.io"
    old = next(one for one in definitions(flux_definitions()) if one["metadata"]["name"] == name)
    new = next(one for one in definitions(crds) if one["metadata"]["name"] == name)
    for definition in (old, new):
        plane.install(definition)
        made = until(lambda: _applied(plane, git_repository(lake)), 20)
        assert made["spec"]["ignore"] == git_repository(lake)["spec"]["ignore"]
        plane.delete(git_repository(lake))


def _applied(api: ControlPlane, manifest: Manifest) -> dict[str, Any] | None:
    try:
        return api.apply(manifest)
    except AssertionError as error:
        if "404" in str(error):  # a replaced CRD is served anew after a moment
            return None
        raise


@pytest.fixture
def watched(flux: Path, host: GitHost, space: str, api: ControlPlane) -> GitOpsSettings:
    """The GitRepository that looks at that host."""
    found = gitops_settings(MINIMUM | {"namespace": space, "repository": host.url, "interval": "1s"})
    api.apply(git_repository(found))
    return found


def _artifact(api: ControlPlane, settings: GitOpsSettings, commit: str) -> dict[str, Any] | None:
    found = (api.get(git_repository(settings)) or {}).get("status", {}).get("artifact")
    return found if found and found["revision"] == f"main@sha1:{commit}" else None


def test_a_push_becomes_an_artifact_and_the_drift_job_can_unpack_it(
    api: ControlPlane, watched: GitOpsSettings, host: GitHost, cluster: Cluster, tmp_path: Path
):
    """From `git push` to the files in a pod's folder, by Flux's own hands and ours."""
    host.push("docs/guide.md", "no apply needs this\n")
    commit = host.push("streams/shop/orders.json", "{}\n")
    until(lambda: _artifact(api, watched, commit))
    into = tmp_path / "source"
    assert fetch(cluster, watched.name, into) == f"main@sha1:{commit}"
    assert sorted(str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()) == [
        "Pulumi.yaml",
        "streams/shop/orders.json",
    ]


def test_a_commit_that_only_changes_ignored_paths_has_the_same_content(
    api: ControlPlane, watched: GitOpsSettings, host: GitHost
):
    """Digest and size stay; revision and address do not, and PKO looks at those (docs/gitops.md says what follows)."""
    first = host.push("streams/shop/orders.json", "{}\n")
    before = until(lambda: _artifact(api, watched, first))
    second = host.push("docs/guide.md", "changed\n")
    after = until(lambda: _artifact(api, watched, second))
    assert (before["digest"], before["size"]) == (after["digest"], after["size"])
    assert before["url"] != after["url"]


def test_an_artifact_that_is_not_there_yet_is_said_in_a_sentence(
    api: ControlPlane, lake: GitOpsSettings, cluster: Cluster
):
    """The drift job may start before Flux has fetched anything."""
    api.apply(git_repository(lake))
    with pytest.raises(RemoteError, match="not fetched anything yet"):
        fetch(cluster, lake.name, Path("unused"))
