"""`lotus connectors`: names without a network, versions from the index, what is outdated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_support.package_index import PackageIndex, package_index
from typer.testing import CliRunner

from lotus.cli.app import app
from lotus.errors import ConfigError
from tests.support.airbyte import WORKSPACE
from tests.support.lake import Lake


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with one source that pins a version."""
    made = Lake(tmp_path / "lake")
    made.write("Pulumi.yaml", "name: lake\nruntime: python\n")
    config = {"lotus:lake": True, "lotus:workspace": WORKSPACE, "airbyte:serverUrl": "http://127.0.0.1:9/v1"}
    made.write("Pulumi.prod.yaml", json.dumps({"config": config}))
    made.write("streams/_destinations/lake.json", {"connector": "destination-local", "configuration": {}})
    made.write("streams/code/_source.json", {"connector": "airbyte-source-github==2.0.0", "configuration": {}})
    made.write("streams/code/commits.json", {})
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index with two versions of one connector."""
    with package_index() as made:
        made.add("airbyte-source-github", "2.0.0", "2025-01-01T12:00:00Z")
        made.add("airbyte-source-github", "2.1.0", "2025-03-01T12:00:00Z", python=">=3.10,<3.14")
        monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("LOTUS_CACHE", str(tmp_path / "cache"))
        yield made


def run(*arguments: str) -> Any:
    """What a command prints as JSON."""
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_names_are_listed_by_a_part_of_them(monkeypatch: pytest.MonkeyPatch):
    """From the names that come with lotus; no network is asked."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")

    names = [line["name"] for line in run("connectors", "list", "git")]

    assert names == ["source-gitbook", "source-github", "source-gitlab"]
    assert len(run("connectors", "list")) > 500


def test_the_word_list_may_be_left_out():
    """`lotus connectors big` is what people type."""
    result = CliRunner().invoke(app, ["connectors", "big"])

    assert "destination-bigquery" in result.stdout
    assert "in Airbyte" in result.stdout


def test_a_misspelt_name_gets_the_nearest_one():
    """Also where it is asked for with its prefix."""
    with pytest.raises(ConfigError, match="githbu") as error:
        CliRunner().invoke(app, ["connectors", "show", "source-githbu"], catch_exceptions=False)

    assert 'did you mean "github"?' in str(error.value)


@pytest.mark.slow
def test_versions_say_on_which_python_they_run_here(index: PackageIndex, lake: Lake):
    """Newest first, with licence and upload; a server that does not answer is a line, not a failure."""
    details = run("connectors", "show", "github")

    assert [each["version"] for each in details["versions"]] == ["2.1.0", "2.0.0"]
    assert details["versions"][0]["licence"] == "MIT"
    assert "3.11" in details["versions"][0]["runs_on"]
    assert "127.0.0.1:9" in details["server"]


@pytest.mark.slow
def test_the_spec_names_the_settings(index: PackageIndex, lake: Lake):
    """The newest version is installed and asked."""
    assert run("connectors", "show", "github", "--spec")["spec"]["properties"] == {"made": {"const": "2.1.0"}}


@pytest.mark.slow
def test_pinned_versions_stand_beside_the_newest(index: PackageIndex, lake: Lake):
    """`lotus connectors outdated`, for the sources of the files."""
    (line,) = run("connectors", "outdated")

    assert (line["source"], line["pinned"], line["newest"], line["outdated"]) == ("code", "2.0.0", "2.1.0", True)
