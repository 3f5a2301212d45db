"""A fresh clone of what is in this checkout, and a repository of `lotus init`, each brought to Parquet once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import PROJECT, Clone, copy_of_checkout


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone in which `make run` has run once; its servers are ended afterwards."""
    made = Clone(copy_of_checkout(tmp_path_factory.mktemp("clone")))
    try:
        made.run("make", "run")
        yield made
    finally:
        made.run("make", "stop", check=False)


@pytest.fixture(scope="session")
def own_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A repository made of wheels, as a person makes one that has no source yet, then with one that synced."""
    folder = tmp_path_factory.mktemp("own repository")
    uv = Path(sys.executable).parent / "uv"
    for checkout in (PROJECT, PROJECT / "pulumi-airbyte", PROJECT / "lotus-server"):
        command = [uv, "build", "--quiet", "--wheel", "--out-dir", folder / "dist", checkout]
        subprocess.run(command, check=True, capture_output=True)
    lotus = Path(sys.executable).parent / "lotus"
    lake = Clone(folder / "my lake")
    subprocess.run([lotus, "init", lake.path, "--from", folder / "dist"], check=True, capture_output=True)
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid")
    for command in (("init", "-qb", "main"), ("add", "-A"), (*author, "commit", "-qm", "lotus init")):
        lake.run("git", *command)
    try:
        empty = lake.run("make", "run").stderr
        assert "next: . .venv/bin/activate && lotus sources add source-faker" in empty
        add = "lotus sources add source-faker --set count=60 --set records_per_slice=20"
        lake.run("bash", "-c", f". .venv/bin/activate && {add} && lotus streams add faker users products")
        lake.run("make", "run")
        yield lake
    finally:
        lake.run("make", "stop", check=False)
