"""Where the server and the credential come from."""

from __future__ import annotations

import json

from pulumi_airbyte.provider.settings import settings
from pulumi_airbyte.provider.values import UNKNOWN

OLD = {"serverUrl": "http://old", "clientId": "old", "clientSecret": "old-secret"}
NOW = {"PULUMI_CONFIG": json.dumps({"airbyte:serverUrl": "http://now", "airbyte:clientId": "now"})}


def test_the_stacks_configuration_of_today_comes_before_that_of_the_state():
    """A refresh hands over yesterday's URL and credential; a rotated one must win."""
    found = settings(OLD, explicit=False, environment=NOW)

    assert (found.server_url, found.client_id) == ("http://now", "now")


def test_a_credential_is_taken_whole_from_one_place():
    """Half of today's and half of yesterday's would be nobody's."""
    assert settings(OLD, explicit=False, environment=NOW).client_secret is None


def test_what_was_taken_out_of_the_configuration_is_forgotten():
    """A moved server's old token endpoint would be asked for ever."""
    old = {**OLD, "tokenUrl": "http://old/token"}

    assert settings(old, explicit=False, environment=NOW).token_url is None
    assert settings(old, explicit=False, environment={"AIRBYTE_SERVER_URL": "http://now"}).server_url == "http://now"
    assert settings(old, explicit=False, environment={}).token_url == "http://old/token"


def test_consents_of_the_stacks_file_and_of_the_environment_add_up():
    """A list, as Pulumi writes one, or a single phrase."""
    environment = {"PULUMI_CONFIG": json.dumps({"confirm": '["a b", "c"]'}), "AIRBYTE_CONFIRM": "everything"}

    assert settings({}, explicit=False, environment=environment).confirm == ("a b", "c", "everything")


def test_a_provider_resources_own_arguments_come_first():
    """It may well be another server than the stack's."""
    assert settings(OLD, explicit=True, environment=NOW).server_url == "http://old"


def test_the_environment_is_used_where_nothing_else_says():
    """As `lotus env` or CI set it."""
    environment = {"AIRBYTE_SERVER_URL": "http://e", "AIRBYTE_BEARER_AUTH": "token"}
    found = settings({}, explicit=False, environment=environment)

    assert (found.server_url, found.bearer_auth) == ("http://e", "token")


def test_a_server_that_is_not_known_yet_is_noticed():
    """A program may create the server in the same run."""
    assert settings({"serverUrl": UNKNOWN}, explicit=True, environment={}).unknown


def test_a_credential_is_not_shown():
    """Not even by accident."""
    assert "old-secret" not in repr(settings(OLD, explicit=True, environment={}))
