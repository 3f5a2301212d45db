"""What status makes of the words and objects that it finds; the cluster's part is in test_delivery.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lotus.gitops.delivery import Commit, describe, drift_look, failing_words, pushed_commit
from lotus.gitops.settings import GitOpsSettings
from lotus.lake.status import open_backfills
from tests.gitops.flux import GitHost, git_host

DATA = Path(__file__).parent / "data"


def test_of_a_failed_resource_its_own_words_remain():
    """PKO keeps all of pulumi's output; the same error of two resources is said once."""
    assert failing_words((DATA / "up_failed_resource.txt").read_text()) == (
        'source "shopify": check failed: 401 Unauthorized from the shop\n'
        "  where: streams/shopify/_source.json\n"
        "  fix:   renew shopify_api_password",
    )


def test_of_a_failed_program_its_sentence_remains():
    """What the program refused, without the engine's remark that a program exited."""
    assert failing_words((DATA / "up_failed_program.txt").read_text()) == (
        'stream "orders" has no field "updated"\n'
        "  where: streams/shopify/orders.json:3:19\n"
        '  fix:   did you mean "updated_at"?',
    )


@pytest.mark.parametrize("message", ["Another update is currently in progress", "An unknown error occurred"])
def test_a_message_without_errors_is_shown_as_it_is(message: str):
    """PKO's own short sentences."""
    assert failing_words(message) == (message,)


def job(name: str, at: str, kind: str, message: str = "") -> dict[str, Any]:
    """A finished Job as the job controller of Kubernetes 1.34 writes it."""
    end = {"type": kind, "status": "True", "reason": "", "message": message, "lastTransitionTime": at}
    return {"metadata": {"name": name}, "status": {"conditions": [end]}}


FOUND = "Container drift for pod lake/drift-1-x failed with exit code 5 matching FailJob rule at index 0"


@pytest.mark.parametrize(
    ("message", "kind", "found"),
    [
        (FOUND, "Failed", True),
        ("", "Complete", False),
        ("Job has reached the specified backoff limit", "Failed", None),
        (FOUND.replace("code 5", "code 55"), "Failed", None),
    ],
)
def test_the_drift_jobs_end_says_what_it_found(message: str, kind: str, found: bool | None):
    """Drift, none, or a look that failed are three different things."""
    look = drift_look([job("drift-1", "2026-11-21T03:00:00Z", kind, message)])
    assert look and look.found is found


def test_the_newest_look_counts():
    """Drift that is gone is no longer shown."""
    old = job("drift-1", "2026-11-21T03:00:00Z", "Failed", FOUND)
    new = job("drift-2", "2026-11-21T04:00:00Z", "Complete")
    look = drift_look([new, old])
    assert look and (look.job, look.found) == ("drift-2", False)


@pytest.fixture
def pushed(tmp_path: Path) -> tuple[GitHost, str]:
    """A work tree with a pushed commit."""
    with git_host(tmp_path) as host:
        return host, host.push("Pulumi.yaml", "name: lotus\n")


def test_the_pushed_commit_is_what_the_git_host_has(pushed: tuple[GitHost, str], settings: GitOpsSettings):
    """Not what lies in the work tree: a commit that nobody pushed reaches no cluster."""
    host, commit = pushed
    assert pushed_commit(host.work, settings) == (Commit(commit), "")


def test_a_branch_that_was_never_pushed_is_said(pushed: tuple[GitHost, str], settings: GitOpsSettings):
    """Status goes on without it."""
    host, _ = pushed
    other = settings.model_copy(update={"branch": "gone", "repository": str(host.work)})
    assert pushed_commit(host.work, other) == (None, f'{host.work} has no branch "gone"')


def test_a_lake_that_asks_for_no_backfill_has_none_and_needs_no_airbyte(tmp_path: Path, settings: GitOpsSettings):
    """Status works where Airbyte's address is known inside the cluster only."""
    (tmp_path / "streams").mkdir()
    assert open_backfills(tmp_path, settings, {}) == ((), "")


def test_backfills_that_cannot_be_looked_up_are_said_to_be_unknown(tmp_path: Path, settings: GitOpsSettings):
    """Not "none": somebody may be waiting for one."""
    folder = tmp_path / "streams" / "shop"
    folder.mkdir(parents=True)
    (folder / "_source.json").write_text('{"connector": "source-faker", "configuration": {}}')
    (folder / "orders.json").write_text('{"backfill": true}')
    found, unknown = open_backfills(tmp_path, settings, {})
    assert found == ()
    assert unknown


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            "operation error S3: PutObject, https response error StatusCode: 403, api error AccessDenied: Denied.",
            "the operator's keys for the state can only read: put the writer's keys into the Secret lotus-state-writer",
        ),
        (
            "operation error S3: ListObjects, api error InvalidAccessKeyId: The Access Key Id does not exist",
            "put the new ones into the Secret lotus-state-writer",
        ),
        (
            "the stack is currently locked by 1 lock(s).\n  s3://s/.pulumi/locks/a.json: created by ann@laptop (pid 7)",
            "the lock belongs to laptop: run lotus state unlock there",
        ),
    ],
)
def test_the_states_faults_are_translated(settings: GitOpsSettings, words: str, hint: str):
    """What S3 and Pulumi say of keys and locks, as what to do."""
    revision = "main@sha1:abc"
    repository = {"status": {"artifact": {"revision": revision}}}
    last = {"state": "failed", "lastAttemptedCommit": revision, "message": f"error: {words}", "failures": 1}
    retrying = {"type": "Reconciling", "status": "True", "reason": "RetryingAfterFailure"}
    stack = {"status": {"lastUpdate": last, "conditions": [retrying]}}
    assert hint in "\n".join(describe(settings, repository=repository, stack=stack).hints)
