"""Sources and destinations of the public API (docs/airbyte-behaviour.md#connector-types and the facts after it)."""

from __future__ import annotations

import sqlite3
import time
import uuid
from typing import Any

import pytest
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID
from server_support.airbyte import MASK, Airbyte, refusal


def test_a_type_name_chooses_the_definition_and_is_not_kept(airbyte: Airbyte) -> None:
    """configuration.destinationType is looked up and removed before storing."""
    made = airbyte.destination()

    assert made["destinationType"] == "local"
    assert "destinationType" not in made["configuration"]


def test_an_unknown_type_name_is_value_not_found(airbyte: Airbyte) -> None:
    """Unknown sourceType: 400 value-not-found."""
    body = {"name": "x", "workspaceId": DEFAULT_WORKSPACE_ID, "configuration": {"sourceType": "nothing-like-it"}}

    assert refusal(airbyte.public("POST", "/sources", body))[:2] == (400, "value-not-found")


def test_neither_type_nor_definition_is_unprocessable(airbyte: Airbyte) -> None:
    """Neither definitionId nor sourceType: 422."""
    body = {"name": "x", "workspaceId": DEFAULT_WORKSPACE_ID, "configuration": {}}

    assert refusal(airbyte.public("POST", "/sources", body))[:2] == (422, "unprocessable-entity")


def test_a_custom_definition_has_an_empty_type_name(airbyte: Airbyte) -> None:
    """sourceType is an empty string for a custom definition; createdAt is epoch seconds."""
    made = airbyte.source()

    assert made["sourceType"] == ""
    assert abs(made["createdAt"] - time.time()) < 60


def test_the_spec_is_validated_at_creation(airbyte: Airbyte) -> None:
    """A configuration that the spec refuses is 422, with the path and without the value."""
    body = {
        "name": "x",
        "workspaceId": DEFAULT_WORKSPACE_ID,
        "definitionId": airbyte.shop_definition_id,
        "configuration": {"count": "hunter2"},
    }
    status, kind, text = refusal(airbyte.public("POST", "/sources", body))

    assert (status, kind) == (422, "unprocessable-entity")
    assert "$.shop: is missing but it is required" in text
    assert "$.count" in text
    assert "hunter2" not in text


def test_secrets_are_masked_by_spec_also_inside_one_of(airbyte: Airbyte) -> None:
    """Ten stars at every airbyte_secret path."""
    made = airbyte.source(api_password="p1", credentials={"kind": "oauth", "refresh": "r1"})

    assert made["configuration"]["api_password"] == MASK
    assert made["configuration"]["credentials"] == {"kind": "oauth", "refresh": MASK}


def test_secrets_are_masked_by_name_where_the_spec_is_silent(airbyte: Airbyte) -> None:
    """A spec may forget a mark; names that only describe a credential stay readable."""
    secret = {"client_secret": "x", "app_password": "x", "oauth_token": "x", "apikey": "x", "jwt": "x", "dsn": "x"}
    readable = {"page": "1", "token_url": "u", "client_id": "c", "primary_key": "id"}

    made = airbyte.source(extra={**secret, **readable})

    assert made["configuration"]["extra"] == {**dict.fromkeys(secret, MASK), **readable}


def test_secret_coordinates_are_given_instead_of_masks(airbyte: Airbyte) -> None:
    """GET takes includeSecretCoordinates=true."""
    source_id = airbyte.source(api_password="p1")["sourceId"]
    shown = airbyte.public("GET", f"/sources/{source_id}", includeSecretCoordinates="true").json()

    assert shown["configuration"]["api_password"].startswith("secret_coordinate::")
    assert "p1" not in shown["configuration"]["api_password"]


def stored_configuration(airbyte: Airbyte, source_id: str) -> Any:
    """What the server would hand to the connector."""
    from lotus_server.store import actors

    server = airbyte.http.app.state.server  # type: ignore[attr-defined]
    return server.store.read_now(actors.actor, server.store.cipher, source_id).configuration


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_writing_the_mask_keeps_the_secret(airbyte: Airbyte, method: str) -> None:
    """A write whose secret equals the mask keeps the stored one."""
    source_id = airbyte.source(api_password="p1", credentials={"kind": "oauth", "refresh": "r1"})["sourceId"]
    shown = airbyte.public("GET", f"/sources/{source_id}").json()
    body = {"name": "Renamed", "configuration": {**shown["configuration"], "count": 3}}

    assert airbyte.public(method, f"/sources/{source_id}", body).json()["configuration"]["count"] == 3
    kept = stored_configuration(airbyte, source_id)
    assert (kept["api_password"], kept["credentials"]["refresh"]) == ("p1", "r1")


def test_put_replaces_and_patch_merges(airbyte: Airbyte) -> None:
    """PUT = name + whole configuration; PATCH merges it."""
    source_id = airbyte.source(count=1)["sourceId"]
    merged = airbyte.public("PATCH", f"/sources/{source_id}", {"configuration": {"shop": "t"}}).json()
    replaced = airbyte.public("PUT", f"/sources/{source_id}", {"name": "n", "configuration": {"shop": "u"}}).json()

    assert merged["configuration"] == {"shop": "t", "count": 1}
    assert (replaced["name"], replaced["configuration"]) == ("n", {"shop": "u"})


def test_put_needs_the_name(airbyte: Airbyte) -> None:
    """The public API's SourcePutRequest requires name and configuration."""
    source_id = airbyte.source()["sourceId"]

    assert refusal(airbyte.public("PUT", f"/sources/{source_id}", {"configuration": {"shop": "u"}}))[0] == 400


def test_delete_answers_204_and_then_the_source_is_gone(airbyte: Airbyte) -> None:
    """Source deletes answer 204 with an empty body; a read of it is 404 afterwards."""
    source_id = airbyte.source()["sourceId"]
    deleted = airbyte.public("DELETE", f"/sources/{source_id}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert refusal(airbyte.public(method, f"/sources/{source_id}"))[:2] == (404, "resource-not-found")


def test_delete_takes_the_connections_first(airbyte: Airbyte) -> None:
    """Source delete first deletes its connections, then clears the configuration."""
    connection = airbyte.connection()
    airbyte.public("DELETE", f"/sources/{connection['sourceId']}")

    assert airbyte.public("GET", f"/connections/{connection['connectionId']}").json()["status"] == "deprecated"
    assert stored_configuration(airbyte, connection["sourceId"]) == {}


def test_lists_take_workspaces_by_comma_and_repeated(airbyte: Airbyte) -> None:
    """The server joins by comma, the SDK repeats: accept both; none = all."""
    made, other = airbyte.source()["sourceId"], str(uuid.uuid4())
    both = f"workspaceIds={DEFAULT_WORKSPACE_ID}"
    for query in (f"{both},{other}", f"{both}&workspaceIds={other}", ""):
        found: list[str] = []
        page = airbyte.http.get(f"/v1/sources?limit=100&{query}").json()
        while page["data"]:
            found += [source["sourceId"] for source in page["data"]]
            page = airbyte.http.get(page["next"]).json()
        assert made in found, query


def test_next_is_there_after_every_page_that_is_not_empty(fresh: Airbyte) -> None:
    """Clients read one extra empty page; the last next and the first previous are empty text."""
    fresh.source()
    first = fresh.public("GET", "/sources", limit=1).json()
    second = fresh.http.get(first["next"]).json()

    assert (len(first["data"]), first["previous"]) == (1, "")
    assert (second["data"], second["next"]) == ([], "")
    assert "offset=0" in second["previous"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"offset": -1}, {"includeDeleted": 2}])
def test_pages_out_of_bounds_are_refused(airbyte: Airbyte, query: dict[str, Any]) -> None:
    """public-api.yaml: limit 1 to 100, offset from 0, includeDeleted a boolean."""
    assert refusal(airbyte.public("GET", "/sources", **query))[:2] == (400, "bad-request")


def test_every_success_is_plain_json(airbyte: Airbyte) -> None:
    """Every success must be exactly 200 with application/json."""
    response = airbyte.public("GET", "/sources")

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


def test_errors_have_airbytes_problem_body(airbyte: Airbyte) -> None:
    """Status, type, title, detail, documentationUrl, data; the human text in data.message."""
    body = airbyte.public("GET", f"/sources/{uuid.uuid4()}").json()

    assert set(body) == {"status", "type", "title", "detail", "documentationUrl", "data"}
    assert body["type"] == "https://reference.airbyte.com/reference/errors#resource-not-found"
    assert body["data"]["resourceId"] in body["data"]["message"]


def test_a_source_of_a_container_only_connector_says_why(airbyte: Airbyte) -> None:
    """What cannot run here is refused with the reason, before anything is stored."""
    body = {"name": "pg", "workspaceId": DEFAULT_WORKSPACE_ID, "configuration": {"sourceType": "postgres"}}
    status, kind, text = refusal(airbyte.public("POST", "/sources", body))

    assert (status, kind) == (422, "unprocessable-entity")
    assert "container" in text


def test_lists_go_on_when_a_connector_cannot_be_installed_any_more(fresh: Airbyte) -> None:
    """Without any spec every string is masked: a list neither fails nor leaks."""
    source = fresh.source(count=2, api_password="p")
    store = fresh.http.app.state.server.store  # type: ignore[attr-defined]
    path = store.path

    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM specs")
        db.execute("UPDATE definitions SET docker_repository = 'command:/nowhere' WHERE origin = 'custom'")
    shown = fresh.public("GET", "/sources").json()["data"]

    assert [entry["sourceId"] for entry in shown] == [source["sourceId"]]
    assert shown[0]["configuration"] == {"shop": MASK, "count": 2, "api_password": MASK}


def test_a_new_version_is_shown_by_the_spec_of_the_old_one(fresh: Airbyte) -> None:
    """Reading never installs a connector: after an upgrade the last known spec says what is secret."""
    fresh.source(api_password="p")
    with sqlite3.connect(fresh.http.app.state.server.store.path) as db:  # type: ignore[attr-defined]
        db.execute("UPDATE definitions SET docker_repository = 'command:/nowhere' WHERE origin = 'custom'")
    shown = fresh.public("GET", "/sources").json()["data"]

    assert shown[0]["configuration"] == {"shop": "s", "api_password": MASK}
