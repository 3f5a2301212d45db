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

    found = settings({}, explicit=False, environment=environment)
    assert (found.confirm, found.confirm_once) == (("a b", "c"), ("everything",))


def test_a_provider_resources_own_arguments_come_first():
    """It may well be another server than the stack's."""
    assert settings(OLD, explicit=True, environment=NOW).server_url == "http://old"


def test_the_environment_is_used_where_nothing_else_says():
    """As `lotus env` or CI set it."""
    environment = {"AIRBYTE_SERVER_URL": "http://e", "AIRBYTE_BEARER_AUTH": "token"}
    found = settings({}, explicit=False, environment=environment)

    assert (found.server_url, found.bearer_auth) == ("http://e", "token")


CREDENTIAL = {"AIRBYTE_CLIENT_ID": "i", "AIRBYTE_CLIENT_SECRET": "s"}


def test_there_is_no_default_address():
    """A credential alone is sent nowhere, least of all to a public server."""
    found = settings({}, explicit=False, environment={"PULUMI_CONFIG": "{}", **CREDENTIAL})

    assert found.server_url is None
    assert "airbyte:serverUrl" in found.lack


def test_the_stacks_address_goes_with_the_environments_credential():
    """What `prod` uses under the operator: the address in the stack's file, a mounted credential."""
    stack = {"PULUMI_CONFIG": json.dumps({"serverUrl": "http://stack"})}
    found = settings({}, explicit=False, environment={**stack, **CREDENTIAL, "AIRBYTE_SERVER_URL": "http://other"})

    assert (found.server_url, found.client_id) == ("http://stack", "i")


def test_a_dynamic_providers_settings_are_those_of_the_stack():
    """Its process gets an empty PULUMI_CONFIG; the engine hands it the stack's settings."""
    environment = {"PULUMI_CONFIG": "{}", **CREDENTIAL}
    found = settings({"serverUrl": "http://stack"}, explicit=True, environment=environment)

    assert (found.server_url, found.client_id) == ("http://stack", "i")


def test_the_stacks_credential_is_not_sent_to_an_address_of_the_environment():
    """Nor to a token endpoint that the environment names."""
    stack = {"PULUMI_CONFIG": json.dumps({"clientId": "i", "clientSecret": "s"})}
    outside = {"AIRBYTE_SERVER_URL": "http://other", "AIRBYTE_TOKEN_URL": "http://other/token"}
    found = settings({}, explicit=False, environment={**stack, **outside})

    assert found.server_url is None
    assert "airbyte:serverUrl" in found.lack
    stack = {"PULUMI_CONFIG": json.dumps({"serverUrl": "http://stack", "clientId": "i", "clientSecret": "s"})}
    assert settings({}, explicit=False, environment={**stack, **outside}).token_url is None


def test_a_server_that_is_not_known_yet_is_noticed():
    """A program may create the server in the same run."""
    assert settings({"serverUrl": UNKNOWN}, explicit=True, environment={}).unknown


def test_a_credential_is_not_shown():
    """Not even by accident."""
    assert "old-secret" not in repr(settings(OLD, explicit=True, environment={}))
