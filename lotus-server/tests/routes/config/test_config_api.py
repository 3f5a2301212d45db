"""The config API as other clients call it (docs/airbyte-behaviour.md#clients-of-the-config-api)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from lotus_server.store.workspaces import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKSPACE_ID
from server_support.airbyte import MANIFEST, MASK, Airbyte, shop_repository

WORKSPACE = {"workspaceId": DEFAULT_WORKSPACE_ID}


def discovered(airbyte: Airbyte) -> tuple[dict[str, Any], dict[str, Any]]:
    """A source and what discover_schema says about it."""
    source = airbyte.source()
    return source, airbyte.config("/sources/discover_schema", {"sourceId": source["sourceId"]}).json()


def created(airbyte: Airbyte, *names: str, **values: Any) -> dict[str, Any]:
    """A connection made through the config API, with these streams selected."""
    source, found = discovered(airbyte)
    for entry in found["catalog"]["streams"]:
        entry["config"]["selected"] = entry["stream"]["name"] in names
    body = {
        "sourceId": source["sourceId"],
        "destinationId": airbyte.destination()["destinationId"],
        "status": "active",
        "syncCatalog": found["catalog"],
        **values,
    }
    response = airbyte.config("/connections/create", body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("kind", ["source", "destination"])
def test_the_guides_list_definitions_and_actors(airbyte: Airbyte, kind: str) -> None:
    """*_definitions/list {} and sources|destinations/list {workspaceId}."""
    made = airbyte.source() if kind == "source" else airbyte.destination()
    definitions = airbyte.config(f"/{kind}_definitions/list").json()[f"{kind}Definitions"]
    listed = airbyte.config(f"/{kind}s/list", WORKSPACE).json()[f"{kind}s"]

    assert made[f"{kind}Id"] in [entry[f"{kind}Id"] for entry in listed]
    assert made["definitionId"] in [entry[f"{kind}DefinitionId"] for entry in definitions]


def test_a_source_is_made_read_updated_and_deleted(airbyte: Airbyte) -> None:
    """Create, get and update 200, delete 204; masked like the public API's."""
    body = {
        "name": "s",
        **WORKSPACE,
        "sourceDefinitionId": airbyte.shop_definition_id,
        "connectionConfiguration": {"shop": "s", "api_password": "p"},
    }
    made = airbyte.config("/sources/create", body).json()
    one = {"sourceId": made["sourceId"]}
    update = {**one, "name": "t", "connectionConfiguration": made["connectionConfiguration"]}

    assert made["connectionConfiguration"] == {"shop": "s", "api_password": MASK}
    assert airbyte.config("/sources/update", update).json()["name"] == "t"
    partial = {**one, "connectionConfiguration": {"count": 1}}
    assert airbyte.config("/sources/partial_update", partial).json()["connectionConfiguration"]["shop"] == "s"
    assert airbyte.config("/sources/delete", one).status_code == 204
    assert airbyte.config("/sources/get", one).status_code == 404


def test_check_connection_says_status_and_message(airbyte: Airbyte) -> None:
    """check_connection → .status; a failed check is an answer, with the connector's words."""
    good = airbyte.config("/sources/check_connection", {"sourceId": airbyte.source()["sourceId"]}).json()
    bad = airbyte.config("/sources/check_connection", {"sourceId": airbyte.source(fault="check")["sourceId"]}).json()

    assert good["status"] == "succeeded"
    assert (bad["status"], bad["message"]) == ("failed", "the shop is closed")
    assert bad["jobInfo"]["configType"] == "check_connection_source"


def test_check_before_an_update_uses_the_stored_secrets(airbyte: Airbyte) -> None:
    """check_connection_for_update takes the configuration to come, masks included."""
    source = airbyte.source(api_password="p")
    configuration = {**source["configuration"], "fault": "check"}
    body = {"sourceId": source["sourceId"], "name": "n", "connectionConfiguration": configuration}

    assert airbyte.config("/sources/check_connection_for_update", body).json()["status"] == "failed"


def test_the_folder_destination_is_checked(airbyte: Airbyte) -> None:
    """destinations/check_connection {destinationId} → .status."""
    body = {"destinationId": airbyte.destination()["destinationId"]}

    assert airbyte.config("/destinations/check_connection", body).json()["status"] == "succeeded"


def test_discover_schema_has_the_paths_of_the_recipes(airbyte: Airbyte) -> None:
    """.catalog.streams[].stream.{name,jsonSchema,supportedSyncModes,…}."""
    _, found = discovered(airbyte)
    orders = found["catalog"]["streams"][0]["stream"]

    assert orders["name"] == "orders"
    assert orders["supportedSyncModes"] == ["full_refresh", "incremental"]
    assert orders["sourceDefinedPrimaryKey"] == [["id"]]
    assert orders["defaultCursorField"] == ["updated_at"]
    assert "properties" in orders["jsonSchema"]


def test_a_failed_discovery_is_an_answer_without_a_catalog(airbyte: Airbyte) -> None:
    """discover_schema answers 200; jobInfo says that and why it failed."""
    source_id = airbyte.source(fault="discover")["sourceId"]
    found = airbyte.config("/sources/discover_schema", {"sourceId": source_id}).json()

    assert "catalog" not in found
    assert found["jobInfo"]["succeeded"] is False
    assert "no such shop" in found["jobInfo"]["failureReason"]["externalMessage"]


def test_a_connection_has_the_config_apis_own_words(airbyte: Airbyte) -> None:
    """customformat and disable; the namespace's default differs between the APIs."""
    made = created(airbyte, "orders")
    custom = created(
        airbyte,
        "orders",
        namespaceDefinition="customformat",
        namespaceFormat="x",
        nonBreakingChangesPreference="disable",
    )
    shown = airbyte.public("GET", f"/connections/{custom['connectionId']}").json()

    assert made["namespaceDefinition"] == "source"
    assert (custom["namespaceDefinition"], custom["nonBreakingChangesPreference"]) == ("customformat", "disable")
    assert (shown["namespaceDefinition"], shown["nonBreakingSchemaUpdatesBehavior"]) == (
        "custom_format",
        "disable_connection",
    )


def test_streams_that_are_not_selected_are_dropped(airbyte: Airbyte) -> None:
    """selected=false streams dropped; the web backend shows them beside the selected ones."""
    made = created(airbyte, "orders")
    one = {"connectionId": made["connectionId"]}
    plain = airbyte.config("/connections/get", one).json()["syncCatalog"]["streams"]
    web = airbyte.config("/web_backend/connections/get", one).json()["syncCatalog"]["streams"]

    assert [entry["stream"]["name"] for entry in plain] == ["orders"]
    assert [entry["config"]["selected"] for entry in web] == [True, False, False, False, False]


def test_a_basic_schedule_shows_as_such_in_the_public_api(airbyte: Airbyte) -> None:
    """GET can give `basic` with basicTiming `Every 24 HOURS`."""
    basic = {"units": 24, "timeUnit": "hours"}
    made = created(airbyte, "orders", scheduleType="basic", scheduleData={"basicSchedule": basic})

    assert made["scheduleData"]["basicSchedule"] == basic
    assert airbyte.public("GET", f"/connections/{made['connectionId']}").json()["schedule"] == {
        "scheduleType": "basic",
        "basicTiming": "Every 24 HOURS",
    }


def test_the_web_backend_updates_and_tells_all(airbyte: Airbyte) -> None:
    """web_backend/connections/get and /update."""
    made = created(airbyte, "orders")
    one = {"connectionId": made["connectionId"]}
    view = airbyte.config("/web_backend/connections/get", one).json()
    view["syncCatalog"]["streams"][1]["config"]["selected"] = True
    changed = airbyte.config("/web_backend/connections/update", {**one, "syncCatalog": view["syncCatalog"]}).json()

    assert view["source"]["sourceId"] == made["sourceId"]
    assert (view["isSyncing"], view["schemaChange"]) == (False, "no_change")
    assert [entry["config"]["selected"] for entry in changed["syncCatalog"]["streams"]][:2] == [True, True]


def state(connection_id: str, **values: Any) -> dict[str, Any]:
    """The body of state/create_or_update."""
    return {"connectionId": connection_id, "connectionState": {"connectionId": connection_id, **values}}


def test_state_is_kept_as_given(airbyte: Airbyte) -> None:
    """Stream, global and legacy, blobs unchanged; not_set before and after."""
    connection_id = created(airbyte, "orders")["connectionId"]
    streams = [{"streamDescriptor": {"name": "orders"}, "streamState": {"a": [1, None]}}]
    shared = {"shared_state": {"x": 1}, "streamStates": streams}
    assert airbyte.config("/state/get", {"connectionId": connection_id}).json()["stateType"] == "not_set"
    for given in (
        {"stateType": "stream", "streamState": streams},
        {"stateType": "global", "globalState": shared},
        {"stateType": "legacy", "state": {"y": 2}},
        {"stateType": "not_set"},
    ):
        assert airbyte.config("/state/create_or_update_safe", state(connection_id, **given)).status_code == 200
        kept = airbyte.config("/state/get", {"connectionId": connection_id}).json()
        assert kept == {"connectionId": connection_id, **given}


def test_changing_a_streams_source_mode_forgets_its_state(airbyte: Airbyte) -> None:
    """Changing a stream's source sync mode deletes its state on PATCH; the others stay."""
    orders = {"name": "orders", "syncMode": "incremental_append"}
    customers = {"name": "customers", "syncMode": "incremental_append", "cursorField": ["seen_at"]}
    connection_id = airbyte.connection(orders, customers)["connectionId"]
    streams = [{"streamDescriptor": {"name": name}, "streamState": {}} for name in ("customers", "orders")]
    airbyte.config("/state/create_or_update", state(connection_id, stateType="stream", streamState=streams))
    changed = {"streams": [customers, {**orders, "syncMode": "full_refresh_append"}]}
    airbyte.public("PATCH", f"/connections/{connection_id}", {"configurations": changed})

    kept = airbyte.config("/state/get", {"connectionId": connection_id}).json()["streamState"]
    assert [entry["streamDescriptor"]["name"] for entry in kept] == ["customers"]


def test_specifications_are_told(airbyte: Airbyte) -> None:
    """octavia-cli: *_definition_specifications/get; a destination's has its sync modes."""
    source = airbyte.config(
        "/source_definition_specifications/get", {"sourceDefinitionId": airbyte.shop_definition_id, **WORKSPACE}
    ).json()
    destination = airbyte.destination()
    body = {"destinationDefinitionId": destination["definitionId"], **WORKSPACE}
    local = airbyte.config("/destination_definition_specifications/get", body).json()

    assert source["connectionSpecification"]["required"] == ["shop"]
    assert {"overwrite", "append"} <= set(local["supportedDestinationSyncModes"])


def test_a_custom_definition_is_made_by_create_custom(airbyte: Airbyte) -> None:
    """source_definition: create_custom, get, update, delete."""
    new = {
        "name": "n",
        "dockerRepository": shop_repository(),
        "dockerImageTag": "1",
        "documentationUrl": "https://e.com",
    }
    made = airbyte.config("/source_definitions/create_custom", {**WORKSPACE, "sourceDefinition": new}).json()
    one = {"sourceDefinitionId": made["sourceDefinitionId"]}

    assert (made["custom"], made["dockerImageTag"]) == (True, "1")
    assert airbyte.config("/source_definitions/update", {**one, "dockerImageTag": "2"}).json()["dockerImageTag"] == "2"
    assert airbyte.config("/source_definitions/delete", one).status_code == 204
    assert airbyte.config("/source_definitions/get", one).status_code == 404


def test_errors_have_a_message_and_an_id(airbyte: Airbyte) -> None:
    """Config API: 404 and 422 with an errorId; ours says the message too."""
    missing = airbyte.config("/sources/get", {"sourceId": str(uuid.uuid4())})
    invalid = airbyte.config("/sources/get", {"sourceId": "x"})

    assert (missing.status_code, invalid.status_code) == (404, 422)
    for response in (missing, invalid):
        assert response.json()["message"]
        assert uuid.UUID(response.json()["errorId"])


def test_health_is_json_here_and_text_there(airbyte: Airbyte) -> None:
    """Public text `Successful operation`; config API {"available":true}."""
    assert airbyte.http.get("/api/v1/health").json() == {"available": True}
    assert airbyte.http.get("/api/public/v1/health").text == "Successful operation"


def test_workspaces_and_organizations_are_told(airbyte: Airbyte) -> None:
    """workspaces/get, list_by_organization_id, get_organization_info, organizations/*."""
    organization = {"organizationId": DEFAULT_ORGANIZATION_ID}
    listed = airbyte.config("/workspaces/list_by_organization_id", organization).json()["workspaces"]

    assert airbyte.config("/workspaces/get", WORKSPACE).json()["slug"] == "lotus"
    assert DEFAULT_WORKSPACE_ID in [workspace["workspaceId"] for workspace in listed]
    assert airbyte.config("/workspaces/get_organization_info", WORKSPACE).json()["organizationId"] == (
        DEFAULT_ORGANIZATION_ID
    )


def test_what_is_not_offered_names_its_path(airbyte: Airbyte) -> None:
    """Operations of the spec that are not offered: 501 with a body that says which."""
    response = airbyte.config("/source_oauths/get_consent_url", WORKSPACE)

    assert response.status_code == 501
    assert "/api/v1/source_oauths/get_consent_url" in response.json()["message"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/operations/list", {"operations": []}),
        ("/groups/list", {"groups": []}),
        ("/user_invitations/list_pending", []),
        ("/connector_builder_projects/list", {"projects": []}),
    ],
)
def test_a_read_whose_true_answer_is_empty_is_answered(fresh: Airbyte, path: str, answer: Any) -> None:
    """Clients ask for these on the way to something else."""
    response = fresh.config(path, WORKSPACE)
    assert (response.status_code, response.json()) == (200, answer)


def test_enums_are_read_in_any_case(airbyte: Airbyte) -> None:
    """As Airbyte's servers read them; in bodies and in queries."""
    connection_id = airbyte.connection()["connectionId"]
    made = airbyte.public("POST", "/jobs", {"connectionId": connection_id, "jobType": "SYNC"})
    listed = airbyte.public("GET", "/jobs", connectionId=connection_id, jobType="Sync", orderBy="createdAt|desc")

    assert (made.status_code, [job["jobId"] for job in listed.json()["data"]]) == (200, [made.json()["jobId"]])
    assert airbyte.config("/connections/update", {"connectionId": connection_id, "status": "Inactive"}).is_success
    assert airbyte.public("PATCH", f"/connections/{connection_id}", {"status": "sleepy"}).status_code == 400


def test_a_search_finds_what_is_equal(airbyte: Airbyte) -> None:
    """By id and by name; nothing else."""
    source = airbyte.source()
    for criteria in ({"sourceId": source["sourceId"]}, {"sourceId": source["sourceId"], "name": source["name"]}):
        matches = airbyte.config("/sources/search", criteria).json()["sources"]
        assert [match["sourceId"] for match in matches] == [source["sourceId"]]
    assert airbyte.config("/sources/search", {"name": "of nobody"}).json() == {"sources": []}


def test_a_builder_project_is_kept_and_published(fresh: Airbyte) -> None:
    """PyAirbyte 1.0 publishes custom sources through projects; testing values are masked."""
    project = {"name": "mine", "draftManifest": MANIFEST}
    made = fresh.config("/connector_builder_projects/create", {**WORKSPACE, "builderProject": project})
    assert made.status_code == 201
    key = {**WORKSPACE, "builderProjectId": made.json()["builderProjectId"]}
    manifest_of_project: Any = MANIFEST
    spec = manifest_of_project["spec"]["connection_specification"]
    values = {**key, "spec": spec, "testingValues": {"key": "swordfish"}}
    assert fresh.config("/connector_builder_projects/update_testing_values", values).json() == {"key": MASK}
    shown = fresh.config("/connector_builder_projects/get_with_manifest", key).json()
    assert (shown["builderProject"]["hasDraft"], shown["testingValues"]) == (True, {"key": MASK})
    manifest = {"manifest": MANIFEST, "description": "first", "spec": spec, "version": 1}
    publication = {**key, "name": "Mine", "initialDeclarativeManifest": manifest}
    published = fresh.config("/connector_builder_projects/publish", publication).json()["sourceDefinitionId"]
    body = {**WORKSPACE, "actorDefinitionId": published}
    of_definition = fresh.config("/connector_builder_projects/get_for_definition_id", body).json()
    assert of_definition["builderProjectId"] == key["builderProjectId"]
    assert fresh.config("/connector_builder_projects/publish", publication).status_code == 409
    assert fresh.config("/connector_builder_projects/delete", key).status_code == 204
    assert fresh.config("/connector_builder_projects/get_with_manifest", key).status_code == 404
