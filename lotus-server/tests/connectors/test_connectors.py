"""Installing and running connectors: errors that say what to do, secrets that stay inside."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest
from lotus_server.connectors import ConnectorError, Connectors, Definition
from lotus_server.connectors.environments import Environments
from lotus_server.connectors.errors import ContainerOnlyError, InstallError, TimedOutError
from lotus_server.connectors.locks import Package
from lotus_server.connectors.private import PrivateFolders
from lotus_server.connectors.process import marked_processes, run_command
from lotus_server.connectors.registry import CDK_VERSION, CONNECTORS, definition, definitions
from lotus_server.connectors.scrubber import Scrubber


def source(docker_repository: str, tag: str = "1.0.0") -> Definition:
    return Definition("id", "Mine", docker_repository, tag)


def spec_of(which: Definition, cache: Path) -> str:
    """The error that asking for the spec ends in."""
    with pytest.raises(ConnectorError) as caught:
        asyncio.run(Connectors(cache, owner=str(cache)).spec(which))
    return str(caught.value)


def test_every_id_of_the_registry_is_used_once() -> None:
    """Ids are Airbyte's own; two connectors cannot share one."""
    assert len({entry.id for entry in definitions()}) == len(CONNECTORS)


def test_a_container_connector_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """source-postgres is Java: no package, no attempt to install."""
    with pytest.raises(ContainerOnlyError, match="only as a container image; use an Airbyte on Kubernetes"):
        asyncio.run(Connectors(tmp_path).spec(definition("source-postgres")))


def test_no_fitting_python_names_the_range_and_what_is_here(tmp_path: Path) -> None:
    """Nothing is downloaded; the sentence says what to install."""
    with pytest.raises(
        InstallError, match=r"needs Python >=3.4,<3.5, and this machine has .*3\.\d+.*uv python install"
    ):
        Environments(tmp_path).install(Package("airbyte-source-x==1"), versions=">=3.4,<3.5")


def test_a_command_has_to_be_absolute(tmp_path: Path) -> None:
    """A relative one would depend on where the server was started."""
    assert "command:/absolute/program" in spec_of(source("command:./mine"), tmp_path)


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    """A repository that names no connector is not looked up anywhere."""
    assert "is not a connector that can be installed" in spec_of(source("library/nginx"), tmp_path)


def test_the_docs_name_the_cdk_that_runs_manifests() -> None:
    """One version, in the registry and in docs/api.md."""
    docs = Path(__file__).parents[3] / "docs" / "api.md"
    if not docs.exists():
        pytest.skip("docs/api.md is in lotus's repository")
    assert f"airbyte-cdk {CDK_VERSION} " in docs.read_text()


@pytest.mark.slow
def test_an_absent_package_is_named(tmp_path: Path) -> None:
    """The sentence says which package, and what else it could be; the cache holds nothing half made."""
    assert "there is no version airbyte-source-faker==0.0.0 on PyPI" in spec_of(
        source("airbyte/source-faker", "0.0.0"), tmp_path
    )
    assert list((tmp_path / "environments").glob("*/lotus.json")) == []


@pytest.mark.slow
def test_a_warm_cache_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment there, nothing asks the index."""
    asyncio.run(Connectors(owner="warm").spec(definition("source-faker")))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/")
    began = time.monotonic()
    spec = asyncio.run(Connectors(owner="warm").spec(definition("source-faker")))
    assert "count" in spec["connectionSpecification"]["properties"]
    assert time.monotonic() - began < 30


def test_a_command_that_hangs_is_stopped(tmp_path: Path) -> None:
    """Also when it ignores SIGTERM; nothing is left running."""
    hang = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
    owner = str(tmp_path)
    with (
        PrivateFolders(tmp_path).folder("test") as folder,
        pytest.raises(TimedOutError, match="gave no answer in 1 s and was stopped"),
    ):
        command = [sys.executable, "-c", hang]
        asyncio.run(run_command(command, owner=owner, folder=folder, timeout=1, scrubber=Scrubber(())))
    assert marked_processes(owner) == []


def test_secrets_are_masked_in_every_spelling() -> None:
    """As they are, JSON-escaped, URL-encoded, base64, and line by line."""
    scrubber = Scrubber({'pa"ss wörd/1', "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\n-----END KEY-----"})
    for text in ('pa"ss wörd/1', 'pa\\"ss w\\u00f6rd/1', "pa%22ss%20w%C3%B6rd%2F1", "MIIEowIBAAKCAQEA"):
        assert scrubber.scrub(f"<{text}>") == "<**********>", text
