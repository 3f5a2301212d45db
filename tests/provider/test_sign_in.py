"""A server that asks who is there: client credentials, a token; a rotated credential and a moved server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.airbyte import REPOSITORY

from .conftest import Project, make_project

pytestmark = pytest.mark.slow

ADMIN = "the-admins-token"
TAG = 'airbyte.Tag("gold", workspace_id=WORKSPACE, color="FF5733")\n'


class Guarded:
    """An embedded Airbyte that lets nobody in without a token; starts anew at another port."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.start()

    def start(self) -> None:
        """On a free port."""
        command = [sys.executable, "-m", "lotus_server", "--port", "0", "--data", str(self._data)]
        self._process = subprocess.Popen(
            [*command, "--require-credentials"],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LOTUS_EMBEDDED_TOKEN": ADMIN},
        )
        assert self._process.stdout is not None
        self.url = next(word for word in self._process.stdout.readline().split() if word.startswith("http://"))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call as the administrator."""
        headers = {"Authorization": f"Bearer {ADMIN}"}
        answer = httpx.request(method, self.url + path, json=body, headers=headers, trust_env=False, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def sign_in(project: Project, application: dict[str, Any]) -> None:
    project.pulumi("config", "set", "airbyte:clientId", application["clientId"])
    project.pulumi("config", "set", "--secret", "airbyte:clientSecret", application["clientSecret"])


def test_a_rotated_credential_and_a_moved_server_are_picked_up(tmp_path: Path):
    """Also by a refresh, which the engine starts with yesterday's; nothing is replaced, no secret is in the state."""
    guarded = Guarded(tmp_path / "data")
    try:
        first = guarded.call("POST", "/applications", {"name": "first"})
        (tmp_path / "project").mkdir()
        project = make_project(tmp_path / "project", guarded.url)
        project.pulumi("config", "set", "--plaintext", "airbyte:tokenUrl", f"{guarded.url}/applications/token")
        sign_in(project, first)
        project.program(TAG)
        project.up()
        made = {urn: one["id"] for urn, one in project.resources().items()}

        second = guarded.call("POST", "/applications", {"name": "second"})
        guarded.call("DELETE", f"/applications/{first['id']}")
        refused = project.preview("--refresh")[1]
        assert "does not know this client id and secret" in refused
        assert "; check airbyte:clientId and airbyte:clientSecret" in refused
        sign_in(project, second)
        assert project.drift()[0] == 0
        assert project.preview("--refresh")[0] == 0

        guarded.stop()
        guarded.start()
        project.pulumi("config", "set", "airbyte:serverUrl", guarded.url)
        project.pulumi("config", "rm", "airbyte:tokenUrl")
        assert project.drift()[0] == 0
        project.up("--refresh")
        assert {urn: one["id"] for urn, one in project.resources().items()} == made
        for one in (first, second):
            assert one["clientSecret"] not in project.state_file()
            assert one["clientSecret"] not in refused

        for name in ("clientId", "clientSecret"):
            project.pulumi("config", "rm", f"airbyte:{name}")
        assert project.preview("--refresh", AIRBYTE_BEARER_AUTH=ADMIN)[0] == 0
        assert project.preview("--refresh", AIRBYTE_BEARER_AUTH="a-wrong-token")[0] not in (0, 7)
    finally:
        guarded.stop()
