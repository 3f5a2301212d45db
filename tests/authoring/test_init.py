"""`lotus init` in a folder: what it writes, what it keeps, how it pins."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from lotus.authoring.fmt import fmt
from lotus.authoring.init import init
from lotus.config import from_stack_file, load
from lotus.errors import ConfigError
from lotus.gitops.deliveries import delivery_of
from lotus.gitops.manifests import manifests

CHECKOUT = Path(__file__).resolve().parents[2]
GIT = "git+https://example.invalid/lotus@v0.1.0"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a wheel of each distribution (their content does not matter here)."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in ("lotus_lake-0.1.0", "lotus_server-0.1.0", "pulumi_airbyte-0.1.0"):
        (folder / f"{name}-py3-none-any.whl").write_bytes(b"wheel")
    return folder


def test_a_new_repository_has_no_fault_and_is_in_form(tmp_path: Path):
    """It validates for its stack, and fmt has nothing to do."""
    init(tmp_path / "lake", source=GIT)

    found = load(tmp_path / "lake", from_stack_file(tmp_path / "lake", "dev", environment={}))
    assert (found.faults, found.hints) == ((), ())
    assert fmt(tmp_path / "lake", check=True).changed == ()


def test_a_git_revision_pins_the_three_distributions(tmp_path: Path):
    """The program's requirements hold no more than it needs: the local server is for a laptop and CI."""
    init(tmp_path / "lake", source=GIT)

    lines = (tmp_path / "lake/requirements.txt").read_text().splitlines()[2:]
    assert lines == [f"pulumi-airbyte @ {GIT}#subdirectory=pulumi-airbyte", f"lotus-lake @ {GIT}"]
    assert (tmp_path / "lake/requirements-dev.txt").read_text().splitlines()[2:] == [
        f"pulumi-airbyte @ {GIT}#subdirectory=pulumi-airbyte",
        f"lotus-server @ {GIT}#subdirectory=lotus-server",
        f"lotus-lake[cli,embedded] @ {GIT}",
    ]


def test_wheels_come_along(tmp_path: Path, wheels: Path):
    """A pod or a laptop without the index of its maker installs from the checkout alone."""
    init(tmp_path / "lake", source=str(wheels))

    lake = tmp_path / "lake"
    assert {path.name for path in (lake / "wheels").iterdir()} == {path.name for path in wheels.iterdir()}
    for line in (lake / "requirements-dev.txt").read_text().splitlines()[2:]:
        assert (lake / line.partition("[")[0]).is_file()


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


def test_a_repository_of_ones_own_is_as_good_as_the_clone(tmp_path: Path):
    """Workflows, image, stacks and the versions of everything come with it."""
    written = init(tmp_path / "lake", source=GIT).written

    assert {
        *(".github/workflows/pull-request.yml", ".github/workflows/drift.yml", ".ci/install-lotus"),
        *("Dockerfile", ".dockerignore", "Makefile", "Pulumi.prod.yaml", "Pulumi.gitops.yaml"),
        *("constraints.txt", "requirements-image.txt", "streams/_schemas/stream.json"),
    } <= set(written)


@pytest.mark.parametrize("workflow", ["pull-request.yml", "drift.yml"])
def test_the_workflows_are_those_of_this_repository(tmp_path: Path, workflow: str):
    """They are tested there."""
    init(tmp_path / "lake", source=GIT)

    written = (tmp_path / "lake/.github/workflows" / workflow).read_text()
    assert written == (CHECKOUT / ".github/workflows" / workflow).read_text()


def test_the_image_is_the_one_of_this_repository_but_for_what_is_installed(tmp_path: Path, wheels: Path):
    """Its tools, user and variables are the same; the program comes from the pins."""
    init(tmp_path / "lake", source=str(wheels))

    ours = (CHECKOUT / "lotus/gitops/Dockerfile").read_text()
    written = (tmp_path / "lake/Dockerfile").read_text()
    assert written[written.index("FROM python:${PYTHON}\n") :] == ours[ours.index("FROM python:${PYTHON}\n") :]
    assert "git" not in written.replace("gitops", "")
    image = (tmp_path / "lake/requirements-image.txt").read_text().splitlines()
    assert image[-1] == "./wheels/lotus_lake-0.1.0-py3-none-any.whl[cli]"


def test_revisions_of_git_bring_git_into_the_image(tmp_path: Path):
    """pip fetches them while the image is built, and in the pod."""
    init(tmp_path / "lake", source=GIT)

    assert (tmp_path / "lake/Dockerfile").read_text().count("install --yes --no-install-recommends git") == 2


def test_the_example_stacks_are_valid_and_are_run_by_nobody(tmp_path: Path):
    """Their values are to be replaced; until then nothing is rendered of them."""
    lake = tmp_path / "lake"
    init(lake, source=GIT)

    assert load(lake, from_stack_file(lake, "prod", environment={})).faults == ()
    delivery = delivery_of(lake, "prod")
    assert delivery is not None
    with pytest.raises(ConfigError, match="is an example's value"):
        manifests(delivery, project="lake")


def test_no_index_is_asked_for_lotus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its names are free there: anybody could publish under them. Without an origin there is no pin."""
    read = importlib.metadata.PathDistribution.read_text
    of_an_index = lambda self, name: None if name == "direct_url.json" else read(self, name)  # noqa: E731
    monkeypatch.setattr(importlib.metadata.PathDistribution, "read_text", of_an_index)

    with pytest.raises(ConfigError, match=r"cannot tell where pulumi-airbyte .* was installed from"):
        init(tmp_path / "lake")

    assert not (tmp_path / "lake").exists()


def test_lines_that_an_existing_gitignore_lacks_are_named(tmp_path: Path):
    """It stays as it is; keys are safe in any case, since `.lotus/` ignores itself."""
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / ".gitignore").write_text("node_modules/\n.venv\n")

    assert init(lake, source=GIT).not_ignored == ("__pycache__/",)
