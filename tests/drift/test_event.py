"""Drift found in a cluster is an Event on the Stack: on a real API server, with the drift job's own rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lotus.drift.event import record
from lotus.drift.scan import Drift, Line, Origin
from lotus.gitops.manifests import drift_account, drift_binding, drift_role, stack
from lotus.gitops.settings import GitOpsSettings, gitops_settings
from lotus.session.preview import Plan
from tests.gitops.conftest import MINIMUM
from tests.gitops.control_plane import ControlPlane, control_plane, definitions

pytestmark = pytest.mark.cluster
INSIDE = {"KUBERNETES_SERVICE_HOST": "127.0.0.1"}


def drift(*lines: str) -> Drift:
    """A look that found these leaves of one connection."""
    found = tuple(
        Line(Origin.AIRBYTE, "shop-to-lake", "connection Shop → Lake", leaf, "a", "b", "somebody", "", "")
        for leaf in lines
    )
    return Drift("prod", found, (), (), tuple(Origin), Plan((), 0, ()), {})


@pytest.fixture
def plane(tmp_path: Path, crds: Path) -> Iterator[ControlPlane]:
    """An API server that knows the operator's Stack."""
    with control_plane(tmp_path) as found:
        for definition in definitions(crds):
            if definition["spec"]["names"]["kind"] == "Stack":
                found.install(definition)
        yield found


@pytest.fixture
def project(tmp_path: Path, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, GitOpsSettings]:
    """A project whose delivery is declared in that cluster, seen with the drift job's account."""
    settings = gitops_settings(MINIMUM)
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": settings.namespace}})
    for manifest in (stack(settings, project="lotus"), drift_account(settings), drift_role(settings)):
        plane.apply(manifest)
    plane.apply(drift_binding(settings))
    account = f"/api/v1/namespaces/{settings.namespace}/serviceaccounts/{settings.drift_object}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = plane.client.post(account, json=body).raise_for_status().json()["status"]["token"]
    kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    file = tmp_path / "drift-kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(file))
    (tmp_path / "Pulumi.gitops.yaml").write_text(yaml.safe_dump({"config": {"lotus:gitops": MINIMUM}}))
    return tmp_path, settings


def test_drift_is_an_event_on_the_stack(plane: ControlPlane, project: tuple[Path, GitOpsSettings]) -> None:
    """With the Stack's uid, so that `kubectl describe stack` shows it; long looks are cut, none makes none."""
    folder, settings = project

    said = record(folder, drift("schedule", *(f"streams.s{number}" for number in range(100))), INSIDE)
    none = record(folder, drift(), INSIDE)
    outside = record(folder, drift("schedule"), {})

    events = plane.client.get(f"/api/v1/namespaces/{settings.namespace}/events").json()["items"]
    (event,) = [one for one in events if one["reason"] == "DriftFound"]
    declared = plane.get(stack(settings, project="lotus")) or {}
    assert (said, none, outside) == (f"event: Stack {settings.namespace}/{settings.stack_object} DriftFound", "", "")
    assert event["involvedObject"]["uid"] == declared["metadata"]["uid"]
    assert event["message"].startswith("101 differences: 101 airbyte\nconnection Shop → Lake, schedule: a → b")
    assert (event["type"], len(event["message"])) == ("Warning", 1024)
