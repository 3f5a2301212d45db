"""The lock that a killed `pulumi up` leaves in a bucket: a real one, by the real CLI, in a real S3."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lotus.gitops.stale_locks import release_own
from lotus.state.bucket import Bucket
from lotus.state.locks import locks
from lotus.tools import ensure
from tests.gitops.control_plane import free_port, running

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("backend", "endpoint", "path_style"),
    [
        ("s3://state", None, False),
        ("s3://state?endpoint=minio:9000&disableSSL=true&s3ForcePathStyle=true", "http://minio:9000", True),
        ("s3://state/lake?endpoint=https://s3.example&use_path_style=true", "https://s3.example", True),
    ],
)
def test_the_backends_address_is_read_as_pulumi_reads_it(backend: str, endpoint: str | None, path_style: bool):
    """Old names of the parameters and new ones."""
    found = Bucket.of(backend)
    assert (found.name, found.endpoint, found.path_style) == ("state", endpoint, path_style)


@dataclass(frozen=True)
class Killed:
    """A stack whose `pulumi up` was killed: where its state is, and how to run pulumi on it."""

    backend: str
    project: Path
    environment: dict[str, str]

    def up(self) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", "prod", "--non-interactive"]
        return subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Killed]:
    """`pulumi up` killed in mid-update, with its state in MinIO."""
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": "lotus-test", "AWS_SECRET_ACCESS_KEY": "lotus-test-secret"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    minio = ensure("minio", say=print)
    pulumi = ensure("pulumi", say=print, python=Path(sys.executable))
    backend = f"s3://state?endpoint=127.0.0.1:{port}&disableSSL=true&s3ForcePathStyle=true&region=us-east-1"
    root = {"MINIO_ROOT_USER": keys["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": keys["AWS_SECRET_ACCESS_KEY"]}
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": backend,
        "PULUMI_CONFIG_PASSPHRASE": "public",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(pulumi.parent), os.environ["PATH"]]),
    }
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: lotus\nruntime: python\n")
    (project / "__main__.py").write_text("import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)\n")
    command = [minio, "server", "--quiet", "--address", f"127.0.0.1:{port}", tmp_path / "s3"]
    with running(command, tmp_path / "s3.log", {**root, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}):
        _make_bucket(backend)
        subprocess.run(
            ["pulumi", "stack", "init", "prod"], cwd=project, env=environment, check=True, capture_output=True
        )
        _kill_in_mid_update(project, environment)
        (project / "__main__.py").write_text("")
        yield Killed(backend, project, environment)


def _make_bucket(backend: str) -> None:
    client = Bucket.of(backend).client()
    for _ in range(100):
        try:
            client.create_bucket(Bucket="state")
        except Exception:  # noqa: BLE001  MinIO answers in several ways until its object layer is up
            time.sleep(0.2)
        else:
            return
    raise AssertionError("MinIO did not start")


def _kill_in_mid_update(project: Path, environment: dict[str, str]) -> None:
    command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", "prod", "--non-interactive"]
    process = subprocess.Popen(command, cwd=project, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (project / "started").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_pods_own_lock_goes_and_the_next_apply_works(killed: Killed):
    """The pod that takes the place of a killed one has its name, so the lock is its own."""
    assert "locked by 1 lock" in killed.up().stderr
    bucket = Bucket.of(killed.backend)
    released, kept = release_own(bucket.client(), bucket, "lotus", "prod", host=socket.gethostname())
    assert ([lock.host for lock in released], kept) == ([socket.gethostname()], [])
    assert killed.up().returncode == 0


def test_the_lock_of_another_host_stays(killed: Killed):
    """A laptop that broke the glass may be writing right now: removing its lock would give it a rival."""
    bucket = Bucket.of(killed.backend)
    released, kept = release_own(bucket.client(), bucket, "lotus", "prod", host="lotus-prod-workspace-0")
    assert (released, len(kept)) == ([], 1)
    assert [lock.key for lock in locks(bucket.client(), bucket, "lotus", "prod")] == [kept[0].key]


def test_the_init_container_lets_the_pod_start_whatever_happens(tmp_path: Path):
    """A bucket out of reach is pulumi's to report: from there the words reach the Stack's status."""
    backend = f"s3://state?endpoint=127.0.0.1:{free_port()}&disableSSL=true&region=us-east-1"
    command = [sys.executable, "-m", "lotus.gitops.stale_locks", "--backend", backend]
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    answer = subprocess.run(
        [*command, "--project", "lotus", "--stack", "prod"],
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, "cannot look for stale locks" in answer.stderr) == (0, True)
