"""The lock that a killed `pulumi up` leaves in a bucket: a real one, by the real CLI, in a real S3."""

from __future__ import annotations

import json
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
from tests.support.processes import free_port
from tests.support.s3 import ROOT, started_s3

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
    """`pulumi up` killed in mid-update, with its state in an S3."""
    for name, value in ROOT.items():
        monkeypatch.setenv(name, value)
    pulumi = ensure("pulumi", python=Path(sys.executable))
    environment = {
        **os.environ,
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
    with started_s3(tmp_path / "s3") as s3:
        backend = environment["PULUMI_BACKEND_URL"] = s3.backend("state")
        s3.client().create_bucket(Bucket="state")
        subprocess.run(
            ["pulumi", "stack", "init", "prod"], cwd=project, env=environment, check=True, capture_output=True
        )
        _kill_in_mid_update(project, environment)
        (project / "__main__.py").write_text("")
        yield Killed(backend, project, environment)


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


def test_what_a_lock_holds_has_no_effect_on_a_terminal(killed: Killed):
    """Whoever may write the bucket chooses the words, and a pod's log is read in a terminal."""
    bucket = Bucket.of(killed.backend)
    (lock,) = locks(bucket.client(), bucket, "lotus", "prod")
    content = {"hostname": "laptop", "username": "\x1b[2J\nremoved", "pid": 1, "timestamp": lock.at}
    bucket.client().put_object(Bucket=bucket.name, Key=lock.key, Body=json.dumps(content).encode())
    command = [sys.executable, "-m", "lotus.gitops.stale_locks", "--backend", killed.backend, "--host", "pod-0"]
    answer = subprocess.run(
        [*command, "--project", "lotus", "--stack", "prod"],
        env=killed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.startswith("kept the lock of \\x1b[2J⏎removed@laptop (pid 1)")
    assert len(answer.stdout.splitlines()) == 1


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
