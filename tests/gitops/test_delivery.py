"""`lotus status` and `lotus reconcile` on a real API server and Flux, in each situation that was met with PKO."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from lotus.errors import RemoteError, UnavailableError
from lotus.gitops.cluster import Cluster
from lotus.gitops.delivery import Delivery, Phase
from lotus.gitops.manifests import git_repository, people_binding, people_role
from lotus.gitops.reconcile import Reconciled, reconcile
from lotus.gitops.settings import GitOpsSettings
from lotus.lake.status import delivery_status
from tests.gitops.control_plane import ControlPlane
from tests.gitops.flux import GitHost, until
from tests.gitops.operator import Operator

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(1800)]  # the first may have to build

SHOP = 'source "shopify": check failed: 401 Unauthorized\n  where: streams/shopify/_source.json\n  fix:   renew it'


def up_failed(words: str) -> str:
    """A failed apply as PKO keeps it: the automation API's error, with pulumi's whole output (seen with 3.259)."""
    return (
        "up failed: failed to run update: exit status 1\ncode: 1\nstdout: Updating (prod):\n"
        "    + airbyte:index/source:Source: (create)\nResources:\n    + 2 created\n\nDuration: 1s\n"
        f"\nstderr: warning: using pulumi-resource-airbyte\nerror: {words}\nerror: update failed\n"
    )


def run(cluster: Cluster, settings: GitOpsSettings, *, unstick: bool = False) -> Reconciled:
    return reconcile(cluster, settings, say=print, wait=True, unstick=unstick, seconds=30)


def phase(cluster: Cluster, settings: GitOpsSettings, wanted: Phase) -> Delivery:
    return until(lambda: found if (found := delivery_status(cluster, settings)).phase is wanted else None, 20)


def test_a_push_is_fetched_and_applied(cluster: Cluster, delivery: GitOpsSettings, operator: Operator, host: GitHost):
    """The usual way: reconcile follows to the end, and says which commit is in Airbyte."""
    with operator.working():
        run(cluster, delivery)
        commit = host.push("streams/shop/orders.json", "{}\n")
        result = run(cluster, delivery)
    assert result.asked == ("fetch",)  # the operator starts a new commit by itself: a request would apply it twice
    assert result.applied
    assert result.delivery.applied and result.delivery.applied.sha == commit


def test_the_same_commit_is_applied_again_when_asked(cluster: Cluster, delivery: GitOpsSettings, operator: Operator):
    """A rotated secret or a repaired server needs no commit; Flux's request alone would start nothing."""
    with operator.working():
        run(cluster, delivery)
        before = operator.count
        result = run(cluster, delivery)
    assert result.asked == ("fetch", "apply")
    assert (result.applied, operator.count) == (True, before + 1)


def test_a_failed_apply_is_told_in_the_resources_own_words(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator
):
    """Not pulumi's whole output: what failed, where, and how to mend it; and no waiting for three strikes."""
    operator.outcome = lambda _revision: up_failed(SHOP)
    with operator.working():
        result = run(cluster, delivery)
    assert not result.applied
    assert result.delivery.error == (SHOP,)


def test_three_strikes_are_shown_as_stalled(cluster: Cluster, delivery: GitOpsSettings, operator: Operator):
    """PKO stops there; status says so, with the cause and not with PKO's "failed 3 times"."""
    operator.outcome = lambda _revision: up_failed(SHOP)
    with operator.working():
        found = phase(cluster, delivery, Phase.STALLED)
    assert (found.reason, found.failures, found.error) == ("UpdateFailed", 3, (SHOP,))
    assert "reconcile" in found.next


def test_reconcile_wakes_a_stalled_stack(cluster: Cluster, delivery: GitOpsSettings, operator: Operator):
    """The server was down for minutes, and is back: no commit is needed to go on."""
    operator.outcome = lambda _revision: up_failed("Airbyte does not answer")
    with operator.working():
        phase(cluster, delivery, Phase.STALLED)
        operator.outcome = lambda _revision: None
        assert run(cluster, delivery).applied


def test_the_mending_push_after_three_strikes_counts_from_nought(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator, host: GitHost
):
    """A push alone gets one try, because PKO keeps the old count; with the request it has all three again."""
    operator.outcome = lambda _revision: up_failed(SHOP)
    with operator.working():
        phase(cluster, delivery, Phase.STALLED)
        commit = host.push("streams/shop/orders.json", "{}\n")
        result = run(cluster, delivery)
        assert result.asked == ("fetch", "apply")
        assert result.delivery.attempted and result.delivery.attempted.sha == commit
        assert result.delivery.failures < 3


def test_an_installation_that_failed_is_told_with_pips_words(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator
):
    """Stalled at once, without a strike: PyPI out of reach, or a plugin that its host does not have."""
    operator.installation = lambda _revision: (
        "rpc error: code = Unknown desc = No matching distribution found for pydantic"
    )
    with operator.working():
        result = run(cluster, delivery)
    assert (result.delivery.phase, result.delivery.reason) == (Phase.STALLED, "WorkspaceFailed")
    assert "No matching distribution found for pydantic" in result.delivery.error[0]


def test_reconcile_gets_a_new_pod_after_an_installation_that_failed(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator
):
    """PKO installs once per pod, so that a request alone would end in the old stall; no commit is needed either."""
    operator.installation = lambda _revision: "connection reset by pypi"
    with operator.working():
        phase(cluster, delivery, Phase.STALLED)
        operator.installation = lambda _revision: None
        result = run(cluster, delivery)
    assert "new pod" in result.asked
    assert result.applied


def test_a_fetch_that_fails_is_told_with_fluxs_words(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator, api: ControlPlane
):
    """A branch that does not exist, a key that is not accepted: nothing is asked of the operator."""
    gone = delivery.model_copy(update={"branch": "gone"})
    api.apply(git_repository(gone))
    with operator.working(), pytest.raises(RemoteError, match=r"Flux cannot fetch: .*gone"):
        run(cluster, gone)


def test_a_suspended_source_is_named(cluster: Cluster, delivery: GitOpsSettings, api: ControlPlane):
    """Somebody ran `flux suspend`: a request would wait for ever."""
    manifest = git_repository(delivery)
    manifest["spec"]["suspend"] = True
    api.apply(manifest)
    with pytest.raises(RemoteError, match="suspended") as caught:
        run(cluster, delivery)
    assert "flux resume" in caught.value.fix
    assert delivery_status(cluster, delivery).phase is Phase.SUSPENDED


def test_a_lock_of_a_killed_apply_comes_with_its_way_out(
    cluster: Cluster, delivery: GitOpsSettings, operator: Operator
):
    """The text is Pulumi's own, which PKO does not know: three failures, then Stalled."""
    pod = f"{delivery.stack_object}-workspace-0"
    operator.outcome = lambda _revision: up_failed(
        "the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock "
        "file with `pulumi cancel`.\n  s3://lotus-state/.pulumi/locks/organization/lotus/prod/6bd1.json: created by "
        f"pulumi@{pod} (pid 1) at 2026-11-21T03:00:00Z"
    )
    with operator.working():
        found = phase(cluster, delivery, Phase.STALLED)
    assert f"kubectl delete pod {pod}" in found.hints[0]


@pytest.fixture
def deadlock(delivery: GitOpsSettings, operator: Operator, cluster: Cluster) -> Operator:
    """A push came while the workspace installed: its Update was made, then the installation failed."""
    operator.interrupted = True
    until(lambda: (operator.reconcile(), operator.count)[1])
    operator.stall_workspace("rpc error: code = Unknown desc = connection reset by pypi")
    operator.interrupted = False
    return operator


def test_the_deadlock_is_seen_and_named(cluster: Cluster, delivery: GitOpsSettings, deadlock: Operator):
    """PKO says "stack is being processed" for ever; status says what it waits for, why, and the way out."""
    with deadlock.working():
        found = phase(cluster, delivery, Phase.STUCK)
    assert found.stuck and "is stalled (InstallationFailed)" in found.stuck.why
    assert "connection reset by pypi" in found.error[1]
    assert "--unstick" in found.next


def test_the_deadlock_is_not_touched_unless_asked(cluster: Cluster, delivery: GitOpsSettings, deadlock: Operator):
    """Ending an Update by hand is a decision."""
    with deadlock.working(), pytest.raises(RemoteError, match="waits for its workspace") as caught:
        run(cluster, delivery)
    assert "--unstick" in caught.value.fix


def test_unstick_ends_the_deadlock_and_the_commit_is_applied(
    cluster: Cluster, delivery: GitOpsSettings, deadlock: Operator
):
    """The Update ends as failed through its status, the operator takes that up and starts anew."""
    with deadlock.working():
        result = run(cluster, delivery, unstick=True)
    assert result.asked == ("unstick", "fetch", "new pod", "apply")
    assert result.applied


def test_an_update_that_no_longer_exists_is_forgotten(
    cluster: Cluster,
    delivery: GitOpsSettings,
    deadlock: Operator,
    api: ControlPlane,
):
    """After an operator's restart the Stack may name an Update that was collected: it would wait for ever."""
    api.delete(deadlock.update(f"{delivery.stack_object}-1"))
    assert delivery_status(cluster, delivery).phase is Phase.APPLYING  # PKO names an Update just before it makes it
    with deadlock.working():
        assert until(lambda: delivery_status(cluster, delivery, grace=0).stuck)
        assert reconcile(cluster, delivery, say=print, wait=True, unstick=True, seconds=30, grace=0).applied


def test_nothing_declared_is_absent(cluster: Cluster, lake: GitOpsSettings):
    """A cluster in which the gitops stack was never applied."""
    found = delivery_status(cluster, lake)
    assert (found.phase, found.next.split(" ")[:2]) == (Phase.ABSENT, ["pulumi", "up"])


def test_a_flux_that_does_not_answer_is_unavailable(cluster: Cluster, delivery: GitOpsSettings, api: ControlPlane):
    """source-controller is down or busy: here with a git host that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = delivery.model_copy(update={"repository": f"http://127.0.0.1:{mute.getsockname()[1]}/lake"})
        api.apply(git_repository(silent))
        with pytest.raises(UnavailableError, match="Flux did not answer within 2 s"):
            reconcile(cluster, silent, say=print, fetch_seconds=2)


def test_time_over_is_said_and_is_no_failure(cluster: Cluster, delivery: GitOpsSettings, operator: Operator):
    """An apply of hours goes on in the cluster when the person's patience ends."""
    operator.interrupted = True
    with operator.working():
        result = reconcile(cluster, delivery, say=print, wait=True, seconds=2)
    assert result.timed_out
    assert result.delivery.phase is Phase.APPLYING


@pytest.fixture
def guest(api: ControlPlane, delivery: GitOpsSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster as somebody whom nobody gave anything, in its kubeconfig's own words."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    account |= {"metadata": {"name": "guest", "namespace": delivery.namespace}}
    api.apply(account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.client.post(f"{api.path(account)}/token", json=request).json()["status"]["token"]
    config = yaml.safe_load(api.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "guest").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "guest"))
    return Cluster(delivery.namespace)


def test_somebody_without_the_role_is_told_which_one(guest: Cluster, delivery: GitOpsSettings):
    """The answer names the setting that gives the role."""
    with pytest.raises(RemoteError, match="forbidden") as caught:
        delivery_status(guest, delivery)
    assert "people" in caught.value.fix


def test_the_declared_role_is_enough_for_status_reconcile_and_unstick(
    guest: Cluster, delivery: GitOpsSettings, deadlock: Operator, api: ControlPlane
):
    """No administrator is needed in the night, and the role can read no Secret."""
    api.apply(people_role(delivery))
    binding = people_binding(delivery)
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "guest", "namespace": delivery.namespace}]
    api.apply(binding)
    with deadlock.working():
        assert until(lambda: delivery_status(guest, delivery).stuck)
        assert run(guest, delivery, unstick=True).applied
