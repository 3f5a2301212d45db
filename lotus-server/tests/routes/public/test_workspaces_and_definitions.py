"""Workspaces, permissions, tags and definitions of the public API (docs/airbyte-behaviour.md#definitions)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from lotus_server.store.workspaces import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKSPACE_ID
from server_support.airbyte import MANIFEST, Airbyte, refusal, shop_repository

DEFINITIONS = f"/workspaces/{DEFAULT_WORKSPACE_ID}/definitions"


def test_the_default_workspace_is_there(airbyte: Airbyte) -> None:
    """The first start makes the workspace "lotus" with a fixed id."""
    shown = airbyte.public("GET", f"/workspaces/{DEFAULT_WORKSPACE_ID}").json()

    assert (shown["workspaceId"], shown["name"]) == ("00000000-0000-4000-8000-000000000001", "lotus")


def test_a_workspace_has_all_six_notifications_and_no_organization(airbyte: Airbyte) -> None:
    """The response's shape; no organizationId in it."""
    notifications = {"failure": {"email": {"enabled": True}, "webhook": {"enabled": True, "url": "https://e.com"}}}
    made = airbyte.public("POST", "/workspaces", {"name": "w", "notifications": notifications}).json()

    assert set(made) == {"workspaceId", "name", "dataResidency", "notifications"}
    assert made["notifications"]["failure"] == notifications["failure"]
    assert set(made["notifications"]) == {
        "failure",
        "success",
        "connectionUpdate",
        "connectionUpdateActionRequired",
        "syncDisabled",
        "syncDisabledWarning",
    }


def test_a_workspace_is_patched_and_deleted(airbyte: Airbyte) -> None:
    """PATCH, then delete 204, then 404."""
    path = f"/workspaces/{airbyte.public('POST', '/workspaces', {'name': 'w'}).json()['workspaceId']}"

    assert airbyte.public("PATCH", path, {"name": "v"}).json()["name"] == "v"
    assert airbyte.public("DELETE", path).status_code == 204
    assert refusal(airbyte.public("GET", path))[:2] == (404, "resource-not-found")


def test_every_workspace_is_in_the_one_organization(airbyte: Airbyte) -> None:
    """OSS puts every workspace into organization 00000000-0000-0000-0000-000000000000."""
    other = {"name": "w", "organizationId": str(uuid.uuid4())}

    assert airbyte.public("GET", "/organizations").json()["data"][0]["organizationId"] == DEFAULT_ORGANIZATION_ID
    assert airbyte.public("POST", "/workspaces", other).status_code == 404


def test_a_permission_is_made_changed_and_deleted(airbyte: Airbyte) -> None:
    """workspaceId or organizationId with a permissionType."""
    user = airbyte.public("GET", "/users", organizationId=DEFAULT_ORGANIZATION_ID).json()["data"][0]
    body = {"userId": user["id"], "workspaceId": DEFAULT_WORKSPACE_ID, "permissionType": "workspace_reader"}
    made = airbyte.public("POST", "/permissions", body).json()
    path = f"/permissions/{made['permissionId']}"

    assert {**made, "permissionId": ""} == {**body, "permissionId": ""}
    changed = airbyte.public("PATCH", path, {"permissionType": "workspace_admin"}).json()
    assert changed["permissionType"] == "workspace_admin"
    listed = airbyte.public("GET", "/permissions", userId=user["id"]).json()["data"]
    assert {"workspace", "organization"} == {permission["scope"] for permission in listed}
    assert airbyte.public("DELETE", path).status_code == 204
    assert airbyte.public("GET", path).status_code == 404


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"workspaceId": DEFAULT_WORKSPACE_ID, "organizationId": DEFAULT_ORGANIZATION_ID},
        {"organizationId": DEFAULT_ORGANIZATION_ID},
    ],
)
def test_a_permission_has_one_scope_that_fits_its_type(airbyte: Airbyte, scope: dict[str, Any]) -> None:
    """workspaceId or organizationId."""
    user = airbyte.public("GET", "/users", organizationId=DEFAULT_ORGANIZATION_ID).json()["data"][0]
    body = {"userId": user["id"], "permissionType": "workspace_reader", **scope}

    assert refusal(airbyte.public("POST", "/permissions", body))[0] == 400


def test_tag_names_are_taken_once(airbyte: Airbyte) -> None:
    """public-api.yaml: createTag answers 409 for a name that is taken."""
    body = {"name": "once", "color": "112233", "workspaceId": DEFAULT_WORKSPACE_ID}
    made = airbyte.public("POST", "/tags", body).json()

    assert {**made, "tagId": ""} == {**body, "tagId": ""}
    assert refusal(airbyte.public("POST", "/tags", body))[:2] == (409, "state-conflict")
    assert airbyte.public("DELETE", f"/tags/{made['tagId']}").status_code == 204


def test_a_custom_definition_is_updated_and_deleted_with_its_body(airbyte: Airbyte) -> None:
    """Definition deletes answer 200 with the deleted object."""
    body = {"name": "Mine", "dockerRepository": shop_repository(), "dockerImageTag": "1"}
    made = airbyte.public("POST", f"{DEFINITIONS}/sources", body).json()
    path = f"{DEFINITIONS}/sources/{made['id']}"

    assert {**made, "id": ""} == {**body, "id": ""}
    changed = airbyte.public("PUT", path, {"name": "Ours", "dockerImageTag": "2"}).json()
    assert (changed["id"], changed["name"], changed["dockerImageTag"]) == (made["id"], "Ours", "2")
    deleted = airbyte.public("DELETE", path)
    assert (deleted.status_code, deleted.json()) == (200, changed)
    assert airbyte.public("GET", path).status_code == 404


def test_builtin_definitions_are_listed_and_cannot_be_changed(airbyte: Airbyte) -> None:
    """Definitions of the registry are readable with Airbyte's own ids, and only readable."""
    listed = {
        entry["dockerRepository"]: entry for entry in airbyte.public("GET", f"{DEFINITIONS}/sources").json()["data"]
    }
    path = f"{DEFINITIONS}/sources/{listed['airbyte/source-faker']['id']}"

    assert listed["airbyte/source-faker"]["id"] == "dfd88b22-b603-4c3d-aad7-3701784586b1"
    assert refusal(airbyte.public("DELETE", path))[0] == 400
    assert refusal(airbyte.public("PUT", path, {"name": "x", "dockerImageTag": "1"}))[0] == 400


def test_a_manifests_version_rises_and_its_id_stays(airbyte: Airbyte) -> None:
    """{id, name, manifest, version}; version is an int that rises on PUT; id stays (issues 215, 224)."""
    made = airbyte.public("POST", f"{DEFINITIONS}/declarative_sources", {"name": "Low", "manifest": MANIFEST}).json()
    path = f"{DEFINITIONS}/declarative_sources/{made['id']}"
    changed = airbyte.public("PUT", path, {"manifest": {**MANIFEST, "version": "6.1.0"}}).json()

    assert (made["name"], made["manifest"], made["version"]) == ("Low", MANIFEST, 1)
    assert (changed["id"], changed["version"], changed["manifest"]["version"]) == (made["id"], 2, "6.1.0")
    assert airbyte.public("DELETE", path).json() == changed


def test_a_manifests_spec_validates_and_masks(airbyte: Airbyte) -> None:
    """A declarative definition's spec is the manifest's own."""
    made = airbyte.public("POST", f"{DEFINITIONS}/declarative_sources", {"name": "Low", "manifest": MANIFEST}).json()
    body: dict[str, Any] = {"name": "s", "workspaceId": DEFAULT_WORKSPACE_ID, "definitionId": made["id"]}
    refused = airbyte.public("POST", "/sources", {**body, "configuration": {}})
    source = airbyte.public("POST", "/sources", {**body, "configuration": {"key": "k"}}).json()

    assert refusal(refused)[0] == 422
    assert (source["sourceType"], source["configuration"]) == ("", {"key": "**********"})


def test_a_manifest_without_a_spec_is_refused(airbyte: Airbyte) -> None:
    """What a source's configuration means must be known."""
    body = {"name": "Low", "manifest": {"version": "6.0.0"}}

    assert refusal(airbyte.public("POST", f"{DEFINITIONS}/declarative_sources", body))[0] == 400


def test_declarative_definitions_have_operations_of_their_own(airbyte: Airbyte) -> None:
    """definitions/sources does not show what definitions/declarative_sources does."""
    made = airbyte.public("POST", f"{DEFINITIONS}/declarative_sources", {"name": "Low", "manifest": MANIFEST}).json()

    assert airbyte.public("GET", f"{DEFINITIONS}/sources/{made['id']}").status_code == 404
    for listing, there in (("declarative_sources", True), ("sources", False)):
        ids = [entry["id"] for entry in airbyte.public("GET", f"{DEFINITIONS}/{listing}").json()["data"]]
        assert (made["id"] in ids) is there


def test_connector_definitions_need_a_type(airbyte: Airbyte) -> None:
    """public-api.yaml: GET /connector_definitions?type= is required."""
    found = airbyte.public("GET", "/connector_definitions", type="destination").json()["data"]

    assert {"S3", "Local folder", "DuckDB"} <= {entry["name"] for entry in found}
    assert refusal(airbyte.public("GET", "/connector_definitions"))[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/regions", "createRegion"),
        ("POST", "/groups", "createGroup"),
        ("POST", "/sources/initiateOAuth", "initiateOAuth"),
        ("POST", "/embedded/widget_token", "getEmbeddedWidget"),
    ],
)
def test_what_is_not_offered_says_so(airbyte: Airbyte, method: str, path: str, operation: str) -> None:
    """An operation that makes no sense here is 501 and names itself: no stub answers success."""
    response = airbyte.public(method, path, {} if method == "POST" else None)

    assert response.status_code == 501
    assert response.json()["data"]["operation"] == operation
