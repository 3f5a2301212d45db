"""Who may change a stack that names its writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulumi_airbyte.provider.faults import ProviderError
from pulumi_airbyte.provider.guard import BREAK_GLASS, WRITER, Guard, broken_glass
from pulumi_airbyte.provider.settings import settings
from pulumi_airbyte.provider.state_store import backend_url

SHARED = {"PULUMI_BACKEND_URL": "s3://state?region=eu-central-1"}


def test_a_stack_without_a_writer_belongs_to_everybody():
    """A laptop's own stack needs no mark."""
    assert Guard(None, {"PULUMI_BACKEND_URL": "file:///tmp/state"}).refusal("dev") is None


def test_only_the_writer_passes():
    """The mark is what the operator's pod has and a laptop has not."""
    assert Guard("operator", {**SHARED, WRITER: "operator"}).refusal("prod") is None

    for environment in (SHARED, {**SHARED, WRITER: "ci"}, {**SHARED, BREAK_GLASS: "  "}):
        refusal = Guard("operator", environment).refusal("prod")
        assert refusal is not None
        assert 'stack prod is changed by "operator" alone' in refusal.what
        assert "push" in refusal.fix and BREAK_GLASS in refusal.fix


@pytest.mark.parametrize("more", [{WRITER: "operator"}, {BREAK_GLASS: "the cluster is down"}])
def test_a_state_of_ones_own_is_refused_whoever_asks(more):
    """A reason does not make files on a laptop the shared state."""
    refusal = Guard("operator", {"PULUMI_BACKEND_URL": "file:///tmp/state", **more}).refusal("prod")
    assert refusal is not None and "a state of your own" in refusal.what


def test_a_state_in_another_bucket_is_refused_and_another_way_to_the_same_is_not():
    """The cluster reaches it by a name of its own, a laptop by another; the bucket and the folder are what counts."""
    shared = "s3://state/lake?endpoint=minio.minio.svc:9000&region=us-east-1"
    for backend, own in (
        ("s3://state/lake?endpoint=localhost:9000", False),
        ("s3://state/lake/", False),
        ("s3://state", True),
        ("s3://second/lake", True),
        ("https://api.pulumi.com", True),
    ):
        guard = Guard("operator", {"PULUMI_BACKEND_URL": backend, WRITER: "operator"}, shared)
        assert (guard.refusal("prod") is not None) == own, backend


def test_broken_glass_is_recorded_once_in_a_run(tmp_path: Path):
    """The program and every plugin of the engine say the same; a second reason is a second record."""
    # A folder that is not called file:// here stands for the shared place: only the record is looked at.
    environment = {"PULUMI_BACKEND_URL": "https://api.pulumi.example", "PULUMI_AIRBYTE_JOURNAL": str(tmp_path)}
    for reason in ("the cluster is down", "the cluster is down", "still down"):
        guard = Guard("operator", {**environment, BREAK_GLASS: reason})
        guard.enter("lake", "prod")
        guard.enter("lake", "prod")

    held = broken_glass(environment, "lake", "prod")
    assert [one.reason for one in held] == ["the cluster is down", "still down"]
    assert held[0].user and held[0].host and held[0].at.endswith("+00:00")


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path):
    """Without a record the glass stays whole."""
    (tmp_path / ".pulumi").write_text("no folder")
    environment = {"PULUMI_BACKEND_URL": "", "PULUMI_AIRBYTE_JOURNAL": str(tmp_path), BREAK_GLASS: "why"}
    with pytest.raises(ProviderError, match="could not be recorded"):
        Guard("operator", environment).enter("lake", "prod")


def test_the_backend_is_found_as_the_engine_finds_it(tmp_path: Path):
    """The environment's word, then the project file's, then the last login's."""
    (tmp_path / "credentials.json").write_text(json.dumps({"current": "file://~"}))
    environment = {"PULUMI_HOME": str(tmp_path), "PULUMI_ROOT_DIRECTORY": str(tmp_path)}
    assert backend_url(environment) == "file://~"
    (tmp_path / "Pulumi.yaml").write_text("name: lake\nbackend: {url: 's3://of-the-project'}\n")
    assert backend_url(environment) == "s3://of-the-project"
    assert backend_url({**environment, **SHARED}) == SHARED["PULUMI_BACKEND_URL"]


def test_the_state_remembers_the_writer_where_the_stacks_file_is_silent():
    """A destroy runs no program and may run where somebody took the line out."""
    now = {"PULUMI_CONFIG": json.dumps({"airbyte:serverUrl": "http://now"})}
    assert settings({"writer": "operator"}, explicit=False, environment=now).writer == "operator"
    assert settings({}, explicit=False, environment=now).writer is None


def test_a_credential_in_a_file_comes_before_a_variable_that_is_frozen(tmp_path: Path):
    """A mounted Secret is renewed in a running pod; its environment is not."""
    (tmp_path / "AIRBYTE_CLIENT_SECRET").write_text("new\n")
    environment = {
        "AIRBYTE_CREDENTIALS_DIR": str(tmp_path),
        "AIRBYTE_CLIENT_ID": "id",
        "AIRBYTE_CLIENT_SECRET": "old",
    }
    found = settings({}, explicit=False, environment=environment)
    assert (found.client_id, found.client_secret) == ("id", "new")
