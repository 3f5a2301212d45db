"""`lotus gitops render`, as a person pipes it into kubectl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lotus.gitops.settings import GitOpsSettings
from tests.gitops.conftest import MINIMUM
from tests.gitops.control_plane import ControlPlane
from tests.gitops.flux import GitHost
from tests.gitops.operator import Operator

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a gitops stack and no stream yet."""
    (tmp_path / "streams").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: my-lake\nruntime: python\n")
    (tmp_path / "Pulumi.gitops.yaml").write_text(yaml.safe_dump({"config": {"lotus:gitops": MINIMUM}}))
    return tmp_path


def lotus(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lotus.cli import main; main()", "--project", project, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_render_writes_the_projects_objects_to_stdout(project: Path):
    """Data and nothing else, so that `| kubectl apply -f -` works."""
    answer = lotus(project, "gitops", "render")
    kinds = [one["kind"] for one in yaml.safe_load_all(answer.stdout)]
    assert (answer.returncode, kinds[0], "Stack" in kinds, "my-lake" in answer.stdout) == (0, "Namespace", True, True)


def test_a_mistake_in_the_settings_is_a_sentence_and_exit_code_2(project: Path):
    """Every mistake, where it stands, and where the settings are listed."""
    (project / "Pulumi.gitops.yaml").write_text(yaml.safe_dump({"config": {"lotus:gitops": MINIMUM | {"brnch": "x"}}}))
    answer = lotus(project, "gitops", "render")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert 'did you mean "branch"' in answer.stderr and "Pulumi.gitops.yaml" in answer.stderr


@pytest.mark.parametrize("command", ["status", "reconcile"])
def test_without_a_kubeconfig_the_way_to_one_is_said(project: Path, command: str, monkeypatch: pytest.MonkeyPatch):
    """The first thing that goes wrong on a laptop."""
    monkeypatch.setenv("KUBECONFIG", str(project / "nowhere"))
    answer = lotus(project, command)
    assert (answer.returncode, "KUBECONFIG" in answer.stderr, "Traceback" in answer.stderr) == (2, True, False)


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.timeout(1800)
def test_reconcile_and_status_print_the_stations_of_a_commit(
    project: Path,
    api: ControlPlane,
    delivery: GitOpsSettings,
    operator: Operator,
    host: GitHost,
    monkeypatch: pytest.MonkeyPatch,
):
    """The whole way as a person types it: exit code 0, and one line per station."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig))
    written = delivery.model_dump(mode="json", exclude_defaults=True)
    (project / "Pulumi.gitops.yaml").write_text(yaml.safe_dump({"config": {"lotus:gitops": written}}))
    commit = host.push("streams/shop/orders.json", "{}\n")
    with operator.working():
        followed = lotus(project, "reconcile", "--wait")
        shown = lotus(project, "status")
    stations = {line.split()[0]: line.split()[1] for line in shown.stdout.splitlines()[1:]}
    assert (followed.returncode, shown.returncode) == (0, 0), followed.stderr + shown.stderr
    at = dict.fromkeys(("pushed", "fetched", "applied"), commit[:12])
    # The bucket of the state, which knows of broken glass, is not in reach here.
    assert stations == {**at, "glass": "unknown:"}


def test_this_repositorys_own_settings_are_an_example():
    """Pulumi.gitops.yaml of this repository is valid, and nothing is rendered of its values."""
    answer = lotus(Path(__file__).parents[2], "gitops", "render")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("lotus:gitops.repository is an example's value")
