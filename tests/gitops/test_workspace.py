"""What the operator's pod does, without a container runtime: install from the wheelhouse alone, then preview.

The image itself is not built here, as no container runtime can be had. `pulumi install` and the wheelhouse are those of
its Dockerfile. One requirement is left out: pulumi-kubernetes, whose plugin the image installs from Pulumi's download
host and no package registry has; the stack that the pod applies does not use it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lotus.gitops import wheelhouse
from lotus.tools import ensure

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(900)]

PROJECT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, as Flux hands it to the pod."""
    folder = tmp_path_factory.mktemp("workspace") / "source"
    subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
    requirements = folder / "requirements.txt"
    kept = [line for line in requirements.read_text().splitlines() if not line.startswith("pulumi-kubernetes")]
    requirements.write_text("\n".join(kept) + "\n")
    return folder


@pytest.fixture(scope="module")
def pod(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pod's environment: the wheelhouse, and no way to an index or to a download host."""
    wheels = clone.parent / "wheelhouse"
    wheelhouse.fill_wheelhouse(clone, wheels)
    pulumi = ensure("pulumi", python=Path(sys.executable))
    base = Path(sys.base_prefix) / "bin"
    # .venv is where a current language host puts the environment, the clone's own bin where an older one does.
    path = [str(clone / ".venv" / "bin"), str(clone / "bin"), str(pulumi.parent), str(base), "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join(path),
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PULUMI_BACKEND_URL": tmp_path_factory.mktemp("state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "public",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
        "LOTUS_OFFLINE": "1",
    }


@pytest.fixture(scope="module")
def installed(clone: Path, pod: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`pulumi install`, which is what PKO's agent runs first."""
    return _pulumi(clone, pod, "install")


def _pulumi(clone: Path, pod: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["pulumi", *arguments], cwd=clone, env=pod, capture_output=True, text=True, check=False)


def test_install_needs_nothing_but_the_wheelhouse(installed: subprocess.CompletedProcess[str]):
    """Neither an index nor a plugin of `pulumi_airbyte`, which Pulumi would look for by the distribution's name."""
    assert installed.returncode == 0, installed.stdout[-2000:] + installed.stderr[-2000:]
    assert "downloading provider" not in installed.stdout + installed.stderr


def test_the_lake_is_previewed_from_that_environment(
    clone: Path, pod: dict[str, str], installed: subprocess.CompletedProcess[str]
):
    """The program and the provider run on what was installed; the preview is offline, as there is no Airbyte here."""
    assert installed.returncode == 0
    made = _pulumi(clone, pod, "stack", "init", "prod")
    assert made.returncode == 0, made.stderr
    # There is no bucket here either, and a stack with one writer takes no state in files.
    assert _pulumi(clone, pod, "config", "rm", "airbyte:writer", "--stack", "prod").returncode == 0
    # An example's value is refused.
    shop = ("--path", "lotus:config.shopify_store", "store.localhost")
    assert _pulumi(clone, pod, "config", "set", *shop, "--stack", "prod").returncode == 0
    answer = _pulumi(clone, pod, "preview", "--stack", "prod", "--non-interactive", "--json")
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    kinds = {step["newState"]["type"] for step in json.loads(answer.stdout)["steps"]}
    assert "airbyte:index/source:Source" in kinds


def test_a_wheel_that_the_wheelhouse_lacks_is_named(clone: Path, pod: dict[str, str], tmp_path: Path):
    """requirements.txt changed and the image did not: the Stack's status names the requirement."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: lotus\nruntime: python\n")
    (project / "requirements.txt").write_text("not-in-the-image==1.0\n")
    answer = _pulumi(project, pod, "install")
    assert answer.returncode != 0
    assert "not-in-the-image==1.0" in answer.stdout + answer.stderr
