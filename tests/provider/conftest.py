"""A real server as a process, and real Pulumi projects that talk to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.state.conftest import s3_server
from tests.support.airbyte import SHOP_SPEC, SPEC_SOURCE, WORKSPACE, Airbyte, started_airbyte
from tests.support.project import Project as PulumiProject

__all__ = ["WORKSPACE", "s3_server"]

ALIKE = [f"duplicate {kind}" for kind in ("source Shop", "source shop", "destination Lake", "destination lake")]
"""Projects of one server have sources and destinations of the same names; `up` makes those by consent."""
HEAD = f"import pulumi\nimport pulumi_airbyte as airbyte\nWORKSPACE = {WORKSPACE!r}\n"


@dataclass
class Project(PulumiProject):
    """A project whose program declares resources of the provider itself."""

    server_url: str = ""

    def program(self, text: str) -> None:
        """Write the program."""
        self.write("__main__.py", HEAD + text)

    def state_file(self) -> str:
        """The state as it lies in the backend."""
        return "".join(file.read_text() for file in (self.folder / "state").rglob("*.json"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server, ended when the module's tests are done."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte")) as airbyte:
        yield airbyte


@pytest.fixture
def project(server: Airbyte, tmp_path: Path) -> Project:
    """An empty project on the server, with a stack."""
    return make_project(tmp_path, server.url)


def make_project(folder: Path, server_url: str) -> Project:
    """A project and its stack in this folder."""
    project = Project(folder, {"AIRBYTE_CONFIRM": json.dumps(ALIKE)}, server_url)
    project.create("test", HEAD, "dev", serverUrl=server_url)
    return project


@pytest.fixture(scope="module")
def shop(server: Airbyte) -> str:
    """The id of a source definition with a secret, a default and a list in its specification."""
    return server.definition("Shop")


@pytest.fixture
def spec_command() -> str:
    """A command in place of an image: a source with the shop's specification."""
    return f"command:{sys.executable} {SPEC_SOURCE} {SHOP_SPEC}"
