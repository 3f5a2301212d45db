"""Adding a source that the server does not have: the newest version of its package, pinned and locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_support.package_index import PackageIndex, package_index

from lotus.authoring.add import New, add_actor
from lotus.errors import ConfigError
from lotus.session.session import Session
from tests.support.lake import Lake

from .conftest import ShopServer

pytestmark = pytest.mark.slow


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index with a connector whose newest version cannot be installed."""
    with package_index() as made:
        made.add("airbyte-source-github", "2.0.0")
        made.add("airbyte-source-github", "2.1.0", requires=["nowhere==1"])
        monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("LOTUS_CACHE", str(tmp_path / "cache"))
        yield made


@pytest.fixture
def github_server(tmp_path: Path, index: PackageIndex) -> Iterator[ShopServer]:
    """A server that installs from that index."""
    server = ShopServer(tmp_path / "airbyte")
    yield server
    server.stop()


def add(lake: Lake, server: ShopServer, connector: str, said: list[str]) -> None:
    """`lotus sources add CONNECTOR --no-check`."""
    session = Session(lake.folder, "dev", server.environment)
    add_actor(session, "source", New(connector, "code", check=False), ask=None, say=said.append)


def test_the_newest_version_that_runs_here_is_pinned_and_said(lake: Lake, github_server: ShopServer):
    """With its lock in the repository, and the reason why a newer one was left out."""
    said: list[str] = []
    add(lake, github_server, "github", said)

    assert lake.read("streams/code/_source.json")["connector"] == "airbyte-source-github==2.0.0"
    lock = (lake.folder / "streams/_connectors/source-github-2.0.0.lock").read_text()
    assert "airbyte-source-github==2.0.0 \\\n    --hash=sha256:" in lock
    assert "airbyte-source-github==2.0.0 is the newest version that runs here; the file pins it" in said
    assert any("airbyte-source-github 2.1.0 is left out" in line and "nowhere" in line for line in said)


def test_a_misspelt_source_gets_the_nearest_name_of_the_catalog(lake: Lake, github_server: ShopServer):
    """Not the nearest of the few that the server has."""
    with pytest.raises(ConfigError) as error:
        add(lake, github_server, "source-githbu", [])

    assert 'did you mean "source-github"?' in str(error.value)
    assert not (lake.folder / "streams/code").exists()


def test_a_source_that_is_no_package_says_what_it_is(lake: Lake, github_server: ShopServer):
    """A manifest or an image, each with its way."""
    with pytest.raises(ConfigError, match="not on PyPI") as error:
        add(lake, github_server, "source-calendly", [])

    assert "--manifest FILE" in str(error.value)


def test_a_destination_says_what_runs_where(lake: Lake, github_server: ShopServer):
    """`destination-bigquery` needs an Airbyte; no package of PyPI helps."""
    session = Session(lake.folder, "dev", github_server.environment)
    with pytest.raises(ConfigError, match=r"the local server lands records in .*duckdb.* only") as error:
        add_actor(session, "destination", New("destination-bigquery"), ask=None)

    assert "lotus destinations add destination-bigquery --stack NAME" in str(error.value)
