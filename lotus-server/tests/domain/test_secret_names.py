"""Which names mean a secret: one table for the API's answers, the logs and every client."""

from __future__ import annotations

import pytest
from lotus_server.connectors.scrubber import Scrubber
from lotus_server.domain.configuration import MASK, masked, secret_values
from lotus_server.domain.secret_names import is_secret_name
from server_support.cases import cases


@pytest.mark.parametrize(("name", "secret"), cases("secret_names"))
def test_a_name_is_secret_as_in_the_table(name: str, secret: bool) -> None:
    """Words for a credential are secret; names that only locate or describe one are not."""
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(("name", "secret"), cases("secret_names"))
def test_answers_and_logs_hide_the_same_values(name: str, secret: bool) -> None:
    """A value that an answer masks is removed from logs too, and the other way round."""
    configuration = {"login": {name: "hunter22"}}
    shown = masked(configuration, {})["login"][name]
    logged = Scrubber(secret_values(configuration, {})).scrub("hunter22")
    assert shown == logged == (MASK if secret else "hunter22")
