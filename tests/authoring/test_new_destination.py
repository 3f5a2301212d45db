"""A destination that another distribution offers by an entry point: written by `lotus destinations new`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lotus_server.connectors.registry import definitions
from lotus_server.destinations import destination_class
from server_support.worker_run import incremental, run_worker

from tests.support.clone import PROJECT, copy_of_checkout

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """A command that has to succeed; what it printed."""
    answer = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `lotus destinations new memo` wrote."""
    folder = tmp_path_factory.mktemp("new")
    run(BIN / "lotus", "destinations", "new", "memo", cwd=folder)
    return folder / "lotus-destination-memo"


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that its wheel is installed in, to be put on the path: this environment stays as it is."""
    target = tmp_path_factory.mktemp("installed")
    run(BIN / "uv", "pip", "install", "-q", "--no-deps", "--target", target, package, cwd=package)
    return target


def test_the_suite_that_comes_with_it_passes(package: Path, installed: Path) -> None:
    """The distribution's own test is the shared suite, and nothing of lotus knows the destination."""
    said = run(BIN / "pytest", "-q", "--rootdir", ".", "tests", cwd=package, PYTHONPATH=str(installed))
    assert "passed" in said


def test_it_is_as_strictly_written_as_lotus_itself(package: Path) -> None:
    """Lint and form are clean, so that whoever begins with it begins clean."""
    run(BIN / "ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,D1,UP", ".", cwd=package)
    run(BIN / "ruff", "format", "--isolated", "--line-length", "120", "--check", ".", cwd=package)


def test_the_embedded_airbyte_offers_checks_and_fills_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry point is all it takes: a definition for the API, a class for check and worker, rows by a real sync."""
    monkeypatch.syspath_prepend(str(installed))
    assert "airbyte/destination-memo" in {each.docker_repository for each in definitions()}
    assert destination_class("memo") is not None
    (tmp_path / "config.json").write_text(json.dumps({"folder": str(tmp_path / "lake")}))
    check = [sys.executable, "-m", "lotus_server.destinations.check", "memo", "--config", "config.json"]
    assert "SUCCEEDED" in run(*check, cwd=tmp_path, PYTHONPATH=str(installed))
    done = run_worker(
        tmp_path / "run", [["records", "orders", 1, 3], ["state", "orders", {"id": 3}]], [incremental("orders")],
        "memo", {"folder": str(tmp_path / "lake")}, at=datetime(2026, 11, 21, tzinfo=UTC),
        environment={"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert done.ended["status"] == "succeeded"
    (file,) = (tmp_path / "lake").rglob("*.jsonl")
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [1, 2, 3]


def test_inside_lotus_it_is_a_file_its_test_and_its_lines_in_the_tables(tmp_path: Path) -> None:
    """In a checkout, `--inside` writes all that lotus itself asks of a destination."""
    checkout = copy_of_checkout(tmp_path / "lotus")
    for name in ("big-query", "zeta"):
        run(BIN / "lotus", "--project", checkout, "destinations", "new", name, "--inside", cwd=tmp_path)
    suite = ("lotus-server/tests/destinations/test_big_query.py", "lotus-server/tests/destinations/test_zeta.py")
    table = "lotus-server/tests/destinations/test_conformance.py::test_every_destination_of_the_table_runs_the_suite"
    said = run(BIN / "pytest", "-q", *suite, table, cwd=checkout, PYTHONPATH=f"{checkout}:{checkout / 'lotus-server'}")
    assert "passed" in said
    run(BIN / "ruff", "check", "lotus-server/lotus_server", "lotus-server/tests", cwd=checkout)
    run(BIN / "ruff", "format", "--check", "lotus-server/lotus_server", "lotus-server/tests", cwd=checkout)
    again = subprocess.run(
        [BIN / "lotus", "--project", checkout, "destinations", "new", "zeta", "--inside"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (again.returncode, 'the name "zeta" is taken' in again.stderr) == (2, True)


def test_the_docs_show_what_the_command_writes(package: Path) -> None:
    """So the example that people read is the one whose suite ran above; without imports it is about 40 lines."""
    shown = (PROJECT / "docs" / "write-a-destination.md").read_text().split("```python\n")[1].split("```")[0]
    assert shown == (package / "lotus_destination_memo.py").read_text()
    body = shown[shown.index("class Memo(") :]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 40
