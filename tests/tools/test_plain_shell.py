"""`pulumi` in a shell where nothing was prepared: the environment, the stack's variables, or one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lotus.tools import find
from lotus.tools.language_host import HOST, NAME, honour_virtualenv
from lotus.tools.launcher import write_launcher

PLAIN = {"PATH": "/usr/bin:/bin", "PULUMI_SKIP_UPDATE_CHECK": "true"}


def plainly(folder: Path, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A command as a new terminal runs it."""
    environment = {**PLAIN, "HOME": str(folder), **more}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def project(folder: Path, virtualenv: str) -> Path:
    """A project that prints which Python runs it."""
    folder.mkdir()
    runtime = (
        f"runtime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: {virtualenv} # as people write\n"
    )
    (folder / "Pulumi.yaml").write_text(f"name: plain\n{runtime}")
    (folder / "__main__.py").write_text("import sys\nprint('PYTHON', sys.prefix)\n")
    return folder


@pytest.mark.slow
def test_the_environment_that_pulumi_yaml_names_runs_the_program(tmp_path: Path):
    """The language host that is built would take the first python on PATH, which has no Pulumi."""
    pulumi = find("pulumi")
    assert pulumi is not None
    folder = project(tmp_path / "my project", sys.prefix)
    state = {"PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_CONFIG_PASSPHRASE": "x"}
    plainly(folder, pulumi, "stack", "init", "dev", "--non-interactive", **state)

    answer = plainly(folder, pulumi, "preview", "--stack", "dev", "--non-interactive", **state)

    assert f"PYTHON {sys.prefix}" in answer.stdout, answer.stdout + answer.stderr
    assert "warning" not in answer.stdout + answer.stderr


def test_a_built_host_gets_the_launcher_once_and_a_downloaded_one_never(tmp_path: Path):
    """Pulumi's own download honours `virtualenv`, and has the hosts of all languages."""
    (tmp_path / NAME).write_text("built")
    honour_virtualenv(tmp_path)
    honour_virtualenv(tmp_path)
    assert (tmp_path / HOST).read_text() == "built"
    assert (tmp_path / NAME).read_text().startswith("#!/bin/sh")

    downloaded = tmp_path / "downloaded"
    downloaded.mkdir()
    for name in (NAME, "pulumi-language-nodejs"):
        (downloaded / name).write_text("downloaded")
    honour_virtualenv(downloaded)
    assert (downloaded / NAME).read_text() == "downloaded"


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """The `pulumi` of an environment whose python is this one."""
    binaries = tmp_path / "my environment" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    (binaries.parent / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (binaries.parent / "lib").symlink_to(Path(sys.prefix) / "lib")
    write_launcher(binaries.parent)
    return binaries / "pulumi"


@pytest.mark.slow
def test_a_clone_that_was_never_set_up_is_named_in_one_sentence(tmp_path: Path, launcher: Path):
    """Pulumi's own answer would be to log in to Pulumi Cloud."""
    folder = tmp_path / "lake"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: lake\nruntime: python\n")

    answer = plainly(folder, launcher, "preview", "--non-interactive")

    assert answer.returncode == 2
    assert answer.stderr.splitlines()[0] == "the dev stack of this clone was never set up"
    assert "lotus dev up" in answer.stderr
    assert "PULUMI_ACCESS_TOKEN" not in answer.stderr


@pytest.mark.slow
def test_what_opens_no_backend_needs_no_stack(tmp_path: Path, launcher: Path):
    """`pulumi version` works anywhere, and so does another project with that environment."""
    assert plainly(tmp_path, launcher, "version").stdout.strip() == "3.259.0"


def test_a_launcher_is_never_taken_for_pulumi(tmp_path: Path, launcher: Path, monkeypatch: pytest.MonkeyPatch):
    """It would start itself."""
    monkeypatch.setenv("PATH", f"{launcher.parent}:{PLAIN['PATH']}")

    assert find("pulumi") != launcher
