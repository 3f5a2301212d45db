"""Connections of the public API (docs/airbyte-behaviour.md#defaults-of-a-connection and the facts after it)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lotus_server.domain.mappers import keys_of
from lotus_server.store.sealed_mappers import with_opened_keys
from server_support.airbyte import MASK, Airbyte, refusal

pytestmark = pytest.mark.slow

ORDERS = {"name": "orders", "syncMode": "incremental_append"}
CUSTOMERS = {"name": "customers", "syncMode": "incremental_append", "cursorField": ["seen_at"]}


def streams_of(connection: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The configured streams by name."""
    return {stream["name"]: stream for stream in connection["configurations"]["streams"]}


def test_defaults_are_filled_in(airbyte: Airbyte) -> None:
    """Everything that a create may leave out."""
    made = airbyte.connection(dataResidency="eu")

    assert made["name"] == "Shop <> Lake"
    assert (made["status"], made["schedule"]) == ("active", {"scheduleType": "manual"})
    assert (made["namespaceDefinition"], made["prefix"]) == ("destination", "")
    assert "namespaceFormat" not in made
    assert {stream["includeFiles"] for stream in made["configurations"]["streams"]} == {False}
    assert (made["nonBreakingSchemaUpdatesBehavior"], made["tags"]) == ("ignore", [])
    assert "dataResidency" not in made
    modes = [stream["syncMode"] for stream in made["configurations"]["streams"]]
    assert modes == ["full_refresh_overwrite"] * 5


def test_a_source_defined_cursor_and_key_are_returned(airbyte: Airbyte) -> None:
    """With a source-defined cursor the default is returned, and so is the source's key."""
    orders = streams_of(airbyte.connection(ORDERS))["orders"]

    assert (orders["cursorField"], orders["primaryKey"]) == (["updated_at"], [["id"]])


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ({"name": "order"}, "Invalid stream found. The list of valid streams include"),
        ({"name": "twins"}, "Invalid stream found"),
        ({"name": "events", "syncMode": "incremental_append"}, "Cannot set sync mode to incremental_append"),
        ({"name": "orders", "syncMode": "incremental_deduped_history"}, "Valid sync modes are: ["),
        ({**ORDERS, "cursorField": ["id"]}, "is already defined by source"),
        ({**CUSTOMERS, "cursorField": ["nope"]}, "Invalid cursor field for stream: customers"),
        ({**CUSTOMERS, "cursorField": None}, "No default cursor field for stream: customers"),
        ({"name": "orders", "selectedFields": []}, "No fields selected for stream orders"),
        ({"name": "orders", "selectedFields": [{}]}, "Selected field path cannot be empty"),
        ({"name": "orders", "selectedFields": [{"fieldPath": ["nope"]}]}, "Invalid fields selected"),
        ({"name": "customers", "selectedFields": [{"fieldPath": ["address", "city"]}]}, "Nested field selection"),
        ({"name": "orders", "selectedFields": [{"fieldPath": ["id"]}] * 2}, "Duplicate fields selected"),
        ({**ORDERS, "selectedFields": [{"fieldPath": ["id"]}]}, "Cursor field is not selected properly"),
    ],
)
def test_streams_that_cannot_be_are_refused(airbyte: Airbyte, stream: dict[str, Any], words: str) -> None:
    """400 with Airbyte's words."""
    status, kind, text = refusal(airbyte.try_connection(stream))

    assert (status, kind) == (400, "bad-request")
    assert words in text


def test_a_doubled_stream_is_refused(airbyte: Airbyte) -> None:
    """Unknown or doubled: 400."""
    assert "Duplicate stream" in refusal(airbyte.try_connection(ORDERS, ORDERS))[2]


def test_a_namespace_only_counts_where_the_name_is_ambiguous(airbyte: Airbyte) -> None:
    """Streams are matched by name; the namespace is only used when a name is ambiguous."""
    made = airbyte.connection({"name": "twins", "namespace": "right"}, {"name": "events", "namespace": "anything"})

    assert {stream["name"]: stream.get("namespace") for stream in made["configurations"]["streams"]} == {
        "twins": "right",
        "events": None,
    }


def test_an_equal_source_defined_cursor_may_be_sent(airbyte: Airbyte) -> None:
    """With a source-defined cursor it must be absent or equal to the default."""
    assert airbyte.try_connection({**ORDERS, "cursorField": ["updated_at"]}).status_code == 200


def test_a_nested_cursor_of_the_schema_is_taken(airbyte: Airbyte) -> None:
    """Otherwise it must be a field path of the schema."""
    made = airbyte.connection({**CUSTOMERS, "cursorField": ["address", "city"]})

    assert streams_of(made)["customers"]["cursorField"] == ["address", "city"]


def test_a_patch_replaces_the_streams_or_leaves_them(airbyte: Airbyte) -> None:
    """The list replaces the configured catalog; a PATCH without streams (or an empty list) leaves it."""
    path = f"/connections/{airbyte.connection(ORDERS)['connectionId']}"
    left = [airbyte.public("PATCH", path, body).json() for body in ({"name": "n"}, {"configurations": {"streams": []}})]
    replaced = airbyte.public("PATCH", path, {"configurations": {"streams": [{"name": "events"}]}}).json()

    assert [list(streams_of(connection)) for connection in left] == [["orders"]] * 2
    assert list(streams_of(replaced)) == ["events"]
    assert replaced["name"] == "n"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0 0 * * * ?", "0 0 * * * ? UTC"),
        ("0 */5 * * * ?", "0 */5 * * * ? UTC"),
        ("0 30 3 ? * MON-FRI UTC", "0 30 3 ? * MON-FRI UTC"),
        ("0 15 10 L * ? 2027", "0 15 10 L * ? 2027 UTC"),
    ],
)
def test_cron_comes_back_with_its_zone(airbyte: Airbyte, sent: str, kept: str) -> None:
    """A trailing UTC is stripped, GET gives the expression, a space and the zone; sub-hour is allowed."""
    made = airbyte.connection(ORDERS, schedule={"scheduleType": "cron", "cronExpression": sent})

    assert made["schedule"] == {"scheduleType": "cron", "cronExpression": kept}


@pytest.mark.parametrize(
    "expression",
    [
        None,
        "",
        "* * * * *",
        "* 0 0 * * ?",
        "0 * 3 * * ? 2027",
        "0 0 3 * * ? Europe/Berlin",
        "0 0 25 * * ?",
        "0 0 3 * * *",
    ],
)
def test_cron_that_airbyte_refuses_is_refused(airbyte: Airbyte, expression: str | None) -> None:
    """Six or seven fields, the first (with seven also the second) one integer; other zones: 400."""
    schedule = {"scheduleType": "cron", "cronExpression": expression}

    assert refusal(airbyte.try_connection(ORDERS, schedule=schedule))[:2] == (400, "bad-request")


def test_mappers_keep_their_order_and_get_ids(airbyte: Airbyte) -> None:
    """An ordered list; the server assigns the id."""
    hashing = {"targetField": "total", "method": "MD5", "fieldNameSuffix": "_h"}
    mappers = [
        {"type": "hashing", "mapperConfiguration": hashing},
        {"type": "field-filtering", "mapperConfiguration": {"targetField": "id"}},
    ]
    shown = streams_of(airbyte.connection({**ORDERS, "mappers": mappers}))["orders"]["mappers"]

    assert [mapper["type"] for mapper in shown] == ["hashing", "field-filtering"]
    assert all(mapper["id"] for mapper in shown)


def test_encryption_keys_of_mappers_are_masked_and_kept(airbyte: Airbyte) -> None:
    """encryption-mapper keys are masked too; the store has them sealed."""
    aes = {
        "algorithm": "AES",
        "key": "00112233",
        "mode": "CBC",
        "padding": "PKCS5Padding",
        "targetField": "total",
        "fieldNameSuffix": "_e",
    }
    made = airbyte.connection({**ORDERS, "mappers": [{"type": "encryption", "mapperConfiguration": aes}]})
    path = f"/connections/{made['connectionId']}"
    patched = airbyte.public("PATCH", path, {"configurations": made["configurations"]}).json()

    assert streams_of(patched)["orders"]["mappers"][0]["mapperConfiguration"]["key"] == MASK
    kept = airbyte.http.app.state.server.store  # type: ignore[attr-defined]
    from lotus_server.store import connections

    catalog = kept.read_now(connections.connection, made["connectionId"]).catalog
    assert "00112233" not in json.dumps(catalog)
    assert keys_of(with_opened_keys(catalog, kept.cipher)) == {"00112233"}


def test_a_deleted_connection_is_deprecated_and_leaves_the_lists(airbyte: Airbyte) -> None:
    """Status deprecated, hidden unless includeDeleted, still readable by id."""
    connection_id = airbyte.connection(ORDERS)["connectionId"]
    deleted = airbyte.public("DELETE", f"/connections/{connection_id}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert airbyte.public("GET", f"/connections/{connection_id}").json()["status"] == "deprecated"
    for include in (False, True):
        page = airbyte.public("GET", "/connections", limit=100, includeDeleted=str(include).lower()).json()["data"]
        assert (connection_id in [connection["connectionId"] for connection in page]) is include


def test_a_deprecated_connection_cannot_be_changed(airbyte: Airbyte) -> None:
    """Deleting is for ever: a patch is a state conflict, a second delete finds nothing."""
    path = f"/connections/{airbyte.connection(ORDERS)['connectionId']}"
    airbyte.public("DELETE", path)

    assert refusal(airbyte.public("PATCH", path, {"name": "n"}))[:2] == (409, "state-conflict")
    assert airbyte.public("DELETE", path).status_code == 404


def test_a_locked_connection_refuses_patches(airbyte: Airbyte) -> None:
    """Locked: patch is refused."""
    path = f"/connections/{airbyte.connection(ORDERS)['connectionId']}"
    airbyte.public("PATCH", path, {"status": "locked"})

    assert refusal(airbyte.public("PATCH", path, {"name": "n"}))[:2] == (409, "state-conflict")


def test_tags_are_replaced_by_a_patch(airbyte: Airbyte) -> None:
    """Full objects {tagId, workspaceId, name, color}; PATCH replaces the list."""
    made = airbyte.connection(ORDERS)
    tags = [
        airbyte.public(
            "POST",
            "/tags",
            {"name": f"{name}{made['connectionId']}", "color": "ff0000", "workspaceId": made["workspaceId"]},
        ).json()
        for name in ("a", "b")
    ]
    path = f"/connections/{made['connectionId']}"
    for wanted in (tags, tags[1:], []):
        shown = airbyte.public("PATCH", path, {"tags": wanted}).json()["tags"]
        assert sorted(tag["tagId"] for tag in shown) == sorted(tag["tagId"] for tag in wanted)


def test_connections_are_found_by_tag(airbyte: Airbyte) -> None:
    """public-api.yaml: GET /connections?tagIds=."""
    made = airbyte.connection(ORDERS)
    body = {"name": f"t{made['connectionId']}", "color": "00ff00", "workspaceId": made["workspaceId"]}
    tag = airbyte.public("POST", "/tags", body).json()
    airbyte.public("PATCH", f"/connections/{made['connectionId']}", {"tags": [tag]})
    found = airbyte.public("GET", "/connections", tagIds=tag["tagId"]).json()["data"]

    assert [connection["connectionId"] for connection in found] == [made["connectionId"]]


def test_streams_tell_modes_only_with_a_destination(airbyte: Airbyte) -> None:
    """GET /streams: syncModes is absent without destinationId; propertyFields has all paths."""
    source_id = airbyte.source()["sourceId"]
    destination_id = airbyte.destination()["destinationId"]
    alone = {stream["streamName"]: stream for stream in airbyte.public("GET", "/streams", sourceId=source_id).json()}
    both = airbyte.public("GET", "/streams", sourceId=source_id, destinationId=destination_id).json()

    assert "syncModes" not in alone["orders"]
    assert "streamnamespace" not in alone["orders"]
    assert alone["orders"]["sourceDefinedCursorField"] is True
    assert ["address", "city"] in alone["customers"]["propertyFields"]
    assert "incremental_append" in next(stream for stream in both if stream["streamName"] == "orders")["syncModes"]


def test_discovery_that_fails_refuses_the_connection_with_the_connectors_words(airbyte: Airbyte) -> None:
    """Connection create always runs discover; its failure is told, and nothing is stored."""
    source_id = airbyte.source(fault="discover")["sourceId"]
    body = {"sourceId": source_id, "destinationId": airbyte.destination()["destinationId"]}
    status, _, text = refusal(airbyte.public("POST", "/connections", body))

    assert status == 422
    assert "no such shop" in text


def test_source_and_destination_must_be_there(airbyte: Airbyte) -> None:
    """A connection to nothing is 404 with the id that is missing."""
    source_id, gone = airbyte.source()["sourceId"], "00000000-0000-4000-8000-0000000000ff"
    response = airbyte.public("POST", "/connections", {"sourceId": source_id, "destinationId": gone})

    assert refusal(response)[:2] == (404, "resource-not-found")
    assert response.json()["data"]["resourceId"] == gone
