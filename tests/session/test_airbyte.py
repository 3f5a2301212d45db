"""Where a command's Airbyte is, and which credential goes there: as the provider has it, with what `prod` uses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lotus.errors import ConfigError
from lotus.session.airbyte import client
from tests.support.recorder import Recorder, recording

ENCRYPTED = {"secure": "AAABAK…"}


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A server that remembers who asked."""
    with recording() as recorder:
        yield recorder


def address(server: Recorder) -> str:
    """Its address."""
    return f"{server.address}/api/public/v1"


def stack(project: Path, **settings: Any) -> None:
    """The file of `prod`."""
    config = {f"airbyte:{name}": value for name, value in settings.items()}
    (project / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}))


def sent(project: Path, server: Recorder, environment: Mapping[str, str]) -> str | None:
    """The authorization of a call of `prod`."""

    async def ask() -> None:
        async with client(project, "prod", environment) as airbyte:
            await airbyte.config("/jobs/get", {"id": 7})

    asyncio.run(ask())
    return server.calls[-1][1]


def test_the_stacks_address_gets_the_environments_credential(tmp_path: Path, server: Recorder) -> None:
    """As `prod` has it: the address is in git, the credential is not; another address of the shell does not count."""
    stack(tmp_path, serverUrl=address(server))
    shell = {"AIRBYTE_BEARER_AUTH": "token", "AIRBYTE_SERVER_URL": "http://127.0.0.1:9"}

    assert sent(tmp_path, server, shell) == "Bearer token"


def test_a_mounted_file_goes_before_a_variable(tmp_path: Path, server: Recorder) -> None:
    """A rotation renews the file; the variable is that of the pod's start."""
    stack(tmp_path, serverUrl=address(server))
    (tmp_path / "AIRBYTE_BEARER_AUTH").write_text("new\n")
    shell = {"AIRBYTE_CREDENTIALS_DIR": str(tmp_path), "AIRBYTE_BEARER_AUTH": "old"}

    assert sent(tmp_path, server, shell) == "Bearer new"


def test_the_stacks_credential_goes_to_no_address_of_the_environment(tmp_path: Path, server: Recorder) -> None:
    """A shell that has another stack's address would get it."""
    stack(tmp_path, bearerAuth="token")

    with pytest.raises(ConfigError, match="does not say where its Airbyte is"):
        sent(tmp_path, server, {"AIRBYTE_SERVER_URL": address(server)})
    assert server.calls == []


def test_a_credential_is_taken_whole_from_one_place(tmp_path: Path, server: Recorder) -> None:
    """A token of the shell is not mixed into the user and password of the stack."""
    stack(tmp_path, serverUrl=address(server), username="ann", password="of the stack")

    authorization = sent(tmp_path, server, {"AIRBYTE_BEARER_AUTH": "of the shell"})
    assert authorization is not None and authorization.startswith("Basic ")


def test_what_is_encrypted_in_the_stacks_file_is_given_by_its_variable(tmp_path: Path, server: Recorder) -> None:
    """Without Pulumi it cannot be read; without the variable, the environment's credential counts as a whole."""
    stack(tmp_path, serverUrl=address(server), username="ann", password=ENCRYPTED)

    basic = sent(tmp_path, server, {"AIRBYTE_PASSWORD": "known", "AIRBYTE_BEARER_AUTH": "other"})
    assert basic is not None and basic.startswith("Basic ")
    assert sent(tmp_path, server, {"AIRBYTE_BEARER_AUTH": "other"}) == "Bearer other"
