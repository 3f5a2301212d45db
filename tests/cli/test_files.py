"""The commands for files: exit codes and what stands where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lotus.cli.app import app
from lotus.config.codes import CODES
from lotus.errors import ConfigError, Exit

RUNNER = CliRunner()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one file that is not in form."""
    folder = tmp_path / "streams" / "shop"
    folder.mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    (folder / "orders.json").write_text("{ }")
    return tmp_path


@pytest.mark.parametrize("code", ["LOT012", "lot12", "12"])
def test_a_code_is_explained_however_it_is_written(code: str):
    """What a message shows, or what somebody remembers of it."""
    answer = RUNNER.invoke(app, ["explain", code])

    assert answer.exit_code == 0
    assert answer.stdout.startswith("LOT012  ")


def test_all_codes_are_listed():
    """As a table, and as JSON."""
    answer = RUNNER.invoke(app, ["explain", "--json"])

    assert [found["code"] for found in json.loads(answer.stdout)] == list(CODES)


def test_an_unknown_code_is_a_fault_of_the_person():
    """Exit code 2, like every wrong setting."""
    answer = RUNNER.invoke(app, ["explain", "LOT9x9"])

    assert isinstance(answer.exception, ConfigError)
    assert answer.exception.exit_code == 2


def test_fmt_check_exits_5_and_names_the_files(project: Path):
    """The files are data, on stdout."""
    answer = RUNNER.invoke(app, ["--project", str(project), "fmt", "--check"])

    assert (answer.exit_code, answer.stdout) == (Exit.DIFFERENT, "streams/shop/orders.json\n")
    assert RUNNER.invoke(app, ["--project", str(project), "fmt"]).exit_code == 0
    assert RUNNER.invoke(app, ["--project", str(project), "fmt", "--check"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["discover"], ["discover", "x", "--all"], ["sources", "add"], ["check"]])
def test_half_a_command_is_refused(project: Path, arguments: list[str]):
    """Before anything is asked or started."""
    assert RUNNER.invoke(app, ["--project", str(project), *arguments]).exit_code == 2
