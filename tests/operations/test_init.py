"""`lotus init` in a folder: what it writes, what it keeps, how it pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lotus.config import from_stack_file, load
from lotus.errors import ConfigError
from lotus.operations.fmt import fmt
from lotus.operations.init import init

CHECKOUT = Path(__file__).resolve().parents[2]
GIT = "git+https://example.invalid/lotus@v0.1.0"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a wheel of each distribution (their content does not matter here)."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in ("lotus_lake-0.1.0", "pulumi_airbyte-0.1.0"):
        (folder / f"{name}-py3-none-any.whl").write_bytes(b"wheel")
    return folder


def test_a_new_repository_has_no_fault_and_is_in_form(tmp_path: Path):
    """It validates for its stack, and fmt has nothing to do."""
    init(tmp_path / "lake", source=GIT)

    found = load(tmp_path / "lake", from_stack_file(tmp_path / "lake", "dev", environment={}))
    assert (found.faults, found.hints) == ((), ())
    assert fmt(tmp_path / "lake", check=True).changed == ()


def test_a_git_revision_pins_both_distributions(tmp_path: Path):
    """The program's requirements hold no more than it needs."""
    init(tmp_path / "lake", source=GIT)

    lines = (tmp_path / "lake/requirements.txt").read_text().splitlines()[1:]
    assert lines == [f"pulumi-airbyte @ {GIT}#subdirectory=pulumi-airbyte", f"lotus-lake @ {GIT}"]
    assert f"lotus-lake[cli,embedded] @ {GIT}" in (tmp_path / "lake/requirements-dev.txt").read_text()


def test_wheels_come_along(tmp_path: Path, wheels: Path):
    """A pod or a laptop without the index of its maker installs from the checkout alone."""
    init(tmp_path / "lake", source=str(wheels))

    lake = tmp_path / "lake"
    assert {path.name for path in (lake / "wheels").iterdir()} == {path.name for path in wheels.iterdir()}
    for line in (lake / "requirements.txt").read_text().splitlines()[1:]:
        assert (lake / line).is_file()


def test_what_is_there_stays(tmp_path: Path):
    """A README of one's own is not replaced."""
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "README.md").write_text("mine")

    done = init(lake, source=GIT)

    assert done.kept == ("README.md",)
    assert (lake / "README.md").read_text() == "mine"


def test_a_project_is_not_made_twice(tmp_path: Path):
    """The second run changes nothing."""
    init(tmp_path / "lake", source=GIT)

    with pytest.raises(ConfigError, match="already"):
        init(tmp_path / "lake", source=GIT)


@pytest.mark.parametrize(
    ("source", "message"),
    [("git+https://example.invalid/lotus", "no revision"), ("nowhere", "neither"), (".", "no wheel")],
)
def test_a_source_of_no_use_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str):
    """Neither the folder nor a file in it is made."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=message):
        init(tmp_path / "lake", source=source)

    assert not (tmp_path / "lake").exists()


def test_the_scaffold_says_what_this_repository_says(tmp_path: Path):
    """Destination, spec, salt and program are those that `make run` is tested with."""
    init(tmp_path / "lake", source=GIT)
    lake = tmp_path / "lake"

    made = json.loads((lake / "streams/_destinations/lake.json").read_text())
    made.pop("$schema")
    assert made == json.loads((CHECKOUT / "streams/_destinations/lake.json").read_text())
    spec = "streams/_destinations/_discovered/lake.json"
    assert json.loads((lake / spec).read_text()) == json.loads((CHECKOUT / spec).read_text())
    salt = next(line for line in (CHECKOUT / "Pulumi.dev.yaml").read_text().splitlines() if "encryptionsalt" in line)
    assert salt in (lake / "Pulumi.dev.yaml").read_text()


def test_the_launcher_can_be_run(tmp_path: Path):
    """The engine starts it before any environment exists."""
    init(tmp_path / "lake", source=GIT)

    assert (tmp_path / "lake/plugin/pulumi-resource-airbyte").stat().st_mode & 0o111
