"""The server answers as bb0f71e did."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.freeze import api
from tests.freeze.golden import Recording, difference, frozen, names
from tests.freeze.placeholders import CHECKOUT

pytestmark = pytest.mark.slow
NAMES = names("api")
ALWAYS_REFUSED = {
    f"POST {api.PUBLIC}/workspaces/*/definitions/destinations",
    f"PUT {api.PUBLIC}/workspaces/*/definitions/destinations/*",
    f"DELETE {api.PUBLIC}/workspaces/*/definitions/destinations/*",
    f"POST {api.CONFIG}/destination_definitions/create_custom",
    f"POST {api.CONFIG}/destination_definitions/update",
    f"POST {api.CONFIG}/destination_definitions/delete",
}
"""The server has no custom destinations: these explain that."""
_LATER = """
audit_logs/list connections/events/list connections/events/list_for_job connections/events/list_minimal
connections/getForJob connections/list_paginated connections/search connector_builder_projects/create
connector_builder_projects/delete connector_builder_projects/get_for_definition_id
connector_builder_projects/get_with_manifest connector_builder_projects/publish connector_builder_projects/update
connector_builder_projects/update_testing_values connector_rollout/list connector_rollout/list_all
connector_rollout/list_by_actor_definition_id dataplane_group/list dataplanes/list
declarative_source_definitions/create_manifest declarative_source_definitions/list_manifests
destination_definitions/list_enterprise_stubs_for_workspace destinations/search domain_verifications/list
domain_verifications/list_pending groups/list instance_configuration operations/list private_link/list
private_link/list_by_status scoped_configuration/list secret_storage/list
source_definitions/list_enterprise_source_stubs source_definitions/list_enterprise_stubs_for_workspace
sources/search user_invitations/list_pending users/get_by_auth_id users/get_or_create_by_auth_id
users/list_by_organization_id users/update web_backend/connections/list workspaces/get_by_connection_id
"""
CAME_LATER = {f"POST {api.CONFIG}/{path}" for path in _LATER.split()}
"""Operations that came after bb0f71e: lotus-server/tests hold them against Airbyte's files."""


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The conversation with today's server."""
    return api.record(tmp_path_factory.mktemp("api"))


@pytest.mark.parametrize("name", NAMES)
def test_the_server_answers_as_before(today: Recording, name: str):
    """Status, headers and body of each request."""
    assert difference(name, today[name]) == ""


def test_nothing_else_is_recorded(today: Recording):
    """A subject without a frozen file would be compared with nothing."""
    assert sorted(today) == NAMES


def test_every_offered_operation_is_recorded():
    """docs/api.md says what is offered; each of these has an answer that is a success."""
    offered = _offered_of_the_public_api() | _offered_of_the_config_api()
    answered = {
        _operation(exchange["request"]["method"], exchange["request"]["path"])
        for name in NAMES
        for exchange in frozen(name)
        if exchange["status"] < 300
    }

    assert offered
    assert offered - answered == ALWAYS_REFUSED | CAME_LATER


def _offered_of_the_config_api() -> set[str]:
    page = (CHECKOUT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = page.partition("\nOffered of the config API")[2].partition("\nNot offered of the config API")[0]
    paths = [path for path in re.findall(r"`([^`]+)`", listed) if path != "/api/v1"]
    return {f"{'GET' if path == 'health' else 'POST'} {api.CONFIG}/{path}" for path in paths}


def _offered_of_the_public_api() -> set[str]:
    shared = os.environ.get("LOTUS_SHARED")
    if shared is None:
        pytest.skip("LOTUS_SHARED is not set: Airbyte's OpenAPI files are not part of this repository")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    file = Path(shared) / "airbyte" / "openapi" / "public-api.yaml"
    specification = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader
    page = (CHECKOUT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = page.partition("Not offered of the public API")[2].partition("Offered of the config API")[0]
    refused = set(re.findall(r"`([^`]+)`", listed))
    return {
        _operation(method.upper(), api.PUBLIC + path)
        for path, item in specification["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete") and operation["operationId"] not in refused
    }


def _operation(method: str, path: str) -> str:
    """Method and path, with one word for every parameter."""
    parameter = re.compile(r"\{\w+\}|<id-\d+>|[0-9a-f-]{36}|(?<=/jobs/)\d+")
    return f"{method} {parameter.sub('*', path)}"
