"""A real embedded Airbyte as a process, and real Pulumi projects that talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from lotus.operations.dev import path as path_with_tools
from tests.state.conftest import minio

__all__ = ["minio"]

REPOSITORY = Path(__file__).resolve().parents[2]
WORKSPACE = "00000000-0000-4000-8000-000000000001"
"""The workspace that an embedded Airbyte has from the start."""


@dataclass(frozen=True)
class Server:
    """A running embedded Airbyte, seen through its public API as somebody else would."""

    url: str
    http: httpx.Client

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A call that must succeed."""
        answer = self.http.request(method, self.url + path, json=body, params=query)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, such as `sources`, that were not deleted."""
        found = self.call("GET", f"/{kind}", limit=100)["data"]
        return [item for item in found if item.get("status") != "deprecated"]

    @property
    def user(self) -> str:
        """The id of the one user that an embedded Airbyte has."""
        return self.call("GET", "/users", organizationId="00000000-0000-0000-0000-000000000000")["data"][0]["id"]

    def connector(self, spec: Path) -> str:
        """A command in place of an image: a source with this specification."""
        return f"command:{sys.executable} {Path(__file__).with_name('spec_source.py')} {spec}"

    def definition(self, name: str, spec: Path) -> str:
        """A source definition whose connector has this specification."""
        body = {"name": name, "dockerRepository": self.connector(spec), "dockerImageTag": "1"}
        return self.call("POST", f"/workspaces/{WORKSPACE}/definitions/sources", body)["id"]


@dataclass
class Project:
    """A Pulumi project in a folder of its own, with its state in files there."""

    folder: Path
    server_url: str
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def program(self, text: str) -> None:
        """Write the program."""
        head = f"import pulumi\nimport pulumi_airbyte as airbyte\nWORKSPACE = {WORKSPACE!r}\n"
        (self.folder / "__main__.py").write_text(head + text)

    def pulumi_environment(self) -> dict[str, str]:
        """What pulumi needs in its environment."""
        return {
            "PATH": path_with_tools(REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.environment,
        }

    def pulumi(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """`pulumi …` as a person runs it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRBYTE_", "PULUMI_"))}
        inherited.pop("VIRTUAL_ENV", None)
        mine = self.pulumi_environment()
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={**inherited, **mine, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        words = f"pulumi {' '.join(arguments)}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        assert not check or answer.returncode == 0, words
        return answer

    def up(self, *more: str, check: bool = True) -> str:
        """`pulumi up`; what it printed."""
        answer = self.pulumi("up", "--yes", "--skip-preview", "--diff", *more, check=check)
        return answer.stdout + answer.stderr

    def preview(self, *more: str, **environment: str) -> tuple[int, str]:
        """The exit code of a preview that expects no change (7: there is one), and what it printed."""
        answer = self.pulumi("preview", "--diff", "--expect-no-changes", *more, check=False, **environment)
        return answer.returncode, answer.stdout + answer.stderr

    def drift(self) -> tuple[int, str]:
        """The exit code of a refresh that expects no change and changes nothing, and what it printed."""
        answer = self.pulumi("refresh", "--preview-only", "--diff", "--expect-no-changes", check=False)
        return answer.returncode, answer.stdout + answer.stderr

    def state_file(self) -> str:
        """The state as it lies in the backend."""
        return "".join(file.read_text() for file in (self.folder / "state").rglob("*.json"))

    def resources(self) -> dict[str, dict[str, Any]]:
        """What the state has, by type and name; without what the next run deletes, its replacement being there."""
        deployment = json.loads(self.pulumi("stack", "export").stdout)["deployment"]
        return {
            one["urn"].split("::", 2)[2]: one
            for one in deployment.get("resources", [])
            if one["type"].startswith("airbyte:") and not one.get("delete")
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded Airbyte, ended when the module's tests are done."""
    command = [sys.executable, "-m", "lotus.embedded", "--port", "0", "--data", str(tmp_path_factory.mktemp("airbyte"))]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, line
        url = next(word for word in line.split() if word.startswith("http://"))
        with httpx.Client(timeout=120, trust_env=False) as http:
            yield Server(url, http)
        process.terminate()


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Project:
    """An empty project on the server, with a stack."""
    return make_project(tmp_path, server.url)


def make_project(folder: Path, server_url: str) -> Project:
    """A project and its stack in this folder."""
    for name in ("state", "home"):
        (folder / name).mkdir()
    plugin = REPOSITORY / "pulumi-airbyte" / "plugin"
    (folder / "Pulumi.yaml").write_text(
        f"name: test\nruntime: python\nplugins:\n  providers:\n    - name: airbyte\n      path: {plugin}\n"
    )
    project = Project(folder, server_url)
    project.pulumi("stack", "init", "dev")
    project.pulumi("config", "set", "airbyte:serverUrl", server_url)
    return project


@pytest.fixture(scope="module")
def shop(server: Server) -> str:
    """The id of a source definition with a secret, a default and a list in its specification."""
    return server.definition("Shop", Path(__file__).with_name("shop.spec.json"))
