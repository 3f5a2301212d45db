"""Environments that keep working: packages as of the release, locks with hashes, and errors that tell apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lotus_server.connectors.environments import Environments
from lotus_server.connectors.errors import (
    DependencyError,
    InstallError,
    NoPackageError,
    NoPythonError,
    UnreachableIndexError,
)
from lotus_server.connectors.locks import Package, file_name, read_lock
from lotus_server.connectors.pythons import fits
from lotus_server.connectors.releases import release
from lotus_server.connectors.uv import error_of
from server_support.package_index import PackageIndex, package_index

MINE = "airbyte-source-mine"
pytestmark = pytest.mark.slow


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PackageIndex]:
    """An index with one connector, whose dependency has drifted since."""
    with package_index() as made:
        made.add("airbyte-cdk-mini", "1.0.0", "2025-01-01T12:00:00Z")
        made.add("airbyte-cdk-mini", "1.5.0", "2025-03-01T12:00:00Z")
        made.add("airbyte-cdk-mini", "2.0.0", "2025-06-01T12:00:00Z")
        made.add(MINE, "1.2.3", "2025-03-02T12:00:00Z", requires=["airbyte-cdk-mini"])
        monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        yield made


def install(cache: Path, package: Package, *, locks: Path | None = None) -> list[str]:
    """What the package's environment holds."""
    return Environments(cache, locks=locks).install(package, progress=lambda _line: None).packages


def test_packages_are_those_of_the_day_after_the_upload(index: PackageIndex, tmp_path: Path):
    """Version 2 of a dependency came three months later: it was never tried with this release."""
    assert "airbyte-cdk-mini==1.5.0" in install(tmp_path, Package(f"{MINE}==1.2.3"))


def test_the_same_lock_is_the_same_environment_elsewhere(index: PackageIndex, tmp_path: Path):
    """A teammate's machine resolves nothing: the project's lock decides, also when the index has newer packages."""
    package, locks = Package(f"{MINE}==1.2.3"), tmp_path / "locks"
    install(tmp_path / "one", package)
    lock = (tmp_path / "one" / "locks" / file_name(package)).read_text()
    locks.mkdir()
    (locks / file_name(package)).write_text(lock)
    index.add("airbyte-cdk-mini", "1.6.0", "2025-03-02T13:00:00Z")

    assert "airbyte-cdk-mini==1.5.0" in install(tmp_path / "two", package, locks=locks)
    assert lock.startswith(f"# connector: {MINE}==1.2.3\n# python: 3.1")
    assert "--hash=sha256:" in lock
    assert "127.0.0.1" not in lock


def test_a_wheel_that_was_changed_is_not_installed(index: PackageIndex, tmp_path: Path):
    """The lock's hash says which file was meant."""
    package = Package(f"{MINE}==1.2.3")
    install(tmp_path / "one", package)
    other = (tmp_path / "one" / "locks" / file_name(package)).read_text().replace("sha256:", "sha256:0", 1)
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / file_name(package)).write_text(other.replace("0" + other.split("sha256:0")[1][:64], "0" * 64))

    with pytest.raises(InstallError, match=r"[Hh]ash"):
        install(tmp_path / "two", package, locks=tmp_path / "locks")


def test_an_override_takes_the_place_of_what_the_connector_asks_for(index: PackageIndex, tmp_path: Path):
    """Also one that was uploaded later: whoever writes it wants that fix."""
    index.add(MINE, "1.3.0", "2025-03-03T12:00:00Z", requires=["airbyte-cdk-mini==9.9.9"])

    packages = install(tmp_path, Package(f"{MINE}==1.3.0", overrides=("airbyte-cdk-mini==2.0.0",)))

    assert "airbyte-cdk-mini==2.0.0" in packages
    with pytest.raises(DependencyError):
        install(tmp_path, Package(f"{MINE}==1.3.0"))


def test_a_python_that_is_asked_for_is_the_one_that_runs(index: PackageIndex, tmp_path: Path):
    """`"python": "3.12"` in the file, where this machine has it."""
    pythons = [str(python) for python in Environments(tmp_path).pythons.installed()]
    package = Package(f"{MINE}==1.2.3", python=pythons[-1])
    environment = Environments(tmp_path).install(package, progress=lambda _line: None)

    assert environment.python == pythons[-1]


def test_a_warm_cache_of_uv_needs_no_index(index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The environment was removed; the lock and uv's cache make it again without a network."""
    package = Package(f"{MINE}==1.2.3")
    install(tmp_path / "one", package)
    for folder in (tmp_path / "one" / "environments").iterdir():
        (folder / "lotus.json").unlink()
    monkeypatch.setenv("UV_OFFLINE", "1")

    assert "airbyte-cdk-mini==1.5.0" in install(tmp_path / "one", package)


def test_no_such_package_and_no_such_version_are_two_sentences(index: PackageIndex, tmp_path: Path):
    """The first may be misspelt or a manifest, the second is a typo in a number."""
    with pytest.raises(NoPackageError, match="there is no package airbyte-source-nope on PyPI; check its name"):
        install(tmp_path, Package("airbyte-source-nope==1.0.0"))
    with pytest.raises(NoPackageError, match=r"there is no version airbyte-source-mine==9\.0\.0 .* check the version"):
        install(tmp_path, Package(f"{MINE}==9.0.0"))


def test_a_dependency_that_does_not_exist_is_the_resolvers_own_sentence(index: PackageIndex, tmp_path: Path):
    """The package exists: to say that it does not sends people the wrong way."""
    index.add(MINE, "1.3.0", requires=["smart-open[s3]==4.16.1"])
    with pytest.raises(DependencyError, match=r"no version of smart-open.* depend on smart-open") as error:
        install(tmp_path, Package(f"{MINE}==1.3.0"))

    assert "overrides" in str(error.value)


def test_a_python_that_is_missing_is_named(index: PackageIndex, tmp_path: Path):
    """A range that no Python of this machine fits, and that uv cannot install either."""
    index.add(MINE, "0.1.0", python="<3.9")
    with pytest.raises(NoPythonError, match=r"airbyte-source-mine==0\.1\.0 needs Python .*<3\.9.*this machine has"):
        install(tmp_path, Package(f"{MINE}==0.1.0"))


def test_an_index_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing listens on the discard port."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with pytest.raises(UnreachableIndexError, match="the package index cannot be reached; connect to a network once"):
        install(tmp_path, Package(f"{MINE}==1.2.3"))


def test_a_certificate_that_is_not_trusted_is_said_with_the_way_out():
    """Behind a proxy that reads TLS; uv's own words, as it prints them."""
    stderr = (
        "error: Failed to fetch: `https://index.example.invalid/x/`\n  cause: invalid peer certificate: UnknownIssuer"
    )

    assert "certificate is not trusted; behind a proxy" in str(error_of("x==1", stderr))
    assert "UV_SYSTEM_CERTS" in str(error_of("x==1", stderr))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# connector: x==1\n# python: 3.11\n--index-url https://elsewhere.invalid\n", "not a lock"),
        ("# connector: x==1\n# python: 3.11\nx @ https://elsewhere.invalid/x.whl\n", "not a lock"),
        ("x==1\n", "not a lock"),
    ],
)
def test_a_lock_names_packages_and_nothing_else(tmp_path: Path, text: str, message: str):
    """A lock of a fork cannot send the installer elsewhere."""
    (tmp_path / "x.lock").write_text(text)
    with pytest.raises(InstallError, match=message):
        read_lock(tmp_path / "x.lock")


def test_an_override_is_a_version_and_nothing_else():
    """It becomes a line of a file in which a line may be an option, too."""
    with pytest.raises(InstallError, match="is not an override"):
        Package("x==1", overrides=("--index-url=https://elsewhere.invalid",))


def test_what_a_release_says_of_itself_is_looked_up_once(index: PackageIndex, tmp_path: Path):
    """Its own range of Pythons may exclude the one that asks."""
    index.add(MINE, "1.4.0", "2025-04-01T12:00:00Z", python=">=3.10,<3.13")
    first = release(MINE, "1.4.0", tmp_path)
    index.asked.clear()

    assert (first.python, first.licence, first.uploaded[:10]) == (">=3.10,<3.13", "MIT", "2025-04-01")
    assert release(MINE, "1.4.0", tmp_path) == first
    assert index.asked == []


def test_the_newest_version_that_runs_here_is_taken(index: PackageIndex, tmp_path: Path):
    """A newer one whose dependency does not exist is passed over, and said."""
    index.add(MINE, "2.0.0", "2025-07-01T12:00:00Z", requires=["nowhere==1"])
    command = [sys.executable, "-m", "lotus_server.connectors", "newest", MINE]
    environment = {**os.environ, "LOTUS_CACHE": str(tmp_path / "cache")}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)

    assert '"version": "1.2.3"' in result.stdout
    assert '"version": "2.0.0", "reason": "airbyte-source-mine==2.0.0 cannot be installed: nowhere' in result.stdout
    assert "installed airbyte-source-mine==1.2.3" in result.stderr


@pytest.mark.parametrize(
    ("versions", "fitting"),
    [
        (">=3.10,<3.13", ["3.10", "3.11", "3.12"]),
        ("<4.0,>=3.12", ["3.12", "3.13"]),
        ("==3.11.*", ["3.11"]),
        (">=3.9,!=3.9.7,<3.12.5", ["3.10", "3.11", "3.12"]),
        ("", ["3.10", "3.11", "3.12", "3.13"]),
    ],
)
def test_ranges_are_read_as_packages_write_them(versions: str, fitting: list[str]):
    """By minor versions: a connector's environment takes the newest patch release there is."""
    assert [f"3.{minor}" for minor in (10, 11, 12, 13) if fits((3, minor), versions)] == fitting
