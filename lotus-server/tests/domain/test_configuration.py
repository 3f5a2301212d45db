"""Connector configurations: which values are secret."""

from __future__ import annotations

from lotus_server.domain.configuration import secret_values


def test_secrets_are_found_by_spec_and_by_name() -> None:
    """Inside oneOf, in lists, and where the spec forgot to say so."""
    spec = {
        "properties": {
            "plain": {"type": "string"},
            "login": {"oneOf": [{"properties": {"key": {"type": "string", "airbyte_secret": True}}}]},
            "keys": {"type": "array", "items": {"type": "string", "airbyte_secret": True}},
        }
    }
    configuration = {"plain": "p", "login": {"key": "k1"}, "keys": ["k2"], "api_token": "t", "token_url": "u"}
    assert secret_values(configuration, spec) == {"k1", "k2", "t"}
