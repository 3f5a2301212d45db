"""Which server a backfill asks, and with which credential."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config

from lotus.backfill import BackfillResetProvider
from lotus.errors import LotusError
from tests.support.recorder import Recorder, recording

RUNNING = {"connection_id": "c", "stream": "s", "request": "r", "job_id": 7, "status": "running"}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator's pod has: a credential in the environment, and a PULUMI_CONFIG that says nothing."""
    monkeypatch.setenv("PULUMI_CONFIG", "{}")
    monkeypatch.setenv("AIRBYTE_CLIENT_ID", "id")
    monkeypatch.setenv("AIRBYTE_CLIENT_SECRET", "secret")
    monkeypatch.delenv("AIRBYTE_SERVER_URL", raising=False)


def provider(settings: dict[str, str]) -> BackfillResetProvider:
    made = BackfillResetProvider()
    made.configure(ConfigureRequest(Config(settings, "lake")))
    return made


def test_the_stacks_address_gets_the_environments_credential(operator: None, server: Recorder):
    """The address is in the stack's file, as in `prod`."""
    provider({"airbyte:serverUrl": server.address}).read("c/s", RUNNING)

    assert [path for path, _ in server.calls][-1] == "/api/v1/jobs/get"
    assert server.calls[-1][1] == "Bearer token"


def test_a_credential_without_an_address_is_sent_nowhere(operator: None):
    """There is no public server to fall back to."""
    with pytest.raises(LotusError, match="no Airbyte server"):
        provider({}).read("c/s", RUNNING)
