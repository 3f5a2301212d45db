"""Whatever is wrong, every command says it in one form: what, where, fix; and ends with an exit code of the enum."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lotus.cli import main
from lotus.errors import Exit
from tests.cli.test_commands import ALL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = {
    "lotus sync": ["--all"],
    "lotus init": ["."],
    "lotus discover": ["shop"],
    "lotus check": ["lake"],
    "lotus catalog": ["shop"],
    "lotus explain": ["LOT999"],
    "lotus schema": ["nothing"],
    "lotus landing query": ["select 1"],
    "lotus sources add": ["source-faker", "--set", "count=1"],
    "lotus destinations add": ["destination-s3", "--name", "other"],
    "lotus destinations new": ["Not-A-Name"],
    "lotus streams show": ["shop", "orders"],
    "lotus streams add": ["shop", "--all"],
    "lotus drift accept": ["shop"],
    "lotus state restore": ["1234"],
    "lotus backfill request": ["shop", "orders"],
}
"""What a command needs to be typed at all; the rest takes nothing."""
LEFT_OUT = {
    "lotus dev up": "starts servers",
    "lotus dev run": "starts servers",
    "lotus reconcile": "waits for Flux",
}
COMMANDS = sorted(set(ALL) - set(LEFT_OUT))
ASK_AIRBYTE = {"lotus check", "lotus sources", "lotus destinations", "lotus destinations add"}
"""These ask Airbyte before a broken file matters to them, and wait for it."""
FILES_ONLY = [pytest.param(name, marks=[pytest.mark.slow] if name in ASK_AIRBYTE else []) for name in COMMANDS]
FORBIDDEN = re.compile(
    r"Traceback|Fault\(|Error\(|\bcode='|0x[0-9a-f]{6,}|PULUMI_ACCESS_TOKEN|app\.pulumi\.com|pulumi login\b.*cloud",
    re.IGNORECASE,
)
"""A traceback, a repr, and what Pulumi says about its own cloud."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This repository's lake in a folder of its own, with nothing around it that answers."""
    folder = tmp_path / "lake"
    folder.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.gitops.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "streams", folder / "streams")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    text = (folder / "Pulumi.prod.yaml").read_text()
    (folder / "Pulumi.prod.yaml").write_text(re.sub(r"http://airbyte[^\n]*", "http://127.0.0.1:9/api/public/v1", text))
    for name in ("PULUMI_BACKEND_URL", "PULUMI_STACK", "AIRBYTE_SERVER_URL", "LOTUS_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def lotus(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """A command as it is typed: its exit code and all that it prints."""

    def run(name: str, *more: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", [*name.split(), *ARGUMENTS.get(name, []), *more])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


def assert_in_form(code: int, words: str) -> None:
    """No traceback, repr or advice of others; a failure has what, and where or fix."""
    assert code in list(Exit) and code != Exit.BUG, words
    assert not FORBIDDEN.search(words), words
    if code not in (Exit.OK, Exit.DIFFERENT):
        assert re.search(r"^(  where|  fix|next): ", words, re.MULTILINE), words


def stack_of(name: str) -> list[str]:
    """`--stack prod` where the command takes a stack."""
    names = {parameter.name for parameter in ALL[name].params}
    options: Any = [o for parameter in ALL[name].params for o in parameter.opts]
    return ["--stack", "prod"] if "stack" in names and "--stack" in options else []


@pytest.mark.parametrize("name", FILES_ONLY)
def test_a_broken_file_is_named_at_its_place(name: str, project: Path, lotus: Callable[..., tuple[int, str]]):
    """A file that ends in the middle."""
    (project / "streams" / "shop" / "orders.json").write_text('{"stream":')

    code, words = lotus(name, *stack_of(name))

    assert_in_form(code, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_broken_setting_is_named_at_its_place(name: str, project: Path, lotus: Callable[..., tuple[int, str]]):
    """A misspelt setting in both stacks' files."""
    for file in ("Pulumi.prod.yaml", "Pulumi.gitops.yaml"):
        (project / file).write_text("config:\n  lotus:wrokspace: x\n  lotus:gitops: {repositroy: y}\n")

    code, words = lotus(name, *stack_of(name))

    assert_in_form(code, words)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [name for name in COMMANDS if stack_of(name)])
def test_without_backend_and_server_the_way_out_is_lotus_own(
    name: str, project: Path, lotus: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
):
    """No state, no Airbyte, no cluster: one sentence each, and nothing about Pulumi's cloud."""
    monkeypatch.setenv("LOTUS_OFFLINE", "1")
    (project / "Pulumi.gitops.yaml").unlink()

    code, words = lotus(name, *stack_of(name))

    assert_in_form(code, words)


@pytest.mark.parametrize("name", ["lotus status", "lotus reconcile", "lotus gitops render"])
def test_without_a_cluster_the_kubeconfig_is_named(name: str, project: Path, lotus: Callable[..., tuple[int, str]]):
    """A missing kubeconfig, and a broken delivery, are not a Python object."""
    file = project / "Pulumi.gitops.yaml"
    file.write_text(file.read_text().replace("example.invalid", "example"))

    code, words = lotus(name)

    assert_in_form(code, words)
    assert code == Exit.OK or "KUBECONFIG" in words


def test_a_misspelt_command_has_the_same_form(project: Path, lotus: Callable[..., tuple[int, str]]):
    """Typer's own words, in lotus's form."""
    code, words = lotus("lotus valdate")

    assert code == Exit.FAULTS
    assert words.splitlines()[0] == "no such command 'valdate'. Did you mean 'validate'?"
    assert "  fix:   lotus --help" in words
